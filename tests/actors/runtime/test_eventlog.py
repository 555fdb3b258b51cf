"""The event log: in every interleaving, each watcher's stream folds to the same state, in bounded memory."""

from sys import getsizeof
from types import SimpleNamespace
from unittest import mock

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from adjourn.actors.runtime import eventlog, weight
from adjourn.actors.runtime.cursor import Cursor
from adjourn.actors.runtime.eventlog import EventLog, EventLogStatistics
from adjourn.actors.runtime.weight import EVENT
from adjourn.protocol import codec
from adjourn.protocol.events import (
    AgentEnd,
    AgentPaused,
    AgentResume,
    AgentStart,
    MessageEnd,
    MessageStart,
    MessageUpdate,
    TextDelta,
    TextStart,
    ToolcallDelta,
    ToolcallStart,
    ToolDecisionPending,
    ToolDecisionResolved,
    ToolExecutionEnd,
    ToolExecutionStart,
    ToolExecutionUpdate,
    ToolOutput,
    TurnEnd,
    TurnStart,
)
from adjourn.protocol.messages import AssistantMessage, Text, ToolResultMessage, user
from adjourn.protocol.methods import RunSnapshot
from adjourn.protocol.transcript import Transcript

EMPTY = AssistantMessage(content=())
SAID = AssistantMessage(content=(Text(text="hello"),))
RESULT = ToolResultMessage(tool_call_id="c", tool_name="t", content=(Text(text="done"),))
END = AgentEnd(status="completed", reason="stop")
PAUSED = AgentPaused(tool_call_ids=("c",))
EVENTS = (
    AgentStart(agent="a", input=(user("hi"),)),
    TurnStart(turn=1),
    MessageStart(message=EMPTY),
    MessageUpdate(assistant_message_event=TextStart(content_index=0)),
    MessageUpdate(assistant_message_event=TextDelta(content_index=0, delta="word ")),
    MessageUpdate(assistant_message_event=ToolcallStart(content_index=1, id="c", name="t")),
    MessageUpdate(assistant_message_event=ToolcallDelta(content_index=1, delta='{"a":')),
    MessageEnd(message=SAID),
    ToolDecisionPending(tool_call_id="c", tool_name="t", input={"a": 1}, schema={}, digest="d"),
    ToolDecisionResolved(tool_call_id="c", outcome="decided", decision=True),
    PAUSED,
    AgentResume(reason="decided"),
    AgentResume(reason="recovered"),
    ToolExecutionStart(tool_call_id="c", tool_name="t", args={"a": 1}),
    ToolExecutionUpdate(tool_call_id="c", tool_name="t", partial_result="x" * 300),
    ToolExecutionEnd(tool_call_id="c", tool_name="t", result=ToolOutput(content=())),
    TurnEnd(message=SAID, tool_results=(RESULT,)),
)
WORD = EVENTS[4]


def seqs(items):
    return [item.envelope.seq for item in items]


def drained(cursor):
    items = []
    while batch := cursor.take():
        items += batch
    return items


# Any interleaving, against a model that keeps everything.

CHUNK = 3
KEPT = eventlog.MAX_EVENTS - eventlog.MAX_EVENTS // eventlog.SPARE  # after the oldest events have left a full ring
SMALL = {"MAX_EVENTS": 6, "MAX_BYTES": 2_000, "IDLE_EVENTS": 3, "IDLE_BYTES": 1_000, "MAX_LAG": 4}
chunks = st.lists(st.sampled_from(EVENTS[1:]), max_size=CHUNK)  # agent_start comes once, first
which = st.integers(0, 9)
operations = st.one_of(
    st.tuples(st.just("produce"), chunks),
    st.tuples(st.just("produce"), chunks),
    st.tuples(st.just("commit"), chunks),
    st.tuples(st.just("open"), st.none() | st.integers(-9, 3), st.booleans()),
    st.tuples(st.just("open"), st.integers(-3, 0), st.booleans()),
    st.tuples(st.just("take"), which, st.integers(1, 4)),
    st.tuples(st.just("take"), which, st.just(100)),
    st.tuples(st.just("leave"), which),
    st.tuples(st.just("snapshot")),
    st.tuples(st.just("skip"), st.integers(-1, 5)),
    st.tuples(st.just("restart"), st.integers(-2, 5)),
)


