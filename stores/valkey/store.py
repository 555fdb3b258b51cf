"""A store in a Valkey or Redis server, for teams that have one already. This module implements the Store contract.

All waiting saves are sent in one transaction.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from coredis.exceptions import RedisError

from ...protocol.errors import StoreTooNew, StoreUnavailable
from ..lane import unavailable
from ..served import ServedStore, open_tasks
from . import changes, ownership, reads, saves
from .connection import Connection
from .listener import ValkeyListener
from .rows import ValkeyRows
from .server import Server, server_at
from .settings import warn_of_settings

__all__ = ["ValkeyStore", "open_valkey", "open_valkey_rows"]

LAYOUT_VERSION = 1


@asynccontextmanager
async def open_valkey(address: str, *, create: bool = True) -> AsyncGenerator["ValkeyStore"]:
    """Open the store at that server, and close it after the block.

    Logs a warning if the server's settings let it lose saved runs.

    Args:
        address: `valkey://user@host:6379/0?prefix=adjourn`: the user, the port, the number of the database, and the
            prefix of the store's keys may be left out. `valkeys://` is TLS, with `&cacert=`, `&cert=` and `&key=` for
            files of certificates. `redis://` and `rediss://` mean the same.
        create: whether to create a store if there is none.

    Raises:
        InvalidParams: the address is invalid.
        StoreUnavailable: the server doesn't answer, or refuses the connection; there is no store although `create` is
            False.
        StoreTooNew: a newer adjourn made the store. It is left unchanged.
    """
    server = server_at(address)
    async with open_tasks() as nursery:
        connect = partial(Connection.open, server, nursery)
        await _prepare(server, connect, create)
        async with ValkeyStore(str(server), connect) as store:
            nursery.start_soon(store.serve)  # noqa: ASYNC113  # calls may come before it runs
            yield store


@asynccontextmanager
async def open_valkey_rows(address: str) -> AsyncGenerator[ValkeyRows]:
    """Open the store's rows for reading. The store may be in use.

    Raises: as `open_valkey` with `create` False.
    """
    server = server_at(address)
    async with open_tasks() as nursery:
        connect = partial(Connection.open, server, nursery)
        await _prepare(server, connect, create=False)
        try:
            yield ValkeyRows(await connect())
        except RedisError as error:
            raise unavailable(str(server), error) from error


class ValkeyStore(ServedStore[Connection]):
    """Implements the Store contract in a Valkey or Redis server. Open it with `open_valkey` or `open_store`.

    Once a call waits for the server it can't be cancelled: it returns its outcome, unless `give_up` ends it. A save
    that was given up may still happen when the server answers again.

    The store is only as durable as the server's settings make it. It needs `appendonly yes`, `appendfsync always` and
    `maxmemory-policy noeviction`; without them, the opening logs a warning. A failover to a replica may lose the last
    saves, whatever the settings.

    Args:
        where: the server and the place of the store there, for messages, without secrets.
        connect: opens a connection.
    """

    _failure, _listener_kind = RedisError, ValkeyListener
    _most_saves = 256  # meanwhile the server does nothing else
    _reads, _saves, _owning, _changes = reads, saves, ownership, changes

    async def _work(self, connection: Connection, jobs: Sequence[Any]) -> Sequence[Any]:
        answers = await super()._work(connection, jobs)
        if any(isinstance(answer, StoreUnavailable) for answer in answers):
            # The server may have lost the scripts, or have become a replica: the next calls need a new connection.
            connection.close()
        return answers


async def _prepare(server: Server, connect: Callable[[], Awaitable[Connection]], create: bool) -> None:
    """Check the layout of the store, and write it where there is no store yet."""
    where = str(server)
    try:
        connection = await connect()
        key = connection.key("store")
        if create:
            await connection.call("HSETNX", key, "layout", LAYOUT_VERSION)
            await warn_of_settings(connection, where)
        layout = await connection.call("HGET", key, "layout")
        connection.close()
    except RedisError as error:
        raise unavailable(where, error) from error
    if layout is None:
        raise StoreUnavailable(f"{where}: there is no adjourn store")
    if int(layout) > LAYOUT_VERSION:
        raise StoreTooNew(f"{where}: the store has layout {int(layout)}; this adjourn reads up to {LAYOUT_VERSION}")
