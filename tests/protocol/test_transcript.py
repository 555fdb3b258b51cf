"""The fold: the same snapshot in every reducer, from any starting point, from live events or a record."""

import json
from pathlib import Path

import drawn
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields, replace
from profiles import examples

from adjourn.protocol import codec
from adjourn.protocol.events import (
    AgentEnd,
    AgentPaused,
    AgentResume,
    AgentRetry,
    AgentStart,
    Envelope,
    ErrorInfo,
    Event,
    MessageEnd,
    MessageStart,
    MessageUpdate,
    StreamDelta,
    TextDelta,
    TextStart,
    ToolcallDelta,
    ToolcallEnd,
    ToolcallStart,
    ToolClientClaimed,
    ToolClientExecutePending,
    ToolDecisionPending,
    ToolDecisionResolved,
    ToolExecutionEnd,
    ToolExecutionStart,
    ToolExecutionUpdate,
    ToolOutput,
    TurnEnd,
    TurnStart,
)
from adjourn.protocol.messages import (
    AssistantMessage,
    ModelDescriptor,
    Text,
    ToolCall,
    ToolResultMessage,
    Usage,
    user,
)
from adjourn.protocol.partial import PartialMessage
from adjourn.protocol.record import (
    Call,
    Claim,
    DecisionEntry,
    Head,
    InputEntry,
    MessageEntry,
    Record,
    ResultEntry,
    Spec,
    SpecEntry,
    ToolSpec,
)
from adjourn.protocol.transcript import PendingCall, Snapshot, ToolView, Transcript, replay

VECTORS = sorted((Path(__file__).parents[1] / "vectors").glob("transcript-*.json"))
EMPTY = AssistantMessage(content=())


def folded(events, start=None):
    transcript = Transcript(start)
    for event in events:
        transcript.apply(event)
    return transcript.snapshot()


def carried(snapshot):
    """Return the snapshot as a client receives it."""
    return codec.from_json(codec.to_json(snapshot), Snapshot)


def plain(snapshot):
    return json.loads(codec.to_json(snapshot))


# The vectors: the browser's reducer is tested with the same files.


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_a_vector_folds_into_its_snapshots(path):
    vector = json.loads(path.read_text())
    envelopes = msgspec.convert(vector["events"], list[Envelope])
    assert plain(folded(envelope.event for envelope in envelopes)) == vector["snapshot"]
    for middle in vector["snapshots"]:
        before = [envelope.event for envelope in envelopes if envelope.seq <= middle["seq"]]
        after = [envelope.event for envelope in envelopes if envelope.seq > middle["seq"]]
        assert plain(folded(before)) == middle["snapshot"]
        start = msgspec.convert(middle["snapshot"], Snapshot)
        assert plain(folded(after, start)) == vector["snapshot"]


def test_the_vectors_use_every_event_and_every_delta():
    envelopes = [msgspec.convert(e, Envelope) for path in VECTORS for e in json.loads(path.read_text())["events"]]
    events = [envelope.event for envelope in envelopes]
    assert {type(event) for event in events} == set(Event.__args__)
    deltas = {type(event.assistant_message_event) for event in events if isinstance(event, MessageUpdate)}
    assert deltas == set(StreamDelta.__args__)


def test_the_vectors_show_every_field_of_a_snapshot():
    shown = []
    for path in VECTORS:
        vector = json.loads(path.read_text())
        shown += [middle["snapshot"] for middle in vector["snapshots"]] + [vector["snapshot"]]
    for kind, found in (
        (Snapshot, shown),
        (PendingCall, [call for snapshot in shown for call in snapshot["pending"]]),
        (ToolView, [view for snapshot in shown for view in snapshot["tools"]]),
    ):
        assert {field.encode_name for field in fields(kind)} == set().union(*found)


# Any events, in any order.


@examples(300)
@given(st.lists(drawn.of(Event), max_size=12), st.data())
def test_a_snapshot_and_the_later_events_give_the_same_as_all_events(events, data):
    cut = data.draw(st.integers(0, len(events)))
    middle = carried(folded(events[:cut]))
    assert folded(events[cut:], middle) == folded(events)


@examples(300)
@given(st.lists(drawn.of(StreamDelta), max_size=15), st.data())
def test_a_message_half_streamed_goes_on_from_its_snapshot(deltas, data):
    cut = data.draw(st.integers(0, len(deltas)))
    events = [MessageStart(message=EMPTY), *(MessageUpdate(assistant_message_event=delta) for delta in deltas)]
    middle = carried(folded(events[: cut + 1]))
    assert folded(events[cut + 1 :], middle) == folded(events)


