"""JSON-RPC frames: what is good gets through typed, what is bad gets its error, and nothing raises."""

import json

import drawn
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import UNSET

from adjourn.protocol import codec, rpc
from adjourn.protocol.errors import AdjournError, DecisionInvalid, InternalError, InvalidParams, StoreUnavailable
from adjourn.protocol.events import Envelope, TurnStart
from adjourn.protocol.messages import Text, UserMessage
from adjourn.protocol.methods import (
    METHODS,
    NOTIFICATIONS,
    Claimed,
    Empty,
    RunGet,
    RunResume,
    RunSnapshot,
    RunStart,
    RunSummary,
    RunsUnwatched,
    RunUnsubscribed,
)
from adjourn.protocol.rpc import JSON, MSGPACK, Request
from adjourn.protocol.transcript import Snapshot

FORMATS = pytest.mark.parametrize("form", [JSON, MSGPACK], ids=["json", "msgpack"])
ENVELOPE = Envelope(run_id="r", seq=3, time=4, event=TurnStart(turn=1))
SUMMARY = RunSummary(run_id="r", agent="a", status="paused", created_at=1, updated_at=2, seq=3, pending=1)


def frame(form, **members):
    return form.encode({"jsonrpc": "2.0", "id": 1, **members})


def judged(data, form=JSON):
    """What a frame with one member comes to."""
    parsed = rpc.parse_frame(data, form)
    assert not parsed.batch
    (member,) = parsed.members
    return member


def answer(data, form=JSON):
    """The reply that a bad frame gets, as a client sees it."""
    sent = rpc.rejection(judged(data, form), form)
    return form.decode(sent, dict)


# Bad frames.


@pytest.mark.parametrize("data", ["", "{", "nonsense", '{"a":NaN}', "[" * 5000, b"\xff", '"\\ud800'])
def test_what_is_no_json_is_a_parse_error(data):
    reply = answer(data)
    assert (reply["id"], reply["error"]["code"], reply["error"]["data"]) == (None, -32700, {"type": "parseError"})
    assert reply["error"]["message"].startswith("parse error: ")


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x81\x81\x01\x01\x01", b"\x91" * 5000, b"\xa2\xff\xff"])
def test_what_is_no_messagepack_is_a_parse_error(data):
    assert answer(data, MSGPACK)["error"]["code"] == -32700


INVALID = [
    ("1", None, "expected an object"),
    ("null", None, "expected an object"),
    ("[]", None, "1 to 256 requests"),
    ("{}", None, '"jsonrpc": "2.0"'),
    ('{"jsonrpc":"1.0","method":"server.info","id":7}', 7, '"jsonrpc": "2.0"'),
    ('{"jsonrpc":"2.0","id":7}', 7, "a method name"),
    ('{"jsonrpc":"2.0","method":1,"params":"bar"}', None, "a method name"),
    ('{"jsonrpc":"2.0","method":"server.info","params":"x","id":"q"}', "q", "params to be an object"),
    ('{"jsonrpc":"2.0","method":"server.info","params":null,"id":"q"}', "q", "params to be an object"),
    ('{"jsonrpc":"2.0","method":"server.info","id":1.5}', None, "expected an id"),
    ('{"jsonrpc":"2.0","method":"server.info","id":true}', None, "expected an id"),
    ('{"jsonrpc":"2.0","method":"server.info","id":9007199254740993}', None, "expected an id"),
    ('{"jsonrpc":"2.0","method":"server.info","id":{}}', None, "expected an id"),
]


@pytest.mark.parametrize(("data", "request_id", "message"), INVALID)
def test_what_is_no_request_is_an_invalid_request(data, request_id, message):
    reply = answer(data)
    assert (reply["id"], reply["error"]["code"]) == (request_id, -32600)
    assert message in reply["error"]["message"]


@FORMATS
def test_an_unknown_method_is_named(form):
    error = answer(frame(form, method="run.dance"), form)["error"]
    assert (error["code"], error["message"]) == (-32601, "no method 'run.dance'")


