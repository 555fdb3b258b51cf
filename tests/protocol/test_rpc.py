"""JSON-RPC frames: what one end writes is what the other reads."""

from contextlib import suppress
from typing import Any

import drawn
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from adjourn.protocol import codec, rpc
from adjourn.protocol.bounds import Bounds
from adjourn.protocol.errors import AdjournError, DecisionInvalid, InternalError, InvalidParams, StoreUnavailable
from adjourn.protocol.events import Envelope, TurnStart
from adjourn.protocol.methods import (
    METHODS,
    NOTIFICATIONS,
    Claimed,
    Empty,
    RunResume,
    RunSnapshot,
    RunStart,
    RunSummary,
    RunsUnwatched,
    RunUnsubscribed,
)
from adjourn.protocol.requests import Request, parse_frame, rejection
from adjourn.protocol.rpc import JSON, MSGPACK
from adjourn.protocol.transcript import Snapshot

FORMATS = pytest.mark.parametrize("form", [JSON, MSGPACK], ids=["json", "msgpack"])
ENVELOPE = Envelope(run_id="r", seq=3, time=4, event=TurnStart(turn=1))
SUMMARY = RunSummary(run_id="r", agent="a", status="paused", created_at=1, updated_at=2, seq=3, pending=1)


NOTIFIED = st.one_of(*map(drawn.of, NOTIFICATIONS.values()))
ERROR_DATA = drawn.of(dict[str, Any])
LATE = bytes.fromhex("c70cff3b9ac9ff0000003afff4417f")  # a timestamp after Python's last year


def heard(data, form):
    """Parse a frame that has one member, as the server does."""
    (member,) = parse_frame(data, form, max_batch=1, bounds=Bounds()).members
    return member


@FORMATS
@given(data=st.data())
def test_the_server_parses_the_request_that_the_client_encoded(form, data):
    method = data.draw(st.sampled_from(sorted(METHODS)))
    params = data.draw(drawn.of(METHODS[method].params))
    assert heard(rpc.request(5, method, params, form), form) == Request(5, method, params)


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
    bad = heard(form.encode({"jsonrpc": "2.0", "id": 1, "method": "run.get"}), form)
    (reply,) = rpc.parse_server_frame(rejection(bad, form), form)
    assert isinstance(reply.error, InvalidParams)
    unknown = heard(form.encode({"jsonrpc": "2.0", "id": 1, "method": "run.dance"}), form)
    (reply,) = rpc.parse_server_frame(rejection(unknown, form), form)
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
def test_a_frame_that_is_no_server_message_is_a_codec_error(form, value):
    with pytest.raises(codec.CodecError):
        rpc.parse_server_frame(form.encode(value), form)


@pytest.mark.parametrize(
    ("form", "data"),
    [
        (MSGPACK, b"\x81\xa5error\x83\xa4code\x01\xa7message\xa0\xa4data\x81\xa1a" + LATE),
        (MSGPACK, b"\x82\xa6method\xa9run.event\xa6params\x81\xa5runId" + LATE),
        (MSGPACK, b"\x81\xa5error\x83\xa4code\x01\xa7message\xa2\xff\xff\xa4data\xc0"),
        (MSGPACK, b"\xdd\xff\xff\xff\xff"),
        (MSGPACK, b"\x81\xa6result" + b"\x91" * 5000),
        (JSON, b'{"error":{"code":1,"message":"\\ud800"}}'),
        (JSON, b'{"error":{"code":1,"message":"x","data":{"a":1e999}}}'),
        (JSON, b'{"result":' + b"[" * 5000),
    ],
)
def test_a_malformed_frame_of_a_server_is_a_codec_error(form, data):
    with pytest.raises(codec.CodecError):
        rpc.parse_server_frame(data, form)


@FORMATS
@given(data=st.data())
def test_no_mutation_of_a_servers_frame_raises_anything_else(form, data):
    params = data.draw(NOTIFIED)
    method = next(name for name, kind in NOTIFICATIONS.items() if kind is type(params))
    error = rpc.ErrorObject(
        code=data.draw(st.integers(-codec.MAX_INT, codec.MAX_INT)), message="m", data=data.draw(ERROR_DATA)
    )
    for good in (rpc.notification(method, params, form), rpc.error_reply(1, error, form)):
        at, end = sorted(data.draw(st.tuples(st.integers(0, len(good)), st.integers(0, len(good)))))
        for bad in (good, good[:at], good[:at] + data.draw(st.binary(max_size=8)) + good[end:]):
            with suppress(codec.CodecError):
                rpc.parse_server_frame(bad, form)


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