@given(st.lists(drawn.of(Event), max_size=12))
def test_taking_snapshots_changes_nothing(events):
    watched = Transcript()
    for event in events:
        watched.apply(event)
        watched.snapshot()
    assert watched.snapshot() == folded(events)


# One message, growing.


def streamed(*deltas):
    partial = PartialMessage(EMPTY)
    for delta in deltas:
        partial.apply(delta)
    return partial


def call_streamed(*pieces, end=True):
    deltas = [ToolcallDelta(content_index=0, delta=piece) for piece in pieces]
    ends = [ToolcallEnd(content_index=0)] if end else []
    return streamed(ToolcallStart(content_index=0, id="c", name="t", provider_id="p"), *deltas, *ends)


def test_arguments_show_as_raw_text_until_they_end():
    (call,) = call_streamed('{"a":', "1", end=False).message(keep_incomplete_calls=True).content
    assert call == ToolCall(id="c", name="t", arguments={}, raw_arguments='{"a":1', provider_id="p")


def test_arguments_are_parsed_at_their_end():
    (call,) = call_streamed('{"a":', "1}").message(keep_incomplete_calls=False).content
    assert call == ToolCall(id="c", name="t", arguments={"a": 1}, provider_id="p")


def test_no_text_at_all_means_no_arguments():
    (call,) = call_streamed().message(keep_incomplete_calls=False).content
    assert call == ToolCall(id="c", name="t", arguments={}, provider_id="p")


@pytest.mark.parametrize("text", ["{", "[1]", "null", '"{}"', '{"a":NaN}', '{"a":9007199254740993}', "[" * 5000])
def test_arguments_that_are_no_object_of_the_domain_stay_raw(text):
    (call,) = call_streamed(text).message(keep_incomplete_calls=False).content
    assert (call.arguments, call.raw_arguments) == ({}, text)


def test_incomplete_calls_can_be_left_out():
    text = [TextStart(content_index=0), TextDelta(content_index=0, delta="Hi")]
    begun = [ToolcallStart(content_index=1, id="c", name="t"), ToolcallDelta(content_index=1, delta="{}")]
    assert streamed(*text, *begun).message(keep_incomplete_calls=False).content == (Text(text="Hi"),)


def test_a_delta_that_fits_no_block_is_passed_over():
    partial = streamed(TextDelta(content_index=0, delta="lost"), TextStart(content_index=0))
    partial.apply(ToolcallDelta(content_index=0, delta="lost"))
    partial.apply(TextStart(content_index=5))
    assert partial.message(keep_incomplete_calls=True).content == (Text(text=""),)


# A turn, with calls that finish in any order.


def say(*calls):
    return MessageEnd(message=AssistantMessage(content=tuple(calls)))


def call(key):
    return ToolCall(id=key, name="t", arguments={"of": key})


def pending(key, due_at=None):
    return ToolDecisionPending(
        tool_call_id=key, tool_name="t", input={"of": key}, schema={}, digest=codec.digest({"of": key}), due_at=due_at
    )


def started(key):
    return ToolExecutionStart(tool_call_id=key, tool_name="t", args={"of": key})


def ended(key, text="done", is_error=False):
    output = ToolOutput(content=(Text(text=text),))
    return ToolExecutionEnd(tool_call_id=key, tool_name="t", result=output, is_error=is_error)


def test_calls_are_in_the_models_order_not_in_that_of_their_results():
    snapshot = folded([say(*map(call, "abcd")), started("d"), pending("c"), ended("b"), pending("a")])
    assert [tool.tool_call_id for tool in snapshot.tools] == ["b", "d"]
    assert [item.tool_call_id for item in snapshot.pending] == ["a", "c"]


def test_a_call_that_never_executed_shows_the_models_arguments():
    snapshot = folded([say(call("a")), ended("a", "no such order", is_error=True)])
    (tool,) = snapshot.tools
    assert (tool.args, tool.is_error) == ({"of": "a"}, True)


def test_a_call_shows_edited_arguments_even_if_its_start_was_missed():
    (tool,) = folded([say(call("a")), replace(ended("a"), arguments={"of": "b"})]).tools
    assert tool.args == {"of": "b"}


def test_arguments_are_those_of_the_latest_message():
    again = AssistantMessage(content=(ToolCall(id="a", name="t", arguments={"of": "later"}),))
    end = ended("a", is_error=True)
    (tool,) = folded([say(call("a")), end, MessageEnd(message=again), end]).tools
    assert tool.args == {"of": "later"}


