"""A failed call has an error result: exceptions, timeouts, arguments that do not decode."""

import logging
from typing import Any

import pytest
import trio
from onecall import OBJECT, run, said

from adjourn.actors.tools import (
    ToolContext,
    ToolError,
    ToolOutcome,
    make_tool,
    tool,
)
from adjourn.protocol.messages import Text


async def test_an_exception_is_an_error_for_the_model_and_a_traceback_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @tool
    async def divide(a: int, b: int) -> float:
        return a / b

    outcome = await run(divide, {"a": 1, "b": 0})
    assert outcome == ToolOutcome((Text(text="ZeroDivisionError: division by zero"),), None, True)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("adjourn.tools", logging.ERROR)
    assert "call-1" in record.getMessage()
    assert "divide" in record.getMessage()
    assert record.exc_info is not None


async def test_a_tool_error_is_its_message_alone(caplog: pytest.LogCaptureFixture) -> None:
    @tool
    def refuse() -> None:
        raise ToolError("the order is closed", details={"order": 7})

    assert await run(refuse) == ToolOutcome((Text(text="the order is closed"),), {"order": 7}, True)
    assert caplog.records == []


async def test_a_tool_error_whose_details_cannot_be_stored_keeps_its_message() -> None:
    @tool
    def refuse() -> None:
        raise ToolError("the order is closed", details=object())

    outcome = await run(refuse)
    assert outcome.is_error
    assert said(outcome).startswith("the order is closed (its details can't be stored")


async def test_an_error_out_of_a_tools_own_nursery_is_the_error_itself() -> None:
    @tool
    async def nursed() -> None:
        async def child() -> None:
            raise ToolError("inside")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
            await trio.sleep_forever()

    assert said(await run(nursed)) == "inside"


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


async def test_an_error_without_words_or_with_too_many_is_still_a_result() -> None:
    async def outcome_of(error: Exception) -> ToolOutcome:
        def fail(arguments: dict[str, Any], context: ToolContext) -> None:
            raise error

        logging.getLogger("adjourn.tools").disabled = True
        try:
            return await run(make_tool("t", "", OBJECT, fail))
        finally:
            logging.getLogger("adjourn.tools").disabled = False

    assert said(await outcome_of(Unprintable())) == "Unprintable"
    assert said(await outcome_of(ValueError("\ud800"))) == "ValueError: ?"
    assert len(said(await outcome_of(ValueError("x" * 1_000_000)))) == 4000


async def test_arguments_that_do_not_decode_are_an_error_result() -> None:
    @tool
    async def double(n: int) -> int:
        return n * 2

    outcome = await run(double, {"n": "x"})
    assert outcome.is_error
    assert "Expected `int`" in said(outcome)


async def test_a_tool_that_takes_too_long_is_an_error(autojump_clock: trio.testing.MockClock) -> None:
    @tool(timeout_s=5)
    async def slow() -> None:
        await trio.sleep(6)

    @tool(timeout_s=5)
    async def quick() -> str:
        await trio.sleep(4)
        return "ok"

    started = trio.current_time()
    outcome = await run(slow)
    assert trio.current_time() - started == 5
    assert outcome.is_error
    assert "slow did not finish within 5 seconds" in said(outcome)
    assert said(await run(quick)) == "ok"


async def test_cancellation_goes_through(autojump_clock: trio.testing.MockClock) -> None:
    @tool(timeout_s=60)
    async def slow() -> None:
        await trio.sleep(50)

    with trio.move_on_after(1) as scope:
        await run(slow)
    assert scope.cancelled_caught
