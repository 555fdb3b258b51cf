"""The sweeper: when it reads the store, what it does in runs not in memory, and what it retries later."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
import trio
from faulty import FaultyStore
from runs import YES, Ledger, agent_of, check_record, parked
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors import Agent
from adjourn.actors.middleware import Middleware
from adjourn.actors.runtime import sweeper
from adjourn.actors.testing import ScriptedModel, calls, inspect, open_test_system, says, scripted_agent
from adjourn.protocol.errors import LimitExceeded
from adjourn.protocol.events import AgentEnd, Envelope
from adjourn.protocol.record import Entry, Head, Limits, OnExpiry, Record
from adjourn.stores.memory import MemoryStore

REFUND = calls(("refund", {}))


class CountingStore(FaultyStore):
    """Counts how often it was asked what is due."""

    looks = 0

    async def due(self, now: int, limit: int = 100, *, after: Head | None = None) -> tuple[Head, ...]:
        self.looks += 1
        return await super().due(now, limit, after=after)


def refunders(count: int, **limits: Any) -> Agent:
    """An agent whose next `count` runs park for good; they are kept for ever once they are over."""
    limits = {"parked_ttl_s": 100.0, "retention_s": None, **limits}
    return Agent(name="a", model=ScriptedModel([REFUND] * count), tools=[Ledger().gated()], limits=Limits(**limits))


# When the sweeper reads the store.


async def test_the_number_of_parked_runs_does_not_add_reads(autojump_clock: MockClock) -> None:
    store, agent = CountingStore(), refunders(50)
    async with open_test_system(agent, store=store) as system:
        await parked(await system.start(agent, "go"))
        await wait_all_tasks_blocked()
        before = store.looks
        for _ in range(49):
            await parked(await system.start(agent, "go"))
        assert store.looks == before


async def test_a_deadline_earlier_than_all_others_is_kept(autojump_clock: MockClock) -> None:
    late = refunders(1)
    soon = scripted_agent(REFUND, "done", name="soon", tools=[Ledger().gated(decision_timeout_s=10)])
    async with open_test_system(late, soon) as system:
        await parked(await system.start(late, "go"))
        await wait_all_tasks_blocked()
        run = await system.start(soon, "go")
        with trio.fail_after(11):
            assert (await run.wait_ended()).status == "completed"


@pytest.mark.parametrize("passivate_after_s", [10.0, 1e6])
async def test_a_clock_that_wavers_loses_no_deadline(passivate_after_s: float, autojump_clock: MockClock) -> None:
    for seed in range(30):
        behind_s, agent = Random(seed), refunders(1)
        clock = lambda: 1_700_000_000.0 + trio.current_time() - behind_s.choice((0, 0.25))  # noqa: B023, E731
        async with open_test_system(agent, clock=clock, passivate_after_s=passivate_after_s) as system:
            run = await system.start(agent, "go")
            with trio.fail_after(102):
                assert (await run.wait_ended()).status == "aborted"


# Runs not in memory.


async def test_a_run_that_nobody_watches_expires_without_coming_into_memory(autojump_clock: MockClock) -> None:
    seen, told = list[type](), list[str]()

    class Tap(Middleware):
        def on_event(self, envelope: Envelope) -> None:
            seen.append(type(envelope.event))

    agent = Agent(
        name="a",
        model=ScriptedModel([REFUND]),
        tools=[Ledger().gated()],
        middleware=[Tap()],
        limits=Limits(parked_ttl_s=100.0),
    )
    async with open_test_system(agent, passivate_after_s=10) as system:
        run = await system.start(agent, "go")
        await parked(run)
        await trio.sleep(50)
        before = inspect(system).activations
        system.watch_changes(lambda head, deleted: told.append(head.status))
        await trio.sleep(51)
        assert inspect(system).activations == before
        end = await run.snapshot()
        assert (end.status, end.reason) == ("aborted", "expired")
        check_record(await inspect(system).record(run.id))
    assert seen[-1] is AgentEnd
    assert told == ["aborted"]


async def test_a_watcher_of_a_run_not_in_memory_sees_each_event_of_its_expiry(autojump_clock: MockClock) -> None:
    agent = refunders(1)
    async with open_test_system(agent, passivate_after_s=10) as system:
        run = await system.start(agent, "go")
        await parked(run)
        await trio.sleep(50)
        assert inspect(system).active == []
        async with run.events() as events:
            snapshot = await anext(events)
            found = [item async for item in events]
    assert [item.seq for item in found] == list(range(snapshot.seq + 1, found[-1].seq + 1))
    assert isinstance(found[-1].event, AgentEnd)  # type: ignore[union-attr]


async def test_a_call_during_a_runs_expiry_gets_the_expired_run(autojump_clock: MockClock) -> None:
    class LateStore(FaultyStore):
        delay_s = 0.0

        async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
            await trio.sleep(self.delay_s)
            await super().save(head, append, expected_version=expected_version)

    store, agent = LateStore(), refunders(1)
    async with open_test_system(agent, store=store, passivate_after_s=10) as system:
        run = await system.start(agent, "go")
        await parked(run)
        store.delay_s = 10
        await trio.sleep(105)
        with trio.fail_after(20):
            assert (await run.wait_ended()).status == "aborted"


async def test_runs_that_expire_out_of_memory_make_room_for_others(autojump_clock: MockClock) -> None:
    agent = refunders(3)
    async with open_test_system(agent, passivate_after_s=10, max_runs=1) as system:
        await parked(await system.start(agent, "go"))
        with pytest.raises(LimitExceeded):
            await system.start(agent, "go")
        await trio.sleep(101)
        await parked(await system.start(agent, "go"))
        with pytest.raises(LimitExceeded):
            await system.start(agent, "go")


async def test_a_run_that_expires_with_no_retention_is_deleted(autojump_clock: MockClock) -> None:
    agent = refunders(1, retention_s=0.0)
    async with open_test_system(agent, passivate_after_s=10) as system:
        await parked(await system.start(agent, "go"))
        await trio.sleep(102)
        assert (await system.list()).heads == ()


async def test_a_gate_that_expires_out_of_memory_with_a_yes_is_executed_once(autojump_clock: MockClock) -> None:
    ledger = Ledger()
    gate = ledger.gated(decision_timeout_s=100, on_expiry=OnExpiry(action="decide", decision=YES))
    agent = agent_of(REFUND, says("done"), tools=[gate])
    async with open_test_system(agent, passivate_after_s=10) as system:
        run = await system.start(agent, "go")
        await parked(run)
        await trio.sleep(101)
        assert (await run.snapshot()).status == "completed"
    assert len(ledger.done) == 1


# Work that fails.


async def test_runs_whose_due_action_fails_delay_no_others(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "PAGE", 2)
    store = CountingStore(MemoryStore())
    gate = Ledger().gated(decision_timeout_s=5, on_expiry=OnExpiry(action="decide", decision=YES))
    gone = Agent(name="gone", model=ScriptedModel([REFUND] * 5), tools=[gate])
    async with open_test_system(gone, store=store) as system:
        for _ in range(5):
            await parked(await system.start(gone, "go"))
    agent = refunders(2)
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        await parked(run)
        await trio.sleep(50)
        before = store.looks
        await trio.sleep(51)
        assert (await run.snapshot()).status == "aborted"
        assert store.looks - before == 3  # what is due now, whether there is more, and the next deadline
        assert (await system.list(status="paused", agent="gone")).heads[4:]


async def test_many_runs_that_fail_are_tried_again_by_and_by(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("PAGE", 2), ("PAGES_AT_ONCE", 1), ("MAX_RETRIES", 3)):
        monkeypatch.setattr(sweeper, name, value)
    store, agent = FaultyStore(), refunders(20)
    async with open_test_system(agent, store=store, passivate_after_s=10) as system:
        for _ in range(20):
            await parked(await system.start(agent, "go"))
        await trio.sleep(50)
        attempts = store.attempts
        store.refuse = [OSError("the disk is full")] * 1_000
        await trio.sleep(60)
        tried = store.attempts - attempts
        assert 20 < tried <= 10 * 7  # a second: three again, and two pages
        store.refuse.clear()
        await trio.sleep(20)
        assert len((await system.list(status="aborted")).heads) == 20


async def test_runs_that_fail_for_ever_hold_up_no_others(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("PAGE", 2), ("PAGES_AT_ONCE", 1), ("MAX_RETRIES", 3)):
        monkeypatch.setattr(sweeper, name, value)
    store, agent, broken = FaultyStore(), refunders(12), list[str]()
    load = store.inner.load

    async def loads_some(run_id: str) -> Record | None:
        if run_id in broken:
            raise OSError("this page can't be read")
        return await load(run_id)

    store.inner.load = loads_some  # type: ignore[method-assign]
    async with open_test_system(agent, store=store, passivate_after_s=10) as system:
        for _ in range(12):
            broken.append((await system.start(agent, "go")).id)
            await trio.sleep(1e-2)
        last = broken.pop()
        await trio.sleep(110)
        assert (await system.head(last)).status == "aborted"
        broken.clear()
        await trio.sleep(20)
        assert len((await system.list(status="aborted")).heads) == 12
