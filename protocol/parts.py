"""Snapshots in parts: cut between messages where they go out, and joined again where they come in. Pure.

So a transcript of any length travels in messages of bounded size. One message of a conversation is never cut.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from msgspec import structs

from . import codec
from .messages import Message, Wire
from .methods import RunSnapshot, Timeline
from .record import Record
from .timeline import TimelineEntry, timeline_of
from .transcript import PendingCall, ToolView

__all__ = ["PAGE_BYTES", "PART_BYTES", "Joiner", "page_of", "parts_of", "timeline_page"]

PART_BYTES = 256_000  # of what is listed in a part, as JSON; a single message may take more
PAGE_BYTES = 1_000_000  # the same, of a page: for each the run may have to be read from its store

T = TypeVar("T")


def parts_of(whole: RunSnapshot, max_bytes: int = PART_BYTES) -> Iterator[RunSnapshot]:
    """A snapshot as parts, each made when it is asked for; one that is short enough is its only part.

    Messages come first, then calls that wait, then calls that execute. What is no list comes with the first part;
    status, turn and usage stand in all of them. A part whose `next` is None is the last.
    """
    snapshot = whole.snapshot
    begin_pending = len(snapshot.messages)
    begin_tools = begin_pending + len(snapshot.pending)
    listed: tuple[Wire, ...] = (*snapshot.messages, *snapshot.pending, *snapshot.tools)
    rest = structs.replace(snapshot, streaming=None, metadata={}, error=None)
    begin, others = 0, snapshot
    while True:
        end = begin + _count(islice(listed, begin, None), max_bytes)
        part = structs.replace(
            others,
            messages=snapshot.messages[begin:end],
            pending=_slice(snapshot.pending, begin - begin_pending, end - begin_pending),
            tools=_slice(snapshot.tools, begin - begin_tools, end - begin_tools),
        )
        following = None if end == len(listed) else min(end, begin_pending)
        yield structs.replace(whole, snapshot=part, from_=min(begin, begin_pending), next=following)
        if following is None:
            return
        begin, others = end, rest


def page_of(whole: RunSnapshot, start: int, max_bytes: int = PAGE_BYTES) -> RunSnapshot:
    """The page of a snapshot that begins with message number `start`.

    The last page, whose `next` is None, has no more than the last messages, and beside them all that is no message:
    the run may have gone on since the page before.
    """
    snapshot = whole.snapshot
    start = min(start, len(snapshot.messages))
    end = start + _count(islice(snapshot.messages, start, None), max_bytes)
    page = structs.replace(snapshot, messages=snapshot.messages[start:end])
    if end == len(snapshot.messages):
        return structs.replace(whole, snapshot=page, from_=start)
    page = structs.replace(page, streaming=None, pending=(), tools=())
    return structs.replace(whole, snapshot=page, from_=start, next=end)


def timeline_page(record: Record, start: int, max_bytes: int = PART_BYTES) -> Timeline:
    """The page of a run's timeline that begins with entry number `start`."""
    entries: list[TimelineEntry] = []
    size, following = 0, None
    for entry in timeline_of(record, start):
        size += len(codec.to_json(entry))
        if entries and size > max_bytes:
            following = start + len(entries)
            break
        entries.append(entry)
    return Timeline(run_id=record.head.id, entries=tuple(entries), from_=start, next=following)


class Joiner:
    """Joins the parts of one run's snapshots again."""

    __slots__ = ("_first", "_messages", "_next", "_pending", "_tools")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Drop the parts so far: those that are missing will not come."""
        self._first: RunSnapshot | None = None
        self._next: int | None = None
        self._messages: list[Message] = []
        self._pending: list[PendingCall] = []
        self._tools: list[ToolView] = []

    def add(self, part: RunSnapshot) -> RunSnapshot | None:
        """The whole snapshot, if this is its last part. A part that doesn't follow the one before is passed over."""
        first = self._first
        if first is None or (first.seq, self._next) != (part.seq, part.from_):
            self.clear()
            if part.from_ != 0:
                return None
            self._first = first = part
        self._messages += part.snapshot.messages
        self._pending += part.snapshot.pending
        self._tools += part.snapshot.tools
        self._next = part.next
        if part.next is not None:
            return None
        whole = structs.replace(
            first.snapshot,
            messages=tuple(self._messages),
            pending=tuple(self._pending),
            tools=tuple(self._tools),
        )
        self.clear()
        return structs.replace(first, snapshot=whole, next=None)


def _count(items: Iterable[Wire], max_bytes: int) -> int:
    """How many of the items, at least one if there are any, fit into a part."""
    count = size = 0
    for item in items:
        size += len(codec.to_json(item))
        if count and size > max_bytes:
            break
        count += 1
    return count


def _slice(items: tuple[T, ...], begin: int, end: int) -> tuple[T, ...]:
    return items[max(0, begin) : max(0, end)]
