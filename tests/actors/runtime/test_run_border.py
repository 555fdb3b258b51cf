"""The border between a run and foreign code: what a tool or model does affects only its own call."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Sequence
from contextvars import ContextVar
from typing import Any

import pytest
import trio
from faulty import FaultyStore
from runs import YES, Ledger, agent_of, events_of, kinds, parked, results, sleeps, snapshot_of
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors import Agent, ModelRequest, ToolContext, tool
from adjourn.actors.models import events_of as stream_of
from adjourn.actors.testing import calls, hangs, inspect, open_test_system, says, scripted_agent
from adjourn.protocol.errors import StoreCorrupt, VersionConflict
from adjourn.protocol.events import Envelope, StreamEvent, ToolDecisionPending
from adjourn.protocol.messages import ModelDescriptor
from adjourn.stores.memory import MemoryStore

WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


# Whose context.


async def test_a_tool_sees_the_context_variables_of_the_system_not_of_its_callers(
    autojump_clock: MockClock,
) -> None:
    """The tool saw the starter's context, or the decider's after passivation, or none after a restart."""
    seen: list[str] = []

    async def look(arguments: dict[str, Any], context: ToolContext) -> str:
        seen.append(WHO.get())
        return "seen"

    tools = [Ledger().gated(body=look)]
    store = MemoryStore()
    agent = agent_of(calls(("refund", {})), "done", tools=tools)

    async def start(system: Any, run_id: str) -> None:
        WHO.set("the starter")
        await parked(await system.start(agent, "go", run_id=run_id))

    async def decide(system: Any, run_id: str) -> None:
        WHO.set("the decider")
        await system.resume(run_id, YES)
        await system.run(run_id).wait_ended()

    WHO.set("the system")
    async with open_test_system(agent, store=store, passivate_after_s=10) as system, trio.open_nursery() as nursery:
        nursery.start_soon(start, system, "kept")
        await trio.sleep(1)
        nursery.start_soon(decide, system, "kept")
    agent = agent_of(calls(("refund", {})), "done", tools=tools)
    async with open_test_system(agent, store=store, passivate_after_s=10) as system, trio.open_nursery() as nursery:
        nursery.start_soon(start, system, "passivated")
        await trio.sleep(100)
        assert inspect(system).active == []
        nursery.start_soon(decide, system, "passivated")
    assert seen == ["the system", "the system"]


async def test_a_tool_is_told_who_started_the_run_and_who_decided() -> None:
    told: list[tuple[str | None, str | None]] = []

    async def look(arguments: dict[str, Any], context: ToolContext) -> str:
        told.append((context.started_by, context.decided_by))
        return "seen"

    agent = agent_of(
        calls(("refund", {})), calls(("work", {})), "done", tools=[Ledger().gated(body=look), Ledger().tool(body=look)]
    )
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go", by="ann")
        await parked(run)
        await run.resume(YES, by="bob")
        await run.wait_ended()
    assert told == [("ann", "bob"), ("ann", None)]


# Calls that publish after their end.


async def test_a_call_that_is_done_can_publish_nothing_more(autojump_clock: MockClock) -> None:
    """A thread that was left behind went on talking: events came after `agent_end`, and numbers were used twice."""
    contexts: list[ToolContext] = []

    async def keep(arguments: dict[str, Any], context: ToolContext) -> str:
        contexts.append(context)
        await context.update("still open")
        return "kept"

    agent = agent_of(calls(("work", {})), "done", tools=[Ledger().tool(body=keep)])
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        before = await events_of(run)
        with pytest.raises(Exception, match=r"over|closed|no longer"):
            await contexts[0].update("after the end")
        assert kinds(await events_of(run)) == kinds(before)
        assert kinds(before)[-1] == "agent_end"


# Stopping.


async def test_an_abort_answers_in_time_and_names_a_tool_that_shields_itself(autojump_clock: MockClock) -> None:
    release = trio.Event()

    async def stubborn(arguments: dict[str, Any], context: ToolContext) -> str:
        with trio.CancelScope(shield=True):
            await release.wait()
        return "at last"

    agent = agent_of(calls(("work", {})), tools=[Ledger().tool(body=stubborn)])
    async with open_test_system(agent, cleanup_s=2) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        began = trio.current_time()
        aborted = await run.abort("enough")
        assert trio.current_time() - began < 3
        assert (aborted.status, len(aborted.abandoned)) == ("aborted", 1)
        assert "may have taken effect" in results((await run.get()).snapshot)[0]
        assert run.id not in inspect(system).active
        release.set()
        await wait_all_tasks_blocked()
        assert (await run.get()).seq == aborted.seq, "what it returned in the end changes nothing"


async def test_a_system_that_cannot_leave_says_which_tool_holds_it(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    release = trio.Event()

    async def stubborn(arguments: dict[str, Any], context: ToolContext) -> str:
        with trio.CancelScope(shield=True):
            await release.wait()
        return "at last"

    async def let_go_later() -> None:
        await trio.sleep(60)
        release.set()

    agent = agent_of(calls(("migrate", {})), tools=[Ledger().tool("migrate", body=stubborn)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(let_go_later)
        async with open_test_system(agent, drain_s=1) as system:
            await system.start(agent, "go", run_id="r1")
            await wait_all_tasks_blocked()
    (said,) = [record.getMessage() for record in caplog.records if "can't close" in record.getMessage()]
    assert "r1" in said
    assert "migrate" in said


class Breathless:
    """A model that streams without ever waiting."""

    descriptor = ModelDescriptor(id="breathless", api="scripted", provider="testing")

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
        for event in stream_of(says("word " * 10_000)):
            yield [event]


async def test_a_model_that_never_waits_does_not_stop_the_process() -> None:
    agent = Agent(name="a", model=Breathless())
    ticks = 0
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        async with trio.open_nursery() as nursery:

            async def tick() -> None:
                nonlocal ticks
                while True:
                    await trio.lowlevel.checkpoint()
                    ticks += 1

            nursery.start_soon(tick)
            await run.wait_ended()
            nursery.cancel_scope.cancel()
    assert ticks > 100


# A run without an actor.


async def test_a_run_whose_actor_was_lost_is_brought_back(autojump_clock: MockClock) -> None:
    """The run stayed `running` for ever, without an actor."""
    store = FaultyStore()

    async def spoil(arguments: dict[str, Any], context: ToolContext) -> str:
        store.refuse = [VersionConflict("somebody else") for _ in range(8)]
        return "done"

    agent = agent_of(calls(("work", {})), "all", "all", tools=[Ledger().tool(body=spoil)])
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        with trio.fail_after(600):
            assert (await run.wait_ended()).status == "completed"
        assert inspect(system).activations > 1


async def test_recovery_waits_for_a_store_that_is_corrupt_for_a_moment(autojump_clock: MockClock) -> None:
    store = FaultyStore()
    agent = agent_of(hangs("half"))
    async with open_test_system(agent, store=store, drain_s=0) as system:
        await system.start(agent, "go", run_id="r1")
        await wait_all_tasks_blocked()
        disk = snapshot_of(store.inner)
    load, failures = disk.load, 3

    async def unreadable(run_id: str) -> Any:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise StoreCorrupt("a page is torn")
        return await load(run_id)

    disk.load = unreadable  # type: ignore[method-assign]
    async with open_test_system(agent_of("back"), store=disk) as system:
        await trio.sleep(60)
        assert (await system.run("r1").wait_ended()).status == "completed"


# What models raise.


class Raising:
    """A model that raises in mid-stream."""

    descriptor = ModelDescriptor(id="raising", api="scripted", provider="testing")

    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
        yield stream_of(says("half"))[:3]
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(2),
        asyncio.CancelledError(),
        BaseExceptionGroup("several", [SystemExit(1), ValueError("x")]),
        RuntimeError("a defect"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_any_exception_of_a_model_fails_only_its_own_run(error: BaseException) -> None:
    good = scripted_agent(calls(("slow", {})), "done", name="good", tools=[Ledger().tool("slow", body=sleeps(5))])
    bad = Agent(name="bad", model=Raising(error))
    async with open_test_system(good, bad) as system:
        neighbour = await system.start("good", "go")
        run = await system.start("bad", "go")
        assert (await run.wait_ended()).status == "failed"
        await neighbour.abort()


@pytest.mark.parametrize(
    "error", [SystemExit(2), asyncio.CancelledError(), GeneratorExit()], ids=lambda error: type(error).__name__
)
async def test_any_exception_of_a_tool_is_an_error_of_its_own_call(error: BaseException) -> None:
    """`sys.exit()` in a tool ended the process, with every run in it."""

    async def exits(arguments: dict[str, Any], context: ToolContext) -> None:
        raise error

    agent = agent_of(
        calls(("work", {}), ("other", {})), "done", tools=[Ledger().tool(body=exits), Ledger().tool("other")]
    )
    async with open_test_system(agent) as system:
        end = await (await system.start(agent, "go")).wait_ended()
    assert end.status == "completed"
    assert type(error).__name__ in results(end)[0]
    assert results(end)[1] == "other"


async def test_only_the_decided_arguments_are_executed() -> None:
    """Whoever reads events in the same process could change the arguments under a person's approval."""
    ledger = Ledger()
    agent = agent_of(calls(("refund", {"amount": 5})), "done", tools=[ledger.gated()])
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        async with run.events() as events:
            async for item in events:
                if isinstance(item, Envelope) and isinstance(item.event, ToolDecisionPending):
                    item.event.input["amount"] = 500
                    break
        await parked(run)
        await run.resume(YES)
        assert "not those that were decided on" in results(await run.wait_ended())[0]
    assert ledger.begun == []


async def test_an_aborted_call_that_never_got_a_thread_is_told_so() -> None:
    release = threading.Event()

    @tool
    def work() -> str:
        release.wait()
        return "done"

    agent = agent_of(calls(("work", {})), calls(("work", {})), tools=[work])
    async with open_test_system(agent, max_threads=1, cleanup_s=0.1) as system:
        first = await system.start(agent, "go")
        await wait_all_tasks_blocked(0.05)
        second = await system.start(agent, "go")
        await wait_all_tasks_blocked(0.05)
        assert (await second.abort()).abandoned == ()
        assert results((await second.get()).snapshot) == ["This call was not started: the run was aborted before."]
        await first.abort()
        assert "may have taken effect" in results((await first.get()).snapshot)[0]
        release.set()
