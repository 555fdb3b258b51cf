"""Opens a store by its address, as given on a command line."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import ModuleType
from urllib.parse import urlsplit, urlunsplit

from ..protocol.errors import InvalidParams
from .base import Store
from .checking import Rows
from .memory import MemoryStore
from .sqlite import SqliteStore
from .sqlite_checked import open_sqlite_rows
from .sqlite_file import check_exists

__all__ = ["open_rows", "open_store", "shown_address"]

_POSTGRES = ("postgresql://", "postgres://")
_VALKEY = ("valkey://", "valkeys://", "redis://", "rediss://")
_FORMS = (
    "expected memory: (lost when the process ends), sqlite:///runs.db (a file below the working directory), "
    "sqlite:////var/lib/runs.db (four slashes: an absolute path), postgresql://user@host/database, "
    "or valkey://user@host/0"
)


@asynccontextmanager
async def open_store(address: str, *, create: bool = True) -> AsyncGenerator[Store]:
    """Open the store at this address, and close it after the block.

    Args:
        address: `memory:`, `sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://user@host/database` or
            `valkey://user@host/0`.
        create: whether to create a store where there is none. False: StoreUnavailable then.

    Raises: InvalidParams for any other address, and what `SqliteStore.open`, `open_postgres` and
    `open_valkey` raise.
    """
    if address.startswith(_POSTGRES):
        async with _postgres().open_postgres(address, create=create) as store:
            yield store
        return
    if address.startswith(_VALKEY):
        async with _valkey().open_valkey(address, create=create) as store:
            yield store
        return
    path = _sqlite_path(address)
    if path is not None and not create:
        check_exists(path)
    async with MemoryStore() if path is None else await SqliteStore.open(path) as store:
        yield store


@asynccontextmanager
async def open_rows(address: str) -> AsyncGenerator[Rows]:
    """Open the rows of the store at this address for reading, and close them after the block.

    Raises: InvalidParams for `memory:` and invalid addresses, and what `open_sqlite_rows`, `open_postgres_rows` and
    `open_valkey_rows` raise.
    """
    if address.startswith(_POSTGRES):
        async with _postgres().open_postgres_rows(address) as rows:
            yield rows
        return
    if address.startswith(_VALKEY):
        async with _valkey().open_valkey_rows(address) as rows:
            yield rows
        return
    path = _sqlite_path(address)
    if path is None:
        raise InvalidParams(
            "store address memory: has nothing to read; expected sqlite:///…, postgresql://… or valkey://…"
        )
    async with open_sqlite_rows(path) as rows:
        yield rows


def shown_address(address: str) -> str:
    """Return the address as people may see it: without a password."""
    parts = urlsplit(address)
    if parts.password is None and "password" not in parts.query:
        return address
    query = "&".join(each for each in parts.query.split("&") if "password" not in each)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}@{host}" if parts.username else host, query=query))


def _postgres() -> ModuleType:
    try:
        from . import postgres
    except ImportError as error:
        raise InvalidParams("PostgreSQL is an extra: pip install 'adjourn[postgres]'") from error
    return postgres


def _valkey() -> ModuleType:
    try:
        from . import valkey
    except ImportError as error:
        raise InvalidParams("Valkey is an extra: pip install 'adjourn[valkey]'") from error
    return valkey


def _sqlite_path(address: str) -> str | None:
    """Return the file's path; None for the memory store."""
    if address == "memory:":
        return None
    path = address.removeprefix("sqlite:///")
    if path == address or path in ("", "/", ":memory:") or "?" in path:
        raise InvalidParams(f"store address {shown_address(address)!r}: {_FORMS}")
    return path
