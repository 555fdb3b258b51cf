"""Drives the run's state machine as an actor does: save, adopt and publish, reply, start effects. No checks here.

Effects stay in flight until a test ends them. `crash="before"` loses a transition before its save, and `"after"` loses
it right after its save: nothing is published, answered or started. Saves are kept as bytes, and decoded at a restart.
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
NO_LIMITS = Limits()  # only the defaults


def tool(name: str, **spec: Any) -> ToolSpec:
    """Make a tool with an optional integer `n` and an optional text `to`."""
    return ToolSpec(name=name, description=name, parameters=NUMBER, **spec)


def gated(name: str, **spec: Any) -> ToolSpec:
    """Make the same tool with a gate: `{approved, reason?}`."""
    return tool(name, decision=APPROVAL, **spec)


def approval(name: str, **spec: Any) -> ToolSpec:
    """Make the same gated tool with `approval=True`: a no is a decline, and the tool isn't called."""
    return gated(name, approval=True, **spec)


def call(name: str, raw: str | None = None, **arguments: Any) -> ToolCall:
    """Make a call as a provider sends it. Its id is always the same, because only the runtime's ids are unique."""
    return ToolCall(id="provider-1", name=name, arguments=arguments, raw_arguments=raw)


def said(
    *calls: ToolCall,
    text: str = "",
    cost: float = 0.0,
    tokens: tuple[int, int] = (0, 1),
    stop_reason: StopReason = "stop",
) -> AssistantMessage:
    """Make a model's message: text first, if any, then calls. `tokens`: input and output."""
    words = (Text(text=text),) if text else ()
    usage = Usage(input=tokens[0], output=tokens[1], total_tokens=sum(tokens), cost=Cost(total=cost))
    return AssistantMessage(content=(*words, *calls), usage=usage, stop_reason=stop_reason)


class Driver:
    """Drives one run from its beginning."""

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
        self.executed: list[str] = []  # tool call ids of all executions started, in order
        spec = Spec(agent="a", model=ModelDescriptor(id="m"), tools=tools, limits=limits)
        metadata = {"k": [1, {"x": None}]}
        start = Begin(run_id="r", nonce="f00d", spec=spec, input=given, metadata=metadata, limits=own, seq=seq)
        self.carry_out(begin(start, self.now), None)

    # The actor's part.

    def feed(self, given: Input, crash: Crash = None) -> Answer:
        """Feed `given` to the machine. Return the reply to its sender."""
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
        """Publish an event that isn't saved first."""
        self.seq += 1
        self.shown.append((self.seq, event))

    def kill(self) -> None:
        """Let the process die, with all effects in flight."""
        self.down, self.model, self.tools, self.stopping = True, None, [], False

    def record(self) -> Record:
        """Decode and return the saved record."""
        journal = tuple(decode_entry(entry, SCHEMA_VERSION) for entry in self.saved_entries)
        return Record(head=decode_head(self.saved_head), journal=journal)

    def load(self) -> None:
        """Load the run from its saved record."""
        record = self.record()
        self.head, self.history, self.down = record.head, History(record.journal), False
        self.seq = resume_seq(record.head)

    def restart(self, **recover: Any) -> None:
        """Recover the run in another process."""
        self.load()
        self.feed(Recover(**recover))

    def said_arguments(self, tool_call_id: str) -> dict[str, Any]:
        """Return the model's original arguments of any call in the run."""
        said = [message for message in self.history.messages if isinstance(message, AssistantMessage)]
        return next(block.arguments for message in said for block in message.calls if block.id == tool_call_id)

    # What tests call.

    def says(self, *calls: ToolCall, gates: dict[int, bool] | None = None, **message: Any) -> None:
        """Let the model answer."""
        key, self.model = self.model, None
        assert key is not None
        self.feed(ModelDone(key=key, message=said(*calls, **message), gates=gates or {}))

    def done(self, tool_call_id: str, text: str = "ok") -> None:
        """Let an executing tool finish."""
        self.tools.remove(tool_call_id)
        self.feed(ToolDone(tool_call_id=tool_call_id, content=(Text(text=text),)))

    def decide(self, decision: Any, tool_call_id: str | None = None, crash: Crash = None, **given: Any) -> Answer:
        """Send a decision."""
        return self.feed(Decide(decision=decision, tool_call_id=tool_call_id, **given), crash)

    def wait(self, seconds: float) -> None:
        """Advance the clock without any input."""
        self.now += int(seconds * 1000)

    @property
    def ids(self) -> list[str]:
        """Return the runtime's ids of the latest turn's calls, in the model's order."""
        return [block.id for block in self.history.turn_calls]

    @property
    def open(self) -> dict[str, Call]:
        """Return the current turn's calls without a result, by id."""
        calls = (*self.head.calls, *self.history.ready_calls(self.head))
        return {each.id: each for each in sorted(calls, key=lambda each: each.index)}

    @property
    def phases(self) -> list[str]:
        """Return the phases of the current turn's calls, in the model's order; [] once all are done."""
        calls = self.open
        return [calls[key].phase if key in calls else "done" for key in self.ids] if calls else []

    @property
    def results(self) -> list[str]:
        """Return the texts of the transcript's tool results, in order."""
        return [message.text for message in self.history.messages if isinstance(message, ToolResultMessage)]

    def events(self, *kinds: type) -> list[Event]:
        """Return the published events of these types."""
        return [event for _, event in self.shown if isinstance(event, kinds)]


LOOK, IDEMPOTENT, REFUND = tool("look"), tool("idem", idempotent=True), gated("refund")
PLAIN = (LOOK, IDEMPOTENT, REFUND)


def parked(*more: ToolCall, **spec: Any) -> Driver:
    """Return a run that is parked at one call of `refund`. `more`: further calls of the same turn."""
    d = Driver(LOOK, IDEMPOTENT, gated("refund", **spec))
    d.says(call("refund", n=1), *more)
    return d


def offered(*more: ToolCall, **spec: Any) -> tuple[Driver, str]:
    """Return a run that offers one call of `browse` to clients, and the call's id. `more`: as in `parked`."""
    d = Driver(tool("browse", runs="client", client_timeout_s=30, **spec), *PLAIN)
    d.says(call("browse", n=1), *more)
    return d, d.ids[0]
