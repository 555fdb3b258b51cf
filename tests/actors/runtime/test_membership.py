"""Systems as the nodes of one shared store, in one process and on a mock clock: leases, takeovers and claims."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from runs import YES, Ledger, agent_of, forever, parked
from shared_memory import Medium, SharedMemory
from trio.testing import MockClock

from adjourn.actors import ActorSystem, Agent, ToolContext, open_actor_system
from adjourn.actors.runtime.looks import PAUSE_S
from adjourn.actors.runtime.membership import Membership
from adjourn.actors.testing import calls, hangs, says, scripted_agent, trio_clock
from adjourn.protocol.errors import InvalidParams, RunElsewhere, StoreUnavailable
from adjourn.protocol.record import Entry, Head
from adjourn.stores import Changed, Claimed, Node, Orphan, Owned

LEASE_S, BEAT_S = 10.0, 2.0
REFUND = calls(("refund", {"order": 7}))


class Cut(SharedMemory):
    """A node's opening that can be cut off from the store: writes and claims then fail."""

    is_cut = False
    loses_answers = False  # of the next call that claims orphans

    def _check_open(self) -> None:
        super()._check_open()
        if self.is_cut:
            raise StoreUnavailable("the network is down")

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        self._check_open()
        await super().save(head, append, expected_version=expected_version)

    async def renew(self, node: Node, lease_s: float) -> bool:
        self._check_open()
        return await super().renew(node, lease_s)

    async def claim(self, run_id: str) -> Claimed | Owned | None:
        self._check_open()
        return await super().claim(run_id)

    async def orphans(self, agents: Sequence[str], limit: int, **others: Any) -> tuple[Orphan, ...]:
        self._check_open()
        found = await super().orphans(agents, limit, **others)
        if found and self.loses_answers:
            self.loses_answers = False
            raise StoreUnavailable("the answer is lost")
        return found

    async def let_go(self, runs: Sequence[tuple[str, int]]) -> None:
        self._check_open()
        await super().let_go(runs)

    async def changed(self, mark: str | None, limit: int) -> Changed:
        self._check_open()
        return await super().changed(mark, limit)


@asynccontextmanager
async def a_node(medium: Medium, agent: Agent, **options: Any) -> AsyncGenerator[tuple[ActorSystem, Cut]]:
    store = Cut(medium)
    options = {"lease_s": LEASE_S, "beat_s": BEAT_S, **options}
    async with open_actor_system([agent], store=store, clock=trio_clock, **options) as system:
        yield system, store


def membership(system: ActorSystem) -> Membership:
    tenure = system.runtime.tenure
    assert isinstance(tenure, Membership)
    return tenure


@pytest.fixture
def medium() -> Medium:
    """A store without hints: nodes only look at it, each second."""
    medium = Medium()
    medium.loses_hints = True
    return medium


async def test_a_beat_must_fit_into_the_lease_three_times(medium: Medium) -> None:
    for beat_s in (0.0, -1.0, 4.0):
        with pytest.raises(InvalidParams, match="beat_s: expected at most a third of lease_s"):
            async with a_node(medium, agent_of(says("Hi.")), beat_s=beat_s):
                pass


async def test_a_lease_that_is_renewed_never_ends(medium: Medium, autojump_clock: MockClock) -> None:
    agent = agent_of(hangs("Wait"))
    async with a_node(medium, agent, drain_s=0) as (one, _), a_node(medium, agent) as (two, _):
        run = await one.start(agent, "hello")
        await trio.sleep(20 * LEASE_S)
        with pytest.raises(RunElsewhere):
            await two.run(run.id).resume({})
        assert (await run.get()).snapshot.status == "running"


async def test_the_url_of_an_earlier_node_at_the_same_place_is_not_named(medium: Medium) -> None:
    agent = agent_of(hangs("Wait"))
    async with a_node(medium, agent, drain_s=0) as (one, _), a_node(medium, agent) as (two, _):
        one.announce("ws://shop.test")
        run = await one.start(agent, "hello")
        await trio.testing.wait_all_tasks_blocked()
        for url, named in (("ws://other.test", "ws://shop.test"), ("ws://shop.test", None)):
            two.announce(url)
            with pytest.raises(RunElsewhere) as refused:
                await two.run(run.id).resume({})
            assert refused.value.url == named


