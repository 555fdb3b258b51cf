"""The record of a run: a small head, rewritten at each save, and a journal that only grows. Data and migrations only.

Head and journal are everything: from them a run goes on in any process. A call's arguments stand in the journal's
assistant message and its result in a `ResultEntry`. The head has the phases of the calls that wait for the outside or
execute. So a save costs what is new, however many calls a turn has.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from .codec import ENCODER_JSON
from .errors import RecordTooNew, StoreCorrupt
from .events import ErrorInfo, Outcome, Status
from .limits import Limits, RunLimits
from .messages import AssistantMessage, Message, ModelDescriptor, ToolCall, ToolResultMessage, Usage, Wire, shown
from .misspelt import NamesOptions
from .options import ModelOptions

__all__ = [
    "FINAL",
    "MIGRATIONS",
    "SCHEMA_VERSION",
    "AbortRequest",
    "Call",
    "Claim",
    "DecisionEntry",
    "Entry",
    "Head",
    "History",
    "InputEntry",
    "Limits",
    "MessageEntry",
    "Migration",
    "OnExpiry",
    "Phase",
    "Record",
    "ResultEntry",
    "RunLimits",
    "Spec",
    "SpecEntry",
    "ToolSpec",
    "calls_from",
    "decode_entry",
    "decode_head",
    "encode_entry",
    "encode_head",
]

SCHEMA_VERSION = 4
MAX_SPECS = 64  # specs whose encoding is kept

Phase = Literal["gated", "offered", "ready", "started"]
FINAL: frozenset[str] = frozenset({"completed", "failed", "aborted"})


# The spec: what was agreed at begin. Today's code adds only `execute` and middleware.


class OnExpiry(Wire, frozen=True, metaclass=NamesOptions):
    """What becomes of a gated call that nobody decided in time.

    Attributes:
        action: `error`: the call gets an error result. `decide`: the `decision` is taken. `abort`: the run ends.
        decision: the default decision, for `decide`; valid under the tool's decision schema.
    """

    action: Literal["error", "decide", "abort"] = shown("error")
    decision: Any = None


class ToolSpec(Wire, frozen=True):
    """A tool as the model and the deciders see it."""

    name: str
    description: str  # for the model
    parameters: dict[str, Any]  # JSON Schema of the arguments
    decision: dict[str, Any] | None = None  # JSON Schema of the decision: the tool is gated
    approval: bool = False  # the decision is {approved, reason?}; a no is a decline
    editable: bool | tuple[str, ...] = False  # which arguments a decision may change
    runs: Literal["server", "client"] = "server"
    idempotent: bool = False  # may execute again after a crash
    decision_timeout_s: float | None = None  # how long a gate waits; None: while the run may wait
    on_expiry: OnExpiry = OnExpiry()
    client_timeout_s: float | None = None  # how long a claim holds; None: while the run may wait


class Spec(Wire, frozen=True):
    """The agent as it was when the run began."""

    agent: str  # its name
    model: ModelDescriptor
    instructions: str = ""  # the system prompt
    tools: tuple[ToolSpec, ...] = ()
    limits: Limits = Limits()
    options: ModelOptions = ModelOptions()  # without headers


# The head.


class Claim(Wire, frozen=True):
    """Who has taken a client-side call."""

    digest: str  # SHA-256 of the token, hex: the token itself is never stored
    by: str | None = None  # who, where that is known


class Call(Wire, frozen=True):
    """A call of the current turn that has no result yet, where it stands."""

    id: str
    name: str  # of the tool
    index: int  # of its block in the turn's assistant message
    phase: Phase
    due_at: int | None = None  # ms: when the wait for a decision, or the claim, expires
    claim: Claim | None = None  # of a client that executes it
    args_digest: str = ""  # of a gated call: of the arguments that deciders are shown
    since: int | None = None  # ms: when the call began to wait for a decision or a client

    @property
    def executing(self) -> bool:
        """Whether a tool executes it here, not a client elsewhere."""
        return self.phase == "started" and self.claim is None


class AbortRequest(Wire, frozen=True):
    """Somebody wants the run to end; from here on it does nothing else."""

    at: int  # ms
    by: str | None = None  # who, where that is known
    reason: str = shown("aborted")  # becomes that of the run's end


class Head(Wire, frozen=True):
    """The state of a run, but for what the journal has."""

    id: str
    status: Status
    agent: str  # its name
    nonce: str  # random, from begin: makes tool call ids unique for ever
    schema_version: int = shown(SCHEMA_VERSION)
    version: int = shown(0)  # grows by one at each save
    epoch: int = shown(0)  # of the owner that saved it
    turn: int = shown(0)  # from 1: how often the model has been asked
    model_call: str | None = None  # the model call under way, if any
    # Calls of the turn under way that were gated, offered or started, and have no result yet; in the model's order. The
    # turn's other calls without a result wait for a free slot.
    calls: tuple[Call, ...] = ()
    ready_from: int = 0  # index in the turn's assistant message: none of those other calls stands before it
    gated: int = shown(0)  # how many calls have ever been gated
    sole_gated: str | None = None  # the first of them
    seq: int = shown(0)  # of the last event that this save covers
    seq_ceiling: int = shown(0)  # no event beyond it was shown before the next save
    next_due: int | None = None  # ms: when the sweeper must look at it
    waiting_since: int | None = None  # ms: since when a call has waited for a decision; None: none does
    expires_at: int | None = None  # ms: end of the TTL while paused, of retention when over
    recoveries: int = 0  # since the last progress
    usage: Usage = shown(Usage())  # of all turns so far
    metadata: dict[str, Any] = {}  # the starter's own
    limits: RunLimits | None = None  # the starter's own; None: the spec's alone
    title: str | None = None  # the first words of the last user message; None: it has no text, or the head is older
    owner: str | None = None  # the principal that started it
    spec_digest: str = ""  # of the recorded spec; empty in heads that were written before it was kept
    start_digest: str = shown("")  # of principal, agent and input
    abort: AbortRequest | None = None
    reason: str | None = None  # how it ended, as in `AgentEnd`
    error: ErrorInfo | None = None  # of a failed run
    end_seq: int | None = None  # of agent_end
    created_at: int = shown(0)  # ms, set once
    updated_at: int = shown(0)  # ms


# The journal. Entries are never changed; the first is always the spec, the second the input.


class SpecEntry(Wire, frozen=True, tag="spec", tag_field="kind"):
    """What was agreed at begin."""

    spec: Spec


class InputEntry(Wire, frozen=True, tag="input", tag_field="kind"):
    """What the caller passed in."""

    messages: tuple[Message, ...]  # open tool calls closed
    at: int  # ms


class MessageEntry(Wire, frozen=True, tag="message", tag_field="kind"):
    """The model's message of a turn."""

    message: AssistantMessage