class Watcher:
    """A client with a cursor: folds the items that it takes, and checks them."""

    def __init__(self, history, after, lossless):
        self.history = history
        log = history.log
        self.exact = after is not None and log.floor <= after <= log.seq
        self.seen = after if self.exact else None
        self.fold = Transcript(history.states[after]) if self.exact else None
        self.woken = self.due = 0
        self.armed = False
        self.cursor = log.open_cursor(after, lossless=lossless, wake=self.wake)

    def wake(self):
        self.woken += 1

    def take(self, limit):
        items = self.cursor.take(limit)
        assert len(items) <= limit
        for item in items:
            assert codec.to_json(item.envelope) == item.encoded("json")
            item.keep_frame("json", b"frame") if not item.frames else None
            if item.is_snapshot:
                assert items == [item]
                self.fold = Transcript(item.envelope.snapshot)
            else:
                assert self.seen is not None, "an event before the snapshot"
                following = [seq for seq in self.history.events if seq > self.seen]
                assert item.envelope.seq == following[0], "an event left out, repeated or out of order"
                assert item.envelope.event == self.history.events[item.envelope.seq]
                self.fold.apply(item.envelope.event)
            self.seen = item.envelope.seq
        self.armed = not items
        return items

    def check_wakes(self):
        assert self.woken == self.due


class History:
    """A log, all events that were ever published to it, and its watchers."""

    def __init__(self):
        self.log = EventLog("run")
        self.truth = Transcript()
        self.events = {}  # by seq
        self.states = {0: self.truth.snapshot()}  # at each seq
        self.watchers = []
        self.unasked = 0  # events published without asking for room

    def publish(self, events):
        if events:
            self.moves()
        self.log.publish(events, 1)
        for seq, event in enumerate(events, start=self.log.seq - len(events) + 1):
            assert seq not in self.events
            self.truth.apply(event)
            self.events[seq] = event
            self.states[seq] = self.truth.snapshot()

    def moves(self):
        for watcher in self.watchers:
            watcher.due += watcher.armed
            watcher.armed = False

    def do(self, name, *args):
        getattr(self, name)(*args)
        for watcher in self.watchers:
            watcher.check_wakes()
        held = self.log.statistics()
        assert held.bytes == sum(self.log.ring.sizes) + EVENT * held.events
        assert held.cursors == len(self.watchers)
        assert held.lossless_cursors == len([w for w in self.watchers if w.cursor.lossless])
        if held.lossless_cursors:
            assert held.events <= max(SMALL["MAX_EVENTS"], SMALL["MAX_LAG"] + CHUNK + self.unasked)
        else:
            assert held.events <= SMALL["MAX_EVENTS"]
            assert held.bytes <= SMALL["MAX_BYTES"]
        if not self.watchers and self.log.status == "paused":
            assert held.events <= SMALL["IDLE_EVENTS"]
        assert self.log.status == self.truth.status

    def produce(self, events):
        if self.log.has_room:
            self.publish(events)

    def commit(self, events):
        self.unasked += len(events)
        self.publish(events)

    def open(self, back, lossless):
        after = None if back is None else self.log.seq + back
        watcher = Watcher(self, after, lossless)
        if watcher.exact and watcher.seen < self.log.seq:
            assert not watcher.take(1)[0].is_snapshot
        elif not watcher.exact:
            assert watcher.take(1)[0].is_snapshot
        self.watchers.append(watcher)

    def take(self, index, limit):
        if self.watchers:
            self.watchers[index % len(self.watchers)].take(limit)

    def leave(self, index):
        if self.watchers:
            self.watchers.pop(index % len(self.watchers)).cursor.close()

    def snapshot(self):
        envelope = self.log.snapshot().envelope
        assert (envelope.seq, envelope.snapshot) == (self.log.seq, self.truth.snapshot())

    def skip(self, ahead):
        self.log.skip_to(self.log.seq + ahead)
        self.states[self.log.seq] = self.truth.snapshot()

    def restart(self, ahead):
        """Restarts the log from a state that did not come from its events."""
        self.moves()
        seq = max(0, self.log.seq + ahead)
        self.truth = Transcript(self.truth.snapshot())
        self.truth.apply(MessageEnd(message=SAID))
        self.log.restart(seq, Transcript(self.truth.snapshot()))
        self.states[self.log.seq] = self.truth.snapshot()
        for watcher in self.watchers:
            watcher.seen = None  # it must get a snapshot