async def test_runs_of_a_node_cut_off_go_on_elsewhere_within_the_lease(
    medium: Medium, autojump_clock: MockClock
) -> None:
    ledger = Ledger()
    tools = [ledger.gated(body=forever), ledger.tool("other")]
    agent = agent_of(REFUND, says("Done."), tools=tools)
    second = agent_of(says("Done."), tools=tools)
    async with a_node(medium, agent) as (one, store), a_node(medium, second) as (two, _):
        run = await one.start(agent, "refund order 7")
        await parked(run)
        await run.resume(YES)
        await trio.sleep(5)
        store.is_cut = True
        cut_at = trio.current_time()
        ended = await two.run(run.id).wait_ended()
        assert ended.status == "completed"
        assert trio.current_time() - cut_at <= LEASE_S + BEAT_S + 1, "after the lease, the next beat, and a look"
        assert len(ledger.begun) == 1, "the tool that had started does not start again"
        store.is_cut = False
        await trio.sleep(2 * BEAT_S)
        assert not one.under_way(), "the node that was cut off has dropped the run"
        assert (await run.wait_ended()).status == "completed", "and shows how it ended"


async def test_a_tool_gets_a_greater_epoch_after_a_takeover(medium: Medium, autojump_clock: MockClock) -> None:
    epochs: list[int] = []

    async def note(arguments: dict[str, Any], context: ToolContext) -> None:
        epochs.append(context.epoch)
        if len(epochs) == 1:
            await trio.sleep_forever()

    work = Ledger().tool(body=note, idempotent=True)
    agent, second = agent_of(calls(("work", {})), tools=[work]), agent_of(says("Done."), tools=[work])
    async with a_node(medium, agent) as (one, store), a_node(medium, second) as (two, _):
        run = await one.start(agent, "work")
        await trio.sleep(1)
        store.is_cut = True
        assert (await two.run(run.id).wait_ended()).status == "completed"
        assert epochs[0] < epochs[1] == (await two.head(run.id)).epoch


async def test_a_node_without_its_lease_starts_no_effects(medium: Medium, autojump_clock: MockClock) -> None:
    ledger = Ledger()
    agent = agent_of(calls(("work", {})), says("Done."), tools=[ledger.tool(body=forever)])
    async with a_node(medium, agent, drain_s=0) as (one, store):
        await one.start(agent, "work", run_id="before")
        await trio.sleep(1)
        store.is_cut = True
        await trio.sleep(LEASE_S - BEAT_S)
        assert not membership(one).is_held, "from one beat before the end of the lease"
        with pytest.raises(StoreUnavailable):
            await one.start(agent, "work", run_id="late")
        assert len(ledger.begun) == 1
        store.is_cut = False
        await trio.sleep(BEAT_S + 0.1)
        assert membership(one).is_held


async def test_a_node_whose_lease_ended_joins_under_another_id(medium: Medium, autojump_clock: MockClock) -> None:
    agent = agent_of(REFUND, says("Done."), tools=[Ledger().gated()])
    async with a_node(medium, agent) as (one, store):
        before = membership(one).node.id
        run = await one.start(agent, "refund order 7")
        await parked(run)
        store.is_cut = True
        await trio.sleep(2 * LEASE_S)
        store.is_cut = False
        await trio.sleep(2 * BEAT_S)
        assert membership(one).node.id != before
        await run.resume(YES)
        assert (await run.wait_ended()).status == "completed"


async def test_claims_whose_answer_was_lost_are_found_again(medium: Medium, autojump_clock: MockClock) -> None:
    agent, second = agent_of(hangs("Wait")), agent_of(says("Done."))
    async with a_node(medium, second) as (two, store):
        async with a_node(medium, agent, drain_s=0) as (one, _):
            run = await one.start(agent, "hello")
            store.loses_answers = True
        with trio.fail_after(3 * BEAT_S):
            assert (await two.run(run.id).wait_ended()).status == "completed"
        assert not store.loses_answers