class DecisionEntry(Wire, frozen=True, tag="decision", tag_field="kind"):
    """How a gate was settled: who, when, what, and on which arguments. With a `digest` the call may execute, be that
    by somebody's decision or, `expired`, by the tool's default; without one it never will, and `reason` says why."""

    tool_call_id: str
    outcome: Outcome
    at: int  # ms
    args_digest: str  # of the arguments that deciders were shown
    by: str | None = None  # who decided or declined, where that is known
    decision: Any = None
    digest: str | None = None  # of the decision
    reason: str | None = None  # the decliner's own, or ours
    arguments: dict[str, Any] | None = None  # the decider's own, which are executed in place of the model's
    arguments_digest: str | None = None  # of these


class ResultEntry(Wire, frozen=True, tag="result", tag_field="kind"):
    """The one result of a call."""

    message: ToolResultMessage
    claim_digest: str | None = None  # of the token that a client's result came with
    by: str | None = None  # the client, or who declined the call after its gate; where that is known
    declined: bool = False  # the call was taken back from the clients that it was offered to


Entry = SpecEntry | InputEntry | MessageEntry | DecisionEntry | ResultEntry


class Record(Wire, frozen=True):
    """All of a run."""

    head: Head
    journal: tuple[Entry, ...]


class History:
    """The journal, folded: what the machine and the model need to know of it. It grows by `extend` and never forgets.

    Tool results enter `messages` when the last of their turn is there, in the order of the calls.
    """

    __slots__ = (
        "decisions",
        "input",
        "messages",
        "open_calls",
        "results",
        "spec",
        "tools",
        "turn_calls",
        "turn_message",
        "turn_results",
    )

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.spec: Spec
        self.tools: dict[str, ToolSpec] = {}
        self.input: tuple[Message, ...] = ()
        self.messages: list[Message] = []
        self.decisions: dict[str, DecisionEntry] = {}
        self.results: dict[str, ResultEntry] = {}
        self.turn_message: AssistantMessage | None = None  # of the latest turn
        self.turn_calls: list[ToolCall] = []  # in it
        self.open_calls = 0  # how many of these have no result yet
        self.turn_results: dict[str, ToolResultMessage] = {}  # of the latest turn, as they came
        self.extend(entries)

    def extend(self, entries: Iterable[Entry]) -> None:
        """Take in what a save appended."""
        for entry in entries:
            if type(entry) is MessageEntry:
                self.turn_message = entry.message
                self.turn_calls = entry.message.calls
                self.open_calls = len(self.turn_calls)
                self.turn_results = {}
                self.messages.append(entry.message)
            elif type(entry) is ResultEntry:
                self._result(entry)
            elif type(entry) is DecisionEntry:
                self.decisions[entry.tool_call_id] = entry
            elif type(entry) is SpecEntry:
                self.share(entry.spec)
            elif type(entry) is InputEntry:
                self.input = entry.messages
                self.messages.extend(entry.messages)

    def share(self, spec: Spec) -> None:
        """Refer to a spec that others have too, in place of an equal one that only this journal has."""
        self.spec = spec
        self.tools = {tool.name: tool for tool in spec.tools}

    def _result(self, entry: ResultEntry) -> None:
        self.results[entry.message.tool_call_id] = entry
        self.turn_results[entry.message.tool_call_id] = entry.message
        self.open_calls = len(self.turn_calls) - len(self.turn_results)
        if not self.open_calls:
            self.messages.extend(self.turn_results[call.id] for call in self.turn_calls)

    @property
    def turn_is_over(self) -> bool:
        """Whether every call of the latest turn has its result."""
        return not self.open_calls

    def ready_calls(self, head: Head) -> Iterator[Call]:
        """The calls that wait for a free slot and that the head does not list, in the model's order."""
        listed = {call.id for call in head.calls}
        if self.turn_message is not None and self.open_calls > len(listed):
            for call in calls_from(self.turn_message, head.ready_from):
                if call.id not in listed and call.id not in self.turn_results:
                    yield call

    def tool_call(self, call: Call) -> ToolCall:
        """The model's own block behind an open call."""
        assert self.turn_message is not None
        block = self.turn_message.content[call.index]
        assert isinstance(block, ToolCall)
        return block

    def arguments(self, call: Call) -> dict[str, Any]:
        """What an open call executes with: the decider's arguments, if they were edited, else the model's."""
        entry = self.decisions.get(call.id)
        if entry is not None and entry.arguments is not None:
            return entry.arguments
        return self.tool_call(call).arguments


