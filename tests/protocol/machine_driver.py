"""Drives the run's state machine as an actor does: save, adopt and show, reply, effects. No checks here.

Effects stay in flight until a test says how they end. `crash="before"` loses a transition before its save, `"after"`
right after it: nothing is shown, answered or started. What is saved is kept as bytes, and read back at a restart.
"""

from typing import Any, Literal

from adjourn.protocol.errors import AdjournError
from adjourn.protocol.events import Event
from adjourn.protocol.machine import begin, resume_seq, step
from adjourn.protocol.messages import (
    AssistantMessage,
    Cost,
    Message,
    ModelDescriptor,
    StopReason,
    Text,
    ToolCall,
    ToolResultMessage,
    Usage,
    user,
)
from adjourn.protocol.record import (
    SCHEMA_VERSION,
    Call,
    Entry,
    Head,
    History,
    Limits,
    Record,
    RunLimits,
    Spec,
    ToolSpec,
    decode_entry,
    decode_head,
    encode_entry,
    encode_head,
)
from adjourn.protocol.transitions import (
    Begin,
    Decide,
    Input,
    ModelDone,
    Recover,
    Reply,
    StartModel,
    StartTool,
    ToolDone,
    Transition,
)

Crash = Literal["before", "after"] | None
Answer = Reply | AdjournError | None

NUMBER = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "to": {"type": "string"}},
    "additionalProperties": False,
}
APPROVAL = {
    "type": "object",
    "properties": {"approved": {"type": "boolean"}, "reason": {"type": "string"}},
    "required": ["approved"],
}
YES, NO = {"approved": True}, {"approved": False}
GO = (user("go"),)
NO_LIMITS = Limits()  # but the defaults


def tool(name: str, **spec: Any) -> ToolSpec:
    """A tool that takes an optional integer `n` and an optional text `to`."""
    return ToolSpec(name=name, description=name, parameters=NUMBER, **spec)


def gated(name: str, **spec: Any) -> ToolSpec:
    """The same with a gate: `{approved, reason?}`."""
    return tool(name, decision=APPROVAL, **spec)


def approval(name: str, **spec: Any) -> ToolSpec:
    """The same, where a no is a decline and the tool is never called with it."""
    return gated(name, approval=True, **spec)


def call(name: str, raw: str | None = None, **arguments: Any) -> ToolCall:
    """A call as a provider gives it. Its id is always the same: only the runtime's ids are unique."""
    return ToolCall(id="provider-1", name=name, arguments=arguments, raw_arguments=raw)


def said(
    *calls: ToolCall,
    text: str = "",
    cost: float = 0.0,
    tokens: tuple[int, int] = (0, 1),
    stop_reason: StopReason = "stop",
) -> AssistantMessage:
    """A model's message: text first, if any, then calls. `tokens`: input and output."""
    words = (Text(text=text),) if text else ()
    usage = Usage(input=tokens[0], output=tokens[1], total_tokens=sum(tokens), cost=Cost(total=cost))
    return AssistantMessage(content=(*words, *calls), usage=usage, stop_reason=stop_reason)


