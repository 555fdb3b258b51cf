"""Finds what is wrong with the rows of a store. Pure rules over rows; no SQL here, and nothing is ever written."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from ..protocol.errors import RecordTooNew, StoreCorrupt
from ..protocol.messages import Wire
from ..protocol.record import decode_entry, decode_head

__all__ = ["Fault", "HeadRow", "JournalRow", "Rows", "check_rows"]

FaultKind = Literal["file", "head", "columns", "journal", "entry", "tooNew", "noRun"]


class Fault(Wire, frozen=True):
    """Something that is wrong with a store.

    Attributes:
        kind: `file`: the database says that it is damaged. `head`, `entry`: a head or journal entry can't be decoded.
            `columns`: columns beside a head differ from the head. `journal`: journal entries are missing or too many.
            `tooNew`: a newer adjourn wrote the run. `noRun`: journal entries belong to no run.
        run_id: the run; None: the whole store.
        message: what was found and what was expected, for people.
    """

    kind: FaultKind
    run_id: str | None
    message: str


class HeadRow(msgspec.Struct, frozen=True):
    """The row of a head.

    Attributes:
        id: the run's id.
        columns: those other columns that must equal the head's fields of these names.
        entries: how many entries its journal should have.
        data: the encoded head.
    """

    id: str
    columns: Mapping[str, Any]
    entries: int
    data: bytes


class JournalRow(msgspec.Struct, frozen=True):
    """The row of a journal entry: its place from 0, its schema version, and the encoded entry."""

    n: int
    schema_version: int
    data: bytes


class Rows(Protocol):
    """Reads the rows of a store, in one state of the store, without changing it."""

    async def damage(self) -> Sequence[str]:
        """Return what the database itself says is damaged."""
        ...

    async def heads(self) -> Sequence[HeadRow]:
        """Return the next rows of heads; none after the last."""
        ...

    async def journal(self, run_id: str, start: int) -> Sequence[JournalRow]:
        """Return the first rows of a run's journal with `n` >= `start`, in order; none after the last."""
        ...

    async def runless(self) -> Mapping[str, int]:
        """Return how many journal entries there are without a head, by run; of some runs, if there are many."""
        ...


async def check_rows(rows: Rows, tell: Callable[[Fault], None], progress: Callable[[int], None] | None = None) -> int:
    """Check all rows. Calls `tell` with each fault as it is found, and `progress` after each page of runs. Memory is
    bounded.

    Args:
        progress: called with the number of runs checked so far.

    Returns: the number of runs.
    """
    for text in await rows.damage():
        tell(Fault("file", None, text))
    runs = 0
    while batch := await rows.heads():
        runs += len(batch)
        for row in batch:
            for fault in head_faults(row):
                tell(fault)
            await _check_journal(rows, row, tell)
        if progress is not None:
            progress(runs)
    for run_id, count in (await rows.runless()).items():
        tell(Fault("noRun", None, f"{count} journal entries belong to run {run_id}, which does not exist"))
    return runs


def head_faults(row: HeadRow) -> list[Fault]:
    """Return what is wrong with the row of a head."""
    try:
        head = decode_head(row.data)
    except RecordTooNew as error:
        return [Fault("tooNew", row.id, error.message)]
    except StoreCorrupt as error:
        return [Fault("head", row.id, error.message)]
    return [
        Fault("columns", row.id, f"column {name} is {found!r}, in the head it is {getattr(head, name)!r}")
        for name, found in ({"id": row.id} | dict(row.columns)).items()
        if found != getattr(head, name)
    ]


async def _check_journal(rows: Rows, head: HeadRow, tell: Callable[[Fault], None]) -> None:
    gap: int | None = None  # the number of the first missing entry
    next_n = count = 0
    while batch := await rows.journal(head.id, next_n):
        count += len(batch)
        for row in batch:
            if row.n > next_n and gap is None:
                gap = next_n
            next_n = row.n + 1
            if fault := _entry_fault(head.id, row):
                tell(fault)
    if gap is None and next_n == head.entries:
        return
    first = min(next_n if gap is None else gap, head.entries)
    what = "missing" if first < head.entries else "too many"
    text = f"its journal should have {head.entries} entries and has {count}; the first one {what} is number {first}"
    tell(Fault("journal", head.id, text))


def _entry_fault(run_id: str, row: JournalRow) -> Fault | None:
    try:
        decode_entry(row.data, row.schema_version)
    except RecordTooNew as error:
        return Fault("tooNew", run_id, f"journal entry {row.n}: {error.message}")
    except StoreCorrupt as error:
        return Fault("entry", run_id, f"journal entry {row.n}: {error.message}")
    return None
