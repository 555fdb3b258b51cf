"""The record of a run: a small head, rewritten at each save, and an append-only journal. Data and migrations only.

A run can continue in any process from its head and journal alone. The journal holds a call's arguments (in the
assistant message) and its result (in a `ResultEntry`). The head holds only the phases of the open calls. So the cost
of a save depends on what is new, not on the number of calls in a turn.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from .codec import encode_json
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
MAX_SPECS = 64  # specs whose encoded bytes are cached

Phase = Literal["gated", "offered", "ready", "started"]
FINAL: frozenset[str] = frozenset({"completed", "failed", "aborted"})


# The spec: the agent's declaration, recorded when the run begins. After a restart, only the tools' functions and the
# middleware come from the program.


class OnExpiry(Wire, frozen=True, metaclass=NamesOptions):
    """What happens to a gated call when its decision timeout expires.

    Attributes:
        action: `error`: the call gets an error result. `decide`: the default `decision` applies. `abort`: the run ends.
        decision: the default decision, for `decide`; valid under the tool's decision schema.
    """

    action: Literal["error", "decide", "abort"] = shown("error")
    decision: Any = None


class ToolSpec(Wire, frozen=True):
    """A tool as the model and the people who decide see it.

    Attributes:
        name: the tool's name.
        description: what it does, for the model.
        parameters: JSON Schema of the arguments.
        decision: JSON Schema of the decision. None: the tool is not gated.
        approval: True: the decision is `{approved, reason?}`, and a no is a decline.
        editable: the arguments that a decision may change, by name. True: all; False: none.
        runs: where it executes: `server`, or `client`: in a client that claims the call.
        idempotent: True: it may execute again after a crash.
        decision_timeout_s: seconds that a call waits for its decision. None: as long as the run may wait.
        on_expiry: what happens to a call that nobody decided in time.
        client_timeout_s: seconds that a client's claim holds. None: as long as the run may wait.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    decision: dict[str, Any] | None = None
    approval: bool = False
    editable: bool | tuple[str, ...] = False
    runs: Literal["server", "client"] = "server"
    idempotent: bool = False
    decision_timeout_s: float | None = None
    on_expiry: OnExpiry = OnExpiry()
    client_timeout_s: float | None = None


class Spec(Wire, frozen=True):
    """The agent as it was when the run began.

    Attributes:
        agent: the agent's name.
        model: the model, without headers.
        instructions: the system prompt.
        tools: the tools.
        limits: the agent's limits.
        options: how the model is asked, without headers.
    """

    agent: str
    model: ModelDescriptor
    instructions: str = ""
    tools: tuple[ToolSpec, ...] = ()
    limits: Limits = Limits()
    options: ModelOptions = ModelOptions()


# The head.


class Claim(Wire, frozen=True):
    """A client's claim of a client-side call.

    Attributes:
        digest: SHA-256 of the claim's token, hex. The token itself is never stored.
        by: name of the client's principal, where that is known.
    """

    digest: str
    by: str | None = None


class Call(Wire, frozen=True):
    """The state of an open call: a call of the current turn that has no result yet.

    Attributes:
        id: the tool call's id.
        name: the tool's name.
        index: the index of its block in the turn's assistant message.
        phase: where it stands.
        due_at: when the wait for a decision, or the claim, expires, in milliseconds since the epoch.
        claim: the claim of the client that executes it.
        args_digest: of a gated call: the digest of the arguments that deciders are shown.
        since: when it began to wait for a decision or a client, in milliseconds since the epoch.
    """

    id: str
    name: str
    index: int
    phase: Phase
    due_at: int | None = None
    claim: Claim | None = None
    args_digest: str = ""
    since: int | None = None

    @property
    def executing(self) -> bool:
        """Whether the call executes in this process, not in a client."""
        return self.phase == "started" and self.claim is None


class AbortRequest(Wire, frozen=True):
    """A request to abort the run. Once it is saved, the run only stops what is under way, then ends.

    Attributes:
        at: when it was made, in milliseconds since the epoch.
        by: name of the principal that made it, where that is known.
        reason: why. It becomes the `reason` of the run's end.
    """

    at: int
    by: str | None = None
    reason: str = shown("aborted")


