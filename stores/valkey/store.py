"""A store in a Valkey or Redis server, for teams that have one already. This module implements the Store contract.

Three connections: one writes, and sends all waiting saves in one transaction; one reads; one renews the node's lease.
A node has a fourth, for hints. Each is opened again after a failure.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Any, Self

import trio
from coredis.exceptions import RedisError

from ...protocol.errors import AdjournError, StoreTooNew, StoreUnavailable
from ...protocol.events import Status
from ...protocol.record import Entry, Head, Record
from ..base import Acquired, Page, StoreClaims
from ..lane import Lane, unavailable
from ..paging import check_limit, due_place, read_cursor
from ..shared import Changed, Claimed, Hint, Node, Orphan, Owned
from . import changes, ownership, reads
from .connection import Connection
from .listener import Listener
from .rows import ValkeyRows
from .saves import Save, save_all, save_of, together
from .server import Server, server_at
from .settings import warn_of_settings

__all__ = ["ValkeyStore", "open_valkey", "open_valkey_rows"]

LAYOUT_VERSION = 1
CLOSE_S = 30.0  # how long `aclose` waits for accepted calls

_Do = Callable[[Connection], Awaitable[Any]]
_Lane = Lane[Connection, Save | _Do]


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
    raised: BaseException | None = None
    async with trio.open_nursery() as nursery:
        connect = partial(Connection.open, server, nursery)
        try:
            await _prepare(server, connect, create)
            store = ValkeyStore(str(server), connect)
            nursery.start_soon(store.serve)  # noqa: ASYNC113  # calls may come before it runs
            try:
                yield store
            finally:
                await store.aclose()
        except BaseException as error:  # noqa: ASYNC103  # raised below: the nursery would wrap it in a group
            raised = error
        nursery.cancel_scope.cancel()
    if raised is not None:
        raise raised


@asynccontextmanager
async def open_valkey_rows(address: str) -> AsyncGenerator[ValkeyRows]:
    """Open the store's rows for reading. The store may be in use.

    Raises: as `open_valkey` with `create` False.
    """
    server = server_at(address)
    raised: BaseException | None = None
    async with trio.open_nursery() as nursery:
        connect = partial(Connection.open, server, nursery)
        try:
            await _prepare(server, connect, create=False)
            yield ValkeyRows(await connect())
        except RedisError as error:
            raised = unavailable(str(server), error)
        except BaseException as error:  # noqa: ASYNC103  # raised below: the nursery would wrap it in a group
            raised = error
        nursery.cancel_scope.cancel()
    if raised is not None:
        raise raised


class ValkeyStore:
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

    claims = StoreClaims(durable=True, fenced=True, exclusive=False, shared=True)

    def __init__(self, where: str, connect: Callable[[], Awaitable[Connection]]) -> None:
        self._where = where
        self._node: Node | None = None
        self._writer = _Lane(where, connect, self._work, RedisError)
        self._reader = _Lane(where, connect, self._work, RedisError, repeats=True)
        self._leases = _Lane(where, connect, self._work, RedisError)  # never waits for saves
        self._listener = Listener(where, connect)
        self._served = trio.Event()
        self._closing = trio.Lock()

    async def serve(self) -> None:
        """Do the calls, until the store is closed or this is cancelled. `open_valkey` calls this."""
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
        """Save as in the contract. Returns when the server has answered."""
        await self._writer.run(save_of(head, append, expected_version))

    async def load(self, run_id: str) -> Record | None:
        """Return the record, or None."""
        return await self._reader.run(partial(reads.load, run_id=run_id))

    async def delete(self, run_id: str, *, epoch: int) -> None:
        """Delete the run. Idempotent."""
        node_id = self._node and self._node.id
        await self._writer.run(partial(ownership.delete, run_id=run_id, epoch=epoch, node_id=node_id))

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
        return await self._reader.run(partial(ownership.owners, run_ids=tuple(run_ids)))

    async def changed(self, mark: str | None, limit: int) -> Changed:
        """Return the runs that other nodes have saved or deleted since a mark."""
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
    def _lanes(self) -> tuple[_Lane, ...]:
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
                answers = await save_all(connection, together(jobs), self._node and self._node.id)
            else:
                answers = [await first(connection)]
        except AdjournError as error:
            return [error]
        except RedisError as error:
            if not connection.is_alive():
                raise
            answers = [error] * (len(together(jobs)) or 1)
        if any(isinstance(answer, RedisError) for answer in answers):
            # The server may have lost the scripts, or have become a replica: the next calls need a new connection.
            connection.close()
        return [unavailable(self._where, answer) if isinstance(answer, RedisError) else answer for answer in answers]


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
