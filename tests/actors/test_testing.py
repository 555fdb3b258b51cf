"""The scripted model, and how any whole message streams."""

from contextlib import aclosing
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from adjourn.actors import Agent
from adjourn.actors.models import ModelRequest, events_of
from adjourn.actors.testing import (
    ScriptedModel,
    Updates,
    calls,
    hangs,
    open_test_system,
    says,
    scripted_agent,
    sse_response,
    tool_context,
)
from adjourn.actors.tools import tool
from adjourn.protocol.codec import from_json
from adjourn.protocol.events import (
    Done,
    Failed,
    Start,
    StreamEvent,
    TextDelta,
    TextEnd,
    TextStart,
    ThinkingDelta,
    ThinkingEnd,
    ToolcallDelta,
    ToolcallStart,
)
from adjourn.protocol.messages import AssistantMessage, ModelDescriptor, Text, Thinking, ToolCall, user
from adjourn.protocol.sse import SSEParser


def request(text: str = "hi") -> ModelRequest:
    return ModelRequest(
        model=ModelDescriptor(id="scripted"), instructions="", messages=[user(text)], tools=(), run_id="run-1"
    )


async def events(model: ScriptedModel, text: str = "hi") -> list[StreamEvent]:
    async with aclosing(model.stream(request(text))) as stream:
        return [event async for chunk in stream for event in chunk]


def said(stream: list[StreamEvent]) -> str:
    return "".join(event.delta for event in stream if isinstance(event, TextDelta))


# How a message streams.


def test_text_streams_word_by_word() -> None:
    message = says(" one two\n three ")
    assert events_of(message) == [
        Start(),
        TextStart(content_index=0),
        *[TextDelta(content_index=0, delta=delta) for delta in (" one", " two", "\n three", " ")],
        TextEnd(content_index=0),
        Done(reason="stop", message=message),
    ]


def test_each_block_streams_under_its_own_index() -> None:
    message = AssistantMessage(
        content=(
            Thinking(thinking="well now", signature="s"),
            Text(text="ok"),
            ToolCall(id="p-1", name="add", arguments={"a": [1, 2, 3], "note": "a longer text"}),
            ToolCall(id="p-2", name="add", arguments={}, raw_arguments="{not json"),
        ),
        stop_reason="toolUse",
    )
    stream = events_of(message)
    assert [e.delta for e in stream if isinstance(e, ThinkingDelta)] == ["well", " now"]
    assert ThinkingEnd(content_index=0, signature="s") in stream
    assert [e for e in stream if isinstance(e, ToolcallStart)] == [
        ToolcallStart(content_index=2, id="p-1", name="add"),
        ToolcallStart(content_index=3, id="p-2", name="add"),
    ]
    deltas = [e for e in stream if isinstance(e, ToolcallDelta)]
    assert len([e for e in deltas if e.content_index == 2]) > 1
    first = "".join(e.delta for e in deltas if e.content_index == 2)
    assert from_json(first, Any) == {"a": [1, 2, 3], "note": "a longer text"}
    assert "".join(e.delta for e in deltas if e.content_index == 3) == "{not json"
    assert stream[-1] == Done(reason="toolUse", message=message)


def test_a_message_that_failed_streams_to_its_failure() -> None:
    message = AssistantMessage(content=(Text(text="half"),), stop_reason="error", error_message="gone")
    stream = events_of(message)
    assert said(stream) == "half"
    assert stream[-1] == Failed(reason="error", error=message)


# The script.


async def test_responses_are_given_one_a_call_and_requests_are_kept() -> None:
    model = ScriptedModel(["one", says("two"), [ToolCall(id="1", name="add", arguments={"a": 1})]])
    assert said(await events(model, "first")) == "one"
    assert said(await events(model, "second")) == "two"
    end = (await events(model, "third"))[-1]
    assert isinstance(end, Done)
    assert (end.reason, end.message.calls) == ("toolUse", [ToolCall(id="1", name="add", arguments={"a": 1})])
    assert [made.messages[0] for made in model.requests] == [user("first"), user("second"), user("third")]


def test_calls_is_shorthand_for_a_message_with_tool_calls() -> None:
    message = calls(("add", {"a": 1}), ("sub", "{oops"), text="Wait.")
    assert message.text == "Wait."
    assert message.stop_reason == "toolUse"
    assert message.calls == [
        ToolCall(id="call-1", name="add", arguments={"a": 1}),
        ToolCall(id="call-2", name="sub", arguments={}, raw_arguments="{oops"),
    ]


async def test_a_function_answers_from_the_request() -> None:
    model = ScriptedModel([lambda asked: f"you said {asked.messages[0].content}"])
    assert said(await events(model, "hello")) == "you said hello"