class Late(Cut):
    """A store that carries claims out after it has given them up."""

    is_late = False

    async def claim(self, run_id: str) -> Claimed | Owned | None:
        if not self.is_late:
            return await super().claim(run_id)
        self.is_late = False
        self.late = run_id
        raise StoreUnavailable("the server has not answered in time")

    async def carry_out(self) -> None:
        await super().claim(self.late)


async def test_a_run_claimed_by_a_call_that_was_given_up_is_not_owned_for_ever(
    medium: Medium, autojump_clock: MockClock
) -> None:
    agent = agent_of(REFUND, tools=[Ledger().gated()])
    second = agent_of(says("Done."), tools=[Ledger().gated()])
    store = Late(medium)
    async with open_actor_system([agent], store=store, clock=trio_clock, passivate_after_s=1) as one:
        run = await one.start(agent, "refund order 7")
        await parked(run)
        await trio.sleep(2)
        store.is_late = True
        with pytest.raises(StoreUnavailable):
            await run.resume(YES)
        await trio.sleep(20)
        await store.carry_out()
        async with a_node(medium, second) as (two, _):
            with pytest.raises(RunElsewhere):
                await two.resume(run.id, YES)
            await trio.sleep(2 * BEAT_S)
            await two.resume(run.id, YES)
            assert (await run.wait_ended()).status == "completed"


async def test_a_parked_run_that_left_memory_is_anyones(medium: Medium, autojump_clock: MockClock) -> None:
    ledger = Ledger()
    agent = agent_of(REFUND, tools=[ledger.gated()])
    second = agent_of(says("Done."), tools=[ledger.gated()])
    async with a_node(medium, agent, passivate_after_s=1) as (one, _), a_node(medium, second) as (two, _):
        run = await one.start(agent, "refund order 7")
        await parked(run)
        with pytest.raises(RunElsewhere):
            await two.resume(run.id, YES)
        await trio.sleep(1.5)
        await two.resume(run.id, YES)
        assert (await run.wait_ended()).status == "completed"
        assert len(ledger.done) == 1


async def test_a_node_that_stops_lets_its_runs_go_at_once(medium: Medium, autojump_clock: MockClock) -> None:
    agent = agent_of(REFUND, tools=[Ledger().gated()])
    second = agent_of(says("Done."), tools=[Ledger().gated()])
    async with a_node(medium, second) as (two, _):
        async with a_node(medium, agent) as (one, _):
            run = await one.start(agent, "refund order 7")
            await parked(run)
        began = trio.current_time()
        await two.resume(run.id, YES)
        assert trio.current_time() == began, "no lease to wait for"
        await two.run(run.id).wait_ended()


async def test_a_watcher_sees_changes_made_by_another_node(medium: Medium, autojump_clock: MockClock) -> None:
    agent = agent_of(REFUND, says("Done."), tools=[Ledger().gated()])
    async with a_node(medium, agent) as (one, _), a_node(medium, agent) as (two, _):
        run = await one.start(agent, "refund order 7")
        await parked(run)
        statuses: list[str] = []
        async with two.run(run.id).events(after=None) as events:
            async for each in events:
                statuses.append(each.snapshot.status)
                if statuses == ["paused"]:
                    await run.resume(YES)
        assert statuses == ["paused", "completed"]


async def test_runs_deleted_elsewhere_end_their_watchers(medium: Medium, autojump_clock: MockClock) -> None:
    agent = agent_of(REFUND, tools=[Ledger().gated()])
    async with a_node(medium, agent) as (one, _), a_node(medium, agent) as (two, _):
        run = await one.start(agent, "refund order 7")
        await parked(run)
        async with two.run(run.id).events() as events:
            await one.delete(run.id)
            async for _ in events:
                pass


async def test_a_deadline_is_kept_by_any_node(medium: Medium, autojump_clock: MockClock) -> None:
    agent = agent_of(REFUND, tools=[Ledger().gated()], parked_ttl_s=60)
    async with a_node(medium, agent) as (two, _):
        async with a_node(medium, agent) as (one, _):
            run = await one.start(agent, "refund order 7")
            await parked(run)
        began = trio.current_time()
        assert (await two.run(run.id).wait_ended()).status == "aborted"
        assert 59 <= trio.current_time() - began <= 62


