"""Prints lists of runs: in a pipe a table for programs, on a terminal one or two lines for each run."""

import time
from collections.abc import Sequence
from datetime import datetime

from ...protocol.firstwords import first_words
from ...protocol.methods import RunSummary
from .durations import ago_text, moment_text
from .screen import Screen, clean

__all__ = ["HEADER", "now", "short_id", "show_run", "show_runs"]

HEADER = f"{'RUN':32}  {'AGENT':12}  {'STATUS':9}  {'CHANGED':11}  {'ABOUT':30}  WAITING FOR"
SHORT_CHARS = 8  # least length of a shortened id on a terminal
ABOUT_CHARS = 100


def show_runs(screen: Screen, runs: Sequence[RunSummary], *, is_filtered: bool = False) -> None:
    """Prints a list of runs. A terminal gets the shortest ids that are unique in this list."""
    if not runs:
        screen.line("No runs match." if is_filtered else "There are no runs.")
        return
    if screen.width is None:
        screen.line(HEADER)
    for run in runs:
        show_run(screen, run, [each.run_id for each in runs])


def show_run(screen: Screen, run: RunSummary, ids: Sequence[str] = ()) -> None:
    """Prints a run of a list: a table row, or on a terminal an entry with an id that is unique among `ids`."""
    if screen.width is None:
        screen.line(_row(run))
    else:
        _show_entry(screen, run, short_id(run.run_id, ids))


def short_id(run_id: str, ids: Sequence[str]) -> str:
    """Returns the shortest prefix of an id, at least 8 characters, that no other id in `ids` begins with."""
    others = [other for other in ids if other != run_id]
    lengths = range(SHORT_CHARS, len(run_id))
    return next((run_id[:n] for n in lengths if not any(other.startswith(run_id[:n]) for other in others)), run_id)


def _row(run: RunSummary) -> str:
    title = first_words(clean(run.title or ""), 30)
    changed = _stamp(run.updated_at)
    since = "" if run.waiting_since is None else f" since {_stamp(run.waiting_since)}"
    row = f"{run.run_id:32}  {run.agent:12}  {_status(run):9}  {changed:11}  {title:30}  {_waits(run, since)}"
    return row.rstrip()


def now() -> int:
    """Returns the current time in ms since the epoch."""
    return int(time.time() * 1000)


def _show_entry(screen: Screen, run: RunSummary, short: str) -> None:
    changed = f"{ago_text(run.updated_at, now())} ago"
    about = first_words(clean(run.title or ""), ABOUT_CHARS)
    screen.hang(clean(f"{short}  {run.agent}  {_status(run)}  {changed}  {about}".rstrip()), 4)
    if run.calls:
        since = "" if run.waiting_since is None else f" {ago_text(run.waiting_since, now())}"
        screen.hang(clean(f"    waiting{since}: {_waits(run)}"), 6, "yellow")


def _status(run: RunSummary) -> str:
    return "deleted" if run.deleted else "stranded" if run.stranded else run.status


def _waits(run: RunSummary, since: str = "") -> str:
    """Returns which tools wait, since when, and until when."""
    names = ", ".join(dict.fromkeys(call.tool_name for call in run.calls))
    more = f" and {run.pending - len(run.calls)} more" if run.pending > len(run.calls) else ""
    until = "" if run.due_at is None else f", expires {moment_text(run.due_at, now())}"
    return f"{names}{more}{since}{until}"


def _stamp(at: int) -> str:
    return datetime.fromtimestamp(at / 1000).strftime("%m-%d %H:%M")