async def test_an_exception_is_raised_in_mid_stream() -> None:
    model = ScriptedModel([RuntimeError("broken")])
    async with aclosing(model.stream(request())) as stream:
        assert await anext(stream) == [Start()]
        with pytest.raises(RuntimeError, match="broken"):
            await anext(stream)
    assert model.streaming == 0


async def test_a_scripted_failure_comes_after_the_partial_message() -> None:
    failed = Failed(reason="error", error=AssistantMessage(content=(Text(text="so far"),), stop_reason="error"))
    stream = await events(ScriptedModel([failed]))
    assert said(stream) == "so far"
    assert stream[-1] is failed
    assert [event for event in stream if isinstance(event, Done | Failed)] == [failed]


async def test_a_script_that_is_over_fails_and_says_so() -> None:
    model = ScriptedModel(["only"])
    await events(model)
    end = (await events(model))[-1]
    assert isinstance(end, Failed)
    assert end.error.error_message == "the script of this model has 1 responses, and this is call 2"


async def test_a_script_per_message_is_given_whole_to_each_run_and_each_message_of_a_chat() -> None:
    @tool
    async def look(at: str) -> str:
        return f"seen {at}"

    script = ScriptedModel([calls(("look", {"at": "this"})), says("Done.")], per_message=True)
    async with open_test_system(Agent(name="a", model=script, tools=[look])) as system:
        runs = [await system.start("a", "One.") for _ in range(2)]
        await runs[0].wait_ended()
        runs.append(await system.start("a", "Another.", after=runs[0].id))
        assert [(await run.wait_ended()).messages[-1].text for run in runs] == ["Done."] * 3
    assert len(script.requests) == 6


async def test_chunks_come_on_the_trio_clock(autojump_clock: trio.testing.MockClock) -> None:
    model = ScriptedModel(["a b c", "a b c"], delay_s=2, deltas_per_chunk=4)
    started = trio.current_time()
    arrived: list[tuple[float, int]] = []
    async with aclosing(model.stream(request())) as stream:
        async for chunk in stream:
            arrived.append((trio.current_time() - started, len(chunk)))
    assert arrived == [(2, 4), (4, 3)]


async def test_each_chunk_is_a_checkpoint_without_a_delay_too() -> None:
    async with aclosing(ScriptedModel(["a b c"]).stream(request())) as stream:
        with trio.testing.assert_checkpoints():
            await anext(stream)


async def test_a_hanging_response_streams_and_then_neither_goes_on_nor_ends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    model = ScriptedModel([hangs("so far")])
    seen: list[StreamEvent] = []
    with trio.move_on_after(3600) as scope:
        async with aclosing(model.stream(request())) as stream:
            async for chunk in stream:
                seen.extend(chunk)
                assert model.streaming == 1
    assert scope.cancelled_caught
    assert said(seen) == "so far"
    assert not any(isinstance(event, Done) for event in seen)
    assert model.streaming == 0


async def test_leaving_a_stream_half_way_leaves_nothing_open() -> None:
    model = ScriptedModel(["a b c"])
    async with aclosing(model.stream(request())) as stream:
        await anext(stream)
        assert model.streaming == 1
    assert model.streaming == 0


async def test_a_tool_context_outside_of_runs_keeps_the_progress() -> None:
    updates = Updates()
    context = tool_context("add", run_id="r", tool_call_id="c", metadata={"a": 1}, updates=updates)
    await context.update({"n": 1})
    assert updates.seen == [{"n": 1}]
    assert (context.run_id, context.tool_call_id, context.tool_name, context.metadata) == ("r", "c", "add", {"a": 1})


async def test_in_a_test_system_a_parked_run_reaches_its_end_of_weeks_at_once(autojump_clock: MockClock) -> None:
    @tool(decision={"type": "boolean"})
    def ask(decision: bool) -> str:
        """Ask."""
        raise AssertionError("nobody decided")

    agent = scripted_agent(calls(("ask", {})), tools=[ask], parked_ttl_s=14 * 24 * 3600.0)
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        assert (await run.wait()).status == "paused"
        assert (await run.wait_ended()).reason == "expired"


@pytest.mark.parametrize("chunk_bytes", [None, 1, 7])
def test_a_scripted_sse_response_reads_as_its_events_however_it_is_cut(chunk_bytes: int | None) -> None:
    chunks = sse_response('{"a": 1}', "two\nlines", "[DONE]", chunk_bytes=chunk_bytes)
    parser = SSEParser()
    assert [event.data for chunk in chunks for event in parser.feed(chunk)] == ['{"a": 1}', "two\nlines", "[DONE]"]
    assert all(len(chunk) <= (chunk_bytes or 1000) for chunk in chunks)