def calls_from(message: AssistantMessage, start: int) -> Iterator[Call]:
    """Give the calls of `message` from content index `start` on, each as it is before anything has become of it."""
    for index in range(start, len(message.content)):
        block = message.content[index]
        if type(block) is ToolCall:
            yield Call(id=block.id, name=block.name, index=index, phase="ready")


# Writing and reading, also what was written long ago. An entry is stored with the schema version of its time, for a
# journal may have been written by several.


@dataclass(frozen=True)
class Migration:
    """From one schema version to the next, on plain data. Kept for ever."""

    head: Callable[[dict[str, Any]], dict[str, Any]]
    entry: Callable[[dict[str, Any]], dict[str, Any]]


def _since(head: dict[str, Any]) -> dict[str, Any]:
    """Version 2 keeps when a wait began. Older heads say only when they were saved last: it began then, or earlier."""
    saved = head.get("updatedAt", 0)
    calls = [
        {**call, "since": saved} if call.get("phase") in ("gated", "offered") or call.get("claim") else call
        for call in head.get("calls", ())
    ]
    waits = any(call.get("phase") == "gated" for call in calls)
    return {**head, "calls": calls, **({"waitingSince": saved} if waits else {})}


def _open_calls(head: dict[str, Any]) -> dict[str, Any]:
    """Version 4 lists no calls that have their result. Calls that wait for a slot may stay listed."""
    return {**head, "calls": [call for call in head.get("calls", ()) if call.get("phase") != "done"]}


