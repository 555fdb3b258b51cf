"""A store in memory that several systems of one process share as its nodes. Leases follow trio's clock."""

from collections.abc import Mapping, Sequence
from typing import Any

import trio

from adjourn.protocol.errors import StaleEpoch
from adjourn.protocol.record import FINAL, Entry, Head, Record
from adjourn.stores import Acquired, Changed, Claimed, Hint, MemoryStore, Node, Orphan, Owned, Page, StoreClaims
from adjourn.stores.hints import Hints


class Medium:
    """What all openings of one store share."""

    def __init__(self) -> None:
        self.runs = MemoryStore()
        self.nodes: dict[str, tuple[Node, float]] = {}  # with the end of the lease
        self.owners: dict[str, tuple[str | None, int]] = {}  # by run: its node, and its epoch
        self.changes: list[tuple[str, str, Head | None]] = []  # by which node, the run, and its head if it was deleted
        self.hints: dict[str, Hints] = {}  # by node
        self.loses_hints = False

    def is_alive(self, node: str | None) -> bool:
        return node in self.nodes and self.nodes[node][1] > trio.current_time()


class SharedMemory(MemoryStore):
    """One node's opening of the store. Closing it leaves the medium as it is."""

    claims = StoreClaims(durable=True, fenced=True, exclusive=False, shared=True)

    def __init__(self, medium: Medium) -> None:
        super().__init__()
        self.medium, self.node = medium, Node("")
        self.hints = Hints()

    async def acquire(self, owner: str) -> Acquired:
        return await self.medium.runs.acquire(owner)

    async def release(self, epoch: int) -> None:
        await self.medium.runs.release(epoch)

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        self._check_open()
        self.check_epoch(head.id, head.epoch)
        await self.medium.runs.save(head, append, expected_version=expected_version)
        if expected_version == 0:
            self.medium.owners[head.id] = (self.node.id or None, head.epoch)
        self.medium.changes.append((self.node.id, head.id, None))
        self.tell("changed")

    async def load(self, run_id: str) -> Record | None:
        return await self.medium.runs.load(run_id)

    async def delete(self, run_id: str, *, epoch: int) -> None:
        self.check_epoch(run_id, epoch)
        run = self.medium.runs._runs.get(run_id)
        await self.medium.runs.delete(run_id, epoch=epoch)
        if run is not None:
            self.medium.changes.append((self.node.id, run_id, run.whole_head()))
            self.tell("changed")
        self.medium.owners.pop(run_id, None)

    async def list(self, **asked: Any) -> Page:
        return await self.medium.runs.list(**asked)

    async def count(self, status: Any) -> int:
        return await self.medium.runs.count(status)

    async def due(self, now: int, limit: int = 100, *, after: Head | None = None) -> tuple[Head, ...]:
        return await self.medium.runs.due(now, limit, after=after)

    def check_epoch(self, run_id: str, epoch: int) -> None:
        _, owned = self.medium.owners.get(run_id, (None, 0))
        if epoch < owned:
            raise StaleEpoch(f"run {run_id}: another node owns the run")

    # Nodes.

    async def join(self, node: Node, lease_s: float) -> int:
        await trio.lowlevel.checkpoint()
        self.node = node
        self.medium.hints[node.id] = self.hints
        self.medium.nodes[node.id] = (node, trio.current_time() + lease_s)
        return self.medium.runs._ownership.epoch + 1

    async def renew(self, node: Node, lease_s: float) -> bool:
        await trio.lowlevel.checkpoint()
        if not self.medium.is_alive(node.id):
            return False
        self.medium.nodes[node.id] = (node, trio.current_time() + lease_s)
        return True

    async def leave(self) -> None:
        await trio.lowlevel.checkpoint()
        self.medium.nodes.pop(self.node.id, None)
        for run_id, (node, epoch) in self.medium.owners.items():
            if node == self.node.id:
                self.medium.owners[run_id] = (None, epoch)
        self.tell("left")

    async def claim(self, run_id: str) -> Claimed | Owned | None:
        await trio.lowlevel.checkpoint()
        run = self.medium.runs._runs.get(run_id)
        if run is None or run.status in FINAL:
            return None
        node, _ = self.medium.owners[run_id]
        if node != self.node.id and self.medium.is_alive(node):
            assert node is not None
            return Owned(node, self.medium.nodes[node][0].url)
        return self.own(run_id)

    def own(self, run_id: str) -> Claimed:
        node, epoch = self.medium.owners[run_id]
        self.medium.owners[run_id] = (self.node.id, epoch + 1)
        return Claimed(epoch + 1, is_clean=node in (None, self.node.id))

    async def orphans(
        self, agents: Sequence[str], limit: int, *, known: Sequence[str] | None = None
    ) -> tuple[Orphan, ...]:
        await trio.lowlevel.checkpoint()
        runs = sorted(self.medium.runs._runs.items(), key=lambda pair: pair[1].created_at)
        free = [run.whole_head() for run_id, run in runs if self.is_orphan(run, agents) or self.is_unknown(run, known)]
        return tuple(Orphan(head, self.own(head.id)) for head in free[:limit])

    def is_orphan(self, run: Any, agents: Sequence[str]) -> bool:
        node, _ = self.medium.owners[run.head.id]
        return run.status == "running" and run.agent in agents and not self.medium.is_alive(node)

    def is_unknown(self, run: Any, known: Sequence[str] | None) -> bool:
        run_id = run.head.id
        is_mine = self.medium.owners[run_id][0] == self.node.id
        return known is not None and is_mine and run.status not in FINAL and run_id not in known

    async def versions(self, run_ids: Sequence[str]) -> Mapping[str, int]:
        await trio.lowlevel.checkpoint()
        runs = self.medium.runs._runs
        return {run_id: runs[run_id].version for run_id in run_ids if run_id in runs}

    async def owners(self, run_ids: Sequence[str]) -> Mapping[str, Node]:
        await trio.lowlevel.checkpoint()
        runs = self.medium.runs._runs
        unfinished = [run_id for run_id in run_ids if run_id in runs and runs[run_id].status not in FINAL]
        owned = {run_id: self.medium.owners[run_id][0] for run_id in unfinished}
        return {run_id: self.medium.nodes[node][0] for run_id, node in owned.items() if self.is_owner(node)}

    def is_owner(self, node: str | None) -> bool:
        return self.medium.is_alive(node)

    async def nodes(self) -> Sequence[Node]:
        return [node for node, _ in self.medium.nodes.values() if self.medium.is_alive(node.id)]

    async def let_go(self, runs: Sequence[tuple[str, int]]) -> None:
        await trio.lowlevel.checkpoint()
        for run_id, epoch in runs:
            if self.medium.owners.get(run_id) == (self.node.id, epoch):
                self.medium.owners[run_id] = (None, epoch)

    async def changed(self, mark: str | None, limit: int) -> Changed:
        await trio.lowlevel.checkpoint()
        now = str(len(self.medium.changes))
        if mark is None:
            return Changed(now)
        recent = self.medium.changes[int(mark) :]
        found = list({run_id: head for node, run_id, head in recent if node != self.node.id}.items())
        runs = self.medium.runs._runs
        return Changed(
            now,
            tuple(runs[run_id].whole_head() for run_id, _ in found[:limit] if run_id in runs),
            tuple(head for run_id, head in found[:limit] if head is not None and run_id not in runs),
            is_complete=len(found) <= limit,
        )

    def hinted(self, hint: Hint) -> trio.Event:
        return self.hints.event(hint)

    def tell(self, hint: Hint) -> None:
        for node, hints in self.medium.hints.items():
            if node != self.node.id and not self.medium.loses_hints:
                hints.arrived(hint)
