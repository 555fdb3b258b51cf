"""The demo agent, `support`: its shop is computed, and its model is a set of rules. It needs no key and no network.

The model uses nothing but the messages, so the same conversation always has the same answers.
"""

import os
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec
import trio

from ...protocol.events import StreamEvent
from ...protocol.messages import (
    AssistantMessage,
    Cost,
    Message,
    ModelDescriptor,
    Text,
    Thinking,
    ToolCall,
    ToolResultMessage,
    UserMessage,
)
from ...protocol.providers.decoding import priced
from ..agent import Agent
from ..models.language_model import ModelRequest, events_of
from ..tools.declaration import Tool, ToolContext, tool

__all__ = ["RuleModel", "make_support"]

CAN_DO = (
    'I can tell where an order is ("where is order 7"), refund one or several ("refund order 7", "refund orders 7 and '
    '8"), ship one ("ship order 7"), and count ("count to 50", "count the stock"). In a browser I also find out your '
    'time zone ("what time is it here").'
)
MAX_COUNT = 10_000
SHELVES = 5
PRICES = Cost(input=1.0, output=5.0)  # per million tokens; invented, so that the demo shows a cost
CHARS_PER_TOKEN = 4  # an estimate

OrderId = Annotated[int, msgspec.Meta(description="The number of the order.", ge=0)]


# The shop.


def _amount(order_id: int) -> float:
    return 10 + order_id * 37 % 190 + 0.5 * (order_id % 2)


def _state(order_id: int) -> str:
    return ("waits to be packed", "is on its way", "was delivered")[order_id % 3]


@tool
async def look_up_order(order_id: OrderId) -> str:
    """Find out where an order is and what it cost."""
    return f"Order {order_id} {_state(order_id)}. It cost {_amount(order_id):.2f}."


def _refund_tool(ledger: Path | None) -> Tool:
    @tool(approval=True, editable=("amount",))
    def refund_order(
        order_id: OrderId,
        amount: Annotated[float, msgspec.Meta(description="How much to pay back.", gt=0)],
        context: ToolContext,
    ) -> str:
        """Refund an order. A person must approve the refund."""
        if ledger is not None:
            _append(ledger, f"order {order_id}: refunded {amount:.2f} (call {context.tool_call_id})\n")
        return f"Refunded {amount:.2f} for order {order_id}."

    return refund_order


def _append(ledger: Path, line: str) -> None:
    with ledger.open("a", encoding="utf-8") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def _stock_tool(delay_s: float) -> Tool:
    @tool
    async def check_stock(context: ToolContext) -> str:
        """Count the things on the shelves. Takes a moment and reports its progress."""
        found = 0
        for shelf in range(1, SHELVES + 1):
            await context.update(f"shelf {shelf} of {SHELVES}, {found} things so far")
            await trio.sleep(10 * delay_s)
            found += int(_amount(shelf))
        return f"There are {found} things on {SHELVES} shelves."

    return check_stock


@tool(runs="client")
async def time_zone() -> None:
    """Find out the time zone of the person's browser."""


SHIPPING: dict[str, Any] = {
    "oneOf": [
        {
            "title": "Courier",
            "type": "object",
            "properties": {
                "method": {"const": "courier"},
                "address": {"type": "string", "minLength": 1, "description": "Where to deliver."},
                "express": {"type": "boolean", "default": False, "description": "Today rather than this week."},
            },
            "required": ["method", "address"],
            "additionalProperties": False,
        },
        {
            "title": "Pickup",
            "type": "object",
            "properties": {
                "method": {"const": "pickup"},
                "point": {"type": "string", "minLength": 1, "description": "Where the customer fetches it."},
            },
            "required": ["method", "point"],
            "additionalProperties": False,
        },
    ]
}


@tool(decision=SHIPPING)
async def ship_order(order_id: OrderId, decision: dict[str, Any]) -> str:
    """Ship an order. A person chooses how."""
    if decision["method"] == "pickup":
        return f"Order {order_id} waits to be picked up at {decision['point']}."
    express = ", express" if decision.get("express") else ""
    return f"Order {order_id} goes by courier to {decision['address']}{express}."


# The model.

_Block: TypeAlias = Text | Thinking | ToolCall


class RuleModel:
    """A language model made of rules. Streams one word at a time, `delay_s` seconds apart."""

    def __init__(self, *, delay_s: float = 0.03) -> None:
        self.descriptor = ModelDescriptor(
            id="support-rules", name="Rules, no model", api="local", provider="demo", cost=PRICES
        )
        self._delay_s = delay_s

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
        """Streams the answer that the rules give to the last messages."""
        for event in events_of(self._answer(request.messages)):
            await trio.sleep(self._delay_s)
            yield [event]

    def _answer(self, messages: Sequence[Message]) -> AssistantMessage:
        blocks = _blocks(messages)
        called = any(isinstance(block, ToolCall) for block in blocks)
        return AssistantMessage(
            content=tuple(blocks),
            api=self.descriptor.api,
            provider=self.descriptor.provider,
            model=self.descriptor.id,
            usage=priced(
                self.descriptor,
                input=sum(map(_tokens, messages)),
                output=_tokens(AssistantMessage(content=tuple(blocks))),
            ),
            stop_reason="toolUse" if called else "stop",
        )


