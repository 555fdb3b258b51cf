"""Tools for asyncio: where they execute, how they are cancelled, and where they are refused."""

import asyncio
import contextvars
import threading
from collections.abc import Callable

import pytest
from hosted import run_asyncio, talker

from adjourn.actors import Agent, Tool, ToolContext, ToolDefinitionError, open_actor_system, tool
from adjourn.actors.hosts import AsyncioRun, AsyncioSystem, open_threaded_system
from adjourn.actors.testing import calls, tool_context
from adjourn.actors.tools import execute
from adjourn.protocol import Envelope, InvalidParams
from adjourn.protocol.events import ToolExecutionUpdate


def agent_of(work: Tool) -> Agent:
    return talker(calls((work.spec.name, {})), "Done.", tools=(work,))


async def started(system: AsyncioSystem) -> AsyncioRun:
    return await system.start("talker", "Work.")


def result_of(work: Tool) -> str:
    """Returns the result that the model gets for one call of the tool."""

    async def main() -> str:
        async with open_threaded_system([agent_of(work)]) as system:
            return (await (await started(system)).wait_ended()).messages[2].text

    return run_asyncio(main)


def test_an_asyncio_tool_executes_in_the_loop_of_the_block() -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    @tool(loop="asyncio")
    async def work() -> str:
        """Work."""
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return threading.current_thread().name

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        async with open_threaded_system([agent_of(work)]) as system:
            ended = await (await started(system)).wait_ended()
            assert ended.messages[2].text == threading.current_thread().name

    run_asyncio(main)
    assert loops[0] is loops[1]


def test_an_asyncio_tool_reports_progress() -> None:
    @tool(loop="asyncio")
    async def work(context: ToolContext) -> str:
        """Work."""
        for done in range(3):
            await context.update({"done": done})
        return "done"

    async def main() -> list[object]:
        async with open_threaded_system([agent_of(work)]) as system:
            run = await started(system)
            seen = [each.event async for each in run.events() if isinstance(each, Envelope)]
            return [event.partial_result for event in seen if isinstance(event, ToolExecutionUpdate)]

    assert run_asyncio(main) == [{"done": 0}, {"done": 1}, {"done": 2}]


def exits() -> None:
    raise SystemExit(2)


def divides() -> None:
    raise ZeroDivisionError("no")


def cancels() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("fails", "text"),
    [(exits, "SystemExit: 2"), (divides, "ZeroDivisionError: no"), (cancels, "CancelledError")],
)
def test_an_exception_of_an_asyncio_tool_is_only_its_error_result(fails: Callable[[], None], text: str) -> None:
    @tool(loop="asyncio")
    async def work() -> None:
        """Work."""
        await asyncio.sleep(0)
        fails()

    assert text in result_of(work)


def test_an_asyncio_tool_sees_the_context_variables_of_the_opener() -> None:
    tenant = contextvars.ContextVar("tenant", default="none")

    @tool(loop="asyncio")
    async def work() -> str:
        """Work."""
        return tenant.get()

    def main() -> str:
        tenant.set("ann")
        return result_of(work)

    assert contextvars.copy_context().run(main) == "ann"


class Hanging:
    """A tool that hangs until it is cancelled, and notes that it was."""

    def __init__(self, **options: object) -> None:
        self.began = asyncio.Event()
        self.ended = ""

        @tool(loop="asyncio", **options)  # type: ignore[arg-type]
        async def work() -> None:
            """Hang."""
            self.began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await asyncio.sleep(0)  # it may still await in its cleanup
                self.ended = "cancelled"
                raise

        self.tool = work


def test_an_abort_cancels_an_asyncio_tool_and_waits_for_its_end() -> None:
    async def main() -> None:
        hanging = Hanging()
        async with open_threaded_system([agent_of(hanging.tool)]) as system:
            run = await started(system)
            await hanging.began.wait()
            aborted = await run.abort()
            assert (aborted.status, aborted.abandoned, hanging.ended) == ("aborted", (), "cancelled")

    run_asyncio(main)


def test_a_timeout_cancels_an_asyncio_tool() -> None:
    async def main() -> None:
        hanging = Hanging(timeout_s=0.01)
        async with open_threaded_system([agent_of(hanging.tool)]) as system:
            ended = await (await started(system)).wait_ended()
            assert "did not finish within 0.01 seconds" in ended.messages[2].text
            assert hanging.ended == "cancelled"

    run_asyncio(main)


def test_leaving_cancels_an_asyncio_tool() -> None:
    async def main() -> None:
        hanging = Hanging()
        async with open_threaded_system([agent_of(hanging.tool)], drain_s=0) as system:
            await started(system)
            await hanging.began.wait()
        assert hanging.ended == "cancelled"

    run_asyncio(main)


def test_a_result_despite_cancellation_counts() -> None:
    async def main() -> None:
        began = asyncio.Event()

        @tool(loop="asyncio", timeout_s=0.01)
        async def work() -> str:
            """Finish what was begun."""
            began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return "finished"
            return ""

        async with open_threaded_system([agent_of(work)]) as system:
            assert (await (await started(system)).wait_ended()).messages[2].text == "finished"

    run_asyncio(main)


REFUSAL = "agent 'talker': tool work is declared with loop='asyncio', and there is no asyncio loop here"


@tool(loop="asyncio")
async def work() -> None:
    """Work."""


async def test_plain_trio_refuses_an_agent_with_asyncio_tools() -> None:
    with pytest.raises(InvalidParams, match=REFUSAL):
        async with open_actor_system([agent_of(work)]):
            pass


def test_a_blocking_host_refuses_an_agent_with_asyncio_tools() -> None:
    with pytest.raises(InvalidParams, match=REFUSAL), open_threaded_system([agent_of(work)]):
        pass


async def test_an_asyncio_tool_without_a_loop_is_an_error_result() -> None:
    outcome = await execute(work, {}, None, tool_context("work"), max_result_bytes=1000)
    assert outcome.is_error
    assert outcome.text == "work was not executed: it needs an asyncio loop, and there is none"


def test_only_async_functions_are_declared_for_asyncio() -> None:
    with pytest.raises(ToolDefinitionError, match="for async functions"):

        @tool(loop="asyncio")
        def blocks() -> None:
            """Block."""

    with pytest.raises(ToolDefinitionError, match="loop must be 'asyncio', or None"):
        tool(loop="curio")(work.function)  # type: ignore[call-overload]


def test_a_client_side_tool_can_not_name_a_loop() -> None:
    with pytest.raises(ToolDefinitionError, match="for async functions"):

        @tool(loop="asyncio", runs="client")
        async def locate() -> None:
            """Locate the user."""
