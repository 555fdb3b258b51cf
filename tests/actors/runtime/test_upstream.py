"""Watching runs that another node owns: on a mock clock, without a network."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
import trio
from runs import YES, Ledger, agent_of, parked
from shared_memory import Medium, SharedMemory
from trio.testing import MockClock

from adjourn.actors import ActorSystem, Agent, Run, RunSnapshot, open_actor_system
from adjourn.actors.runtime.membership import Membership
from adjourn.actors.testing import calls, hangs, inspect, says, trio_clock
from adjourn.protocol.errors import ConnectionLost, LimitExceeded, RunElsewhere, StoreUnavailable
from adjourn.protocol.events import Envelope
from adjourn.protocol.messages import AssistantMessage
from adjourn.protocol.record import Entry, Head
from adjourn.protocol.transcript import Snapshot, Transcript
from adjourn.stores import Node

LEASE_S, BEAT_S = 10.0, 2.0
WORD_S = 0.5  # between two words of a model
TALE = says(" ".join(f"word{n}" for n in range(40)))
REFUND = calls(("refund", {"order": 7}))

Item = Envelope | RunSnapshot


class Cut(SharedMemory):
    """A node's opening that can be cut off from the store: writes then fail."""

    is_cut = False

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        if self.is_cut:
            raise StoreUnavailable("the network is down")
        await super().save(head, append, expected_version=expected_version)

    async def renew(self, node: Node, lease_s: float) -> bool:
        if self.is_cut:
            raise StoreUnavailable("the network is down")
        return await super().renew(node, lease_s)


class Wire:
    """The connections to a system, in place of its gateway."""

    def __init__(self, system: ActorSystem) -> None:
        self.system = system
        self.dialled = self.open = self.subscribed = 0
        self.is_cut = False
        self.lag_s = 0.0  # of each batch of events
        self.room: int | None = None  # how many runs may be watched
        self.scopes: list[trio.CancelScope] = []

    def cut(self) -> None:
        """Ends the connections, and refuses others."""
        self.is_cut = True
        for scope in self.scopes:
            scope.cancel()

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator["Wire"]:
        self.dialled += 1
        await trio.lowlevel.checkpoint()
        if self.is_cut:
            raise ConnectionLost("nothing answers")
        self.open += 1
        try:
            yield self
        finally:
            self.open -= 1

    @asynccontextmanager
    async def events(self, run_id: str, after: int | None = None) -> AsyncGenerator[AsyncIterator[Item]]:
        log = await self.system.log(run_id)
        if self.is_cut:
            raise ConnectionLost("nothing answers")
        if not self.system.is_active(run_id):
            raise RunElsewhere("not here", runId=run_id)
        if self.subscribed == self.room:
            raise LimitExceeded("too many", limit="maxSubscriptions")
        self.subscribed += 1
        with log.watch(after) as cursor:
            try:
                yield Items(self, cursor)
            finally:
                self.subscribed -= 1


class Items:
    def __init__(self, wire: Wire, cursor: Any) -> None:
        self.wire, self.cursor = wire, cursor
        self.taken: list[Item] = []

    def __aiter__(self) -> "Items":
        return self

    async def __anext__(self) -> Item:
        await trio.lowlevel.checkpoint()
        with trio.CancelScope() as scope:
            self.wire.scopes.append(scope)
            while not self.taken:
                if self.cursor.finished:
                    raise StopAsyncIteration
                self.taken += [item.envelope for item in self.cursor.take()]
                await trio.sleep(self.wire.lag_s)
                if not self.taken:
                    await self.cursor.wait_more()
        if scope.cancelled_caught or self.wire.is_cut:
            raise ConnectionLost("cut")
        return self.taken.pop(0)


class Net:
    """Several systems on one store, each of which can reach the others."""

    def __init__(self) -> None:
        self.medium = Medium()
        self.wires: dict[str, Wire] = {}
        self.stores: dict[str, Cut] = {}

    @asynccontextmanager
    async def node(self, name: str, agent: Agent, **options: Any) -> AsyncGenerator[ActorSystem]:
        store = self.stores[name] = Cut(self.medium)
        options = {"lease_s": LEASE_S, "beat_s": BEAT_S, "drain_s": 0, **options}
        async with open_actor_system([agent], store=store, clock=trio_clock, **options) as system:
            self.wires[name] = Wire(system)
            system.announce(f"ws://{name}.test")
            system.watch_nodes(lambda url: self.wires[url[5:-5]].connected())
            await trio.testing.wait_all_tasks_blocked()  # the url is announced
            yield system

    def kill(self, name: str) -> None:
        """Cuts a node off from the store and from the others. Its runs stream on by themselves."""
        self.stores[name].is_cut = True
        self.wires[name].cut()


