"""The agent of the examples asks a person before it pays money back. Its model follows a script: it needs no key."""

from adjourn import Agent, tool
from adjourn.actors import ModelRequest
from adjourn.actors.testing import Answer, ScriptedModel, calls
from adjourn.protocol import ToolResultMessage


@tool(approval=True)
async def refund(order_id: int) -> str:
    """Pay an order's money back. A person decides."""
    return f"Order {order_id} is refunded."


def answer(request: ModelRequest) -> Answer:
    """What a model would say to "Refund order 7.", and then to the tool's result."""
    last = request.messages[-1]
    if isinstance(last, ToolResultMessage):
        return last.text
    return calls(("refund", {"order_id": int("".join(filter(str.isdigit, last.text)))}))


shop = Agent(name="shop", model=ScriptedModel([answer] * 1000), tools=[refund])