class Head(Wire, frozen=True):
    """The state of a run, except what the journal holds.

    Attributes:
        id: the run's id.
        status: the run's status.
        agent: the agent's name.
        nonce: random text, made at begin: tool call ids are unique for ever because of it.
        schema_version: the version of the record's layout.
        version: grows by one at each save.
        epoch: the epoch of the store's owner that saved it.
        turn: how many turns have begun.
        model_call: key of the model call under way, if any.
        calls: the turn's calls that were gated, offered or started, and have no result yet, in the model's order.
            The turn's other calls without a result wait for a free slot.
        ready_from: an index in the turn's assistant message: none of those other calls stands before it.
        gated: how many calls have ever been gated.
        sole_gated: id of the first of them.
        seq: the number of the last event that this save covers.
        seq_ceiling: no event with a higher number was shown before the next save.
        next_due: when the sweeper must look at the run, in milliseconds since the epoch.
        waiting_since: since when a call has waited for a decision, in milliseconds since the epoch. None: no call
            waits.
        expires_at: when a paused run is aborted, or an ended one deleted, in milliseconds since the epoch. None:
            never.
        recoveries: how often the run was recovered since its last progress.
        usage: tokens and cost of all turns so far.
        metadata: the starter's own data.
        limits: limits of this run alone. None: the agent's.
        title: the first words of the last user message. None: it has no text, or an earlier version wrote the head.
        owner: name of the principal that started the run.
        spec_digest: digest of the recorded spec. Empty in heads of earlier versions.
        start_digest: digest of principal, agent and input.
        abort: the request to abort the run, if any.
        reason: why the run ended, as in `AgentEnd`.
        error: the error of a failed run.
        end_seq: the number of `agent_end`.
        created_at: when the run began, in milliseconds since the epoch.
        updated_at: when it was last saved, in milliseconds since the epoch.
    """

    id: str
    status: Status
    agent: str
    nonce: str
    schema_version: int = shown(SCHEMA_VERSION)
    version: int = shown(0)
    epoch: int = shown(0)
    turn: int = shown(0)
    model_call: str | None = None
    calls: tuple[Call, ...] = ()
    ready_from: int = 0
    gated: int = shown(0)
    sole_gated: str | None = None
    seq: int = shown(0)
    seq_ceiling: int = shown(0)
    next_due: int | None = None
    waiting_since: int | None = None
    expires_at: int | None = None
    recoveries: int = 0
    usage: Usage = shown(Usage())
    metadata: dict[str, Any] = {}
    limits: RunLimits | None = None
    title: str | None = None
    owner: str | None = None
    spec_digest: str = ""
    start_digest: str = shown("")
    abort: AbortRequest | None = None
    reason: str | None = None
    error: ErrorInfo | None = None
    end_seq: int | None = None
    created_at: int = shown(0)
    updated_at: int = shown(0)


# The journal. Entries never change. The first entry is the spec, the second the input.


class SpecEntry(Wire, frozen=True, tag="spec", tag_field="kind"):
    """The agent as it was when the run began.

    Attributes:
        spec: the spec.
    """

    spec: Spec


class InputEntry(Wire, frozen=True, tag="input", tag_field="kind"):
    """The messages that the run was started with.

    Attributes:
        messages: the messages. Tool calls that had no result have got one.
        at: when, in milliseconds since the epoch.
    """

    messages: tuple[Message, ...]
    at: int


class MessageEntry(Wire, frozen=True, tag="message", tag_field="kind"):
    """The model's message in a turn.

    Attributes:
        message: the message.
    """

    message: AssistantMessage


