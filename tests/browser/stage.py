"""Agents for the tests in a browser: one waits for the test, one asks for decisions, one sends hostile text.

`adjourn serve stage:agents` serves them.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

import trio

from adjourn.actors import Agent, ToolContext, tool
from adjourn.actors.models.language_model import ModelRequest, events_of
from adjourn.protocol.events import StreamEvent
from adjourn.protocol.messages import (
    AssistantBlock,
    AssistantMessage,
    ModelDescriptor,
    Opaque,
    Text,
    ToolCall,
    ToolResultMessage,
    UserMessage,
)

TOLD, REST = "Once upon a time there was", "who lived happily ever after."


class Model:
    """A model that answers each request with the result of `answer`."""

    def __init__(self, name: str, answer: Callable[[ModelRequest], Sequence[AssistantBlock]]) -> None:
        self.descriptor = ModelDescriptor(id=name, api="local", provider="tests")
        self._answer = answer

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
        """Streams the answer word by word. Waits before `REST` until the test releases it."""
        blocks = self._answer(request)
        called = any(isinstance(block, ToolCall) for block in blocks)
        reason, model = "toolUse" if called else "stop", self.descriptor
        message = AssistantMessage(
            content=tuple(blocks), api=model.api, provider=model.provider, model=model.id, stop_reason=reason
        )
        for event in events_of(message):
            if getattr(event, "delta", "").strip() == REST.split()[0]:
                await released(said(request))
            yield [event]


async def released(name: str) -> None:
    """Waits until `Served.release(name)` has made a file of this name in the server's folder."""
    while not Path(name).exists():
        await trio.sleep(0.02)


def said(request: ModelRequest) -> str:
    """Returns the user's last message."""
    users = [message for message in request.messages if isinstance(message, UserMessage)]
    content = users[-1].content
    return content if isinstance(content, str) else "".join(block.text for block in content if isinstance(block, Text))


def story(request: ModelRequest) -> list[Text | ToolCall]:
    return [Text(text=f"{TOLD} {said(request)} {REST}")]


HOSTILE = "\n\n".join(
    (
        '<script>window.owned = true</script> <img src=x onerror="window.owned = true">',
        "[a link](javascript:window.owned=true) ![a picture](http://example.org/spy.png)",
        "left \u202eto right\u202c, \U0001f469\u200d\U0001f469\u200d\U0001f467 and \u0000\u200b nothing",
        "W" * 10_000,
    )
)
WORD = {"type": "object", "properties": {"word": {"type": "string", "title": HOSTILE, "description": HOSTILE}}}


@tool(decision=WORD)
async def curse(words: str, decision: dict[str, str]) -> str:
    """<b>Says</b> what it is given. <script>window.owned = true</script>"""
    return words + decision.get("word", "")


def insult(request: ModelRequest) -> list[Text | ToolCall]:
    if isinstance(request.messages[-1], ToolResultMessage):
        return [Text(text=HOSTILE)]
    return [Text(text=HOSTILE), ToolCall(id="call", name="curse", arguments={"words": HOSTILE})]


CODE = {
    "type": "object",
    "properties": {"code": {"type": "string", "not": {"const": "0000"}, "description": "From your phone."}},
    "required": ["code"],
}


@tool(decision=CODE, editable=("amount",))
async def pay(to: str, amount: float, decision: dict[str, str]) -> str:
    """Pay somebody. It takes a code."""
    return f"Paid {amount:.2f} to {to} with the code {decision['code']}."


@tool(approval=True)
async def lend(to: str, amount: float) -> str:
    """Lend somebody money."""
    return f"Lent {amount:.2f} to {to}."


@tool
async def weigh(to: str, amount: float, context: ToolContext) -> str:
    """Weigh somebody."""
    await context.update("half of it")
    await released(to)
    return f"{to} is heavy."


def obey(request: ModelRequest) -> list[Text | ToolCall]:
    """Answers `pay 5 Ann, lend 6 Bob` with a call for each, then with their results."""
    results = [message.text for message in request.messages if isinstance(message, ToolResultMessage)]
    if results:
        return [Text(text=" ".join(results))]
    orders = [order.split() for order in said(request).split(",") if len(order.split()) == 3]
    calls = [
        ToolCall(id=f"call-{number}", name=name, arguments={"to": to, "amount": float(amount)})
        for number, (name, amount, to) in enumerate(orders)
    ]
    return [Text(text="As you wish." if calls else "Nothing to do."), *calls]


def cite(request: ModelRequest) -> list[AssistantBlock]:
    """A provider's own search, and a text with its source."""
    source = {"type": "url_citation", "url": "https://example.org/rain", "title": "On rain"}
    return [Opaque(api="local", kind="web_search_call", raw="{}"), Text(text="It rains.", citations=(source,))]


agents = [
    Agent(name="teller", description="Tells of whoever you name.", model=Model("stories", story)),
    Agent(name="clerk", description="Does what it is told.", model=Model("orders", obey), tools=(pay, lend, weigh)),
    Agent(name="scholar", description="Cites its sources.", model=Model("sources", cite)),
    Agent(name="imp", description=HOSTILE, model=Model("curses", insult), tools=(curse,)),
]
only_teller = agents[0]