def _same(plain: dict[str, Any]) -> dict[str, Any]:
    return plain


# MIGRATIONS[n] leads from schema version n to n + 1.
MIGRATIONS: dict[int, Migration] = {
    1: Migration(head=_since, entry=_same),
    2: Migration(head=_same, entry=_same),  # version 3 has titles
    3: Migration(head=_open_calls, entry=_same),  # entries of version 4 have opaque blocks, citations, more of usage
}

_HEAD = msgspec.json.Decoder(Head)
_ENTRY: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)
_PLAIN: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


class _Peek(Wire, frozen=True):
    schema_version: int


_PEEK = msgspec.json.Decoder(_Peek)
_SPECS: dict[int, tuple[Spec, bytes]] = {}  # by id
# What decoders, and migrations of damaged data, raise. Ours, RecordTooNew among them, are none of these.
_UNREADABLE = (msgspec.MsgspecError, LookupError, TypeError, ValueError, RecursionError)


def encode_head(head: Head) -> bytes:
    """The head as JSON."""
    return ENCODER_JSON.encode(head)


def encode_entry(entry: Entry) -> bytes:
    """A journal entry as JSON, in the current schema version."""
    return _encode_spec(entry) if type(entry) is SpecEntry else ENCODER_JSON.encode(entry)


def _encode_spec(entry: SpecEntry) -> bytes:
    """A spec is encoded once: all runs of an agent begin with the same object."""
    known = _SPECS.get(id(entry.spec))
    if known is None:
        if len(_SPECS) >= MAX_SPECS:
            _SPECS.clear()
        # The spec is kept beside its bytes, so that no other object gets its id.
        known = _SPECS[id(entry.spec)] = (entry.spec, ENCODER_JSON.encode(entry))
    return known[1]


def decode_head(data: bytes, migrations: Mapping[int, Migration] = MIGRATIONS, current: int = SCHEMA_VERSION) -> Head:
    """A head from JSON, migrated to the current schema version.

    Raises:
        RecordTooNew: a newer adjourn wrote it.
        StoreCorrupt: it can't be read.
    """
    try:
        version = _PEEK.decode(data).schema_version
        steps = _path(version, migrations, current)
        if not steps:
            return _HEAD.decode(data)
        plain = _PLAIN.decode(data)
        for step in steps:
            plain = step.head(plain)
        return msgspec.convert({**plain, "schemaVersion": current}, Head)
    except _UNREADABLE as error:
        raise StoreCorrupt(f"a run's head can't be read: {error}") from error


def decode_entry(
    data: bytes, version: int, migrations: Mapping[int, Migration] = MIGRATIONS, current: int = SCHEMA_VERSION
) -> Entry:
    """A journal entry from JSON of schema version `version`, migrated to the current one. Raises as `decode_head`."""
    try:
        steps = _path(version, migrations, current)
        if not steps:
            return _ENTRY.decode(data)
        plain = _PLAIN.decode(data)
        for step in steps:
            plain = step.entry(plain)
        return msgspec.convert(plain, Entry)  # pyright: ignore[reportArgumentType, reportReturnType, reportCallIssue]
    except _UNREADABLE as error:
        raise StoreCorrupt(f"a journal entry can't be read: {error}") from error


def _path(version: int, migrations: Mapping[int, Migration], current: int) -> list[Migration]:
    if version > current:
        raise RecordTooNew(f"the record has schema version {version}; this adjourn reads up to {current}")
    missing = [n for n in range(version, current) if n not in migrations]
    if missing:
        raise StoreCorrupt(f"the record has schema version {version}, which never was")
    return [migrations[n] for n in range(version, current)]