@examples(300)
@given(st.lists(operations, min_size=20, max_size=60))
def test_every_stream_folds_to_the_state_of_all_events(script):
    with mock.patch.multiple(eventlog, **SMALL):
        history = History()
        for operation in script:
            history.do(*operation)
        for watcher in history.watchers:
            while watcher.take(2):
                pass
            if watcher.fold is not None:
                assert watcher.fold.snapshot() == history.truth.snapshot()
            assert watcher.seen in (None, history.log.seq) or not [s for s in history.events if s > watcher.seen]
        assert history.log.has_room
        for watcher in history.watchers:
            watcher.check_wakes()
            watcher.cursor.close()
        history.log.restart(0, Transcript())
        assert history.log.share.held == EventLog("run", fold=Transcript()).share.held, "what has gone still counts"


# Where a watcher begins.


def test_a_watcher_within_the_ring_gets_exactly_the_later_events():
    log = EventLog("run", seq=100)
    log.publish([WORD] * 5, 1)
    for after in range(100, 106):
        assert seqs(drained(log.open_cursor(after))) == list(range(after + 1, 106))


@pytest.mark.parametrize("after", [None, 99, 106, 0, -1])
def test_a_watcher_from_below_the_floor_or_above_the_latest_gets_a_snapshot_and_then_the_tail(after):
    log = EventLog("run", seq=100, fold=Transcript())
    log.publish([WORD] * 5, 1)
    cursor = log.open_cursor(after)
    (item,) = cursor.take()
    assert (item.is_snapshot, item.envelope.seq) == (True, 105)
    log.publish([WORD], 1)
    assert seqs(drained(cursor)) == [106]


def test_a_new_watcher_gets_all_events_of_a_run_that_begins_above_zero():
    log = EventLog("run", seq=100)
    log.publish([WORD] * 5, 1)
    assert seqs(drained(log.open_cursor(0))) == list(range(101, 106))
    assert log.open_cursor(1).take()[0].is_snapshot
    log.publish([WORD] * eventlog.MAX_EVENTS, 1)
    assert log.open_cursor(0).take()[0].is_snapshot  # the first events have left the ring


def test_numbers_that_another_process_may_have_shown_are_met_with_a_snapshot():
    log = EventLog("run", seq=40)
    seen_elsewhere, up_to_date = log.open_cursor(57), log.open_cursor(40)
    log.skip_to(100)
    log.publish([WORD], 1)
    assert drained(seen_elsewhere)[0].is_snapshot
    assert seqs(drained(up_to_date)) == [101]
    assert log.open_cursor(57).take()[0].is_snapshot


def test_numbers_shown_ahead_of_a_save_that_never_came_are_not_used_again():
    log = EventLog("run", seq=40)
    cursor = log.open_cursor(40)
    log.publish([WORD] * 5, 1)
    drained(cursor)
    log.restart(42, Transcript())
    assert [(item.is_snapshot, item.envelope.seq) for item in drained(cursor)] == [(True, 45)]
    log.publish([WORD], 1)
    assert seqs(drained(cursor)) == [46]


def test_the_ring_keeps_the_latest_events_and_no_more():
    log = EventLog("run")
    log.publish([WORD] * 3000, 1)
    assert (log.floor, log.seq) == (3000 - KEPT, 3000)
    assert len(drained(log.open_cursor(log.floor))) == KEPT


