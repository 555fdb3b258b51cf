"""OpenAI Agents SDK: a tool with `needs_approval` interrupts the run. Its state is kept as JSON, approved, and resumed.

Written as its documentation of human-in-the-loop and of streaming shows (read in November 2026). The SDK has no store
for states: a dict keeps the JSON.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import uuid4

from agents import Agent, Model, ModelResponse, Runner, RunState, Usage, function_tool, set_tracing_disabled
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseTextDeltaEvent,
)
from sample import ANSWER, ARGUMENTS, AT_ONCE, IN_TURN, QUESTION, TOKENS, cold_import, deltas, finish, frame, measured

STORE: dict[str, str] = {}


def said(text: str) -> ResponseOutputMessage:
    """Returns a text message."""
    content = ResponseOutputText(text=text, type="output_text", annotations=[])
    return ResponseOutputMessage(id="msg_1", content=[content], role="assistant", status="completed", type="message")


class Scripted(Model):
    """A model that calls the tool, and answers after the tool's result."""

    async def get_response(self, system_instructions: Any, input: Any, *args: Any, **kwargs: Any) -> ModelResponse:  # noqa: A002
        """Returns the next answer."""
        await asyncio.sleep(0)
        output: Any = said(ANSWER)
        if isinstance(input, str) or input[-1].get("type") != "function_call_output":
            output = ResponseFunctionToolCall(
                arguments=json.dumps(ARGUMENTS), call_id="call_1", name="refund_order", type="function_call"
            )
        return ModelResponse(output=[output], usage=Usage(), response_id=None)

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        """Not used."""
        raise NotImplementedError


class Streaming(Model):
    """A model that parses a provider's bytes."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """Not used."""
        raise NotImplementedError

    async def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        """Streams the words, then the whole message."""
        words: list[str] = []
        for number, word in enumerate(deltas(self.tokens)):
            words.append(word)
            yield ResponseTextDeltaEvent(
                content_index=0,
                delta=word,
                item_id="msg_1",
                logprobs=[],
                output_index=0,
                sequence_number=number,
                type="response.output_text.delta",
            )
        whole = Response(
            id="resp_1",
            created_at=0,
            model="bench",
            object="response",
            output=[said("".join(words))],
            parallel_tool_calls=False,
            tool_choice="auto",
            tools=[],
        )
        yield ResponseCompletedEvent(response=whole, sequence_number=len(words), type="response.completed")


@function_tool(needs_approval=True)
async def refund_order(order_id: str, amount: float) -> str:
    """Refund an order."""
    return f"refunded {amount} of order {order_id}"


agent = Agent(name="refunder", instructions="You refund orders.", model=Scripted(), tools=[refund_order])


async def begin() -> str:
    """Starts a run, and executes it up to its pause."""
    result = await Runner.run(agent, QUESTION)
    assert result.interruptions
    run = uuid4().hex
    STORE[run] = result.to_state().to_string()
    return run


async def end(run: str) -> None:
    """Executes the run from its pause to its end."""
    state = await RunState.from_string(agent, STORE.pop(run))
    for interruption in state.get_interruptions():
        state.approve(interruption)
    result = await Runner.run(agent, state)
    assert result.final_output == ANSWER


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
    result = Runner.run_streamed(Agent(name="talker", model=Streaming(tokens)), "Talk.")
    frames = [
        frame(event.data.delta)
        async for event in result.stream_events()
        if event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent)
    ]
    assert len(frames) >= tokens


async def main() -> None:
    """Measures everything."""
    set_tracing_disabled(True)  # tracing would use the network
    results = [
        await measured(1, "memory, one after another", "µs CPU a run", IN_TURN, in_turn),
        await measured(1, f"memory, {AT_ONCE:,} at once", "µs CPU a run", AT_ONCE, at_once),
    ]
    for tokens in TOKENS:
        results.append(await measured(4, f"{tokens:,} tokens", "µs CPU a token", tokens, partial(stream, tokens)))
    finish("openai-agents", [*results, cold_import("import agents")])


asyncio.run(main())
