"""A store in a PostgreSQL database, for teams that have one already. This module implements the Store contract.

All waiting saves are committed in one statement.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from psycopg import Error
from psycopg.conninfo import conninfo_to_dict

from ...protocol.errors import InvalidParams, StoreCorrupt, StoreTooNew, StoreUnavailable
from ..lane import unavailable
from ..served import ServedStore, open_tasks
from ..shared import Changed
from . import changes, ownership, reads, saves
from .connection import Connection
from .listener import PostgresListener
from .rows import PAGE_S, PostgresRows
from .statements import statement

__all__ = ["PostgresStore", "open_postgres", "open_postgres_rows"]

LAYOUT_VERSION = 1
STATEMENT_S = 10  # the server ends a statement that takes longer; below the system's bound for calls of the store
FORGET_S = 10.0  # between two removals of old changes


@asynccontextmanager
async def open_postgres(address: str, *, create: bool = True) -> AsyncGenerator["PostgresStore"]:
    """Open the store in that database, and close it after the block.

    The tables are in the first schema of the connection's `search_path`. TLS, password files, service files and the
    variables PGHOST, PGPASSWORD, … work as in every program that uses libpq.

    Args:
        address: `postgresql://user@host:5432/database?sslmode=verify-full`, or libpq's other form, `host=… dbname=…`.
        create: whether to create the tables in a database without any.

    Raises:
        InvalidParams: the address is invalid.
        StoreUnavailable: the server doesn't answer, or refuses the connection; the tables can't be made, or are missing
            although `create` is False.
        StoreCorrupt: the database can't hold a store: its encoding isn't UTF8.
        StoreTooNew: a newer adjourn made the tables. They are left unchanged.
    """
    where = _where(address)
    connect = partial(_connect, address)
    try:
        connection = await connect()
        try:
            await _prepare(connection, where, create)
        finally:
            connection.close()
    except Error as error:
        raise unavailable(where, error) from error
    async with open_tasks() as nursery, PostgresStore(where, connect) as store:
        nursery.start_soon(store.serve)  # noqa: ASYNC113  # calls may come before it runs
        yield store


@asynccontextmanager
async def open_postgres_rows(address: str) -> AsyncGenerator[PostgresRows]:
    """Open the store's rows for reading, in their present state.

    A statement fails after `PAGE_S` seconds, unless the address, the role or the database sets another bound.

    Raises: as `open_postgres` with `create` False.
    """
    where = _where(address)
    try:
        connection = await _connect(address, PAGE_S)
        try:
            await _prepare(connection, where, create=False)
            await connection.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield PostgresRows(connection)
        finally:
            connection.close()
    except Error as error:
        raise unavailable(where, error) from error


class PostgresStore(ServedStore[Connection]):
    """Implements the Store contract in a PostgreSQL database. Open it with `open_postgres` or `open_store`.

    Once a call waits for the server it can't be cancelled: it returns its outcome, unless `give_up` ends it. A save
    that was given up may still happen when the server answers again.

    A save is as durable as the server makes a commit: `synchronous_commit` must not be `off`, and after a failover only
    a synchronous standby has it for certain.

    Args:
        where: the server and its database, for messages, without secrets.
        connect: opens a connection.
    """

    _failure, _listener_kind = Error, PostgresListener
    _reads, _saves, _owning, _changes = reads, saves, ownership, changes
    _most_saves = 512
    _forgets_at = 0.0

    async def changed(self, mark: str | None, limit: int) -> Changed:
        """Return the runs that other nodes have saved or deleted since a mark."""
        if time.monotonic() >= self._forgets_at:
            self._forgets_at = time.monotonic() + FORGET_S
            await self._reader.run(changes.forget)
        return await super().changed(mark, limit)


def _where(address: str) -> str:
    """Return the server and database in an address, without secrets. Raises: InvalidParams."""
    try:
        given = conninfo_to_dict(address)
    except Error:
        # Without the cause: libpq's message may quote the address, with its password.
        raise InvalidParams(
            "store address: expected postgresql://user@host:port/database, or host=… dbname=…; libpq can't read it"
        ) from None
    place = f"{given.get('host', '')}:{given.get('port', '')}".strip(":")
    return f"PostgreSQL at {place or 'the default host'}, database {given.get('dbname') or 'by default'}"


async def _connect(address: str, statement_s: int = STATEMENT_S) -> Connection:
    connection = await Connection.open(address)
    try:
        # A role, a database or the address may have set it.
        await connection.query(statement("bounded"), [f"{statement_s}s"])
    except BaseException:
        connection.close()
        raise
    return connection


async def _prepare(connection: Connection, where: str, create: bool) -> None:
    """Check the store's tables, and make them where there are none."""
    [(encoding, exists)] = await connection.query(statement("opened"))
    if encoding != b"UTF8":
        raise StoreCorrupt(f"{where}: its encoding is {(encoding or b'').decode()}; adjourn needs UTF8")
    if exists == b"f":
        if not create:
            raise StoreUnavailable(f"{where}: there is no adjourn store")
        failed: Error | None = None
        try:
            await connection.script(statement("layout"))
        except Error as error:
            failed = error
        # Another process may have made the tables since. If they are still missing, the first error counts.
        if failed is not None and (await connection.query(statement("opened")))[0][1] == b"f":
            raise failed
    [(layout,)] = await connection.query("SELECT layout FROM adjourn_store")
    if int(layout or 0) > LAYOUT_VERSION:
        found = int(layout or 0)
        raise StoreTooNew(f"{where}: its tables have layout {found}; this adjourn reads up to {LAYOUT_VERSION}")
