"""The inputs and outputs of the run's state machine. Data only; the rules are in `machine`.

Every input may be repeated: an input without effect gives a transition without a save.
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
    """A run begins. The other fields are as in `Head`."""

    run_id: str
    nonce: str  # random, hex
    spec: Spec
    input: tuple[Message, ...]
    metadata: dict[str, Any] = {}
    limits: RunLimits | None = None
    owner: str | None = None
    start_digest: str = ""
    spec_digest: str = ""
    epoch: int = 0  # of the store's owner
    seq: int = 0  # one less than the sequence number of the first event


# From the run's own effects.


class ModelDone(msgspec.Struct, frozen=True, kw_only=True):
    """The model call `key` is over."""

    key: str
    message: AssistantMessage
    gates: Mapping[int, bool] = {}  # what `decision_when` returned, by content index; missing: a decision is needed


class ModelRefused(msgspec.Struct, frozen=True, kw_only=True):
    """The runtime or a middleware refused the model call `key`, or its `answer`: the run fails."""

    key: str
    reason: str  # as in `AgentEnd`
    message: str  # for people
    answer: AssistantMessage | None = None  # the model's whole answer, if any: it is kept, and its usage counts
    usage: Usage = Usage()  # of attempts without an answer


class ToolDone(msgspec.Struct, frozen=True, kw_only=True):
    """A tool has executed."""

    tool_call_id: str
    content: tuple[UserBlock, ...]
    details: Any = None
    is_error: bool = False


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `Stop` cancelled has ended, or was abandoned."""

    partial: AssistantMessage | None = None  # the model's message so far


# From outside.


class Decide(msgspec.Struct, frozen=True, kw_only=True):
    """A decision about a gated call."""

    decision: Any
    tool_call_id: str | None = None
    by: str | None = None
    digest: str | None = None  # of the arguments that were shown for the decision; None: not checked
    arguments: dict[str, Any] | None = None  # edited: executed in place of the model's; then `digest` is required


class Decline(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal of a call, possible under any decision schema."""

    tool_call_id: str | None = None
    by: str | None = None
    reason: str | None = None


class ClaimCall(msgspec.Struct, frozen=True, kw_only=True):
    """A client wants to execute an offered call. A client that claims again with the same token keeps its claim."""

    tool_call_id: str
    digest: str  # of the claim's token
    by: str | None = None


class UnclaimCall(msgspec.Struct, frozen=True, kw_only=True):
    """A client gives back a claimed call without having executed it."""

    tool_call_id: str
    digest: str  # of the claim's token
    by: str | None = None


class ClientResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a claimed call."""

    tool_call_id: str
    digest: str  # of the claim's token
    content: tuple[UserBlock, ...]
    details: Any = None
    is_error: bool = False
    by: str | None = None


class Abort(msgspec.Struct, frozen=True, kw_only=True):
    """A request to abort the run."""

    by: str | None = None
    reason: str = "aborted"
    partial: AssistantMessage | None = None  # the model's message so far, if its call can be cancelled without waiting


# From the clock and the process.


class Tick(msgspec.Struct, frozen=True):
    """Time has passed."""


class Recover(msgspec.Struct, frozen=True, kw_only=True):
    """The record was loaded after the run's process or actor died."""

    error: str | None = None  # the exception that ended the actor; None: unknown
    charged: bool = True  # counts as a crash if a tool was executing; False after an orderly stop


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
    """Call the model with the current transcript; its answer comes as `ModelDone(key)`."""

    key: str


class StartTool(msgspec.Struct, frozen=True):
    """Execute an open call; its result comes as `ToolDone`."""

    tool_call_id: str


class Stop(msgspec.Struct, frozen=True):
    """Cancel everything that is under way, then send `Stopped`."""


Effect = StartModel | StartTool | Stop


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to the sender of an input, sent once the step is saved."""

    seq: int
    status: Status
    tool_call_id: str | None = None


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """What an input causes, to be carried out in this order: save, adopt and publish, reply, effects.

    Without a `head` nothing is saved, published or started; only `reply` may be set.
    """

    head: Head | None = None
    append: tuple[Entry, ...] = ()
    events: tuple[Event, ...] = ()  # numbered upward to head.seq
    reply: Reply | AdjournError | None = None
    effects: tuple[Effect, ...] = ()
    executes: bool = False  # it decides or starts calls, so today's code must be able to execute them
