"""Stores that are wrong about pages, counts or deadlines, each in one way, and the clause that finds it."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from adjourn.protocol.errors import InvalidParams
from adjourn.protocol.record import FINAL, Entry, Head
from adjourn.stores import MemoryStore, Page
from adjourn.stores.paging import check_limit


class GivesAHundred(MemoryStore):
    """A page has at most a hundred runs, whatever the limit, and no cursor for the rest."""

    async def list(self, *, limit: int = 100, **query: Any) -> Page:
        page = await super().list(limit=min(limit, 100), **query)
        return page if limit <= 100 else Page(page.heads, None)


class GivesAThousand(MemoryStore):
    async def list(self, *, limit: int = 100, **query: Any) -> Page:
        page = await super().list(limit=min(limit, 1_000), **query)
        return page if len(page.heads) == limit else Page(page.heads, None)


class GivesFiftyUnasked(MemoryStore):
    async def list(self, *, limit: int = 50, **query: Any) -> Page:
        return await super().list(limit=limit, **query)


class GivesMoreThanAsked(MemoryStore):
    async def list(self, *, limit: int = 100, **query: Any) -> Page:
        return await super().list(limit=limit + (query.get("after") is not None), **query)


class SortsBy(MemoryStore):
    """The pages are in the order of the last save."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[str, Any] = {}  # cursors handed out

    @staticmethod
    def key(head: Head) -> Any:
        return head.updated_at, head.id

    async def list(self, *, limit: int = 100, after: str | None = None, **filters: Any) -> Page:
        check_limit(limit)
        if after is not None and after not in self.places:
            raise InvalidParams("a cursor from nowhere")
        heads = sorted((await super().list(limit=10_000, **filters)).heads, key=self.key, reverse=True)
        behind = [head for head in heads if after is None or self.key(head) < self.places[after]]
        page = tuple(behind[:limit])
        if len(behind) <= limit:
            return Page(page, None)
        self.places[page[-1].id] = self.key(page[-1])
        return Page(page, page[-1].id)


class SortsTimesAsText(SortsBy):
    @staticmethod
    def key(head: Head) -> Any:
        return str(head.created_at), head.id


class SortsToTheSecond(SortsBy):
    @staticmethod
    def key(head: Head) -> Any:
        return head.created_at // 1_000, head.id


class SortsBackwardsAtOneTime(SortsBy):
    @staticmethod
    def key(head: Head) -> Any:
        return head.created_at, [-ord(letter) for letter in head.id]


class LosesTheCursorsRun(SortsBy):
    """The cursor is a run. Listing goes wrong if that run was deleted or no longer passes the filters."""

    @staticmethod
    def key(head: Head) -> Any:
        return head.created_at, head.id

    async def list(self, *, status: Any = None, after: str | None = None, **query: Any) -> Page:
        if status and after in self._runs and self._runs[after].status != status:
            raise InvalidParams("no such run")
        return await super().list(status=status, after=after, **query)


class SkipsWhatIsAsOld(MemoryStore):
    """The cursor is a time, so that runs of the same time are skipped."""

    async def list(self, *, limit: int = 100, after: str | None = None, **filters: Any) -> Page:
        check_limit(limit)
        if after is not None and not after.isdecimal():
            raise InvalidParams("a cursor from nowhere")
        heads = (await super().list(limit=10_000, **filters)).heads
        behind = [head for head in heads if after is None or head.created_at < int(after)]
        return Page(tuple(behind[:limit]), str(behind[limit - 1].created_at) if len(behind) > limit else None)


class RepeatsWhatIsAsOld(MemoryStore):
    async def list(self, *, limit: int = 100, after: str | None = None, **filters: Any) -> Page:
        check_limit(limit)
        if after is not None and not after.isdecimal():
            raise InvalidParams("a cursor from nowhere")
        heads = (await super().list(limit=10_000, **filters)).heads
        behind = [head for head in heads if after is None or head.created_at <= int(after)]
        return Page(tuple(behind[:limit]), str(behind[limit - 1].created_at) if len(behind) > limit else None)