class Driver:
    """One run, from its begin on."""

    def __init__(
        self,
        *tools: ToolSpec,
        limits: Limits = NO_LIMITS,
        own: RunLimits | None = None,
        given: tuple[Message, ...] = GO,
        seq: int = 0,
    ) -> None:
        self.now = 1_000_000
        self.head: Head
        self.history = History()
        self.seq = seq
        self.saved_head = b""
        self.saved_entries: list[bytes] = []
        self.shown: list[tuple[int, Event]] = []
        self.model: str | None = None  # in flight
        self.tools: list[str] = []  # in flight, by tool call id
        self.stopping = False
        self.down = False
        self.executed: list[str] = []  # every execution that was ever started
        spec = Spec(agent="a", model=ModelDescriptor(id="m"), tools=tools, limits=limits)
        metadata = {"k": [1, {"x": None}]}
        start = Begin(run_id="r", nonce="f00d", spec=spec, input=given, metadata=metadata, limits=own, seq=seq)
        self.carry_out(begin(start, self.now), None)

    # What the actor does.

    def feed(self, given: Input, crash: Crash = None) -> Answer:
        """Let `given` happen; what its sender is told."""
        return self.carry_out(step(self.head, self.history, given, now=self.now, seq=self.seq), crash)

    def carry_out(self, transition: Transition, crash: Crash) -> Answer:
        if transition.head is None:
            return transition.reply
        if crash == "before":
            return self.kill()
        self.save(transition.head, transition.append)
        if crash == "after":
            return self.kill()
        self.adopt(transition, transition.head)
        for effect in transition.effects:
            match effect:
                case StartModel(key=key):
                    self.start_model(key)
                case StartTool(tool_call_id=tool_call_id):
                    self.start_tool(tool_call_id)
                case _:
                    self.stopping = True
        return transition.reply

    def save(self, head: Head, entries: tuple[Entry, ...]) -> None:
        self.saved_head = encode_head(head)
        self.saved_entries += [encode_entry(entry) for entry in entries]

    def adopt(self, transition: Transition, head: Head) -> None:
        first = head.seq - len(transition.events) + 1
        self.head, self.seq = head, head.seq
        self.history.extend(transition.append)
        self.shown += enumerate(transition.events, first)

    def start_model(self, key: str) -> None:
        self.model = key

    def start_tool(self, tool_call_id: str) -> None:
        self.tools.append(tool_call_id)
        self.executed.append(tool_call_id)

    def show_ahead(self, event: Event) -> None:
        """Show what runs ahead of durability."""
        self.seq += 1
        self.shown.append((self.seq, event))

    def kill(self) -> None:
        """The process dies, with all that is in flight."""
        self.down, self.model, self.tools, self.stopping = True, None, [], False

    def record(self) -> Record:
        """What is saved, read back."""
        journal = tuple(decode_entry(entry, SCHEMA_VERSION) for entry in self.saved_entries)
        return Record(head=decode_head(self.saved_head), journal=journal)

    def load(self) -> None:
        """Take the run up from what is saved."""
        record = self.record()
        self.head, self.history, self.down = record.head, History(record.journal), False
        self.seq = resume_seq(record.head)

    def restart(self, **recover: Any) -> None:
        """Another process recovers the run."""
        self.load()
        self.feed(Recover(**recover))

    def said_arguments(self, tool_call_id: str) -> dict[str, Any]:
        """The model's own arguments of any call that it ever made."""
        said = [message for message in self.history.messages if isinstance(message, AssistantMessage)]
        return next(block.arguments for message in said for block in message.calls if block.id == tool_call_id)

    # What tests say and ask.

    def says(self, *calls: ToolCall, gates: dict[int, bool] | None = None, **message: Any) -> None:
        """The model answers."""
        key, self.model = self.model, None
        assert key is not None
        self.feed(ModelDone(key=key, message=said(*calls, **message), gates=gates or {}))

    def done(self, tool_call_id: str, text: str = "ok") -> None:
        """A tool that executes is done."""
        self.tools.remove(tool_call_id)
        self.feed(ToolDone(tool_call_id=tool_call_id, content=(Text(text=text),)))

    def decide(self, decision: Any, tool_call_id: str | None = None, crash: Crash = None, **given: Any) -> Answer:
        """Somebody decides."""
        return self.feed(Decide(decision=decision, tool_call_id=tool_call_id, **given), crash)

    def wait(self, seconds: float) -> None:
        """Time passes, and nobody says so."""
        self.now += int(seconds * 1000)

    @property
    def ids(self) -> list[str]:
        """The runtime's ids of the latest turn's calls, in the model's order."""
        return [block.id for block in self.history.turn_calls]

    @property
    def open(self) -> dict[str, Call]:
        """The current turn's calls without a result, by id."""
        calls = (*self.head.calls, *self.history.ready_calls(self.head))
        return {each.id: each for each in sorted(calls, key=lambda each: each.index)}

    @property
    def phases(self) -> list[str]:
        """Where the current turn's calls stand, in the model's order; none once all are done."""
        calls = self.open
        return [calls[key].phase if key in calls else "done" for key in self.ids] if calls else []

    @property
    def results(self) -> list[str]:
        """The texts of the tool results in the transcript, in its order."""
        return [message.text for message in self.history.messages if isinstance(message, ToolResultMessage)]

    def events(self, *kinds: type) -> list[Event]:
        """What was shown of these kinds."""
        return [event for _, event in self.shown if isinstance(event, kinds)]


LOOK, IDEMPOTENT, REFUND = tool("look"), tool("idem", idempotent=True), gated("refund")
PLAIN = (LOOK, IDEMPOTENT, REFUND)


def parked(*more: ToolCall, **spec: Any) -> Driver:
    """A run that is parked at one call of `refund`; `more` are further calls of the same turn."""
    d = Driver(LOOK, IDEMPOTENT, gated("refund", **spec))
    d.says(call("refund", n=1), *more)
    return d


def offered(*more: ToolCall, **spec: Any) -> tuple[Driver, str]:
    """A run that offers one call of `browse` to clients, and the call's id; `more` as in `parked`."""
    d = Driver(tool("browse", runs="client", client_timeout_s=30, **spec), *PLAIN)
    d.says(call("browse", n=1), *more)
    return d, d.ids[0]
