"""A store that another process has taken over: all parts of the old system stop, and one error is logged."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest
import trio
from runs import YES, Ledger, agent_of, forever, parked, sleeps
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors import ActorSystem, Agent, Run
from adjourn.actors.gateway import serve_gateway
from adjourn.actors.testing import calls, inspect, open_test_system, says
from adjourn.protocol.errors import RunNotFound, StaleEpoch
from adjourn.stores import MemoryStore


def an_agent(ledger: Ledger) -> Agent:
    """An agent whose first call waits for a decision."""
    return agent_of(calls(("refund", {})), says("done"), calls(("refund", {})), says("done"), tools=[ledger.gated()])


async def by_deciding(system: ActorSystem, run: Run) -> None:
    await run.resume(YES)


async def by_starting(system: ActorSystem, run: Run) -> None:
    await system.start("a", "another")


async def by_aborting(system: ActorSystem, run: Run) -> None:
    await run.abort()


async def by_deleting_what_is_over(system: ActorSystem, run: Run) -> None:
    await system.delete("over")


async def by_telling_the_sweeper(system: ActorSystem, run: Run) -> None:
    await trio.sleep(120)  # the record of `over` is to be deleted by then
    await system.head(run.id)


WAYS = [by_deciding, by_starting, by_aborting, by_deleting_what_is_over, by_telling_the_sweeper]


@pytest.mark.parametrize("notice", WAYS)
async def test_watchers_waiters_and_requests_are_told_that_the_store_is_lost(
    notice: Callable[[ActorSystem, Run], Awaitable[None]],
    caplog: pytest.LogCaptureFixture,
    autojump_clock: MockClock,
) -> None:
    store, ledger, told = MemoryStore(), Ledger(), 0
    agent = an_agent(ledger).with_limits(retention_s=60)

    async def expect_the_error(call: Awaitable[object]) -> None:
        nonlocal told
        with pytest.raises(StaleEpoch):
            await call
        told += 1

    async def watch(run: Run) -> None:
        async with run.events() as events:
            async for _ in events:
                pass

    async def stream(run: Run) -> None:
        async with aclosing(run.sse(0)) as chunks:
            async for _ in chunks:
                pass

    async with open_test_system(agent, store=store) as system:
        over = await system.start(agent, "go", run_id="over")
        await parked(over)
        await over.resume(YES)
        await over.wait_ended()
        run = await system.start(agent, "go")
        await parked(run)
        async with trio.open_nursery() as nursery:
            for call in (watch(run), stream(run), run.wait_ended(), system.wait_lost()):
                nursery.start_soon(expect_the_error, call)
            await wait_all_tasks_blocked()
            await store.acquire("somebody else")
            await expect_the_error(notice(system, run))
        assert told == 5
        assert inspect(system).active == []
        for late in (
            *(system.get(run.id), system.head(run.id), system.log(run.id), run.wait(), run.wait_ended()),
            *(system.list(), run.resume(YES), run.abort(), system.delete("over"), system.get("over")),
            *(system.start(agent, "go"), system.start(agent, "go", run_id=run.id)),
        ):
            await expect_the_error(late)
        await trio.sleep(3600)
    assert len(ledger.begun) == 1, "nothing of the other run was executed"
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("this process has lost its store")


async def test_a_run_under_way_is_stopped_by_the_save_of_another(autojump_clock: MockClock) -> None:
    store, ledger = MemoryStore(), Ledger()
    agent = agent_of(calls(("hang", {})), calls(("hang", {})), tools=[ledger.tool("hang", forever)])
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        await store.acquire("somebody else")
        with pytest.raises(StaleEpoch):
            await system.start(agent, "go")
        await wait_all_tasks_blocked()
        assert (len(ledger.begun), ledger.at_once) == (1, 0), "its tool was cancelled"
        record = await store.load(run.id)
    assert record is not None
    assert record.head.calls[0].phase == "started", "what becomes of the call is the new owner's business"


async def test_a_save_of_the_runs_own_is_noticed(caplog: pytest.LogCaptureFixture, autojump_clock: MockClock) -> None:
    store, ledger = MemoryStore(), Ledger()
    agent = agent_of(calls(("work", {})), says("done"), tools=[ledger.tool(body=sleeps(5))])
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        await store.acquire("somebody else")
        with pytest.raises(StaleEpoch):
            await run.wait_ended()
        assert inspect(system).active == []
    assert len(caplog.records) == 1


async def test_a_run_that_was_over_before_keeps_its_end(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    agent = agent_of("done", "done")
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        async with run.events() as events:
            await run.wait_ended()
            await store.acquire("somebody else")
            with pytest.raises(StaleEpoch):
                await system.start(agent, "go")
            assert [item.event async for item in events][-1].status == "completed"  # type: ignore[union-attr]


async def test_a_system_that_leaves_is_not_one_that_lost_its_store(caplog: pytest.LogCaptureFixture) -> None:
    store, ledger = MemoryStore(), Ledger()
    agent = an_agent(ledger)
    async with open_test_system(agent, store=store) as system:
        await parked(await system.start(agent, "go", run_id="r1"))
    async with open_test_system(agent, store=store) as system:
        await system.resume("r1", YES)
        assert (await system.run("r1").wait_ended()).status == "completed"
        with pytest.raises(RunNotFound):
            await system.get("r2")
    assert caplog.records == []


async def test_a_store_lost_to_a_later_owner_is_said_once_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    async with open_test_system(agent_of("done"), store=store):
        await store.acquire("somebody else")
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("this process has lost its store")


async def test_a_gateway_ends_with_the_store_of_its_system() -> None:
    store, agent = MemoryStore(), agent_of("done")

    async def serve() -> None:
        with pytest.RaisesGroup(StaleEpoch):
            await serve_gateway(system, port=0)
        ended.set()

    ended = trio.Event()
    async with open_test_system(agent, store=store) as system:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            await store.acquire("somebody else")
            with pytest.raises(StaleEpoch):
                await system.start(agent, "go")
            await ended.wait()
