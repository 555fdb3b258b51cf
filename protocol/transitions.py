"""What goes into the run's state machine and what comes out. Data only; the rules are in `machine`.

Every input may be repeated: one that finds nothing to do gives a transition without a save.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from .errors import AdjournError
from .events import Event, Status
from .limits import RunLimits
from .messages import AssistantMessage, Message, Usage, UserBlock
from .record import Entry, Head, Spec

__all__ = [
    "Abort",
    "Begin",
    "ClaimCall",
    "ClientResult",
    "Decide",
    "Decline",
    "Effect",
    "Input",
    "ModelDone",
    "ModelRefused",
    "Recover",
    "Reply",
    "Reserve",
    "StartModel",
    "StartTool",
    "Stop",
    "Stopped",
    "Tick",
    "ToolDone",
    "Transition",
    "UnclaimCall",
]


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """A run begins. `nonce` is random hex; `epoch` the store owner's; `seq` the number before that of the first event;
    the rest as in `Head`."""

    run_id: str
    nonce: str
    spec: Spec
    input: tuple[Message, ...]
    metadata: dict[str, Any] = {}
    limits: RunLimits | None = None
    owner: str | None = None
    start_digest: str = ""
    spec_digest: str = ""
    epoch: int = 0
    seq: int = 0


# From the run's own effects.


class ModelDone(msgspec.Struct, frozen=True, kw_only=True):
    """The model call `key` is over. `gates`: what `decision_when` said, by content index; absent, the gate closes."""

    key: str
    message: AssistantMessage
    gates: Mapping[int, bool] = {}


class ModelRefused(msgspec.Struct, frozen=True, kw_only=True):
    """The model call `key` is not made, or nothing may follow from its `answer`: the run ends as failed."""

    key: str
    reason: str  # as in `AgentEnd`
    message: str  # for people
    answer: AssistantMessage | None = None  # what the model had said by then, whole: it is kept, and its usage counts
    usage: Usage = Usage()  # of attempts that have left no answer


class ToolDone(msgspec.Struct, frozen=True, kw_only=True):
    """A tool has executed."""

    tool_call_id: str
    content: tuple[UserBlock, ...]
    details: Any = None
    is_error: bool = False


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """All that `Stop` asked to end has ended, or was left behind. `partial`: what the model had said so far."""

    partial: AssistantMessage | None = None


# From outside.


class Decide(msgspec.Struct, frozen=True, kw_only=True):
    """A decision. `digest`: the digest of the arguments that the decider was shown; None: not checked."""

    decision: Any
    tool_call_id: str | None = None
    by: str | None = None
    digest: str | None = None
    arguments: dict[str, Any] | None = None  # edited: executed in place of the model's; then `digest` is required


class Decline(msgspec.Struct, frozen=True, kw_only=True):
    """A no, under any schema."""

    tool_call_id: str | None = None
    by: str | None = None
    reason: str | None = None


class ClaimCall(msgspec.Struct, frozen=True, kw_only=True):
    """A client wants to execute a call that is offered. `digest` is that of the token it will be given: a client that
    claims again with the same token still has its claim."""

    tool_call_id: str
    digest: str
    by: str | None = None


class UnclaimCall(msgspec.Struct, frozen=True, kw_only=True):
    """A client gives a claimed call back, not executed. `digest` is that of its claim's token."""

    tool_call_id: str
    digest: str
    by: str | None = None


class ClientResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a claimed call. `digest` is that of its claim's token."""

    tool_call_id: str
    digest: str
    content: tuple[UserBlock, ...]
    details: Any = None
    is_error: bool = False
    by: str | None = None


class Abort(msgspec.Struct, frozen=True, kw_only=True):
    """Stop for good."""

    by: str | None = None
    reason: str = "aborted"


# From the clock and the process.


class Tick(msgspec.Struct, frozen=True):
    """Time has passed."""


class Recover(msgspec.Struct, frozen=True, kw_only=True):
    """The record was loaded after its process or its actor died. `error`: what the actor died of, if known.

    `charged`: whether this counts against a run whose tool was executing then. An orderly stop is not charged.
    """

    error: str | None = None
    charged: bool = True


class Reserve(msgspec.Struct, frozen=True):
    """The reserved sequence numbers are nearly used up."""


Input = (
    ModelDone
    | ModelRefused
    | ToolDone
    | Stopped
    | Decide
    | Decline
    | ClaimCall
    | UnclaimCall
    | ClientResult
    | Abort
    | Tick
    | Recover
    | Reserve
)


class StartModel(msgspec.Struct, frozen=True):
    """Ask the model with the transcript as it is; its answer comes as `ModelDone(key)`."""

    key: str


class StartTool(msgspec.Struct, frozen=True):
    """Execute an open call; its result comes as `ToolDone`."""

    tool_call_id: str


class Stop(msgspec.Struct, frozen=True):
    """Cancel all that is under way, then say `Stopped`."""


Effect = StartModel | StartTool | Stop


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the sender of an input is told, once it is saved."""

    seq: int
    status: Status
    tool_call_id: str | None = None


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """What an input does. Carried out in this order: save, adopt and publish, reply, effects.

    Without a `head` nothing is saved, nothing published and nothing started: there is but a reply.
    """

    head: Head | None = None
    append: tuple[Entry, ...] = ()
    events: tuple[Event, ...] = ()  # numbered upward to head.seq
    reply: Reply | AdjournError | None = None
    effects: tuple[Effect, ...] = ()
