"""The agents of the frozen stores in `tests/vectors/stores/`: their tools, and their model's answers in each run.

Every store in that folder needs these names forever: add names, never change or remove one. Stores are written with
`Shop(stuck=True)`: some models and tools then never end, so that the process can be killed in the middle of them. In
tests they end.
"""

from collections.abc import Sequence
from typing import Any

import trio
from msgspec.structs import replace

from adjourn.actors import Agent, Tool, ToolContext, client_tool, make_tool
from adjourn.actors.models import ModelRequest
from adjourn.actors.testing import Answer, ScriptedModel, calls, hangs, says
from adjourn.protocol.events import ToolOutput
from adjourn.protocol.messages import (
    AssistantMessage,
    Compat,
    Cost,
    Image,
    Message,
    ModelDescriptor,
    Text,
    Thinking,
    ToolCall,
    Usage,
    UserMessage,
)
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.record import Limits, OnExpiry

__all__ = ["AGENT_OF", "HISTORY", "SCRIPTS", "Shop"]

DAY_S = 24 * 3600.0
CENTURY_S = 36_500 * DAY_S
MOST_CALLS = 1000  # of one model, in all runs

DOT = Image(
    data=("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="),
    mime_type="image/png",
)
ORDER = {
    "type": "object",
    "properties": {"order_id": {"type": "integer"}, "amount": {"type": "number"}},
    "required": ["order_id"],
}
APPROVAL = {
    "type": "object",
    "properties": {"approved": {"type": "boolean"}, "reason": {"type": "string"}},
    "required": ["approved"],
    "additionalProperties": False,
}
HISTORY: tuple[Message, ...] = (
    UserMessage(content=(Text(text="What is this?"), DOT), timestamp=1),
    AssistantMessage(
        content=(
            Thinking(thinking="One pixel.", signature="sig-1"),
            Thinking(thinking="", signature="sig-2", redacted=True),
            Text(text="A dot.", signature="sig-3"),
            ToolCall(id="old-call", name="look_up", arguments={"order_id": 1}),
        ),
        stop_reason="toolUse",
        response_id="resp-1",
        timestamp=2,
    ),
    UserMessage(content="And order 7?", timestamp=3, cache="long"),
)


def _order(number: int) -> dict[str, Any]:
    return {"order_id": number, "amount": number + 0.5}


def _paid(message: AssistantMessage) -> AssistantMessage:
    cost = Cost(input=0.25, output=0.5, cache_read=0.125, cache_write=0.0625, total=0.9375)
    usage = Usage(input=100, output=20, cache_read=30, cache_write=5, total_tokens=155, cost=cost)
    return replace(message, usage=usage, response_id="resp-2")


THOUGHT = AssistantMessage(
    content=(Thinking(thinking="Both are known.", signature="sig-4"), Text(text="Bonjour — 📦", signature="sig-5"))
)
SHORT = AssistantMessage(content=(Text(text="No more to"),), stop_reason="length")
OVERLOADED = AssistantMessage(
    content=(Text(text="I was"),), stop_reason="error", error_message="503 overloaded", error_kind="transient"
)
REFUND, CHARGE, PAY = (("refund", _order(7)), ("charge", _order(8)), ("pay", _order(9)))
SCAN, LOOK_UP = (("scan_badge", _order(3)), ("look_up", _order(7)))

# By run: the model's answers, one a turn.
SCRIPTS: dict[str, Sequence[Answer]] = {
    "parked": [_paid(calls(REFUND, text="One moment.")), "Refunded."],
    "parked-several": [
        _paid(calls(LOOK_UP, REFUND, ("refund", _order(70)), ("refund", _order(77)), text="One moment.")),
        _paid(says("Some were refunded.")),
    ],
    "parked-deadline": [calls(CHARGE), "That is settled."],
    "parked-mixed": [calls(REFUND, LOOK_UP, SCAN, ("scan_badge", _order(4))), "All done."],
    "offered": [calls(SCAN), "Welcome."],
    "offered-after-decision": [calls(("open_door", _order(5))), "It is open."],
    "claimed": [calls(SCAN), "Welcome."],
    "streaming": [_paid(calls(LOOK_UP)), "Order 7 was found."],
    "streaming-twice": ["This took three processes."],
    "executing": [calls(PAY), "I don't know whether that was paid."],
    "executing-idempotent": [calls(LOOK_UP), "Order 7 was found."],
    "executing-beside-gate": [calls(PAY, REFUND), "One of two."],
    "executing-decided": [calls(REFUND), "I don't know whether that was refunded."],
    "queued": [calls(PAY, ("pay", _order(10))), "One of two."],
    "aborting": [calls(PAY)],
    "completed": [_paid(calls(LOOK_UP, ("pay", '{"order_id": '), ("gone", {}))), _paid(THOUGHT)],
    "completed-decided": [calls(REFUND, SCAN), SHORT],
    "completed-declined": [calls(REFUND), "Not refunded."],
    "completed-default": [calls(CHARGE), "Not charged."],
    "failed": [OVERLOADED],
    "failed-limit": [calls(LOOK_UP)],
    "aborted": [_paid(says("I was about to say"))],
    "aborted-parked": [calls(REFUND, SCAN)],
    "expired": [calls(REFUND)],
}
# By run: its agent, if it is not the desk.
AGENT_OF = {"parked-deadline": "till", "queued": "till", "completed-default": "till"}
AGENT_OF |= {"failed-limit": "brief", "expired": "brief"}