PARAMS = [
    ("run.get", {}, "", "missing required field `runId`"),
    ("run.get", {"runId": "r", "verbose": True}, "", "unknown field `verbose`"),
    ("run.get", {"runId": 3}, "/runId", "Expected `str`, got `int`"),
    ("run.get", {"runId": "a/b"}, "/runId", "1 to 128 of A-Z"),
    ("run.get", {"runId": "a\n"}, "/runId", "1 to 128 of A-Z"),
    ("run.get", {"runId": ""}, "/runId", "1 to 128 of A-Z"),
    ("run.get", {"runId": "a" * 129}, "/runId", "1 to 128 of A-Z"),
    ("run.get", ["r"], "", "expected params by name: an object, got a list"),
    ("run.resume", {"runId": "r"}, "", "missing required field `decision`"),
    ("run.resume", {"runId": "r", "decision": {"a": [2**60]}}, "/decision/a/0", "within ±2^53"),
    ("run.resume", {"runId": "r", "decision": 1, "arguments": [1]}, "/arguments", "Expected `object | null`"),
    ("run.resume", {"runId": "r", "decision": 1, "arguments": {"n": 2**60}}, "/arguments/n", "within ±2^53"),
    ("run.claim", {"runId": "r", "toolCallId": "c", "claimant": "x" * 15}, "/claimant", ">= 16"),
    ("run.claim", {"runId": "r", "toolCallId": "c", "claimant": "x" * 257}, "/claimant", "<= 256"),
    ("run.unclaim", {"runId": "r", "toolCallId": "c"}, "", "missing required field `claimToken`"),
    ("run.start", {"agent": "a", "input": "x", "after": "a/b"}, "/after", "1 to 128 of A-Z"),
    ("run.list", {"waiting": 1}, "/waiting", "Expected `bool`"),
    ("rpc.discover", {"all": True}, "", "unknown field `all`"),
    ("run.subscribe", {"runId": "r", "after": -1}, "/after", ">= 0"),
    ("run.list", {"status": "asleep"}, "/status", "asleep"),
    ("run.list", {"limit": 0}, "/limit", ">= 1"),
    ("run.list", {"limit": 1001}, "/limit", "<= 1000"),
    ("run.start", {"agent": "a", "input": [{"role": "user"}]}, "/input/0", "missing required field `content`"),
    ("run.start", {"agent": "a", "input": [{"role": "system", "content": "x"}]}, "/input/0/role", "system"),
    ("run.start", {"agent": "a", "input": "x", "metadata": 1}, "/metadata", "Expected `object | null`"),
    ("run.result", {"runId": "r", "toolCallId": "c", "result": 1}, "", "missing required field `claimToken`"),
]


@FORMATS
@pytest.mark.parametrize(("method", "params", "path", "message"), PARAMS)
def test_bad_params_are_refused_with_path_and_expectation(method, params, path, message, form):
    error = answer(frame(form, method=method, params=params), form)["error"]
    assert error["code"] == -32602
    assert method in error["message"]
    assert message in error["message"]
    (fault,) = error["data"]["errors"]
    assert fault["path"] == path
    assert message in fault["message"]


@pytest.mark.parametrize("value", [b"bytes", float("nan"), float("inf"), {1: 2}, [[[2**54]]]])
def test_messagepack_brings_in_nothing_that_json_could_not(value):
    data = frame(MSGPACK, method="run.resume", params={"runId": "r", "decision": value})
    assert answer(data, MSGPACK)["error"]["data"]["errors"][0]["path"].startswith("/decision")


@given(st.binary() | st.text().map(str.encode))
@example(b"\xc7\x0c\xff" + b"\xff" * 12)
def test_no_bytes_raise(data):
    for form in (JSON, MSGPACK):
        for member in rpc.parse_frame(data, form).members:
            assert isinstance(member, Request) or rpc.rejection(member, form)


@given(
    drawn.VALUES
    | st.lists(
        st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(
                ["jsonrpc", "id", "method", "params"],
                st.just("2.0") | st.sampled_from(sorted(METHODS)) | drawn.VALUES,
            ),
        )
    )
)
def test_no_value_raises(value):
    for form in (JSON, MSGPACK):
        for member in rpc.parse_frame(form.encode(value), form).members:
            assert isinstance(member, Request) or member.id is UNSET or rpc.rejection(member, form)


# Requests.