def _tokens(message: Message) -> int:
    return 1 + len(message.text) // CHARS_PER_TOKEN


def _blocks(messages: Sequence[Message]) -> list[_Block]:
    last = messages[-1] if messages else None
    if isinstance(last, ToolResultMessage):
        return [Text(text=_report(messages))]
    said = " ".join(_said(last).split()) if isinstance(last, UserMessage) else ""
    for pattern, rule in _RULES:
        if found := re.search(pattern, said, re.IGNORECASE):
            return rule(found)
    return [Text(text=CAN_DO)]


def _report(messages: Sequence[Message]) -> str:
    lines: list[str] = []
    for message in reversed(messages):
        if not isinstance(message, ToolResultMessage):
            break
        lines.append(f"That did not work: {message.text}" if message.is_error else _told(message))
    return "\n".join(reversed(lines))


def _told(message: ToolResultMessage) -> str:
    return f"Your browser says: {message.text}" if message.tool_name == "time_zone" else message.text


def _said(message: UserMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    return " ".join(block.text for block in message.content if isinstance(block, Text))


def _look_up(found: re.Match[str]) -> list[_Block]:
    return _call("look_up_order", [{"order_id": int(found[1])}], "Let me look.")


def _refund(found: re.Match[str]) -> list[_Block]:
    orders = dict.fromkeys(int(number) for number in re.findall(r"\d+", found[1]))
    wanted = [{"order_id": order, "amount": _amount(order)} for order in orders]
    total = sum(each["amount"] for each in wanted)
    thought = Thinking(thinking=f"This pays {total:.2f} back. I may not decide that: a person must.")
    return [thought, *_call("refund_order", wanted, "A refund has to be approved first.")]


def _ship(found: re.Match[str]) -> list[_Block]:
    return _call("ship_order", [{"order_id": int(found[1])}], "A person has to choose how it is shipped.")


def _stock(found: re.Match[str]) -> list[_Block]:
    return _call("check_stock", [{}], "I am counting.")


def _time(found: re.Match[str]) -> list[_Block]:
    return _call("time_zone", [{}], "I ask your browser.")


def _count(found: re.Match[str]) -> list[_Block]:
    wanted = int(found[1])
    if not wanted:
        return [Text(text="Counting to 0 takes no words.")]
    words = " ".join(str(n) for n in range(1, min(wanted, MAX_COUNT) + 1))
    return [Text(text=words if wanted <= MAX_COUNT else f"{words} and there I stop.")]


def _greet(found: re.Match[str]) -> list[_Block]:
    return [Text(text=f"Hello! I look after the orders of a shop that does not exist. {CAN_DO}")]


def _call(name: str, wanted: list[dict[str, Any]], words: str) -> list[_Block]:
    called = [ToolCall(id=f"{name}-{n}", name=name, arguments=arguments) for n, arguments in enumerate(wanted, start=1)]
    return [Text(text=words), *called]


def _too_long(found: re.Match[str]) -> list[_Block]:
    return [Text(text=f"{found[0]} has too many digits for me: nine is the most.")]


# The first pattern found in the user's message decides. The message's spaces are reduced to single ones before.
_RULES: list[tuple[str, Callable[[re.Match[str]], list[_Block]]]] = [
    (r"\d{10,}", _too_long),
    (r"\bwhere(?: is|'s) (?:my )?order #?(\d+)", _look_up),
    (r"\brefund orders? (#?\d+(?:(?:, and |, ?| and )#?\d+)*)", _refund),
    (r"\bship order #?(\d+)", _ship),
    (r"\bcount to (\d+)", _count),
    (r"\b(?:count|check) (?:the )?stock\b", _stock),
    (r"\bwhat time is it\b", _time),
    (r"^\W*(?:hello|hi|hey|good (?:morning|afternoon|evening))\b", _greet),
]


def make_support(ledger: Path | None = None, *, delay_s: float = 0.03) -> Agent:
    """Returns the agent `support`.

    Each executed refund appends a line to `ledger`. `delay_s` is the pause between words and between counting steps.
    """
    return Agent(
        name="support",
        description="Looks after the orders of a shop that does not exist. "
        "Try: refund order 7; where is order 8; ship order 9; count the stock; what time is it here",
        model=RuleModel(delay_s=delay_s),
        instructions="You look after orders. Refunds and shipments are decided by people.",
        tools=(look_up_order, _refund_tool(ledger), ship_order, _stock_tool(delay_s), time_zone),
    )