async def test_a_start_is_safe_to_repeat_on_another_node(medium: Medium, autojump_clock: MockClock) -> None:
    agent = agent_of(REFUND, tools=[Ledger().gated()])
    async with a_node(medium, agent) as (one, _), a_node(medium, agent) as (two, _):
        run = await one.start(agent, "refund order 7", run_id="mine")
        await parked(run)
        again = await two.start(agent, "refund order 7", run_id="mine")
        assert again.id == "mine"


async def test_nodes_carry_on_only_runs_of_their_agents(medium: Medium, autojump_clock: MockClock) -> None:
    agent = agent_of(hangs("Wait"))
    other = scripted_agent(says("Hi."), name="other")
    async with a_node(medium, other) as (two, _):
        async with a_node(medium, agent, drain_s=0) as (one, _):
            run = await one.start(agent, "hello")
            await trio.sleep(1)
        await trio.sleep(3 * LEASE_S)
        assert (await two.head(run.id)).recoveries == 0
        assert (await two.head(run.id)).status == "running"


# The changes of all runs, on all nodes.


class Told:
    """What a watcher of all runs was told."""

    def __init__(self, system: ActorSystem) -> None:
        self.changes: list[tuple[str, str, bool]] = []  # the run, its status, and whether it was deleted
        self.missed = 0
        self.stop = system.watch_changes(self._note, self._miss)

    def _note(self, head: Head, deleted: bool) -> None:
        self.changes.append((head.id, head.status, deleted))

    def _miss(self) -> None:
        self.missed += 1


async def test_a_watcher_of_all_runs_is_told_what_other_nodes_change(medium: Medium, autojump_clock: MockClock) -> None:
    agent = agent_of(REFUND, tools=[Ledger().gated()])
    async with a_node(medium, agent) as (one, _), a_node(medium, agent) as (two, _):
        await trio.sleep(0.5)
        told = Told(two)
        run = await one.start(agent, "refund order 7", run_id="run")
        await parked(run)
        await trio.sleep(1.1)
        assert told.changes == [("run", "paused", False)], "within a second, the latest state, once"
        await one.delete(run.id)
        await trio.sleep(1.1)
        assert told.changes[1:] == [("run", "aborted", True)]
        told.stop()
        await one.start(agent, "refund order 7", run_id="later")
        await trio.sleep(2)
        assert (len(told.changes), told.missed) == (2, 0)


async def test_a_watcher_of_its_own_node_is_told_no_change_of_others(medium: Medium, autojump_clock: MockClock) -> None:
    agent = agent_of(says("Hi."))
    async with a_node(medium, agent) as (one, _), a_node(medium, agent) as (two, _):
        told: list[str] = []
        two.watch_changes(lambda head, deleted: told.append(head.id))
        Told(two)
        await (await one.start(agent, "hello", run_id="elsewhere")).wait_ended()
        await trio.sleep(2)
        await (await two.start(agent, "hello", run_id="here")).wait_ended()
        assert set(told) == {"here"}


async def test_watchers_are_told_that_changes_were_missed_after_the_store_was_away(
    medium: Medium, autojump_clock: MockClock
) -> None:
    agent = agent_of(says("Hi."), says("Hi."))
    async with a_node(medium, agent) as (one, _), a_node(medium, agent) as (two, store):
        told = Told(two)
        store.is_cut = True
        await trio.sleep(2)
        await (await one.start(agent, "hello", run_id="run")).wait_ended()
        await trio.sleep(2)
        assert (told.changes, told.missed) == ([], 0)
        store.is_cut = False
        await trio.sleep(1.1)
        assert (told.changes, told.missed) == ([], 1), "list again: from now on nothing is missed"
        await (await one.start(agent, "hello", run_id="next")).wait_ended()
        await trio.sleep(1.1)
        assert (told.changes, told.missed) == ([("next", "completed", False)], 1)


class Slow(Cut):
    """While it is slow, answers what has changed only when told to. Takes a mark alone at the end of the call."""

    is_slow = False

    def __init__(self, medium: Medium) -> None:
        super().__init__(medium)
        self.asked, self.answers = trio.Event(), trio.Event()

    async def changed(self, mark: str | None, limit: int) -> Changed:
        found = await super().changed(mark, limit)
        if self.is_slow:
            self.asked.set()
            await self.answers.wait()
        return found if mark is not None else await super().changed(None, limit)