@pytest.fixture
def net() -> Net:
    return Net()


async def seen(run: Run, after: int | None = None, *, until_seq: int | None = None) -> list[Item]:
    """What a network client sees of a run, to its end or to a `seq`."""
    items: list[Item] = []
    log = await run.log()
    with log.watch(after) as cursor:
        while not cursor.finished:
            items += [item.envelope for item in cursor.take()]
            if until_seq is not None and items[-1].seq >= until_seq:
                break
            await cursor.wait_more()
    return items


def folded(items: Sequence[Item]) -> Snapshot:
    transcript = Transcript()
    for item in items:
        if isinstance(item, RunSnapshot):
            transcript = Transcript(item.snapshot)
        else:
            transcript.apply(item.event)
    return transcript.snapshot()


def check_growing(items: Sequence[Item]) -> None:
    """Each event has a greater `seq` than all before; a snapshot may repeat the `seq` that it brings up to date."""
    for before, item in pairwise(items):
        assert item.seq > before.seq or (isinstance(item, RunSnapshot) and item.seq == before.seq)


def deltas(items: Sequence[Item]) -> int:
    return sum(isinstance(item, Envelope) and item.event.type == "message_update" for item in items)


async def wait_seq(run: Run, more: int) -> None:
    """Waits until a run has published some more events."""
    log = await run.log()
    end = log.seq + more
    with log.watch(log.seq) as cursor:
        while log.seq < end:
            cursor.take()
            await cursor.wait_more()


async def test_a_watcher_elsewhere_gets_each_event_once_with_its_seq(net: Net, autojump_clock: MockClock) -> None:
    agent = agent_of(TALE, delay_s=WORD_S)
    async with net.node("one", agent) as one, net.node("two", agent) as two:
        run = await one.start(agent, "tell me a tale")
        await wait_seq(run, 10)
        begin = (await run.get()).seq
        found: dict[str, list[Item]] = {}

        async def watch(name: str, system: ActorSystem) -> None:
            found[name] = await seen(system.run(run.id))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, "one", one)
            nursery.start_soon(watch, "two", two)
        first, *events = found["two"]
        assert isinstance(first, RunSnapshot)
        assert first.seq < begin, "the store has no deltas"
        assert events[-len(found["one"][1:]) :] == found["one"][1:]
        assert [each.seq for each in events] == list(range(first.seq + 1, events[-1].seq + 1))
        assert deltas(events) > 30
        assert folded(found["two"]) == folded(found["one"]) == (await run.get()).snapshot


async def test_all_runs_of_a_node_are_watched_over_one_connection(net: Net, autojump_clock: MockClock) -> None:
    agent = agent_of(*[TALE] * 3, delay_s=WORD_S)
    async with net.node("one", agent) as one, net.node("two", agent) as two:
        wire = net.wires["one"]
        async with trio.open_nursery() as nursery:
            for n in range(3):
                run = await one.start(agent, "tell me a tale", run_id=f"run-{n}")
                for _ in range(2):
                    nursery.start_soon(seen, two.run(run.id))
            await wait_seq(run, 10)
            assert (wire.dialled, wire.open, wire.subscribed) == (1, 1, 3), "watchers of a run share its subscription"
        await trio.testing.wait_all_tasks_blocked()
        assert (wire.open, wire.subscribed) == (0, 0), "nothing stays open without watchers"


async def test_a_run_that_nobody_watches_any_more_is_unsubscribed(net: Net, autojump_clock: MockClock) -> None:
    agent = agent_of(TALE, delay_s=WORD_S)
    async with net.node("one", agent) as one, net.node("two", agent) as two:
        run = await one.start(agent, "tell me a tale")
        with (await two.log(run.id)).watch():
            await wait_seq(run, 10)
            assert net.wires["one"].subscribed == 1
        await trio.testing.wait_all_tasks_blocked()
        assert (net.wires["one"].open, net.wires["one"].subscribed) == (0, 0)


