"""The measured agents, and cheap models for them, which make their answers in advance."""

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
    """The decision of `refund_order`."""

    approved: bool


class Refunder:
    """A model that calls `refund_order`, then answers. Each message is one chunk with one checkpoint."""

    descriptor = DESCRIPTOR

    def __init__(self) -> None:
        self._call, self._last = events_of(_CALL), events_of(_LAST)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
        """Streams the next answer."""
        await trio.lowlevel.checkpoint()
        yield self._call if isinstance(request.messages[-1], UserMessage) else self._last


def refund_agent() -> Agent:
    """Returns an agent with one gated tool. A run pauses once, has two model turns and about 30 events."""

    @tool(decision=Approval)
    async def refund_order(order_id: str, amount: float, decision: Approval) -> str:
        """Refund an order."""
        return f"refunded {amount} of order {order_id}" if decision["approved"] else "refused"

    return Agent(name="refunder", model=Refunder(), instructions="You refund orders.", tools=[refund_order])


class Mute:
    """A model that begins an answer and never continues."""

    descriptor = DESCRIPTOR

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
        """Streams a few words, then hangs."""
        await trio.lowlevel.checkpoint()
        yield events_of(_LAST)[:4]
        await trio.sleep_forever()


class EndlessCaller:
    """A model that calls `step` for `turns` turns, then ends."""

    descriptor = DESCRIPTOR

    def __init__(self, turns: int) -> None:
        self._turns = turns
        call = AssistantMessage(
            content=(ToolCall(id="call_1", name="step", arguments={"n": 1}),), stop_reason="toolUse", usage=USAGE
        )
        self._call, self._last = events_of(call), events_of(_LAST)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
        """Streams the next call."""
        await trio.lowlevel.checkpoint()
        turn = len(request.messages) // 2  # each turn has two messages: a call and its result
        yield self._call if turn < self._turns else self._last


def agent_of(model: LanguageModel, *, turns: int = 100) -> Agent:
    """Returns an agent with this model and one plain tool, `step`."""

    @tool
    async def step(n: int) -> str:
        """Take a step."""
        return "taken"

    return Agent(name="bench", model=model, tools=[step], limits=Limits(max_turns=turns + 1))