async def test_no_watcher_is_told_an_older_state_after_a_newer_one(medium: Medium, autojump_clock: MockClock) -> None:
    agent = agent_of(REFUND, says("Done."), tools=[Ledger().gated()])
    store = Slow(medium)
    async with open_actor_system([agent], store=store, clock=trio_clock) as two:
        await trio.sleep(0.5)
        told = Told(two)
        async with a_node(medium, agent) as (one, _):
            await parked(await one.start(agent, "refund order 7", run_id="run"))
        store.is_slow = True
        await store.asked.wait()
        await two.resume("run", YES)
        await two.run("run").wait_ended()
        store.answers.set()
        await trio.sleep(3)
        assert told.changes[-1] == ("run", "completed", False)
        assert ("run", "paused", False) not in told.changes


async def test_a_watch_that_begins_during_a_look_misses_nothing(medium: Medium, autojump_clock: MockClock) -> None:
    agent = agent_of(says("Hi."))
    store = Slow(medium)
    async with open_actor_system([agent], store=store, clock=trio_clock) as two, a_node(medium, agent) as (one, _):
        await trio.sleep(0.5)
        store.is_slow = True
        await store.asked.wait()
        told = Told(two)
        await (await one.start(agent, "hello", run_id="run")).wait_ended()
        store.answers.set()
        await trio.sleep(1.1)
        assert (told.changes, told.missed) == ([("run", "completed", False)], 0)


# Hints.


async def test_a_hint_shows_a_change_to_watchers_of_all_runs_at_once(autojump_clock: MockClock) -> None:
    agent, medium = agent_of(REFUND, tools=[Ledger().gated()]), Medium()
    async with a_node(medium, agent) as (one, _), a_node(medium, agent) as (two, _):
        told = Told(two)
        await trio.sleep(PAUSE_S)
        began = trio.current_time()
        run = await one.start(agent, "refund order 7", run_id="run")
        await parked(run)
        while told.changes[-1:] != [("run", "paused", False)]:
            await trio.sleep(PAUSE_S / 10)
        assert trio.current_time() - began < 3 * PAUSE_S


async def test_a_hint_shows_a_change_to_watchers_of_the_run_at_once(autojump_clock: MockClock) -> None:
    agent, medium = agent_of(REFUND, says("Done."), tools=[Ledger().gated()]), Medium()
    async with a_node(medium, agent) as (one, _), a_node(medium, agent) as (two, _):
        run = await one.start(agent, "refund order 7")
        await parked(run)
        async with two.run(run.id).events(after=None) as events:
            await anext(events)
            await trio.sleep(10)
            began = trio.current_time()
            await run.resume(YES)
            async for each in events:
                if each.snapshot.status == "completed":
                    break
        assert trio.current_time() - began < 3 * PAUSE_S


async def test_runs_of_a_node_that_left_go_on_at_once(autojump_clock: MockClock) -> None:
    agent, medium = agent_of(hangs("Wait")), Medium()
    async with a_node(medium, agent_of(says("Done."))) as (two, _):
        async with a_node(medium, agent, drain_s=0) as (one, _):
            run = await one.start(agent, "hello")
            await trio.sleep(1.1 * BEAT_S)
        began = trio.current_time()
        await two.run(run.id).wait_ended()
        assert trio.current_time() - began < 3 * PAUSE_S


class Counting(Cut):
    """Counts how often it is asked what has changed."""

    looks = 0

    async def changed(self, mark: str | None, limit: int) -> Changed:
        self.looks += 1
        return await super().changed(mark, limit)


async def test_many_hints_are_a_few_looks(autojump_clock: MockClock) -> None:
    agent, medium = agent_of(says("Hi.")), Medium()
    store = Counting(medium)
    async with open_actor_system([agent], store=store, clock=trio_clock) as two:
        for most, watch in ((2, lambda: None), (22, lambda: Told(two))):
            watch()
            store.looks = 0
            with trio.move_on_after(1):
                while True:
                    store.hints.arrived("changed")
                    await trio.sleep(0.001)
            assert store.looks <= most, "none for the hints while nobody watches, then one each PAUSE_S"
        assert store.looks > 10