async def test_a_run_that_moves_here_publishes_nothing_twice(net: Net, autojump_clock: MockClock) -> None:
    ledger = Ledger()
    agent = agent_of(REFUND, tools=[ledger.gated()], delay_s=WORD_S)
    second = agent_of(TALE, tools=[ledger.gated()], delay_s=WORD_S)
    async with net.node("one", agent, passivate_after_s=1) as one, net.node("two", second) as two:
        run = await one.start(agent, "refund order 7")
        found: list[Item] = []

        async def watch() -> None:
            found.extend(await seen(two.run(run.id)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            await parked(run)
            while True:
                try:
                    await two.resume(run.id, YES)
                    break
                except RunElsewhere:
                    await trio.sleep(0.1)
            await trio.testing.wait_all_tasks_blocked()
            assert net.wires["one"].subscribed == 0
        check_growing(found)
        assert folded(found) == (await run.get()).snapshot == (await two.get(run.id)).snapshot


async def test_a_chat_goes_on_when_the_node_of_its_run_dies(net: Net, autojump_clock: MockClock) -> None:
    agent, second = agent_of(TALE, delay_s=WORD_S), agent_of(TALE, delay_s=WORD_S)
    async with net.node("one", agent) as one, net.node("two", second) as two:
        run = await one.start(agent, "tell me a tale")
        found: list[Item] = []

        async def watch() -> None:
            found.extend(await seen(two.run(run.id)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            await wait_seq(run, 15)
            net.kill("one")
        check_growing(found)
        assert deltas(found) > 50, "those of both nodes"
        assert folded(found) == (await two.get(run.id)).snapshot


async def test_a_third_node_is_watched_when_it_takes_the_run_over(net: Net, autojump_clock: MockClock) -> None:
    agent, other = agent_of(hangs("Once upon a time")), Agent(name="other", model=agent_of(TALE).model)
    third = agent_of(TALE, delay_s=WORD_S)
    async with net.node("one", agent) as one, net.node("two", other) as two, net.node("three", third):
        run = await one.start(agent, "tell me a tale")
        found: list[Item] = []

        async def watch() -> None:
            found.extend(await seen(two.run(run.id)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            await trio.sleep(1)
            net.kill("one")
        check_growing(found)
        assert net.wires["three"].dialled == 1
        assert deltas(found) > 30
        assert folded(found) == (await two.get(run.id)).snapshot


async def test_a_client_that_has_seen_unsaved_events_gets_a_snapshot_and_no_lower_seq_after_it(
    net: Net, autojump_clock: MockClock
) -> None:
    agent, second = agent_of(TALE, delay_s=WORD_S), agent_of(TALE, delay_s=WORD_S)
    async with net.node("one", agent) as one, net.node("two", second) as two:
        run = await one.start(agent, "tell me a tale")
        await wait_seq(run, 15)
        after = (await run.get()).seq
        net.kill("one")
        found = await seen(two.run(run.id), after)
        assert isinstance(found[0], RunSnapshot)
        check_growing(found)
        assert all(item.seq > after for item in found if isinstance(item, Envelope)), "no seq is used twice"
        assert folded(found) == (await two.get(run.id)).snapshot


async def test_a_client_that_comes_from_the_runs_own_node_misses_nothing(net: Net, autojump_clock: MockClock) -> None:
    agent = agent_of(TALE, delay_s=WORD_S)
    async with net.node("one", agent) as one, net.node("two", agent) as two:
        run = await one.start(agent, "tell me a tale")
        with (await two.log(run.id)).watch():  # another client at that node
            before = await seen(run, 0, until_seq=15)
            await trio.testing.wait_all_tasks_blocked()  # these events have come to that node too
            found = before + await seen(two.run(run.id), before[-1].seq)
        assert [item.seq for item in found] == list(range(1, found[-1].seq + 1)), "no snapshot was needed"
        assert folded(found) == (await run.get()).snapshot


async def test_without_a_connection_the_store_is_looked_at_until_there_is_one(
    net: Net, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    agent = agent_of(REFUND, TALE, tools=[Ledger().gated()], delay_s=WORD_S)
    async with net.node("one", agent) as one, net.node("two", agent) as two:
        run = await one.start(agent, "refund order 7")
        await parked(run)
        found: list[Item] = []

        async def watch() -> None:
            found.extend(await seen(two.run(run.id)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            await wait_until(lambda: net.wires["one"].subscribed == 1)
            net.wires["one"].cut()
            await run.resume(YES)
            await trio.sleep(5)
            assert isinstance((await two.get(run.id)).snapshot, Snapshot)
            assert (await two.get(run.id)).snapshot.status == "running", "it was found in the store"
            net.wires["one"].is_cut = False
        check_growing(found)
        assert deltas(found) > 20
        assert folded(found) == (await run.get()).snapshot
        [line] = [record.message for record in caplog.records if "can't be watched there" in record.message]
        assert "cut" in line


async def test_a_connection_lost_in_the_middle_of_a_message_loses_no_event(net: Net, autojump_clock: MockClock) -> None:
    agent = agent_of(TALE, delay_s=WORD_S)
    async with net.node("one", agent) as one, net.node("two", agent, passivate_after_s=0) as two:
        wire = net.wires["one"]
        run = await one.start(agent, "tell me a tale")
        found: list[Item] = []

        async def watch() -> None:
            found.extend(await seen(two.run(run.id)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            await wait_seq(run, 15)
            wire.cut()
            await trio.sleep(3)
            wire.is_cut = False
        assert wire.dialled > 2
        assert isinstance(found[0], RunSnapshot)
        assert not any(isinstance(item, RunSnapshot) for item in found[1:]), "the text so far stays"
        assert [item.seq for item in found] == list(range(found[0].seq, found[-1].seq + 1))


async def test_the_last_events_of_a_run_come_also_after_it_has_no_owner(net: Net, autojump_clock: MockClock) -> None:
    agent = agent_of(TALE, delay_s=WORD_S)
    async with net.node("one", agent) as one, net.node("two", agent) as two:
        run = await one.start(agent, "tell me a tale")
        net.wires["one"].lag_s = 0.95
        found = await seen(two.run(run.id))
        assert not any(isinstance(item, RunSnapshot) for item in found[1:])
        assert folded(found) == (await run.get()).snapshot


async def wait_until(true: Any) -> None:
    with trio.fail_after(100):
        while not true():
            await trio.sleep(0.1)


async def test_runs_above_the_owners_limit_are_looked_up_in_the_store(
    net: Net, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    agent = agent_of(TALE, TALE, delay_s=WORD_S)
    async with net.node("one", agent) as one, net.node("two", agent) as two:
        net.wires["one"].room = 1
        runs = [await one.start(agent, "tell me a tale") for _ in range(2)]
        found: list[list[Item]] = []

        async def watch(run: Run) -> None:
            found.append(await seen(two.run(run.id)))

        async with trio.open_nursery() as nursery:
            for run in runs:
                nursery.start_soon(watch, run)
        assert sorted(deltas(each) > 20 for each in found) == [False, True]
        for each in found:
            check_growing(each)
            assert folded(each).status == "completed"
        assert "too many" in caplog.text


async def test_a_slow_lossless_reader_slows_its_subscription_and_not_the_run(
    net: Net, autojump_clock: MockClock
) -> None:
    agent = agent_of(says(" ".join(["word"] * 2000)))
    async with net.node("one", agent) as one, net.node("two", agent) as two:
        run = await one.start(agent, "tell me a tale")
        async with two.run(run.id).events() as events:
            await run.wait_ended()
            await trio.testing.wait_all_tasks_blocked()
            log = inspect(two).live_logs
            assert run.id in log
            assert (await two.log(run.id)).statistics().events < 200, "what the reader has not read waits elsewhere"
            found = [item async for item in events]
        check_growing(found)
        assert folded(found) == (await run.get()).snapshot


async def test_a_log_that_left_memory_is_filled_again(net: Net, autojump_clock: MockClock) -> None:
    agent = agent_of(REFUND, TALE, tools=[Ledger().gated()], delay_s=WORD_S)
    async with net.node("one", agent, passivate_after_s=30) as one, net.node("two", agent, passivate_after_s=1) as two:
        run = await one.start(agent, "refund order 7")
        await parked(run)
        found: list[Item] = []

        async def watch() -> None:
            found.extend(await seen(two.run(run.id)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            await trio.sleep(10)
            log = two.runtime.registry.logs.live[run.id]
            assert log.is_loaded, "while it gets events"
            await trio.sleep(40)
            assert not log.is_loaded
            assert net.wires["one"].open == 0, "the run has no owner any more"
            await run.resume(YES)
        check_growing(found)
        assert deltas(found) > 30
        assert folded(found) == (await run.get()).snapshot


async def test_a_node_asks_nobody_at_its_own_url(net: Net, autojump_clock: MockClock) -> None:
    agent = agent_of(TALE, delay_s=WORD_S)
    async with net.node("one", agent) as one, net.node("two", agent) as two:
        tenure = two.runtime.tenure
        assert isinstance(tenure, Membership)
        tenure.announce("ws://one.test")
        run = await one.start(agent, "tell me a tale")
        found = await seen(two.run(run.id))
        assert net.wires["one"].dialled == 0
        assert isinstance(found[-1], RunSnapshot)
        assert isinstance(folded(found).messages[-1], AssistantMessage)
