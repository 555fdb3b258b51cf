"""Stores by address: one line of text, as it stands on a command line, to an open store."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from ..protocol.errors import InvalidParams
from .base import Store
from .memory import MemoryStore
from .sqlite import SqliteStore

__all__ = ["open_store"]

_FORMS = (
    "expected memory: (nothing outlives the process), sqlite:///runs.db (a file below the working directory), "
    "or sqlite:////var/lib/runs.db (four slashes: an absolute path)"
)


@asynccontextmanager
async def open_store(address: str) -> AsyncGenerator[Store]:
    """The store at `memory:`, `sqlite:///relative.db` or `sqlite:////absolute.db`; closed when the block is left.

    Raises: InvalidParams for any other address, and what opening raises (`SqliteStore.open`).
    """
    path = _sqlite_path(address)
    async with MemoryStore() if path is None else await SqliteStore.open(path) as store:
        yield store


def _sqlite_path(address: str) -> str | None:
    """The file's path; None for the memory store."""
    if address == "memory:":
        return None
    path = address.removeprefix("sqlite:///")
    if path == address or path in ("", "/", ":memory:") or "?" in path:
        raise InvalidParams(f"store address {address!r}: {_FORMS}")
    return path