def test_a_full_ring_drops_many_events_at_once():
    log = EventLog("run")
    floors = set()
    for _ in range(2 * eventlog.MAX_EVENTS):
        log.publish([WORD], 1)
        floors.add(log.floor)
        assert log.statistics().events <= eventlog.MAX_EVENTS
    assert len(floors) <= 1 + eventlog.SPARE + 1


def test_an_event_too_big_for_the_ring_leaves_only_its_fold():
    log = EventLog("run")
    log.publish([AgentStart(agent="a", input=(user("x" * eventlog.MAX_BYTES),))], 1)
    assert log.floor == log.seq
    assert len(log.snapshot().envelope.snapshot.messages[0].content) == eventlog.MAX_BYTES


def test_a_delta_weighs_as_much_as_its_text():
    log = EventLog("run")
    big = MessageUpdate(assistant_message_event=ToolcallDelta(content_index=0, delta="x" * (eventlog.MAX_BYTES // 4)))
    log.publish([big] * 20, 1)
    assert log.seq - log.floor == 3


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_no_event_weighs_less_than_its_json(event):
    log = EventLog("run" * 10, seq=2**52)
    log.publish([event], 1_700_000_000_000)
    assert log.statistics().bytes >= len(log.open_cursor(2**52).take()[0].encoded("json"))


ROWS = [{"id": n, "name": f"customer {n}", "amount": n * 1.25, "tags": ["a", "b"]} for n in range(300)]


@pytest.mark.parametrize(
    "data",
    [
        ROWS,
        {row["name"]: row for row in ROWS},
        list(range(1000, 3000)),
        [{} for _ in ROWS],
        [{"text": "naïve " * 20}] * 300,
        {"approved": True},
        ROWS[0],
        [1],
        "text " * 20,
    ],
    ids=["rows", "object", "numbers", "nothing in them", "not ASCII", "decision", "row", "list", "text"],
)
def test_data_is_weighed_about_as_the_memory_it_takes(data):
    taken = memory_of(data)
    assert taken / 2 < weight.weigh(data) < 2 * taken


def memory_of(data) -> int:
    parts = [*data, *data.values()] if isinstance(data, dict) else data if isinstance(data, list) else []
    return getsizeof(data) + sum(map(memory_of, parts))


def test_a_parked_run_that_nobody_watches_keeps_few_events():
    log = EventLog("run")
    log.publish([MessageStart(message=EMPTY), *[WORD] * 100, MessageEnd(message=SAID)], 1)
    with log.watch():
        log.publish([PAUSED], 1)
        assert log.floor == 0
    assert log.seq - log.floor == eventlog.IDLE_EVENTS
    assert log.statistics().unfolded == 0  # so the fold has the whole message instead of its pieces
    log.publish([AgentResume(reason="decided"), *[WORD] * 50], 1)
    assert log.seq - log.floor == eventlog.IDLE_EVENTS + 51


def stream(log: EventLog, *pieces: MessageStart | MessageUpdate) -> None:
    log.publish_pieces(pieces, 1, [50] * len(pieces))


def test_pieces_are_not_folded_once_their_message_has_ended() -> None:
    log = EventLog("run")
    log.publish([EVENTS[0]], 1)
    stream(log, MessageStart(message=EMPTY), WORD)
    stream(log, WORD)
    assert log.statistics().unfolded == 4
    log.publish([MessageEnd(message=SAID)], 1)
    assert log.statistics().unfolded == 2
    assert log.snapshot().envelope.snapshot.messages[-1] == SAID


def test_an_event_among_the_pieces_of_a_message_is_folded() -> None:
    log = EventLog("run")
    stream(log, MessageStart(message=EMPTY), WORD)
    log.publish([TurnStart(turn=7)], 1)
    stream(log, WORD)
    log.publish([MessageEnd(message=SAID)], 1)
    state = log.snapshot().envelope.snapshot
    assert (state.turn, state.messages, state.streaming) == (7, (SAID,), None)


def test_a_message_longer_than_the_ring_is_in_the_snapshot_as_far_as_it_has_come() -> None:
    log = EventLog("run")
    stream(log, MessageStart(message=EMPTY), EVENTS[3])
    words = 2 * eventlog.MAX_EVENTS
    for _ in range(words):
        stream(log, WORD)
    assert log.statistics().unfolded <= eventlog.MAX_EVENTS
    assert log.snapshot().envelope.snapshot.streaming.text == "word " * words


# Encoding.


def test_each_wire_format_is_encoded_once_for_all_watchers():
    log = EventLog("run")
    first, second = log.open_cursor(0), log.open_cursor(0)
    log.publish([WORD, EVENTS[7]], 5)
    for one, other in zip(first.take(), second.take(), strict=True):
        assert one.encoded("json") is other.encoded("json")
        assert one.encoded("msgpack") is other.encoded("msgpack")
        assert codec.from_msgpack(one.encoded("msgpack"), type(one.envelope)) == one.envelope


def test_events_without_watchers_keep_no_encoding():
    log = EventLog("run")
    log.publish(EVENTS, 5)
    assert log.statistics().encoded_bytes == 0
    with log.watch(0) as cursor:
        for item in cursor.take():
            item.encoded("json")
    assert log.statistics().encoded_bytes > 0


def test_all_watchers_at_one_event_share_a_snapshot():
    log = EventLog("run")
    log.publish([WORD], 1)
    with log.watch(), log.watch():
        item = log.snapshot()
        assert log.open_cursor(None).take() == [item]
        log.publish([WORD], 1)
        assert log.snapshot() is not item
    assert isinstance(item.envelope, RunSnapshot)


def test_no_snapshot_is_kept_that_nobody_watches():
    log = EventLog("run")
    with log.watch():
        item = log.snapshot()
    assert log.snapshot() is not item


def test_events_are_folded_once_whether_or_not_a_snapshot_was_taken_before_they_left_the_ring():
    log = EventLog("run")
    log.publish([MessageStart(message=EMPTY), EVENTS[3]], 1)
    for _ in range(3):
        log.publish([WORD] * eventlog.MAX_EVENTS, 1)
        log.snapshot()
    assert log.snapshot().envelope.snapshot.streaming.text == "word " * 3 * eventlog.MAX_EVENTS


# Waking.


def counted(log, after=None, **options):
    calls = []
    return log.open_cursor(after, wake=lambda: calls.append(log.seq), **options), calls


def test_wake_comes_once_after_take_gave_nothing():
    log = EventLog("run")
    cursor, calls = counted(log, 0)
    log.publish([WORD], 1)
    assert calls == []  # it has not asked yet
    drained(cursor)
    log.publish([WORD], 1)
    log.publish([WORD], 1)
    assert calls == [2]
    cursor.take()
    log.publish([WORD], 1)
    assert calls == [2]  # not called: the last `take` returned something


def test_nothing_published_wakes_nobody():
    log = EventLog("run")
    cursor, calls = counted(log, 0)
    drained(cursor)
    log.publish([], 1)
    log.skip_to(10)
    assert calls == []


def test_a_watcher_closed_by_another_ones_wake_is_not_woken():
    log = EventLog("run")
    second: list[Cursor] = []
    first = log.open_cursor(0, wake=lambda: second[0].close())
    late, calls = counted(log, 0)
    second.append(late)
    drained(first), drained(late)
    log.publish([WORD], 1)
    assert calls == []


def test_a_closed_log_wakes_watchers_to_find_that_they_are_finished():
    log = EventLog("run")
    cursor, calls = counted(log, 0)
    drained(cursor)
    assert not cursor.finished
    log.close()
    assert cursor.finished
    assert calls == [0]


def test_a_watcher_is_finished_once_it_has_taken_the_last_event():
    log = EventLog("run")
    cursor, snapshot_first = log.open_cursor(0), log.open_cursor(None)
    log.publish([END], 1)
    assert not cursor.finished
    assert not snapshot_first.finished
    assert seqs(drained(cursor)) == [1]
    assert drained(snapshot_first)[0].is_snapshot
    assert cursor.finished
    assert snapshot_first.finished
    assert log.open_cursor(1).finished  # nothing left to come


def test_first_and_last_watcher_are_reported():
    log, reports = EventLog("run"), []
    log.keeper = SimpleNamespace(
        watched_first=lambda _: reports.append("first"),
        up_to_date=lambda _: None,
        unwatched=lambda _: reports.append("last"),
    )
    one, two = log.open_cursor(0), log.open_cursor(0)
    one.close()
    one.close()
    assert log.watched
    two.close()
    assert not log.watched
    assert reports == ["first", "last"]


async def test_statistics_have_the_logs_size_and_watchers() -> None:
    log = EventLog("run")
    log.publish([WORD] * 3, 1)
    live, lossless = log.open_cursor(0), log.open_cursor(0, lossless=True)
    frame = live.take()[0].encoded("msgpack")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log.wait_status)
        await trio.testing.wait_all_tasks_blocked()
        assert log.statistics() == EventLogStatistics(
            events=3,
            bytes=3 * (EVENT + getsizeof("word ")),
            unfolded=3,
            encoded_bytes=len(frame),
            cursors=2,
            lossless_cursors=1,
            status_waiters=1,
            held_bytes=EventLog("run").share.held + 3 * (EVENT + getsizeof("word ")) + len(frame),
        )
        nursery.cancel_scope.cancel()
    log.snapshot()
    lossless.close()
    held = log.statistics()
    assert (held.unfolded, held.cursors, held.lossless_cursors, held.status_waiters) == (0, 1, 0, 0)


# Lossless readers.


async def test_a_producer_waits_for_the_slowest_lossless_reader():
    log = EventLog("run")
    slow, quick = (log.open_cursor(0, lossless=True) for _ in range(2))

    async def produce():
        while log.seq < 1000:
            await log.wait_room()
            log.publish([WORD], 1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce)
        await trio.testing.wait_all_tasks_blocked()
        assert log.seq == eventlog.MAX_LAG
        drained(quick)
        await trio.testing.wait_all_tasks_blocked()
        assert log.seq == eventlog.MAX_LAG
        assert seqs(slow.take(10)) == list(range(1, 11))
        await trio.testing.wait_all_tasks_blocked()
        assert log.seq == eventlog.MAX_LAG + 10
        slow.close()
        while log.seq < 1000:
            drained(quick)
            await trio.testing.wait_all_tasks_blocked()


async def test_a_live_watcher_never_holds_a_producer():
    log = EventLog("run")
    cursor = log.open_cursor(0)
    for _ in range(5000):
        await log.wait_room()
        log.publish([WORD], 1)
    (item,) = drained(cursor)
    assert (item.is_snapshot, item.envelope.seq) == (True, 5000)


async def test_a_lossless_reader_holds_no_more_bytes_than_the_ring_may(autojump_clock):
    log = EventLog("run")
    cursor = log.open_cursor(0, lossless=True)
    big = ToolExecutionUpdate(tool_call_id="c", tool_name="t", partial_result="x" * eventlog.MAX_BYTES)
    log.publish([big], 1)
    assert not log.has_room
    assert len(cursor.take()) == 1
    with trio.fail_after(1):
        await log.wait_room()  # once all is taken, there is room without another publish


def test_a_lossless_reader_that_is_to_get_a_snapshot_holds_no_events():
    log = EventLog("run", seq=10)
    log.open_cursor(5, lossless=True)
    log.publish([WORD] * 3000, 1)
    assert log.seq - log.floor == KEPT


async def test_waiting_for_more_ends_with_the_next_event_or_the_end_and_may_be_cancelled():
    log = EventLog("run")
    cursor = log.open_cursor(0)
    assert not cursor.take()
    with trio.move_on_after(0) as scope:
        await cursor.wait_more()
    assert scope.cancelled_caught
    assert not cursor.take()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(cursor.wait_more)
        await trio.testing.wait_all_tasks_blocked()
        log.publish([END], 1)
    await cursor.wait_more()  # there is something to take
    assert seqs(cursor.take()) == [1]
