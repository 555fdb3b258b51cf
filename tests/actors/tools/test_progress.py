"""A tool's progress: published to watchers, bounded like a result, and only while the call is open."""

from typing import Any

import pytest
import trio
from onecall import OBJECT, Point, run, said
from trio.testing import wait_all_tasks_blocked

from adjourn.actors.testing import Updates, tool_context
from adjourn.actors.tools import ToolCallOver, ToolContext, execute, make_tool, tool
from adjourn.protocol.codec import CodecError


async def test_a_tool_shows_progress_through_its_context() -> None:
    updates = Updates()

    @tool
    async def work(context: ToolContext) -> str:
        await context.update({"done": Point(1, 2)})
        await context.update("half")
        return f"{context.run_id} {context.tool_call_id} {context.tool_name} {context.metadata}"

    context = tool_context("work", metadata={"user": "u"}, updates=updates)
    outcome = await execute(work, {}, None, context, max_result_bytes=1000)
    assert updates.seen == [{"done": {"x": 1, "y": 2}}, "half"]
    assert said(outcome) == "run-1 call-1 work {'user': 'u'}"


async def test_progress_that_events_cannot_carry_raises_in_the_tool() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for partial in (float("nan"), object(), "\ud800", endless):
        with pytest.raises((CodecError, TypeError)):
            await tool_context().update(partial)


async def test_a_sync_tool_shows_progress_from_its_thread() -> None:
    updates = Updates()

    @tool
    def work(context: ToolContext) -> None:
        trio.from_thread.run(context.update, "half")

    outcome = await execute(work, {}, None, tool_context("work", updates=updates), max_result_bytes=1000)
    assert not outcome.is_error
    assert updates.seen == ["half"]


async def test_progress_is_bounded_as_results_are() -> None:
    updates, raised = Updates(), list[str]()

    @tool
    async def work(context: ToolContext) -> None:
        await context.update("x" * 98)
        for too_large in ("x" * 99, ["x" * 50, "y" * 50]):
            try:
                await context.update(too_large)
            except CodecError as error:
                raised.append(str(error))

    await execute(work, {}, None, tool_context("work", updates=updates), max_result_bytes=100)
    assert updates.seen == ["x" * 98]
    assert raised == ["expected at most 100 bytes, got 101", "expected at most 100 bytes, got 107"]


async def test_a_tool_cannot_change_progress_after_publishing_it() -> None:
    updates = Updates()

    @tool
    async def work(context: ToolContext) -> None:
        mine = {"list": [1]}
        await context.update(mine)
        mine["list"].append(2)

    await execute(work, {}, None, tool_context("work", updates=updates), max_result_bytes=1000)
    assert updates.seen == [{"list": [1]}]


async def talks(arguments: dict[str, Any], context: ToolContext) -> None:
    kept.append(context)


async def fails(arguments: dict[str, Any], context: ToolContext) -> None:
    kept.append(context)
    raise ValueError("no")


def blocks(arguments: dict[str, Any], context: ToolContext) -> None:
    kept.append(context)


kept: list[ToolContext] = []


@pytest.mark.parametrize("body", [talks, fails, blocks])
async def test_a_call_that_is_over_publishes_nothing(body: Any) -> None:
    """A thread, a task or a global may still hold the call's context. Its `update` then raises."""
    kept.clear()
    updates = Updates()
    await execute(make_tool("t", "", OBJECT, body), {}, None, tool_context("t", updates=updates), max_result_bytes=100)
    with pytest.raises(ToolCallOver, match="call call-1 of tool t is over"):
        await kept[0].update("late")
    with pytest.raises(ToolCallOver):
        await trio.to_thread.run_sync(lambda: trio.from_thread.run(kept[0].update, "late"))
    assert updates.seen == []


async def test_a_cancelled_call_publishes_nothing() -> None:
    kept.clear()

    async def waits(arguments: dict[str, Any], context: ToolContext) -> None:
        kept.append(context)
        await trio.sleep_forever()

    updates = Updates()
    context = tool_context("t", updates=updates)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: execute(make_tool("t", "", OBJECT, waits), {}, None, context, max_result_bytes=100))
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    with pytest.raises(ToolCallOver):
        await kept[0].update("late")
    assert updates.seen == []


async def test_progress_that_waits_when_its_call_ends_is_not_published() -> None:
    """A slow reader may delay progress until after the call's end, when later events already have a `seq`."""
    kept.clear()
    shown: list[Any] = []
    raised: list[BaseException] = []
    room = trio.Event()

    async def publish(partial: Any) -> None:
        await room.wait()
        shown.append(partial)

    async def show(context: ToolContext) -> None:
        try:
            await context.update("late")
        except ToolCallOver as error:
            raised.append(error)

    @tool
    async def work(context: ToolContext) -> None:
        nursery.start_soon(show, context)
        await wait_all_tasks_blocked()

    async with trio.open_nursery() as nursery:
        context = ToolContext(run_id="r", tool_call_id="c", tool_name="work", metadata={}, publish=publish)
        assert said(await execute(work, {}, None, context, max_result_bytes=100)) == "done"
        await wait_all_tasks_blocked()
        assert len(raised) == 1
        room.set()
    assert shown == []


async def test_an_error_of_the_call_being_over_is_the_tools_own_to_meet() -> None:
    """For example, one call uses another call's context."""
    kept.clear()
    await run(make_tool("t", "", OBJECT, talks))

    @tool
    async def confused() -> None:
        await kept[0].update("late")

    assert said(await run(confused)) == "ToolCallOver: call call-1 of tool t is over: nothing of it is shown any more"