class TakesACursorOnce(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.taken: set[str] = set()

    async def list(self, *, after: str | None = None, **query: Any) -> Page:
        if after is not None and after in self.taken:
            return Page((), None)
        page = await super().list(after=after, **query)
        self.taken |= {after} if after else set()
        return page


class FiltersAfterTheLimit(MemoryStore):
    async def list(
        self, *, status: Any = None, agent: Any = None, waiting: bool = False, limit: int = 100, after: Any = None
    ) -> Page:
        page = await super().list(limit=limit, after=after)
        return Page(tuple(h for h in page.heads if self._runs[h.id].passes(status, agent, waiting)), page.after)


class EndsWhereAPageIsNotFull(FiltersAfterTheLimit):
    async def list(self, *, limit: int = 100, **query: Any) -> Page:
        page = await super().list(limit=limit, **query)
        return page if len(page.heads) == limit else Page(page.heads, None)


class ListsAgentsLike(MemoryStore):
    """The agent's name is used as a pattern of SQL's LIKE, and the last name that fits it counts."""

    async def list(self, *, agent: Any = None, **query: Any) -> Page:
        if agent is not None:
            like = (fnmatchcase(run.agent, agent.replace("_", "?")) and run.agent for run in self._runs.values())
            agent = max((name for name in like if name), default=agent)
        return await super().list(agent=agent, **query)


class CountsSaves(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.saves: dict[str, list[str]] = {}

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        await super().save(head, append, expected_version=expected_version)
        before = [status for status in self.saves.get(head.id, []) if status == head.status]
        self.saves[head.id] = [*before, head.status]

    async def delete(self, run_id: str, *, epoch: int) -> None:
        await super().delete(run_id, epoch=epoch)
        self.saves.pop(run_id, None)

    async def count(self, status: Any) -> int:
        self._check_open()
        return sum(statuses.count(status) for statuses in self.saves.values())


class CountsDeletes(MemoryStore):
    """A run that is deleted twice is subtracted twice."""

    deletes = 0

    async def delete(self, run_id: str, *, epoch: int) -> None:
        self.deletes += run_id not in self._runs
        await super().delete(run_id, epoch=epoch)

    async def count(self, status: Any) -> int:
        return await super().count(status) - self.deletes * (status == "paused")


class CountsToAThousand(MemoryStore):
    async def count(self, status: Any) -> int:
        return min(1_000, await super().count(status))


class LetsAnyLimitPass(MemoryStore):
    async def list(self, *, limit: int = 100, **query: Any) -> Page:
        return Page((), None) if limit < 0 else await super().list(limit=limit, **query)

    async def due(self, now: int, limit: int = 100) -> tuple[Head, ...]:
        return await super().due(now, limit) if limit else ()


class HasAHundredDue(MemoryStore):
    async def due(self, now: int, limit: int = 100) -> tuple[Head, ...]:
        return await super().due(now, min(limit, 100))


class HasAThousandDue(MemoryStore):
    async def due(self, now: int, limit: int = 100) -> tuple[Head, ...]:
        return await super().due(now, min(limit, 1_000))


class DueBy(MemoryStore):
    """Due runs are in a wrong order, or some are missing."""

    @staticmethod
    def key(head: Head) -> Any:
        return head.next_due, head.id

    @staticmethod
    def passes(head: Head) -> bool:
        return True

    async def due(self, now: int, limit: int = 100) -> tuple[Head, ...]:
        check_limit(limit)
        heads = (await super().list(limit=10_000)).heads
        due = [h for h in heads if h.next_due is not None and h.next_due <= now and self.passes(h)]
        return tuple(sorted(due, key=self.key)[:limit])


class DueAsText(DueBy):
    @staticmethod
    def key(head: Head) -> Any:
        return str(head.next_due), head.id


class DueToTheSecond(DueBy):
    @staticmethod
    def key(head: Head) -> Any:
        return (head.next_due or 0) // 1_000, head.id


class DueByAge(DueBy):
    @staticmethod
    def key(head: Head) -> Any:
        return head.created_at, head.id


class NeverDueAtZero(DueBy):
    @staticmethod
    def passes(head: Head) -> bool:
        return bool(head.next_due)


class NeverDueWhenOver(DueBy):
    @staticmethod
    def passes(head: Head) -> bool:
        return head.status not in FINAL


class OneRunDueAtATime(MemoryStore):
    """Runs that are due at the same moment share a key."""

    async def due(self, now: int, limit: int = 100) -> tuple[Head, ...]:
        check_limit(limit)
        heads = await super().due(now, 10_000)
        return tuple({head.next_due: head for head in heads}.values())[:limit]


class DueFromTheStart(MemoryStore):
    async def due(self, now: int, limit: int = 100, *, after: Head | None = None) -> tuple[Head, ...]:
        return await super().due(now, limit)


class SkipsWhatIsDueAtOnce(MemoryStore):
    """The next page begins at the next moment, not at the next run."""

    async def due(self, now: int, limit: int = 100, *, after: Head | None = None) -> tuple[Head, ...]:
        behind = after and msgspec.structs.replace(after, id=chr(0x10FFFF))
        return await super().due(now, limit, after=behind)


class GoesOnWhereTheRunIsNow(MemoryStore):
    async def due(self, now: int, limit: int = 100, *, after: Head | None = None) -> tuple[Head, ...]:
        record = after and await self.load(after.id)
        return await super().due(now, limit, after=record.head if record else after)


class TakesThirtyTwoBitTimes(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        due = head.next_due and (head.next_due + 2**31) % 2**32 - 2**31
        head = msgspec.structs.replace(head, next_due=due)
        await super().save(head, append, expected_version=expected_version)


WRONG: dict[type[MemoryStore], str] = {
    GivesAHundred: "pages give every run of many once",
    GivesAThousand: "pages give every run of many once",
    GivesFiftyUnasked: "pages give every run of many once",
    GivesMoreThanAsked: "pages give every run of many once",
    SortsBackwardsAtOneTime: "pages give every run of many once",
    SkipsWhatIsAsOld: "pages give every run of many once",
    RepeatsWhatIsAsOld: "pages give every run of many once",
    SortsBy: "list keeps its order whatever later saves say",
    SortsTimesAsText: "list orders times as numbers to the millisecond",
    SortsToTheSecond: "list orders times as numbers to the millisecond",
    LosesTheCursorsRun: "a cursor goes on where it was while runs change",
    TakesACursorOnce: "a cursor goes on where it was while runs change",
    FiltersAfterTheLimit: "pages find the few runs that pass a filter",
    EndsWhereAPageIsNotFull: "pages find the few runs that pass a filter",
    ListsAgentsLike: "list by agent gives the runs of that name",
    CountsSaves: "count follows every save and delete",
    CountsDeletes: "count follows every save and delete",
    CountsToAThousand: "count and due take many runs",
    LetsAnyLimitPass: "list and due say what they expected",
    HasAHundredDue: "count and due take many runs",
    HasAThousandDue: "count and due take many runs",
    OneRunDueAtATime: "count and due take many runs",
    DueAsText: "due orders times as numbers to the millisecond",
    DueToTheSecond: "due orders times as numbers to the millisecond",
    DueByAge: "due gives what is due now earliest first",
    NeverDueAtZero: "due orders times as numbers to the millisecond",
    NeverDueWhenOver: "due gives runs of every status",
    DueFromTheStart: "due goes on behind a head whatever became of its run",
    SkipsWhatIsDueAtOnce: "due goes on behind a head whatever became of its run",
    GoesOnWhereTheRunIsNow: "due goes on behind a head whatever became of its run",
    TakesThirtyTwoBitTimes: "due orders times as numbers to the millisecond",
}
