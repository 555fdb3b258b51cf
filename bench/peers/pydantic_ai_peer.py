"""Pydantic AI: a tool that requires approval ends the run with `DeferredToolRequests`. The history is kept as JSON, and
another run continues it with `DeferredToolResults`.

Written as its documentation of deferred tools shows (read in November 2026). The library has no store: a dict keeps the
JSON.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from uuid import uuid4

from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel
from sample import ANSWER, ARGUMENTS, AT_ONCE, IN_TURN, QUESTION, TOKENS, cold_import, deltas, finish, frame, measured

STORE: dict[str, tuple[bytes, str]] = {}


async def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Returns a call of the tool, and after the tool's result an answer."""
    await asyncio.sleep(0)
    if any(isinstance(part, ToolReturnPart) for part in messages[-1].parts):
        return ModelResponse(parts=[TextPart(ANSWER)])
    return ModelResponse(parts=[ToolCallPart("refund_order", ARGUMENTS, tool_call_id="call_1")])


agent = Agent(FunctionModel(respond), output_type=[str, DeferredToolRequests], instructions="You refund orders.")


@agent.tool_plain(requires_approval=True)
async def refund_order(order_id: str, amount: float) -> str:
    """Refund an order."""
    return f"refunded {amount} of order {order_id}"


async def begin() -> str:
    """Starts a run, and executes it up to its pause."""
    result = await agent.run(QUESTION)
    assert isinstance(result.output, DeferredToolRequests)
    run = uuid4().hex
    STORE[run] = ModelMessagesTypeAdapter.dump_json(result.all_messages()), result.output.approvals[0].tool_call_id
    return run


async def end(run: str) -> None:
    """Executes the run from its pause to its end."""
    data, call = STORE.pop(run)
    history = ModelMessagesTypeAdapter.validate_json(data)
    decided = DeferredToolResults(approvals={call: True})
    result = await agent.run(message_history=history, deferred_tool_results=decided)
    assert result.output == ANSWER


async def in_turn() -> None:
    """Executes runs one after another."""
    for _ in range(IN_TURN):
        await end(await begin())


async def at_once() -> None:
    """Executes runs that all pause before the first is resumed."""
    runs = await asyncio.gather(*(begin() for _ in range(AT_ONCE)))
    await asyncio.gather(*map(end, runs))


async def stream(tokens: int) -> None:
    """Reads one message token by token."""

    async def talk(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str]:
        for word in deltas(tokens):
            yield word

    talker = Agent(FunctionModel(stream_function=talk))
    async with talker.run_stream("Talk.") as result:
        frames = [frame(word) async for word in result.stream_text(delta=True, debounce_by=None)]
    assert len(frames) >= tokens


async def main() -> None:
    """Measures everything."""
    results = [
        await measured(1, "memory, one after another", "µs CPU a run", IN_TURN, in_turn),
        await measured(1, f"memory, {AT_ONCE:,} at once", "µs CPU a run", AT_ONCE, at_once),
    ]
    for tokens in TOKENS:
        results.append(await measured(4, f"{tokens:,} tokens", "µs CPU a token", tokens, partial(stream, tokens)))
    finish("pydantic-ai-slim", [*results, cold_import("import pydantic_ai")])


asyncio.run(main())
