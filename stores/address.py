"""Opens a store by its address, as given on a command line."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from ..protocol.errors import InvalidParams
from .base import Store
from .memory import MemoryStore
from .sqlite import SqliteStore

__all__ = ["open_store"]

_FORMS = (
    "expected memory: (lost when the process ends), sqlite:///runs.db (a file below the working directory), "
    "or sqlite:////var/lib/runs.db (four slashes: an absolute path)"
)


@asynccontextmanager
async def open_store(address: str) -> AsyncGenerator[Store]:
    """Open the store at `memory:`, `sqlite:///relative.db` or `sqlite:////absolute.db`, and close it after the block.

    Raises: InvalidParams for any other address, and what `SqliteStore.open` raises.
    """
    path = _sqlite_path(address)
    async with MemoryStore() if path is None else await SqliteStore.open(path) as store:
        yield store


def _sqlite_path(address: str) -> str | None:
    """Return the file's path; None for the memory store."""
    if address == "memory:":
        return None
    path = address.removeprefix("sqlite:///")
    if path == address or path in ("", "/", ":memory:") or "?" in path:
        raise InvalidParams(f"store address {address!r}: {_FORMS}")
    return path
