"""Cuts snapshots into parts for sending, and joins received parts again. Pure.

So a transcript of any length is sent in messages of bounded size. A single message of a conversation is never cut.
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

PART_BYTES = 256_000  # size of the lists in a part, as JSON; a single message may be larger
PAGE_BYTES = 1_000_000  # the same for a page; larger, because each page may read the run from the store

T = TypeVar("T")


def parts_of(whole: RunSnapshot, max_bytes: int = PART_BYTES) -> Iterator[RunSnapshot]:
    """Yield the parts of a snapshot, each made on demand. A short snapshot is one part.

    Messages come first, then waiting calls, then executing calls. The first part has all other fields; every part has
    status, turn and usage. The last part has no `next`.
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
    """Return the page of a snapshot that begins with message number `start`.

    The last page, without `next`, has the last messages and also all other fields, because the run may have gone on
    since the page before.
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
    """Return the page of a run's timeline that begins with entry number `start`."""
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
    """Joins the parts of one run's snapshots."""

    __slots__ = ("_first", "_messages", "_next", "_pending", "_tools")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Drop the parts so far, because the missing ones will not come."""
        self._first: RunSnapshot | None = None
        self._next: int | None = None
        self._messages: list[Message] = []
        self._pending: list[PendingCall] = []
        self._tools: list[ToolView] = []

    def add(self, part: RunSnapshot) -> RunSnapshot | None:
        """Add a part. Return the whole snapshot if this was the last part. A part out of order is ignored."""
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
    """Return how many of the items fit into a part; at least one if there are any."""
    count = size = 0
    for item in items:
        size += len(codec.to_json(item))
        if count and size > max_bytes:
            break
        count += 1
    return count


def _slice(items: tuple[T, ...], begin: int, end: int) -> tuple[T, ...]:
    return items[max(0, begin) : max(0, end)]
