"""Tools in whole runs: gates get copies, tools know who decided, threads left behind disturb no run."""

import threading
from dataclasses import replace
from typing import Any

import pytest
import trio
from runs import agent_of, parked, results
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors import Run, ToolContext, tool
from adjourn.actors.testing import calls, open_test_system
from adjourn.protocol.events import AgentEnd, Envelope, Event, ToolExecutionUpdate


async def all_events(run: Run) -> list[Event]:
    async with run.events(after=0) as envelopes:
        return [item.event async for item in envelopes if isinstance(item, Envelope)]


def meddles(arguments: dict[str, Any]) -> bool:
    arguments["amount"] = 5
    return True


def raises(arguments: dict[str, Any]) -> bool:
    raise SystemExit(1)


def vague(arguments: dict[str, Any]) -> Any:
    return 0


@pytest.mark.parametrize("asks", [meddles, raises, vague])
async def test_a_faulty_gate_function_neither_opens_the_gate_nor_changes_the_arguments(asks: Any) -> None:
    paid: list[int] = []

    @tool(approval=asks)
    async def pay(amount: int) -> None:
        paid.append(amount)

    agent = agent_of(calls(("pay", {"amount": 100})), "done", tools=[pay])
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await parked(run)
        (pending,) = (await run.snapshot()).pending
        assert pending.input == {"amount": 100}
        assert paid == []
        await run.resume({"approved": True}, digest=pending.digest)
        await run.wait_ended()
    assert paid == [100]


async def test_a_call_that_need_not_be_asked_for_is_not() -> None:
    @tool(approval=lambda arguments: arguments["amount"] > 10)
    async def pay(amount: int) -> str:
        return f"paid {amount}"

    agent = agent_of(calls(("pay", {"amount": 5})), "done", tools=[pay])
    async with open_test_system(agent) as system:
        assert results(await (await system.start(agent, "go")).wait_ended()) == ["paid 5"]


async def test_a_tool_is_told_who_started_the_run_and_who_decided_the_call() -> None:
    @tool(decision={"type": "boolean"})
    async def pay(context: ToolContext) -> str:
        return f"{context.started_by} {context.decided_by} {context.decision}"

    @tool
    async def look(context: ToolContext) -> str:
        return f"{context.started_by} {context.decided_by}"

    agent = agent_of(calls(("pay", {}), ("look", {})), "done", tools=[pay, look])
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go", by="ann")
        await parked(run)
        await run.resume(True, by="bob")
        assert results(await run.wait_ended()) == ["ann bob True", "ann None"]


class Talker:
    """A blocking tool that still calls `update` after its call is over."""

    def __init__(self) -> None:
        self.begun, self.go, self.ended = threading.Event(), threading.Event(), threading.Event()
        self.errors: list[BaseException] = []

    def __call__(self, context: ToolContext) -> None:
        self.begun.set()
        try:
            self.go.wait()
            while True:
                trio.from_thread.run(context.update, "still here")
        except BaseException as error:
            self.errors.append(error)
            raise
        finally:
            self.ended.set()


@pytest.mark.parametrize("end", ["abort", "timeout"])
async def test_a_thread_that_was_left_behind_shows_nothing_after_its_call(end: str, mock_clock: MockClock) -> None:
    talker = Talker()
    talks = tool(name="talks", timeout_s=5)(talker)
    agent = agent_of(calls(("talks", {})), "done", tools=[talks])
    async with open_test_system(agent, cleanup_s=0) as system:
        run = await system.start(agent, "go")
        await trio.to_thread.run_sync(talker.begun.wait)
        if end == "abort":
            assert (await run.abort()).abandoned != ()
        else:
            mock_clock.jump(5)
            assert results(await run.wait_ended()) == [
                "talks did not finish within 5 seconds and may have taken effect"
            ]
        talker.go.set()
        await trio.to_thread.run_sync(talker.ended.wait)
        await wait_all_tasks_blocked()
        events = await all_events(run)
    assert isinstance(events[-1], AgentEnd)
    assert not any(isinstance(event, ToolExecutionUpdate) for event in events)
    assert [type(error).__name__ for error in talker.errors] == ["ToolCallOver"]


async def test_hung_tools_of_aborted_runs_starve_nobody() -> None:
    go = threading.Event()
    begun = threading.Semaphore(0)

    @tool
    def hangs() -> None:
        begun.release()
        go.wait()

    @tool
    def quick() -> str:
        return "quick"

    hanging = agent_of(*[calls(("hangs", {}))] * 6, tools=[hangs])
    other = replace(agent_of(calls(("quick", {})), "done", tools=[quick]), name="b")
    async with open_test_system(hanging, other, max_threads=2, cleanup_s=0) as system:
        for _ in range(6):
            run = await system.start(hanging, "go")
            await trio.to_thread.run_sync(begun.acquire)
            await run.abort()
        assert results(await (await system.start(other, "go")).wait_ended()) == ["quick"]
        go.set()
