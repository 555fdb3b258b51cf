"""A deleted run and a new one with its id: a watcher with the old run's `seq` gets a snapshot of the new run."""

from pathlib import Path

import pytest
import trio
from runs import Ledger, agent_of
from trio.testing import MockClock

from adjourn.actors import ActorSystem, Run
from adjourn.actors.testing import calls, open_test_system
from adjourn.protocol.codec import MAX_INT
from adjourn.protocol.events import AgentEnd, AgentStart, Envelope
from adjourn.protocol.methods import RunSnapshot


class Wall:
    """A wall clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


async def all_of(run: Run, after: int | None = 0) -> list[Envelope | RunSnapshot]:
    async with run.events(after) as events:
        return [item async for item in events]


async def ended(system: ActorSystem, text: str = "go") -> list[Envelope | RunSnapshot]:
    """Start the run `r`, wait for its end, and return all its events."""
    run = await system.start("a", text, run_id="r")
    await run.wait_ended()
    return await all_of(run)


@pytest.mark.parametrize("passes_s", [0.0, 5.0, -3600.0])
async def test_a_watcher_with_the_numbers_of_a_deleted_run_gets_a_snapshot_of_its_namesake(passes_s: float) -> None:
    wall = Wall()
    async with open_test_system(agent_of("one", "two"), clock=wall) as system:
        old = await ended(system)
        await system.delete("r")
        wall.now += passes_s
        new = await ended(system)
        assert isinstance(new[0], Envelope)  # a watcher that has seen nothing gets the events, no snapshot
        for seen in old:
            first, *rest = await all_of(system.run("r"), seen.seq)
            assert isinstance(first, RunSnapshot)
            assert first.snapshot == await system.run("r").snapshot()
            assert rest == []


async def test_a_watcher_of_the_old_run_gets_a_snapshot_after_a_restart(tmp_path: Path) -> None:
    wall, address = Wall(), f"sqlite:///{tmp_path}/runs.db"
    async with open_test_system(agent_of("one"), store=address, clock=wall) as system:
        old = await ended(system)
        await system.delete("r")
    wall.now += 1
    async with open_test_system(agent_of("two"), store=address, clock=wall) as system:
        await ended(system)
        assert isinstance((await all_of(system.run("r"), old[-1].seq))[0], RunSnapshot)


async def test_a_watcher_of_the_old_run_gets_a_snapshot_after_the_store_was_lost() -> None:
    wall = Wall()
    async with open_test_system(agent_of("one"), clock=wall) as system:
        old = await ended(system)
    wall.now += 1
    async with open_test_system(agent_of("one"), clock=wall) as system:
        new = await ended(system)
        assert new[0].seq > old[-1].seq
        assert isinstance((await all_of(system.run("r"), old[3].seq))[0], RunSnapshot)


async def test_a_new_watcher_gets_all_events_of_a_run_with_any_first_number() -> None:
    async with open_test_system(agent_of("one", "two")) as system:
        chosen = await ended(system)
        made = await system.start("a", "go")
        await made.wait_ended()
        assert [item.seq for item in await all_of(made)] == list(range(1, len(chosen) + 1))  # ids are never reused
        assert [item.seq - chosen[0].seq for item in chosen] == list(range(len(chosen)))
        assert isinstance(chosen[0], Envelope)
        assert isinstance(chosen[0].event, AgentStart)


async def test_a_start_that_is_repeated_begins_no_numbers_anew() -> None:
    wall = Wall()
    async with open_test_system(agent_of("one", "two"), clock=wall) as system:
        first = await ended(system)
        wall.now += 5
        assert await ended(system) == first


@pytest.mark.parametrize("now", [-5.0, 0.0, 1e15])
async def test_sequence_numbers_stay_in_the_value_domain_at_any_wall_clock_time(now: float) -> None:
    wall = Wall()
    wall.now = now
    async with open_test_system(agent_of("one", retention_s=None), clock=wall) as system:
        numbers = [item.seq for item in await all_of(await system.start("a", "go", run_id="r"))]
    assert 0 < numbers[0] < numbers[-1] < MAX_INT


async def test_a_watcher_of_a_deleted_run_sees_its_end(autojump_clock: MockClock) -> None:
    agent = agent_of(calls(("refund", {})), "two", tools=[Ledger().gated()])
    seen: list[Envelope | RunSnapshot] = []

    async def watch(run: Run) -> None:
        seen.extend(await all_of(run))

    async with open_test_system(agent) as system, trio.open_nursery() as nursery:
        run = await system.start("a", "go", run_id="r")
        nursery.start_soon(watch, run)
        await run.wait()
        await run.delete()
        await system.start("a", "again", run_id="r")
    assert isinstance(seen[-1], Envelope)
    assert isinstance(seen[-1].event, AgentEnd)
    assert seen[-1].event.reason == "deleted"