def test_a_claim_is_shown_and_an_offer_made_again_clears_it():
    offer = ToolClientExecutePending(tool_call_id="a", tool_name="t", input={})
    claim = ToolClientClaimed(tool_call_id="a", by="ann", due_at=9)
    (taken,) = folded([say(call("a")), offer, claim]).pending
    assert (taken.claimed, taken.claimed_by, taken.due_at) == (True, "ann", 9)
    (offered,) = folded([say(call("a")), offer, claim, offer]).pending
    assert (offered.claimed, offered.claimed_by, offered.due_at) == (False, None, None)


def test_a_snapshot_says_until_when_a_run_waits_and_until_when_it_is_kept():
    paused = [AgentStart(agent="a", input=(), by="ann"), AgentPaused(tool_call_ids=(), expires_at=5)]
    resumed = [*paused, AgentResume(reason="decided")]
    ended = [*resumed, AgentEnd(status="completed", reason="stop", expires_at=9)]
    assert [folded(events).expires_at for events in (paused, resumed, ended)] == [5, None, 9]
    assert folded(ended).by == "ann"


def test_a_partial_result_is_replaced_by_the_next_and_gone_at_the_end():
    update = ToolExecutionUpdate(tool_call_id="a", tool_name="t", partial_result="half")
    events = [say(call("a")), started("a"), update]
    assert folded(events).tools[0].partial_result == "half"
    assert folded([*events, ended("a"), update]).tools[0].partial_result is None


def test_recovery_voids_partial_messages_and_partial_results():
    half = [MessageStart(message=EMPTY), MessageUpdate(assistant_message_event=TextStart(content_index=0))]
    events = [say(call("a"), call("b"), call("c")), pending("c"), started("a"), started("b"), ended("b"), *half]
    snapshot = folded([*events, AgentResume(reason="recovered")])
    assert snapshot.streaming is None
    assert [tool.tool_call_id for tool in snapshot.tools] == ["b"]
    assert [item.tool_call_id for item in snapshot.pending] == ["c"]


def test_an_ordinary_resume_voids_nothing():
    snapshot = folded([say(call("a")), started("a"), AgentPaused(tool_call_ids=()), AgentResume(reason="decided")])
    assert (snapshot.status, len(snapshot.tools)) == ("running", 1)


def test_a_retry_voids_the_partial_message():
    half = [MessageStart(message=EMPTY), MessageUpdate(assistant_message_event=TextStart(content_index=0))]
    assert folded([*half, AgentRetry(attempt=1, reason="503")]).streaming is None


def test_the_end_sets_the_usage_of_the_whole_run():
    total = Usage(input=9, output=9, total_tokens=18)
    snapshot = folded([say(call("a")), AgentEnd(status="completed", reason="done", usage=total)])
    assert (snapshot.status, snapshot.reason, snapshot.usage) == ("completed", "done", total)
    assert (snapshot.pending, snapshot.tools) == ((), ())


# A record gives the same snapshot as the events that led to it. Each state of a call has its events here, and its entry
# in the record.

FATES = {
    "gated": ["pending"],
    "declined": ["pending", "resolved", "ended"],
    "ready": ["pending", "resolved"],
    "deciding": ["pending", "resolved", "started", "updated"],
    "decided": ["pending", "resolved", "started", "updated", "ended"],
    "waits for a slot": [],
    "started": ["started"],
    "done": ["started", "ended"],
    "invalid": ["ended"],
    "offered": ["offered"],
    "claimed": ["offered", "claimed"],
    "offered again": ["offered", "claimed", "offered"],
    "answered": ["offered", "claimed", "ended"],
    "gated, then offered": ["pending", "resolved", "offered"],
    "edited, ready": ["pending", "edited"],
    "edited, started": ["pending", "edited", "started", "updated"],
    "edited, done": ["pending", "edited", "started", "updated", "ended"],
    "edited, offered": ["pending", "edited", "offered"],
    "edited, claimed": ["pending", "edited", "offered", "claimed"],
    "edited, answered": ["pending", "edited", "offered", "claimed", "ended"],
}
PHASES = {"pending": "gated", "resolved": "ready", "started": "started", "updated": "started", "offered": "offered"}
PHASES |= {"edited": "ready", "claimed": "started"}
DUE = {"pending": 7, "claimed": 9}
SINCE = {"pending": 5, "offered": 6, "claimed": 6}
PARAMETERS = {"type": "object"}
TOOL = ToolSpec(
    name="t", description="", parameters=PARAMETERS, decision={"type": "object"}, approval=True, editable=("of",)
)