@pytest.mark.parametrize("request_id", ["x", 0, -1, 2**53, None])
def test_a_request_comes_through_with_its_id(request_id):
    member = judged(frame(JSON, id=request_id, method="run.get", params={"runId": "r-1_A"}))
    assert member == Request(request_id, "run.get", RunGet(run_id="r-1_A"))


def test_params_may_be_left_out_where_none_is_required():
    assert isinstance(judged('{"jsonrpc":"2.0","id":1,"method":"server.info"}'), Request)


def test_input_is_text_or_messages():
    def start(given):
        return judged(frame(JSON, method="run.start", params={"agent": "a", "input": given})).params.input

    assert start("Hi") == "Hi"
    blocks = [{"type": "text", "text": "Hi"}]
    assert start([{"role": "user", "content": blocks}]) == (UserMessage(content=(Text(text="Hi"),)),)


def test_null_is_a_decision():
    assert judged(frame(JSON, method="run.resume", params={"runId": "r", "decision": None})).params.decision is None


def test_a_notification_has_no_id_and_gets_no_reply():
    assert judged('{"jsonrpc":"2.0","method":"run.get","params":{"runId":"r"}}').id is UNSET
    assert rpc.rejection(judged('{"jsonrpc":"2.0","method":"run.dance"}'), JSON) is None


@pytest.mark.parametrize("method", sorted(name for name, method in METHODS.items() if method.changes))
def test_what_changes_state_is_refused_without_an_id_and_without_a_reply(method):
    member = judged(json.dumps({"jsonrpc": "2.0", "method": method, "params": {}}))
    assert isinstance(member, rpc.Rejected)
    assert "expected an id" in member.error.message
    assert rpc.rejection(member, JSON) is None


def test_what_changes_state_is_marked_so():
    reading = {"server.info", "agents.list", "rpc.discover", "runs.watch"}
    reading |= {"run.subscribe", "run.unsubscribe", "run.get", "run.list"}
    assert {name for name, method in METHODS.items() if not method.changes} == reading


@FORMATS
def test_members_of_a_batch_are_judged_one_by_one(form):
    good = {"jsonrpc": "2.0", "id": 1, "method": "server.info"}
    parsed = rpc.parse_frame(form.encode([1, good, {**good, "method": "nope"}]), form)
    assert parsed.batch
    first, second, third = parsed.members
    assert first.error.code == -32600
    assert isinstance(second, Request)
    assert (third.id, third.error.code) == (1, -32601)


@FORMATS
def test_a_batch_is_refused_as_a_whole_where_its_replies_would_be_many_times_its_size(form):
    good = {"jsonrpc": "2.0", "id": 1, "method": "server.info"}
    assert len(rpc.parse_frame(form.encode([good] * rpc.MAX_BATCH), form).members) == rpc.MAX_BATCH
    parsed = rpc.parse_frame(form.encode([0] * (rpc.MAX_BATCH + 1)), form)
    assert not parsed.batch
    [rejected] = parsed.members
    assert rejected.error.message == "invalid request: expected 1 to 256 requests in a batch, got 257"


@FORMATS
def test_params_of_more_values_than_can_be_looked_at_meanwhile_are_refused(form):
    def start(values):
        params = {"agent": "a", "input": "hello", "metadata": {"many": [[]] * values}}
        frame = form.encode({"jsonrpc": "2.0", "id": 1, "method": "run.start", "params": params})
        return rpc.parse_frame(frame, form).members[0]

    assert isinstance(start(rpc.MAX_VALUES - 4), Request)
    assert "expected at most 100000 values" in start(rpc.MAX_VALUES - 3).error.message


# There and back.


@FORMATS
@given(data=st.data())
def test_what_a_client_asks_is_what_the_server_hears(form, data):
    method = data.draw(st.sampled_from(sorted(METHODS)))
    params = data.draw(drawn.of(METHODS[method].params))
    assert judged(rpc.request(5, method, params, form), form) == Request(5, method, params)


def test_a_request_is_plain_json_rpc():
    params = RunResume(run_id="r", decision={"approved": True})
    assert rpc.request("q", "run.resume", params, JSON) == (
        b'{"jsonrpc":"2.0","method":"run.resume","params":{"runId":"r","decision":{"approved":true}},"id":"q"}'
    )
    start = RunStart(agent="a", input="Hi")
    assert rpc.request(UNSET, "run.start", start, JSON) == (
        b'{"jsonrpc":"2.0","method":"run.start","params":{"agent":"a","input":"Hi"}}'
    )