# While a store is written: (run, turn) -> the text after which the model hangs; (run, arguments) of tool calls that
# never end.
STUCK_MODELS = {
    ("streaming", 2): "Order 7 was",
    ("streaming-twice", 1): "This took",
    ("aborted", 1): "I was about",
}
STUCK_CALLS = {
    ("executing", 9),
    ("executing-idempotent", 7),
    ("executing-beside-gate", 9),
    ("executing-decided", 7),
    ("queued", 9),
    ("aborting", 9),
}


class Shop:
    """The agents, and a record of their tool and model calls."""

    def __init__(self, *, stuck: bool = False) -> None:
        self._stuck = stuck
        self.executed: list[tuple[str, str, str, Any]] = []  # run, tool, call and decision of each execution
        self.asked: list[tuple[str, tuple[Message, ...]]] = []  # run and messages of each model call
        model = ScriptedModel([self._answer] * MOST_CALLS, descriptor=_MODEL)
        options = ModelOptions(
            max_tokens=512, temperature=0.5, reasoning="low", cache="short", metadata={"user_id": "u"}
        )
        lasting = Limits(parked_ttl_s=CENTURY_S, retention_s=CENTURY_S)
        brief = Limits(parked_ttl_s=600.0, max_turns=1)
        self.agents = (
            Agent(
                name="desk", model=model, instructions="Be kind.", tools=self._desk(), limits=lasting, options=options
            ),
            Agent(name="till", model=model, tools=self._till(), limits=Limits(max_concurrent_tools=1)),
            Agent(name="brief", model=model, tools=self._desk(), limits=brief),
        )

    def _desk(self) -> tuple[Tool, ...]:
        return (
            self._tool("look_up", "Finds an order.", idempotent=True),
            self._tool("pay", "Pays an order."),
            self._tool("refund", "Pays an order back.", decision=APPROVAL),
            client_tool("scan_badge", "Reads a badge at the kiosk.", ORDER, client_timeout_s=DAY_S),
            client_tool("open_door", "Opens the door.", ORDER, decision=APPROVAL),
        )

    def _till(self) -> tuple[Tool, ...]:
        no = OnExpiry(action="decide", decision={"approved": False})
        charge = self._tool("charge", "Charges.", decision=APPROVAL, decision_timeout_s=DAY_S, on_expiry=no)
        close = self._tool("close", "Closes.", decision=APPROVAL, decision_timeout_s=DAY_S, on_expiry="abort")
        return self._tool("pay", "Pays an order."), charge, close

    def _tool(self, name: str, description: str, **options: Any) -> Tool:
        async def work(arguments: dict[str, Any], context: ToolContext) -> Any:
            self.executed.append((context.run_id, name, context.tool_call_id, context.decision))
            if self._stuck and (context.run_id, arguments["order_id"]) in STUCK_CALLS:
                with trio.CancelScope(shield=True):
                    await context.update("under way")
                    await trio.sleep_forever()
            return RESULTS.get(name, {"tool": name, "order": arguments["order_id"], "decision": context.decision})

        return make_tool(name, description, ORDER, work, **options)

    def _answer(self, request: ModelRequest) -> Answer:
        self.asked.append((request.run_id, tuple(request.messages)))
        said = STUCK_MODELS.get((request.run_id, request.turn))
        if self._stuck and said is not None:
            return hangs(said)
        return SCRIPTS[request.run_id][request.turn - 1]


RESULTS: dict[str, Any] = {
    "look_up": ToolOutput(content=(Text(text="Here it is."), DOT), details={"weight": 12.5, "tags": ["é", None]}),
    "pay": "Paid.",
}
_MODEL = ModelDescriptor(
    id="rules",
    name="Rules",
    api="scripted",
    provider="testing",
    input=("text", "image"),
    reasoning=True,
    context_window=8192,
    max_output_tokens=1024,
    cost=Cost(input=1.0, output=2.0, cache_read=0.5, cache_write=1.5),
    compat=Compat(max_tokens_field="max_tokens", tool_call_id_format="mistral9"),
)