def told(step, key, edited):
    args = {"of": key} if edited is None else edited
    match step:
        case "pending":
            more = {"schema": {"type": "object"}, "since": 5, "approval": True, "editable": ("of",)}
            return replace(pending(key, due_at=7), parameters=PARAMETERS, **more)
        case "resolved" | "edited":
            return ToolDecisionResolved(tool_call_id=key, outcome="decided", arguments=edited)
        case "started":
            return ToolExecutionStart(tool_call_id=key, tool_name="t", args=args)
        case "updated":
            return ToolExecutionUpdate(tool_call_id=key, tool_name="t", partial_result=1)
        case "offered":
            return ToolClientExecutePending(tool_call_id=key, tool_name="t", input=args, since=6)
        case "claimed":
            return ToolClientClaimed(tool_call_id=key, by="ann", due_at=9)
        case "ended":
            return replace(ended(key), arguments=edited)


def open_call(key, index, steps):
    last = steps[-1] if steps else "resolved"
    return Call(
        id=key,
        name="t",
        index=index,
        phase=PHASES[last],
        due_at=DUE.get(last),
        since=SINCE.get(last),
        claim=Claim(digest="d", by="ann") if last == "claimed" else None,
        args_digest=codec.digest({"of": key}) if last == "pending" else "",
    )


def result(key, edited):
    return ToolResultMessage(tool_call_id=key, tool_name="t", content=(Text(text="done"),), arguments=edited)


@st.composite
def turns(draw):
    """Draw the events of one turn, the entries that it appended, its open calls, and whether it is over."""
    number = draw(st.integers(0, 1000))
    fates = draw(st.lists(st.sampled_from(sorted(FATES)), max_size=4))
    keys = [f"c{number}-{place}" for place in range(len(fates))]
    left = {key: list(FATES[fate]) for key, fate in zip(keys, fates, strict=True)}
    edits = {key: {"of": "another"} if "edited" in steps else None for key, steps in left.items()}
    message = AssistantMessage(
        content=(Text(text="Let me see."), *map(call, keys)),
        usage=Usage(input=draw(st.integers(0, 9)), output=1),
    )
    events, entries = [MessageStart(message=EMPTY), MessageEnd(message=message)], [MessageEntry(message=message)]
    while any(left.values()):
        key = draw(st.sampled_from(sorted(key for key, steps in left.items() if steps)))
        step = left[key].pop(0)
        events.append(told(step, key, edits[key]))
        if step in ("resolved", "edited"):
            decided = DecisionEntry(tool_call_id=key, outcome="decided", at=1, args_digest="", arguments=edits[key])
            entries.append(decided)
        elif step == "ended":
            entries.append(ResultEntry(message=result(key, edits[key])))
    over = all(FATES[fate][-1:] == ["ended"] for fate in fates)
    if over:
        events.append(TurnEnd(message=message, tool_results=tuple(result(key, edits[key]) for key in keys)))
    calls = tuple(
        open_call(key, place + 1, FATES[fate])
        for place, (key, fate) in enumerate(zip(keys, fates, strict=True))
        if FATES[fate][-1:] != ["ended"]
    )
    return events, entries, calls, over


@examples(300)
@given(st.lists(turns(), max_size=4), st.sampled_from(["running", "paused", "completed", "failed"]), st.booleans())
def test_a_record_folds_into_the_same_as_the_events_that_led_to_it(drawn_turns, status, asking):
    events = [AgentStart(agent="support", input=(user("Hi"),), metadata={"k": 1}, by="ann")]
    journal = [SpecEntry(spec=Spec(agent="support", model=ModelDescriptor(id="m"), tools=(TOOL,)))]
    journal.append(InputEntry(messages=(user("Hi"),), at=1))
    turn, calls, over = 0, (), True
    for turn_events, entries, calls, over in drawn_turns:  # noqa: B007 (the last turn is what counts)
        turn += 1
        events += [TurnStart(turn=turn), *turn_events]
        journal += entries
        if not over:
            break
    if over and asking:  # during a model call, whose partial text is in no record
        turn += 1
        events.append(TurnStart(turn=turn))
    usage, error = Usage(input=3), ErrorInfo(type="internal", message="Broke") if status == "failed" else None
    if status == "paused":
        events.append(AgentPaused(tool_call_ids=(), expires_at=8))
    elif status != "running":
        events.append(AgentEnd(status=status, reason="done", usage=usage, error=error, expires_at=8))
    ended = status in ("completed", "failed")
    head = Head(
        id="r",
        status=status,
        agent="support",
        nonce="n",
        turn=turn,
        calls=calls,
        usage=usage,
        metadata={"k": 1},
        owner="ann",
        expires_at=None if status == "running" else 8,
        reason="done" if ended else None,
        error=error,
    )
    # Partial results are never saved. A record may lack nothing else.
    live = folded(event for event in events if not isinstance(event, ToolExecutionUpdate))
    assert folded(replay(Record(head=head, journal=tuple(journal)))) == live
