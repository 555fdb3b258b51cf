"""The summary of a run: what lists of runs and the tree of actors show of it. Pure."""

from typing import Literal

from .events import Status
from .messages import Wire, shown
from .record import FINAL, Call, Head

__all__ = ["MAX_LISTED_CALLS", "RunSummary", "WaitingCall", "run_summary"]

MAX_LISTED_CALLS = 16


class WaitingCall(Wire, frozen=True):
    """A waiting call, in a list of runs.

    Attributes:
        tool_call_id: the tool call's id.
        tool_name: the tool's name.
        kind: what it waits for: a `decision`, or a `client` that executes it.
        since: when it began to wait, in milliseconds since the epoch.
        due_at: when the wait, or the claim, expires, in milliseconds since the epoch. None: with the run.
    """

    tool_call_id: str
    tool_name: str
    kind: Literal["decision", "client"]
    since: int | None = None
    due_at: int | None = None


class RunSummary(Wire, frozen=True):
    """A run in a list. Also the params of run.changed, where `deleted` may be set.

    Attributes:
        run_id: the run's id.
        agent: the agent's name.
        status: the run's status.
        created_at: when the run began, in milliseconds since the epoch.
        updated_at: when it was last saved, in milliseconds since the epoch.
        seq: the number of the last event that is saved.
        title: the first words of the last user message, in one line of at most 100 characters.
        pending: how many calls wait for a decision or a client.
        calls: the first of these calls, at most 16.
        waiting_since: since when a call has waited for a decision, in milliseconds since the epoch. None: no call
            waits.
        due_at: when the first of these waits expires, in milliseconds since the epoch.
        expires_at: when a paused run is aborted, or an ended one deleted, in milliseconds since the epoch. None:
            never.
        started_by: name of the principal that started the run, where that is known.
        stranded: True: the code that the run needs is not loaded.
        deleted: True: the run is deleted, or no longer matches the list.
    """

    run_id: str
    agent: str
    status: Status
    created_at: int
    updated_at: int
    seq: int
    title: str | None = None
    pending: int = shown(0)
    calls: tuple[WaitingCall, ...] = ()
    waiting_since: int | None = None
    due_at: int | None = None
    expires_at: int | None = None
    started_by: str | None = None
    stranded: bool = shown(False)
    deleted: bool = False


def run_summary(head: Head, *, stranded: bool, deleted: bool = False) -> RunSummary:
    """Returns the run's summary for lists. `stranded`: the run can't go on in this server."""
    waiting = () if head.status in FINAL else tuple(call for call in head.calls if _waits(call))
    return RunSummary(
        run_id=head.id,
        agent=head.agent,
        status=head.status,
        created_at=head.created_at,
        updated_at=head.updated_at,
        seq=head.seq,
        title=head.title,
        pending=len(waiting),
        calls=tuple(map(_waiting_call, waiting[:MAX_LISTED_CALLS])),
        waiting_since=head.waiting_since,
        due_at=min((call.due_at for call in waiting if call.due_at is not None), default=None),
        expires_at=head.expires_at,
        started_by=head.owner,
        stranded=stranded,
        deleted=deleted,
    )


def _waits(call: Call) -> bool:
    return call.phase in ("gated", "offered") or call.claim is not None


def _waiting_call(call: Call) -> WaitingCall:
    return WaitingCall(
        tool_call_id=call.id,
        tool_name=call.name,
        kind="decision" if call.phase == "gated" else "client",
        since=call.since,
        due_at=call.due_at,
    )
