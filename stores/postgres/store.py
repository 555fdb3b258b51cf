"""A store in a PostgreSQL database, for teams that have one already. This module implements the Store contract.

Three connections: one writes, and commits all waiting saves in one statement; one reads; one renews the node's lease.
A node has a fourth, for hints. Each is opened again after a failure.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Any, Self

import trio
from psycopg import Error
from psycopg.conninfo import conninfo_to_dict

from ...protocol.errors import AdjournError, InvalidParams, StoreCorrupt, StoreTooNew, StoreUnavailable
from ...protocol.events import Status
from ...protocol.record import Entry, Head, Record, encode_entry, encode_head
from ..base import Acquired, Page, StoreClaims
from ..lane import Lane, unavailable
from ..paging import check_limit, due_place, read_cursor
from ..shared import Changed, Claimed, Hint, Node, Orphan, Owned
from . import changes, ownership, reads
from .connection import Connection
from .listener import Listener
from .rows import PAGE_S, PostgresRows
from .saves import Save, save_all, together
from .statements import statement

__all__ = ["PostgresStore", "open_postgres", "open_postgres_rows"]

LAYOUT_VERSION = 1
STATEMENT_S = 10  # the server ends a statement that takes longer; below the system's bound for calls of the store
FORGET_S = 10.0  # between two removals of old changes
CLOSE_S = 30.0  # how long `aclose` waits for accepted calls

_Do = Callable[[Connection], Awaitable[Any]]


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
    raised: BaseException | None = None
    async with trio.open_nursery() as nursery:
        store = PostgresStore(where, connect)
        nursery.start_soon(store.serve)  # noqa: ASYNC113  # calls may come before it runs
        try:
            yield store
        except BaseException as error:  # noqa: ASYNC103  # raised below: the nursery would wrap it in a group
            raised = error
        await store.aclose()
        nursery.cancel_scope.cancel()
    if raised is not None:
        raise raised


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


class PostgresStore:
    """Implements the Store contract in a PostgreSQL database. Open it with `open_postgres` or `open_store`.

    Once a call waits for the server it can't be cancelled: it returns its outcome, unless `give_up` ends it. A save
    that was given up may still happen when the server answers again.

    A save is as durable as the server makes a commit: `synchronous_commit` must not be `off`, and after a failover only
    a synchronous standby has it for certain.

    Args:
        where: the server and its database, for messages, without secrets.
        connect: opens a connection.
    """

    claims = StoreClaims(durable=True, fenced=True, exclusive=False, shared=True)

    def __init__(self, where: str, connect: Callable[[], Awaitable[Connection]]) -> None:
        self._where = where
        self._node: Node | None = None
        self._writer: Lane[Connection, Save | _Do] = Lane(where, connect, self._work, Error)
        self._reader: Lane[Connection, Save | _Do] = Lane(where, connect, self._work, Error, repeats=True)
        self._leases: Lane[Connection, Save | _Do] = Lane(where, connect, self._work, Error)  # never waits for saves
        self._listener = Listener(where, connect)
        self._forgets_at = 0.0
        self._served = trio.Event()
        self._closing = trio.Lock()

    async def serve(self) -> None:
        """Do the calls, until the store is closed or this is cancelled. `open_postgres` calls this."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listener.serve)
                async with trio.open_nursery() as lanes:
                    for lane in self._lanes:
                        lanes.start_soon(lane.serve)
                nursery.cancel_scope.cancel()
        finally:
            self._served.set()

    async def acquire(self, owner: str) -> Acquired:
        """Become the owner: start a new epoch, and refuse writes of earlier ones."""
        return await self._writer.run(partial(ownership.acquire, owner=owner))

    async def release(self, epoch: int) -> None:
        """Give up ownership, after all accepted saves; refuse later writes of this epoch."""
        await self._writer.run(partial(ownership.release, epoch=epoch))

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        """Save as in the contract. Returns when the server has committed the save."""
        await self._writer.run(
            Save(
                id=head.id,
                expected_version=expected_version,
                version=head.version,
                epoch=head.epoch,
                status=head.status,
                agent=head.agent,
                waiting_since=head.waiting_since,
                next_due=head.next_due,
                created_at=head.created_at,
                data=encode_head(head).decode(),
                entries=tuple([encode_entry(entry).decode() for entry in append]),
            )
        )
        self._listener.changed()

    async def load(self, run_id: str) -> Record | None:
        """Return the record, or None."""
        return await self._reader.run(partial(reads.load, run_id=run_id))

    async def delete(self, run_id: str, *, epoch: int) -> None:
        """Delete the run. Idempotent."""
        node_id = self._node and self._node.id
        await self._writer.run(partial(ownership.delete, run_id=run_id, epoch=epoch, node_id=node_id))
        self._listener.changed()

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

    async def join(self, node: Node, lease_s: float) -> int:
        """Join as a node. Returns: the epoch for runs that are saved first."""
        epoch = await self._leases.run(partial(ownership.join, node=node, lease_s=lease_s))
        self._node = node
        self._listener.join(node.id)
        return epoch

    async def renew(self, node: Node, lease_s: float) -> bool:
        """Renew the node's lease, and store its url. False: the lease had ended."""
        return await self._leases.run(partial(ownership.renew, node=node, lease_s=lease_s))

    async def leave(self) -> None:
        """Let all runs of the node go, after all accepted saves, and end the lease. Idempotent."""
        await self._writer.run(partial(ownership.leave, node_id=self._node_id))

    async def claim(self, run_id: str) -> Claimed | Owned | None:
        """Own a run, unless another live node does."""
        return await self._writer.run(partial(ownership.claim, run_id=run_id, node_id=self._node_id))

    async def orphans(
        self, agents: Sequence[str], limit: int, *, known: Sequence[str] | None = None
    ) -> tuple[Orphan, ...]:
        """Own running runs of these agents that no live node owns, the oldest first."""
        return await self._writer.run(
            partial(ownership.orphans, node_id=self._node_id, agents=tuple(agents), limit=limit, known=known)
        )

    async def versions(self, run_ids: Sequence[str]) -> Mapping[str, int]:
        """Return the stored versions of these runs, by id."""
        return await self._reader.run(partial(reads.versions, run_ids=tuple(run_ids)))

    async def owners(self, run_ids: Sequence[str]) -> Mapping[str, Node]:
        """Return the live nodes that own these runs, by run id."""
        return await self._reader.run(partial(reads.owners, run_ids=tuple(run_ids)))

    async def changed(self, mark: str | None, limit: int) -> Changed:
        """Return the runs that other nodes have saved or deleted since a mark."""
        if time.monotonic() >= self._forgets_at:
            self._forgets_at = time.monotonic() + FORGET_S
            await self._reader.run(changes.forget)
        return await self._reader.run(partial(changes.changed, node_id=self._node_id, mark=mark, limit=limit))

    async def nodes(self) -> Sequence[Node]:
        """Return the nodes whose lease has not ended."""
        return await self._leases.run(ownership.nodes)

    async def let_go(self, runs: Sequence[tuple[str, int]]) -> None:
        """Let runs go, after all accepted saves, so that any node may claim them at once."""
        await self._writer.run(partial(ownership.let_go, node_id=self._node_id, runs=tuple(runs)))

    def hinted(self, hint: Hint) -> trio.Event:
        """Return the event that the next hint of this kind sets."""
        return self._listener.hints.event(hint)

    def give_up(self, after_s: float) -> bool:
        """End the calls that wait for a hanging server. Calls that were not sent never happen."""
        given_up = [lane.give_up(after_s) for lane in self._lanes]
        return any(given_up)

    async def aclose(self) -> None:
        """Finish the accepted calls, then close the connections. Idempotent. Can't be cancelled."""
        with trio.CancelScope(shield=True):
            async with self._closing:
                for lane in self._lanes:
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

    @property
    def _lanes(self) -> tuple[Lane[Connection, Save | _Do], ...]:
        return self._reader, self._writer, self._leases

    @property
    def _node_id(self) -> str:
        if self._node is None:
            raise RuntimeError("this store has not joined as a node")
        return self._node.id

    async def _work(self, connection: Connection, jobs: Sequence[Save | _Do]) -> Sequence[Any]:
        first = jobs[0]
        try:
            if isinstance(first, Save):
                saves = together(jobs)
                return await save_all(connection, saves, self._node and self._node.id)
            return [await first(connection)]
        except Error as error:
            if not connection.is_alive():
                raise
            if not isinstance(first, Save) or len(together(jobs)) == 1:
                return [unavailable(self._where, error)]
        except AdjournError as error:
            return [error]
        # One bad save must not fail the others.
        return [(await self._work(connection, [save]))[0] for save in together(jobs)]


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