class DecisionEntry(Wire, frozen=True, tag="decision", tag_field="kind"):
    """The outcome of a gate: who decided what, when, and for which arguments.

    With a `digest` the call may execute: a decision was made, or the tool's default applied (`expired`). Without a
    `digest` the call never executes, and `reason` says why.

    Attributes:
        tool_call_id: the tool call's id.
        outcome: how the gate was settled.
        at: when, in milliseconds since the epoch.
        args_digest: digest of the arguments that deciders were shown.
        by: name of the principal that decided or declined, where that is known.
        decision: the decision.
        digest: digest of the decision.
        reason: why the call was declined, expired or aborted.
        arguments: the decider's arguments, executed in place of the model's.
        arguments_digest: digest of these arguments.
    """

    tool_call_id: str
    outcome: Outcome
    at: int
    args_digest: str
    by: str | None = None
    decision: Any = None
    digest: str | None = None
    reason: str | None = None
    arguments: dict[str, Any] | None = None
    arguments_digest: str | None = None


class ResultEntry(Wire, frozen=True, tag="result", tag_field="kind"):
    """The one result of a call.

    Attributes:
        message: the result.
        claim_digest: digest of the claim's token that a client's result came with.
        by: name of the client that executed the call, or of the principal that declined it after its gate, where
            that is known.
        declined: True: the call was taken back from the clients that it was offered to.
    """

    message: ToolResultMessage
    claim_digest: str | None = None
    by: str | None = None
    declined: bool = False


Entry = SpecEntry | InputEntry | MessageEntry | DecisionEntry | ResultEntry


class Record(Wire, frozen=True):
    """The whole stored state of a run.

    Attributes:
        head: the state.
        journal: the entries, oldest first.
    """

    head: Head
    journal: tuple[Entry, ...]


class History:
    """Holds what the state machine and the model need from the journal. `extend` adds new entries.

    The tool results of a turn enter `messages` together, in the order of the calls, once the turn's last result exists.

    Args:
        entries: the journal so far, oldest first.
    """

    __slots__ = (
        "decisions",
        "input",
        "messages",
        "open_calls",
        "results",
        "spec",
        "tools",
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
        self.turn_message: AssistantMessage | None = None  # the model's message in the latest turn
        self.open_calls = 0  # number of calls in `turn_message` without a result
        self.turn_results: dict[str, ToolResultMessage] = {}  # results of the latest turn, in order of arrival
        self.extend(entries)

    def extend(self, entries: Iterable[Entry]) -> None:
        """Add the entries that a save appended to the journal."""
        for entry in entries:
            if type(entry) is MessageEntry:
                self.turn_message = entry.message
                self.open_calls = len(entry.message.calls)
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
        """Replace the spec by an equal object that other runs use too, to save memory."""
        self.spec = spec
        self.tools = {}
        for tool in spec.tools:
            self.tools[tool.name] = tool

    def _result(self, entry: ResultEntry) -> None:
        message = entry.message
        key = message.tool_call_id
        self.results[key] = entry
        if key not in self.turn_results:
            self.open_calls -= 1
        self.turn_results[key] = message
        if not self.open_calls:
            assert self.turn_message is not None
            for block in self.turn_message.content:
                if type(block) is ToolCall:
                    self.messages.append(self.turn_results[block.id])

    @property
    def turn_calls(self) -> list[ToolCall]:
        """The calls in `turn_message`, in the model's order."""
        return [] if self.turn_message is None else self.turn_message.calls

    @property
    def turn_is_over(self) -> bool:
        """Whether every call of the latest turn has its result."""
        return not self.open_calls

    def ready_calls(self, head: Head) -> Iterator[Call]:
        """Yield the open calls that `head` does not list because they wait for a free slot, in the model's order."""
        listed = {call.id for call in head.calls}
        if self.turn_message is not None and self.open_calls > len(listed):
            for call in calls_from(self.turn_message, head.ready_from):
                if call.id not in listed and call.id not in self.turn_results:
                    yield call

    def tool_call(self, call: Call) -> ToolCall:
        """Return the content block in which the model made an open call."""
        assert self.turn_message is not None
        block = self.turn_message.content[call.index]
        assert isinstance(block, ToolCall)
        return block

    def arguments(self, call: Call) -> dict[str, Any]:
        """Return the arguments that an open call executes with: the edited ones, if any, else the model's."""
        entry = self.decisions.get(call.id)
        if entry is not None and entry.arguments is not None:
            return entry.arguments
        return self.tool_call(call).arguments


def calls_from(message: AssistantMessage, start: int) -> Iterator[Call]:
    """Yield the calls of `message` from content index `start` on, each in phase `ready`."""
    for index in range(start, len(message.content)):
        block = message.content[index]
        if type(block) is ToolCall:
            yield Call(id=block.id, name=block.name, index=index, phase="ready")


# Encoding and decoding, including data of earlier versions. The store keeps a schema version beside each entry, because
# several versions of adjourn may have written one journal.


@dataclass(frozen=True)
class Migration:
    """Migrates heads and entries, as plain data, from one schema version to the next. Never removed.

    Attributes:
        head: migrates a head.
        entry: migrates a journal entry.
    """

    head: Callable[[dict[str, Any]], dict[str, Any]]
    entry: Callable[[dict[str, Any]], dict[str, Any]]


def _since(head: dict[str, Any]) -> dict[str, Any]:
    """Add `since` and `waitingSince`, new in version 2. The last save is the best known start of a wait."""
    saved = head.get("updatedAt", 0)
    calls = [
        {**call, "since": saved} if call.get("phase") in ("gated", "offered") or call.get("claim") else call
        for call in head.get("calls", ())
    ]
    waits = any(call.get("phase") == "gated" for call in calls)
    return {**head, "calls": calls, **({"waitingSince": saved} if waits else {})}


def _open_calls(head: dict[str, Any]) -> dict[str, Any]:
    """Remove calls that have a result, which version 4 doesn't list. Calls that wait for a slot may stay listed."""
    return {**head, "calls": [call for call in head.get("calls", ()) if call.get("phase") != "done"]}


def _same(plain: dict[str, Any]) -> dict[str, Any]:
    return plain


# MIGRATIONS[n] leads from schema version n to n + 1.
MIGRATIONS: dict[int, Migration] = {
    1: Migration(head=_since, entry=_same),
    2: Migration(head=_same, entry=_same),  # version 3 added titles
    3: Migration(head=_open_calls, entry=_same),  # version 4 added opaque blocks, citations and usage fields to entries
}

_HEAD = msgspec.json.Decoder(Head)
_ENTRY: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)
_PLAIN: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


