"""Shared stores that are wrong about nodes and their claims, each in one way, and the clause that finds it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import trio
import trio.testing
from shared_memory import SharedMemory

from adjourn.protocol.record import Entry, Head
from adjourn.stores import Changed, Claimed, Hint, Node, Orphan, Owned


class FirstSavesAreFree(SharedMemory):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        await super().save(head, append, expected_version=expected_version)
        if expected_version == 0:
            self.medium.owners[head.id] = (None, head.epoch)


class FencesNobody(SharedMemory):
    def check_epoch(self, run_id: str, epoch: int) -> None: ...


class KeepsTheEpoch(SharedMemory):
    def own(self, run_id: str) -> Claimed:
        claimed = super().own(run_id)
        self.medium.owners[run_id] = (self.node.id, claimed.epoch - 1)
        return replace(claimed, epoch=claimed.epoch - 1)


class LetsGoForAnybody(SharedMemory):
    async def let_go(self, runs: Sequence[tuple[str, int]]) -> None:
        for run_id, epoch in runs:
            if run_id in self.medium.owners:
                self.medium.owners[run_id] = (None, epoch)


class AlwaysClean(SharedMemory):
    def own(self, run_id: str) -> Claimed:
        return replace(super().own(run_id), is_clean=True)


class RenewsWhatHasEnded(SharedMemory):
    async def renew(self, node: Node, lease_s: float) -> bool:
        self.medium.nodes.setdefault(node.id, (node, 0))
        self.medium.nodes[node.id] = (node, trio.current_time() + lease_s)
        return True


class KeepsTheUrl(SharedMemory):
    async def renew(self, node: Node, lease_s: float) -> bool:
        return await super().renew(self.medium.nodes[node.id][0], lease_s)


class LeavesOnly(SharedMemory):
    async def leave(self) -> None:
        self.medium.nodes.pop(self.node.id, None)


class ClaimsWhatIsOver(SharedMemory):
    async def claim(self, run_id: str) -> Claimed | Owned | None:
        return await super().claim(run_id) or (self.own(run_id) if run_id in self.medium.owners else None)


class ClaimsInTwoSteps(SharedMemory):
    async def claim(self, run_id: str) -> Claimed | Owned | None:
        before = self.medium.owners.get(run_id)
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        if before is not None and before[0] is None:
            return self.own(run_id)
        return await super().claim(run_id)


class FirstVersions(SharedMemory):
    async def versions(self, run_ids: Sequence[str]) -> Mapping[str, int]:
        return dict.fromkeys(await super().versions(run_ids), 1)


class NamesDeadOwners(SharedMemory):
    def is_owner(self, node: str | None) -> bool:
        return node is not None


class TellsOwnSaves(SharedMemory):
    async def changed(self, mark: str | None, limit: int) -> Changed:
        node, self.node = self.node, Node("")
        found = await super().changed(mark, limit)
        self.node = node
        return found


class TellsNoDeletions(SharedMemory):
    async def changed(self, mark: str | None, limit: int) -> Changed:
        return replace(await super().changed(mark, limit), deleted=())


class LeavesChangesOutUnsaid(SharedMemory):
    async def changed(self, mark: str | None, limit: int) -> Changed:
        return replace(await super().changed(mark, limit), is_complete=True)


class MarksAfterItHasRead(SharedMemory):
    async def changed(self, mark: str | None, limit: int) -> Changed:
        found = await super().changed(mark, limit)
        await trio.lowlevel.checkpoint()
        return replace(found, mark=str(len(self.medium.changes)))


class OrphansOfAnyStatus(SharedMemory):
    def is_orphan(self, run: Any, agents: Sequence[str]) -> bool:
        node, _ = self.medium.owners[run.head.id]
        return run.agent in agents and not self.medium.is_alive(node)


class OrphansForAll(SharedMemory):
    async def orphans(self, agents: Sequence[str], limit: int, **others: Any) -> tuple[Orphan, ...]:
        found = await super().orphans(agents, limit, **others)
        for orphan in found[:1]:
            self.medium.owners[orphan.head.id] = (None, orphan.claimed.epoch)
        return found


class LosesUnknownRuns(SharedMemory):
    def is_unknown(self, run: Any, known: Sequence[str] | None) -> bool:
        return False


class HintsBeforeItSaves(SharedMemory):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        self.tell("changed")
        await trio.testing.wait_all_tasks_blocked()
        await super().save(head, append, expected_version=expected_version)


class HintsItself(SharedMemory):
    def tell(self, hint: Hint) -> None:
        for hints in self.medium.hints.values():
            hints.arrived(hint)


WRONG = {
    FirstSavesAreFree: "a first save makes its node the owner",
    FencesNobody: "a claim has a greater epoch and fences the owner before",
    KeepsTheEpoch: "a claim has a greater epoch and fences the owner before",
    LetsGoForAnybody: "a run that was let go is free and clean",
    AlwaysClean: "a run whose owners lease ended is free and not clean",
    RenewsWhatHasEnded: "a lease is renewed until it has ended",
    KeepsTheUrl: "a renewal tells the new url",
    LeavesOnly: "a node that leaves lets all its runs go",
    ClaimsWhatIsOver: "a run that is over or missing is not claimed",
    ClaimsInTwoSteps: "of claims at once one wins",
    FirstVersions: "versions are those of the last saves",
    NamesDeadOwners: "owners are the live nodes of runs that are not over",
    TellsOwnSaves: "changes since a mark are the saves of other nodes",
    TellsNoDeletions: "a deletion is a change",
    LeavesChangesOutUnsaid: "changes above the limit are not left out unsaid",
    MarksAfterItHasRead: "no change is missed beside saves",
    OrphansOfAnyStatus: "orphans are running runs without a live owner",
    LosesUnknownRuns: "orphans are also the nodes own unknown runs",
    OrphansForAll: "each orphan goes to one node",
    HintsBeforeItSaves: "a hint comes after its change",
    HintsItself: "a node gets no hints of its own changes",
}
