"""A store that neither answers nor fails: every waiting caller gets an error in time, and nothing is blocked."""

from collections.abc import Awaitable, Callable

import pytest
import trio
from faulty import FaultyStore
from runs import YES, Ledger, agent_of, parked, results
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors import ActorSystem, Agent, Run
from adjourn.actors.runtime.watchdog import watched
from adjourn.actors.testing import calls, open_test_system, says
from adjourn.protocol.errors import StoreUnavailable
from adjourn.stores import MemoryStore

BOUND_S = 15 * 1.25  # the option's default, and a quarter more


@pytest.fixture(params=[False, True], ids=["that may be cancelled", "that shields itself"])
def store(request: pytest.FixtureRequest) -> FaultyStore:
    store = FaultyStore()
    store.shielded = request.param
    return store


def an_agent(ledger: Ledger) -> Agent:
    return agent_of(calls(("refund", {})), says("done"), tools=[ledger.gated()])


async def decide(system: ActorSystem, run: Run) -> None:
    await run.resume(YES)


async def start(system: ActorSystem, run: Run) -> None:
    await system.start("a", "another")


async def abort(system: ActorSystem, run: Run) -> None:
    await run.abort()


@pytest.mark.parametrize("ask", [decide, start, abort])
async def test_a_request_is_told_in_time_and_may_come_again(
    ask: Callable[[ActorSystem, Run], Awaitable[None]],
    store: FaultyStore,
    caplog: pytest.LogCaptureFixture,
    autojump_clock: MockClock,
) -> None:
    ledger = Ledger()
    async with open_test_system(an_agent(ledger), store=store) as system:
        run = await system.start("a", "go")
        await parked(run)
        store.hangs = True
        began = trio.current_time()
        with pytest.raises(StoreUnavailable):
            await ask(system, run)
        assert trio.current_time() - began <= BOUND_S
        assert "the store has not answered for 15 s" in caplog.text
        store.hangs = False
        await run.resume(YES)
        assert (await run.wait_ended()).status == "completed"
    assert len(ledger.begun) == 1


async def test_the_runs_own_saves_wait_and_go_on_when_the_store_is_back(
    store: FaultyStore, autojump_clock: MockClock
) -> None:
    ledger = Ledger()
    agent = agent_of(calls(("work", {})), says("done"), tools=[ledger.tool()], delay_s=1)
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        store.hangs = True
        await trio.sleep(600)
        assert ledger.begun == [], "nothing is executed before it is saved"
        store.hangs = False
        end = await run.wait_ended()
        assert (end.status, results(end)) == ("completed", ["work"])
        assert (await system.head(run.id)).recoveries == 0
    assert len(ledger.begun) == 1


@pytest.mark.parametrize("after_s", [None, 1.0], ids=["left in order", "cancelled"])
async def test_leaving_a_system_is_bounded(
    after_s: float | None, store: FaultyStore, autojump_clock: MockClock
) -> None:
    ledger = Ledger()

    async def work() -> None:
        async with open_test_system(an_agent(ledger), store=store, drain_s=2, store_timeout_s=8) as system:
            run = await system.start("a", "go")
            await parked(run)
            store.hangs = True
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run.resume, YES)
                await wait_all_tasks_blocked()
                if after_s is None:
                    nursery.cancel_scope.cancel()

    began = trio.current_time()
    with trio.move_on_after(after_s or 1000):
        await work()
    assert trio.current_time() - began <= 1 + 2 + 1 + 10
    store.hangs = False
    async with open_test_system(an_agent(ledger), store=store.inner) as system:
        await parked(system.run((await system.list()).heads[0].id))  # the decision had not happened


async def test_nobody_watches_a_memory_store() -> None:
    before = trio.lowlevel.current_statistics().tasks_living
    async with watched(MemoryStore(), 1):
        assert trio.lowlevel.current_statistics().tasks_living == before
    async with watched(FaultyStore(), 1):  # type: ignore[arg-type]
        assert trio.lowlevel.current_statistics().tasks_living == before + 1


async def test_an_error_of_the_block_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError):
        async with watched(FaultyStore(), 1):  # type: ignore[arg-type]
            raise KeyError("mine")
