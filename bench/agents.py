"""The agents that are measured, and models for them that cost next to nothing: their answers are made beforehand."""

from collections.abc import AsyncGenerator, Sequence
from typing import TypedDict

import trio

from adjourn.actors import Agent, LanguageModel, ModelRequest, tool
from adjourn.actors.models import events_of
from adjourn.protocol.events import StreamEvent
from adjourn.protocol.messages import AssistantMessage, ModelDescriptor, Text, ToolCall, Usage, UserMessage
from adjourn.protocol.record import Limits

__all__ = ["ANSWER", "ARGUMENTS", "DESCRIPTOR", "QUESTION", "EndlessCaller", "Mute", "agent_of", "refund_agent"]

DESCRIPTOR = ModelDescriptor(id="bench", api="bench", provider="bench")
QUESTION = "Please refund order 1042."
ARGUMENTS = {"order_id": "1042", "amount": 25.0}
ANSWER = "Order 1042 has been refunded; the money is on its way back."
USAGE = Usage(input=120, output=24, total_tokens=144)

_CALL = AssistantMessage(
    content=(ToolCall(id="call_1", name="refund_order", arguments=ARGUMENTS),), stop_reason="toolUse", usage=USAGE
)
_LAST = AssistantMessage(content=(Text(text=ANSWER),), stop_reason="stop", usage=USAGE)


class Approval(TypedDict):
    """What a person decides."""

    approved: bool


class Refunder:
    """Calls `refund_order`, and says so when it has its result. One chunk, with one checkpoint, a message."""

    descriptor = DESCRIPTOR

    def __init__(self) -> None:
        self._call, self._last = events_of(_CALL), events_of(_LAST)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
        """The next answer."""
        await trio.lowlevel.checkpoint()
        yield self._call if isinstance(request.messages[-1], UserMessage) else self._last


def refund_agent() -> Agent:
    """One gated tool; a run of it pauses once, has two model turns, and emits about 30 events."""

    @tool(decision=Approval)
    async def refund_order(order_id: str, amount: float, decision: Approval) -> str:
        """Refund an order."""
        return f"refunded {amount} of order {order_id}" if decision["approved"] else "refused"

    return Agent(name="refunder", model=Refunder(), instructions="You refund orders.", tools=[refund_order])


class Mute:
    """Begins to answer, and never goes on."""

    descriptor = DESCRIPTOR

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
        """A few words, then silence."""
        await trio.lowlevel.checkpoint()
        yield events_of(_LAST)[:4]
        await trio.sleep_forever()


class EndlessCaller:
    """Calls `step` for `turns` turns, then ends."""

    descriptor = DESCRIPTOR

    def __init__(self, turns: int) -> None:
        self._turns = turns
        call = AssistantMessage(
            content=(ToolCall(id="call_1", name="step", arguments={"n": 1}),), stop_reason="toolUse", usage=USAGE
        )
        self._call, self._last = events_of(call), events_of(_LAST)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
        """The next call."""
        await trio.lowlevel.checkpoint()
        turn = len(request.messages) // 2  # a call and its result each
        yield self._call if turn < self._turns else self._last


def agent_of(model: LanguageModel, *, turns: int = 100) -> Agent:
    """An agent of that model, with one plain tool, `step`."""

    @tool
    async def step(n: int) -> str:
        """Take a step."""
        return "taken"

    return Agent(name="bench", model=model, tools=[step], limits=Limits(max_turns=turns + 1))