def test_a_reply_is_plain_json_rpc():
    assert rpc.reply(None, Empty(), JSON) == b'{"jsonrpc":"2.0","id":null,"result":{}}'
    assert rpc.reply(1, Claimed(claim_token="t"), JSON) == b'{"jsonrpc":"2.0","id":1,"result":{"claimToken":"t"}}'


@FORMATS
def test_a_client_reads_a_reply_by_its_method(form):
    (reply,) = rpc.parse_server_frame(rpc.reply("q", Claimed(claim_token="t"), form), form)
    assert (reply.id, reply.error) == ("q", None)
    assert form.decode(reply.result, METHODS["run.claim"].result) == Claimed(claim_token="t")


@FORMATS
@pytest.mark.parametrize(
    "error",
    [
        DecisionInvalid("no", errors=[{"path": "/approved", "message": "expected a boolean"}]),
        StoreUnavailable("later"),
        InternalError("error 7f", id="7f"),
    ],
)
def test_an_error_arrives_as_the_same_class_with_its_data(form, error):
    (reply,) = rpc.parse_server_frame(rpc.error_reply(9, error, form), form)
    assert reply.id == 9
    assert type(reply.error) is type(error)
    assert (reply.error.message, reply.error.data) == (error.message, error.data)


@FORMATS
def test_a_rejection_arrives_as_an_error(form):
    bad = judged(frame(form, method="run.get", params={}), form)
    (reply,) = rpc.parse_server_frame(rpc.rejection(bad, form), form)
    assert isinstance(reply.error, InvalidParams)
    unknown = judged(frame(form, method="run.dance"), form)
    (reply,) = rpc.parse_server_frame(rpc.rejection(unknown, form), form)
    assert isinstance(reply.error, AdjournError)


@FORMATS
def test_notifications_arrive_as_their_params(form):
    state = RunSnapshot(run_id="r", seq=2, snapshot=Snapshot(agent="a"))
    for method, params in [("run.event", ENVELOPE), ("run.snapshot", state), ("run.changed", SUMMARY)]:
        assert rpc.parse_server_frame(rpc.notification(method, params, form), form) == [params]


@FORMATS
def test_an_encoded_envelope_is_wrapped_as_it_is(form):
    wrapped = rpc.event_notification(form.encode(ENVELOPE), form)
    assert wrapped == rpc.notification("run.event", ENVELOPE, form)


@FORMATS
@pytest.mark.parametrize("count", [1, 15, 16, 65535, 65536])
def test_encoded_messages_join_into_one_batch(form, count):
    one = form.encode({"a": 1})
    assert form.decode(rpc.batch([one] * count, form), list) == [{"a": 1}] * count


@FORMATS
def test_a_batch_arrives_in_its_order(form):
    messages = [rpc.notification("run.event", ENVELOPE, form), rpc.reply(1, Empty(), form)]
    first, second = rpc.parse_server_frame(rpc.batch(messages, form), form)
    assert first == ENVELOPE
    assert second.id == 1


@FORMATS
def test_notifications_of_a_newer_server_are_left_out(form):
    newer = form.encode({"jsonrpc": "2.0", "method": "run.dreamt", "params": {}})
    assert rpc.parse_server_frame(newer, form) == []


@FORMATS
@pytest.mark.parametrize("value", [1, {"id": []}, {"method": "run.event"}, {"method": "run.event", "params": {}}])
def test_what_no_server_sends_is_a_codec_error(form, value):
    with pytest.raises(codec.CodecError):
        rpc.parse_server_frame(form.encode(value), form)


def test_every_notification_has_its_type():
    assert {
        "run.event": Envelope,
        "run.snapshot": RunSnapshot,
        "run.unsubscribed": RunUnsubscribed,
        "run.changed": RunSummary,
        "runs.unwatched": RunsUnwatched,
    } == NOTIFICATIONS


def test_the_subprotocols():
    assert list(rpc.FORMATS) == ["adjourn.v1+json", "adjourn.v1+msgpack"]
