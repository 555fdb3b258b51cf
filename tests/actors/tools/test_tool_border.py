"""Whatever a tool raises becomes its call's error result, and ends no other run, task or process."""

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any

import pydantic
import pytest
import trio
from cancelled import kept_cancelled
from onecall import OBJECT, run, said
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors.testing import calls, hangs, open_test_system, scripted_agent, tool_context
from adjourn.actors.tools import Tool, ToolContext, ToolError, execute, make_tool, tool
from adjourn.protocol.messages import ToolResultMessage


def in_task(error: BaseException) -> Any:
    async def body(arguments: dict[str, Any], context: ToolContext) -> None:
        raise error

    return body


def after_waiting(error: BaseException) -> Any:
    async def body(arguments: dict[str, Any], context: ToolContext) -> None:
        await trio.lowlevel.checkpoint()
        raise error

    return body


def in_nursery(error: BaseException) -> Any:
    async def child() -> None:
        raise error

    async def body(arguments: dict[str, Any], context: ToolContext) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
            await trio.sleep_forever()

    return body


def in_thread(error: BaseException) -> Any:
    def body(arguments: dict[str, Any], context: ToolContext) -> None:
        raise error

    return body


def around_async(error: BaseException) -> Any:
    def body(arguments: dict[str, Any], context: ToolContext) -> Any:
        return in_task(error)(arguments, context)

    return body


ERRORS: dict[str, Callable[[], BaseException]] = {
    "sys.exit()": lambda: SystemExit(),
    "sys.exit(2)": lambda: SystemExit(2),
    "asyncio's cancellation": asyncio.CancelledError,
    "GeneratorExit": GeneratorExit,
    "StopIteration": StopIteration,
    "BaseException": lambda: BaseException("bare"),
    "a group": lambda: BaseExceptionGroup("mixed", [SystemExit(2), ValueError("no")]),
    "a group of one": lambda: BaseExceptionGroup("one", [SystemExit(2)]),
}


