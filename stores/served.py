"""What the stores at servers have in common: the calls of the contract, over three connections. Knows no server.

One connection writes, and commits all waiting saves together; one reads; one renews the node's lease. A node has a
fourth, for hints. Each is opened again after a failure.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import trio

from ..protocol.errors import AdjournError
from ..protocol.events import Status
from ..protocol.record import Entry, Head, Record
from .base import Acquired, Page, StoreClaims
from .calls import Changes, Owning, Reads, Saves
from .lane import Lane, Link, unavailable
from .listener import Listener
from .paging import check_limit, due_place, read_cursor
from .saves import Save, save_of, together
from .shared import Changed, Claimed, Hint, Node, Orphan, Owned

__all__ = ["ServedStore", "open_tasks"]

CLOSE_S = 30.0  # how long `aclose` waits for accepted calls

Connection = TypeVar("Connection", bound=Link)
_Do = Callable[[Connection], Awaitable[Any]]  # any call of the store but a save
_Lane = Lane[Connection, Save | _Do[Connection]]


@asynccontextmanager
async def open_tasks() -> AsyncGenerator[trio.Nursery]:
    """Open a nursery, and cancel its tasks after the block. The block's error is raised as it is, not in a group."""
    raised: BaseException | None = None
    async with trio.open_nursery() as nursery:
        try:
            yield nursery
        except BaseException as error:  # noqa: ASYNC103  # raised below: the nursery would wrap it in a group
            raised = error
        nursery.cancel_scope.cancel()
    if raised is not None:
        raise raised


class ServedStore(Generic[Connection]):
    """A store at a server, for several nodes at once. Each kind of server has a subclass.

    Args:
        where: the server and the place of the store there, for messages, without secrets.
        connect: opens a connection.
    """

    claims = StoreClaims(durable=True, fenced=True, exclusive=False, shared=True)

    # Each subclass sets these.
    _failure: type[Exception]  # what a connection raises when it fails, or when the server refuses a call
    _listener_kind: type[Listener[Connection]]
    _most_saves: int  # that go to the server together
    # Modules of the store:
    _reads: Reads[Connection]
    _saves: Saves[Connection]
    _owning: Owning[Connection]
    _changes: Changes[Connection]

    def __init__(self, where: str, connect: Callable[[], Awaitable[Connection]]) -> None:
        self._where = where
        self._node: Node | None = None
        self._writer: _Lane[Connection] = Lane(where, connect, self._work, self._failure)
        self._reader: _Lane[Connection] = Lane(where, connect, self._work, self._failure, repeats=True)
        self._leases: _Lane[Connection] = Lane(where, connect, self._work, self._failure)  # never waits for saves
        self._listener = self._listener_kind(where, connect)
        self._served = trio.Event()
        self._closing = trio.Lock()

    async def serve(self) -> None:
        """Do the calls, until the store is closed or this is cancelled. The store's opener calls this."""
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
        return await self._writer.run(partial(self._owning.acquire, owner=owner))

    async def release(self, epoch: int) -> None:
        """Give up ownership, after all accepted saves; refuse later writes of this epoch."""
        await self._writer.run(partial(self._owning.release, epoch=epoch))

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        """Save as in the contract. Returns when the server has committed the save."""
        await self._writer.run(save_of(head, append, expected_version))
        self._listener.changed()

    async def load(self, run_id: str) -> Record | None:
        """Return the record, or None."""
        return await self._reader.run(partial(self._reads.load, run_id=run_id))

    async def delete(self, run_id: str, *, epoch: int) -> None:
        """Delete the run. Idempotent."""
        node_id = self._node and self._node.id
        await self._writer.run(partial(self._owning.delete, run_id=run_id, epoch=epoch, node_id=node_id))
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
            partial(self._reads.page, status=status, agent=agent, waiting=waiting, limit=limit, cursor=cursor)
        )

    async def count(self, status: Status) -> int:
        """Count the runs with this status now."""
        return await self._reader.run(partial(self._reads.count, status=status))

    async def due(self, now: int, limit: int = 100, *, after: Head | None = None) -> tuple[Head, ...]:
        """Return heads with `nextDue` <= now (ms), earliest first."""
        check_limit(limit)
        return await self._reader.run(partial(self._reads.due, now=now, limit=limit, cursor=due_place(after)))

    async def join(self, node: Node, lease_s: float) -> int:
        """Join as a node. Returns: the epoch for runs that are saved first."""
        epoch = await self._leases.run(partial(self._owning.join, node=node, lease_s=lease_s))
        self._node = node
        self._listener.join(node.id)
        return epoch

    async def renew(self, node: Node, lease_s: float) -> bool:
        """Renew the node's lease, and store its url. False: the lease had ended."""
        return await self._leases.run(partial(self._owning.renew, node=node, lease_s=lease_s))

    async def leave(self) -> None:
        """Let all runs of the node go, after all accepted saves, and end the lease. Idempotent."""
        await self._writer.run(partial(self._owning.leave, node_id=self._node_id))

    async def claim(self, run_id: str) -> Claimed | Owned | None:
        """Own a run, unless another live node does."""
        return await self._writer.run(partial(self._owning.claim, run_id=run_id, node_id=self._node_id))

    async def orphans(
        self, agents: Sequence[str], limit: int, *, known: Sequence[str] | None = None
    ) -> tuple[Orphan, ...]:
        """Own running runs of these agents that no live node owns, the oldest first."""
        return await self._writer.run(
            partial(self._owning.orphans, node_id=self._node_id, agents=tuple(agents), limit=limit, known=known)
        )

    async def versions(self, run_ids: Sequence[str]) -> Mapping[str, int]:
        """Return the stored versions of these runs, by id."""
        return await self._reader.run(partial(self._reads.versions, run_ids=tuple(run_ids)))

    async def owners(self, run_ids: Sequence[str]) -> Mapping[str, Node]:
        """Return the live nodes that own these runs, by run id."""
        return await self._reader.run(partial(self._owning.owners, run_ids=tuple(run_ids)))

    async def changed(self, mark: str | None, limit: int) -> Changed:
        """Return the runs that other nodes have saved or deleted since a mark."""
        return await self._reader.run(partial(self._changes.changed, node_id=self._node_id, mark=mark, limit=limit))

    async def nodes(self) -> Sequence[Node]:
        """Return the nodes whose lease has not ended."""
        return await self._leases.run(self._owning.nodes)

    async def let_go(self, runs: Sequence[tuple[str, int]]) -> None:
        """Let runs go, after all accepted saves, so that any node may claim them at once."""
        await self._writer.run(partial(self._owning.let_go, node_id=self._node_id, runs=tuple(runs)))

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
    def _lanes(self) -> tuple[_Lane[Connection], ...]:
        return self._reader, self._writer, self._leases

    @property
    def _node_id(self) -> str:
        if self._node is None:
            raise RuntimeError("this store has not joined as a node")
        return self._node.id

    async def _work(self, connection: Connection, jobs: Sequence[Save | _Do[Connection]]) -> Sequence[Any]:
        """Do the saves that go together, or else the first job: a lane's `Work`."""
        saves = together(jobs, self._most_saves)
        try:
            if isinstance(first := jobs[0], Save):
                answers = await self._saves.save_all(connection, saves, self._node and self._node.id)
            else:
                answers = [await first(connection)]
        except AdjournError as error:
            return [error]
        except self._failure as error:
            if not connection.is_alive():
                raise
            answers = [error] * (len(saves) or 1)
        return [unavailable(self._where, each) if isinstance(each, self._failure) else each for each in answers]
