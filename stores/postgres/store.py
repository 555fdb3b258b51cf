"""A store in a PostgreSQL database, for teams that have one already. This module implements the Store contract.

Two connections: one writes, and commits all waiting saves in one statement; the other reads. Each is opened again after
a failure.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Any, Self

import trio
from psycopg import Error
from psycopg.conninfo import conninfo_to_dict

from ...protocol.errors import InvalidParams, StoreCorrupt, StoreTooNew
from ...protocol.events import Status
from ...protocol.record import Entry, Head, Record, encode_entry, encode_head
from ..base import Acquired, Page, StoreClaims
from ..paging import check_limit, due_place, read_cursor
from ..sqlite_writes import Acquire, Delete, Release, Save, Write
from . import reads
from .connection import Connection
from .lane import Lane, unavailable
from .statements import statement
from .writes import write

__all__ = ["PostgresStore", "open_postgres"]

_LOG = logging.getLogger("adjourn.stores")

LAYOUT_VERSION = 1
STATEMENT_S = 10  # the server ends a statement that takes longer; below the system's bound for calls of the store
CLOSE_S = 30.0  # how long `aclose` waits for accepted calls

_Read = Callable[[Connection], Awaitable[Any]]


@asynccontextmanager
async def open_postgres(address: str) -> AsyncGenerator["PostgresStore"]:
    """Open the store in that database, and close it after the block. Creates the tables in a database without any.

    The tables are in the first schema of the connection's `search_path`. TLS, password files, service files and the
    variables PGHOST, PGPASSWORD, … work as in every program that uses libpq.

    Args:
        address: `postgresql://user@host:5432/database?sslmode=verify-full`, or libpq's other form, `host=… dbname=…`.

    Raises:
        InvalidParams: the address is invalid.
        StoreUnavailable: the server doesn't answer, refuses the connection, or the tables can't be made.
        StoreCorrupt: the database can't hold a store: its encoding isn't UTF8.
        StoreTooNew: a newer adjourn made the tables. They are left unchanged.
    """
    where = _where(address)
    connect = partial(_connect, address)
    try:
        connection = await connect()
        try:
            await _prepare(connection, where)
        finally:
            connection.close()
    except Error as error:
        raise unavailable(where, error) from error
    raised: BaseException | None = None
    async with trio.open_nursery() as nursery:
        store = PostgresStore(where, connect)
        nursery.start_soon(store.serve)
        try:
            yield store
        except BaseException as error:
            raised = error  # the nursery would wrap it in a group
        await store.aclose()
        nursery.cancel_scope.cancel()
    if raised is not None:
        raise raised


class PostgresStore:
    """Implements the Store contract in a PostgreSQL database. Open it with `open_postgres` or `open_store`.

    Once a call waits for the server it can't be cancelled: it returns its outcome, unless `give_up` ends it. A save
    that was given up may still happen when the server answers again.

    A save is as durable as the server makes a commit: `synchronous_commit` must not be `off`, and after a failover only
    a synchronous standby has it for certain.
    """

    claims = StoreClaims(durable=True, fenced=True, exclusive=False)

    def __init__(self, where: str, connect: Callable[[], Awaitable[Connection]]) -> None:
        async def read(connection: Connection, reads: Sequence[_Read]) -> list[Any]:
            try:
                return [await reads[0](connection)]
            except (Error, StoreCorrupt) as error:
                if isinstance(error, Error) and not connection.is_alive():
                    raise
                return [unavailable(where, error) if isinstance(error, Error) else error]

        self._writer: Lane[Write] = Lane(where, connect, partial(write, where=where))
        self._reader: Lane[_Read] = Lane(where, connect, read)
        self._served = trio.Event()
        self._closing = trio.Lock()

    async def serve(self) -> None:
        """Do the calls, until the store is closed or this is cancelled. `open_postgres` calls this."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._writer.serve)
                nursery.start_soon(self._reader.serve)
        finally:
            self._served.set()

    async def acquire(self, owner: str) -> Acquired:
        """Become the owner: start a new epoch, and refuse writes of earlier ones."""
        return await self._writer.run(Acquire(owner))

    async def release(self, epoch: int) -> None:
        """Give up ownership, after all accepted saves; refuse later writes of this epoch."""
        await self._writer.run(Release(epoch))

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        """Save as in the contract. Returns when the server has committed the save."""
        await self._writer.run(
            Save(
                id=head.id,
                version=head.version,
                epoch=head.epoch,
                status=head.status,
                agent=head.agent,
                waiting_since=head.waiting_since,
                next_due=head.next_due,
                created_at=head.created_at,
                expected_version=expected_version,
                data=encode_head(head),
                entries=tuple([encode_entry(entry) for entry in append]),
            )
        )

    async def load(self, run_id: str) -> Record | None:
        """Return the record, or None."""
        return await self._reader.run(partial(reads.load, run_id=run_id))

    async def delete(self, run_id: str, *, epoch: int) -> None:
        """Delete the run. Idempotent."""
        await self._writer.run(Delete(run_id, epoch))

    async def list(
        self,
        *,
        status: Status | None = None,
        agent: str | None = None,
        waiting: bool = False,
        limit: int = 100,
        after: str | None = None,
    ) -> Page:
        """Return a page of the heads that pass the filters, newest first."""
        check_limit(limit)
        cursor = None if after is None else read_cursor(after)
        return await self._reader.run(
            partial(reads.page, status=status, agent=agent, waiting=waiting, limit=limit, cursor=cursor)
        )

    async def count(self, status: Status) -> int:
        """Count the runs with this status now."""
        return await self._reader.run(partial(reads.count, status=status))

    async def due(self, now: int, limit: int = 100, *, after: Head | None = None) -> tuple[Head, ...]:
        """Return heads with `nextDue` <= now (ms), earliest first."""
        check_limit(limit)
        return await self._reader.run(partial(reads.due, now=now, limit=limit, cursor=due_place(after)))

    def give_up(self, after_s: float) -> bool:
        """End the calls that wait for a hanging server. Calls that were not sent never happen."""
        return self._reader.give_up(after_s) | self._writer.give_up(after_s)

    async def aclose(self) -> None:
        """Finish the accepted calls, then close the connections. Idempotent. Can't be cancelled."""
        with trio.CancelScope(shield=True):
            async with self._closing:
                for lane in (self._reader, self._writer):
                    lane.close()
                with trio.move_on_after(CLOSE_S):
                    await self._served.wait()
                self.give_up(0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


def _where(address: str) -> str:
    """Return the server and database in an address, without secrets. Raises: InvalidParams."""
    try:
        given = conninfo_to_dict(address)
    except Error as error:
        # libpq's message may quote the address, with its password.
        raise InvalidParams(
            "store address: expected postgresql://user@host:port/database, or host=… dbname=…; libpq can't read it"
        ) from error.with_traceback(None)
    place = f"{given.get('host', '')}:{given.get('port', '')}".strip(":")
    return f"PostgreSQL at {place or 'the default host'}, database {given.get('dbname') or 'by default'}"


async def _connect(address: str) -> Connection:
    connection = await Connection.open(address)
    try:
        # A role, a database or the address may have set it.
        await connection.query(statement("bounded"), [f"{STATEMENT_S}s"])
    except BaseException:
        connection.close()
        raise
    return connection


async def _prepare(connection: Connection, where: str) -> None:
    """Check the store's tables, and make them where there are none."""
    [(encoding, exists)] = await connection.query(statement("opened"))
    if encoding != b"UTF8":
        raise StoreCorrupt(f"{where}: its encoding is {(encoding or b'').decode()}; adjourn needs UTF8")
    if exists == b"f":
        try:
            await connection.script(statement("layout"))
        except Error:
            # Another process may have made the tables since. If they are still missing, the first error counts.
            if (await connection.query(statement("opened")))[0][1] == b"f":
                raise
    [(layout,)] = await connection.query("SELECT layout FROM adjourn_store")
    if int(layout or 0) > LAYOUT_VERSION:
        found = int(layout or 0)
        raise StoreTooNew(f"{where}: its tables have layout {found}; this adjourn reads up to {LAYOUT_VERSION}")