@pytest.mark.parametrize("make_error", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("body", [in_task, after_waiting, in_nursery, in_thread, around_async])
async def test_any_exception_of_a_tool_is_an_error_result(
    body: Any, make_error: Any, caplog: pytest.LogCaptureFixture
) -> None:
    outcome = await run(make_tool("t", "", OBJECT, body(make_error())))
    assert outcome.is_error
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("adjourn.tools", logging.ERROR)
    assert "call-1" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[2] is not None


async def test_the_error_result_names_the_exception() -> None:
    assert said(await run(make_tool("t", "", OBJECT, in_task(SystemExit(2))))) == "SystemExit: 2"
    assert said(await run(make_tool("t", "", OBJECT, in_thread(SystemExit(2))))) == "SystemExit: 2"
    assert said(await run(make_tool("t", "", OBJECT, in_nursery(SystemExit(2))))) == "SystemExit: 2"
    assert said(await run(make_tool("t", "", OBJECT, in_thread(ToolError("closed"))))) == "closed"


async def test_a_tool_that_parses_a_command_line_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    import argparse

    @tool
    def convert(flags: list[str]) -> None:
        argparse.ArgumentParser().parse_args(flags)

    assert said(await run(convert, {"flags": ["--nonsense"]})) == "SystemExit: 2"
    capsys.readouterr()


async def test_asyncio_cancelled_in_a_thread_is_an_error() -> None:
    @tool
    def fetch() -> None:
        async def main() -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

        asyncio.run(main())

    assert said(await run(fetch)) == "CancelledError"


async def test_a_keyboard_interrupt_of_a_worker_thread_is_an_error() -> None:
    assert said(await run(make_tool("t", "", OBJECT, in_thread(KeyboardInterrupt())))) == "KeyboardInterrupt"
    group = BaseExceptionGroup("mixed", [KeyboardInterrupt(), ValueError("no")])
    assert (await run(make_tool("t", "", OBJECT, in_thread(group)))).is_error


@pytest.mark.parametrize("body", [in_task, after_waiting, in_nursery])
async def test_ctrl_c_on_the_main_thread_passes(body: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        await run(make_tool("t", "", OBJECT, body(KeyboardInterrupt())))


@pytest.mark.parametrize("body", [in_task, after_waiting, in_thread, around_async])
async def test_a_cancelled_that_a_tool_had_kept_cancels_nothing(body: Any) -> None:
    kept = await kept_cancelled()
    for error in (kept, BaseExceptionGroup("mixed", [kept, SystemExit(2)])):
        with trio.CancelScope() as scope:
            assert (await run(make_tool("t", "", OBJECT, body(error)))).is_error
        assert not scope.cancelled_caught


async def test_cancellation_passes(autojump_clock: MockClock) -> None:
    @tool
    async def waits() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            await trio.sleep_forever()

    with trio.move_on_after(1) as scope:
        await run(waits)
    assert scope.cancelled_caught


def stumbling(error: BaseException, **options: Any) -> Tool:
    async def stumbles() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise error

    async def body(arguments: dict[str, Any], context: ToolContext) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stumbles)
            await trio.sleep_forever()

    return make_tool("t", "", OBJECT, body, **options)


@pytest.mark.parametrize("error", [SystemExit(2), ValueError("no"), asyncio.CancelledError()], ids=repr)
async def test_cancellation_takes_precedence_over_a_tools_exception_which_is_logged(
    error: BaseException, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    with trio.move_on_after(1) as scope:
        await run(stumbling(error))
    assert scope.cancelled_caught
    (record,) = caplog.records
    assert record.getMessage() == "tool t (call call-1) raised beside what ended it"
    assert record.exc_info is not None


async def test_a_timeout_takes_precedence_over_a_tools_exception(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    outcome = await run(stumbling(SystemExit(2), timeout_s=5))
    assert said(outcome) == "t did not finish within 5 seconds and may have taken effect"
    assert "raised beside what ended it" in caplog.text


class Exits(pydantic.BaseModel):
    n: int

    @pydantic.field_validator("n")
    @classmethod
    def _exit(cls, n: int) -> int:
        sys.exit(n)

    @pydantic.model_serializer
    def _leave(self) -> dict[str, Any]:
        sys.exit(3)


async def test_types_that_raise_end_nothing_either(caplog: pytest.LogCaptureFixture) -> None:
    begun: list[Exits] = []

    @tool
    async def takes(item: Exits) -> None:
        begun.append(item)

    @tool
    async def gives() -> Exits:
        return Exits.model_construct(n=1)

    not_executed = "takes was not executed: the call can't be decoded: SystemExit: 2"
    assert said(await run(takes, {"item": {"n": 2}})) == not_executed
    assert said(await run(gives)).startswith("gives was executed, but its result can't be stored: ")
    assert begun == []
    assert len([record for record in caplog.records if record.exc_info]) == 2


async def test_a_run_whose_tool_exits_goes_on_beside_a_streaming_one() -> None:
    @tool
    async def leave() -> None:
        sys.exit(1)

    leaver = scripted_agent(calls(("leave", {})), "that did not work", tools=[leave], name="leaver")
    async with open_test_system(leaver, scripted_agent(hangs("half a"), name="streamer")) as system:
        streaming = await system.start("streamer", "go")
        ended = await (await system.start("leaver", "go")).wait_ended()
        assert ended.status == "completed"
        (result,) = [message for message in ended.messages if isinstance(message, ToolResultMessage)]
        assert (result.text, result.is_error) == ("SystemExit: 1", True)
        assert (await streaming.snapshot()).status == "running"
        await streaming.abort()


async def test_a_tool_that_waits_is_closed_without_a_word() -> None:
    """A waiting coroutine is closed, as when a program's event loop has ended."""
    told: list[Any] = []

    class Pause:
        def __await__(self) -> Any:
            yield

    async def body(arguments: dict[str, Any], context: ToolContext) -> None:
        await Pause()

    async def actor() -> None:
        told.append(await execute(make_tool("t", "", OBJECT, body), {}, None, tool_context(), max_result_bytes=10))

    coroutine = actor()
    coroutine.send(None)
    coroutine.close()
    assert told == []
    await wait_all_tasks_blocked()