class _Peek(Wire, frozen=True):
    schema_version: int


_PEEK = msgspec.json.Decoder(_Peek)
_SPECS: dict[int, tuple[Spec, bytes]] = {}  # by `id()` of the spec
# Exceptions of the decoders, and of migrations that meet damaged data. No `AdjournError` is among them.
_UNREADABLE = (msgspec.MsgspecError, LookupError, TypeError, ValueError, RecursionError)


def encode_head(head: Head) -> bytes:
    """Return `head` as JSON."""
    return encode_json(head)


def encode_entry(entry: Entry) -> bytes:
    """Return a journal entry as JSON, in the current schema version."""
    return _encode_spec(entry) if type(entry) is SpecEntry else encode_json(entry)


def _encode_spec(entry: SpecEntry) -> bytes:
    """Return the entry's JSON, cached per spec: all runs of an agent begin with the same `Spec` object."""
    known = _SPECS.get(id(entry.spec))
    if known is None:
        if len(_SPECS) >= MAX_SPECS:
            _SPECS.clear()
        # The cache also keeps the spec itself, so that Python gives its `id()` to no other object.
        known = _SPECS[id(entry.spec)] = (entry.spec, encode_json(entry))
    return known[1]


def decode_head(data: bytes, migrations: Mapping[int, Migration] = MIGRATIONS, current: int = SCHEMA_VERSION) -> Head:
    """Decode a head from JSON, and migrate it to the current schema version.

    Raises:
        RecordTooNew: a newer adjourn wrote the head.
        StoreCorrupt: the head can't be decoded.
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
    """Decode a journal entry from JSON of schema version `version`, and migrate it to the current version.

    Raises: as `decode_head`.
    """
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
        raise StoreCorrupt(f"the record has schema version {version}, which no adjourn has ever used")
    return [migrations[n] for n in range(version, current)]
