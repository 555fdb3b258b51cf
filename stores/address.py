"""Opens a store by its address, as given on a command line."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

from ..protocol.errors import InvalidParams
from .base import Store
from .memory import MemoryStore
from .sqlite import SqliteStore
from .sqlite_file import check_exists

__all__ = ["open_store", "shown_address"]

_FORMS = (
    "expected memory: (lost when the process ends), sqlite:///runs.db (a file below the working directory), "
    "sqlite:////var/lib/runs.db (four slashes: an absolute path), or postgresql://user@host/database"
)


@asynccontextmanager
async def open_store(address: str, *, create: bool = True) -> AsyncGenerator[Store]:
    """Open the store at this address, and close it after the block.

    Args:
        address: `memory:`, `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://user@host/database`.
        create: whether to create an SQLite file or PostgreSQL tables that don't exist. False: StoreUnavailable then.

    Raises: InvalidParams for any other address, and what `SqliteStore.open` and `open_postgres` raise.
    """
    if address.startswith(("postgresql://", "postgres://")):
        async with _postgres(address, create) as store:
            yield store
        return
    path = _sqlite_path(address)
    if path is not None and not create:
        check_exists(path)
    async with MemoryStore() if path is None else await SqliteStore.open(path) as store:
        yield store


def shown_address(address: str) -> str:
    """Return the address as people may see it: without a password."""
    parts = urlsplit(address)
    if parts.password is None and "password" not in parts.query:
        return address
    query = "&".join(each for each in parts.query.split("&") if "password" not in each)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}@{host}" if parts.username else host, query=query))


def _postgres(address: str, create: bool) -> AbstractAsyncContextManager[Store]:
    try:
        from .postgres import open_postgres
    except ImportError as error:
        raise InvalidParams("PostgreSQL is an extra: pip install 'adjourn[postgres]'") from error
    return open_postgres(address, create=create)


def _sqlite_path(address: str) -> str | None:
    """Return the file's path; None for the memory store."""
    if address == "memory:":
        return None
    path = address.removeprefix("sqlite:///")
    if path == address or path in ("", "/", ":memory:") or "?" in path:
        raise InvalidParams(f"store address {shown_address(address)!r}: {_FORMS}")
    return path
