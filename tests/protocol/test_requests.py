"""A client's frames: a valid frame becomes a typed request, a bad one an error with its id, and nothing raises."""

import gc
import json
import tracemalloc

import drawn
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import UNSET

from adjourn.protocol import rpc
from adjourn.protocol.bounds import Bounds
from adjourn.protocol.errors import LimitExceeded
from adjourn.protocol.messages import Text, UserMessage
from adjourn.protocol.methods import METHODS, RunGet
from adjourn.protocol.requests import Rejected, Request, parse_frame, rejection
from adjourn.protocol.rpc import JSON, MSGPACK

FORMATS = pytest.mark.parametrize("form", [JSON, MSGPACK], ids=["json", "msgpack"])
MAX_BATCH = 64


def parsed(data, form=JSON, **bounds):
    return parse_frame(data, form, max_batch=MAX_BATCH, bounds=Bounds(**bounds))


def frame(form, **members):
    return form.encode({"jsonrpc": "2.0", "id": 1, **members})


def judged(data, form=JSON, **bounds):
    """Parse a frame that has one member. Return that request, or its error."""
    found = parsed(data, form, **bounds)
    assert not found.batch
    (member,) = found.members
    return member


def answer(data, form=JSON, **bounds):
    """Return the reply to a bad frame, as a client receives it."""
    sent = rejection(judged(data, form, **bounds), form)
    return form.decode(sent, dict)


# Bad frames.


@pytest.mark.parametrize("data", ["", "{", "nonsense", '{"a":NaN}', "[" * 5000, b"\xff", '"\\ud800'])
def test_invalid_json_is_a_parse_error(data):
    reply = answer(data)
    assert (reply["id"], reply["error"]["code"], reply["error"]["data"]) == (None, -32700, {"type": "parseError"})
    assert reply["error"]["message"].startswith("parse error: ")


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x81\x81\x01\x01\x01", b"\x91" * 5000])
def test_invalid_messagepack_is_a_parse_error(data):
    assert answer(data, MSGPACK)["error"]["code"] == -32700


INVALID = [
    ("1", None, "expected an object"),
    ("null", None, "expected an object"),
    ("[]", None, "1 to 64 requests"),
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
def test_a_value_that_is_no_request_is_an_invalid_request(data, request_id, message):
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


# Params outside the value domain: the error has the request's id and their path.


def json_object(members):
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), value) for name, value in members.items()) + b"}"


def msgpack_object(members):
    return bytes((0x80 | len(members),)) + b"".join(MSGPACK.encode(name) + value for name, value in members.items())


OBJECT = {JSON: json_object, MSGPACK: msgpack_object}
HOSTILE = [
    (JSON, rb'"\ud800"', ""),
    (JSON, rb'"cut \ud83d"', ""),
    (JSON, rb'"\udc00 cut"', ""),
    (JSON, rb'[1,{"a":"\ud83d\ud83d\ude00"}]', "/1/a"),
    (JSON, rb'{"\ud800":1}', ""),
    (JSON, b'["\xff"]', "/0"),
    (JSON, b'"\xed\xa0\x80"', ""),
    (JSON, b"[1e999]", "/0"),
    (JSON, b"[" + b"1" * 5000 + b"]", "/0"),
    (JSON, b"[" * 200 + b"]" * 200, "/0" * 99),
    (MSGPACK, bytes.fromhex("c70cff3b9ac9ff0000003afff4417f"), ""),
    (MSGPACK, bytes.fromhex("91c70cff000000007fffffffffffffff"), "/0"),
    (MSGPACK, bytes.fromhex("91d6ff00000000"), "/0"),
    (MSGPACK, b"\x91\xc7\x03\x05abc", "/0"),
    (MSGPACK, b"\x91\xc4\x01x", "/0"),
    (MSGPACK, b"\x91\xa2\xff\xff", "/0"),
    (MSGPACK, b"\x91\xa3\xed\xa0\x80", "/0"),
    (MSGPACK, b"\x81\xa1a\xcb\x7f\xf0" + bytes(6), "/a"),
    (MSGPACK, b"\x91\xcf" + b"\xff" * 8, "/0"),
    (MSGPACK, b"\x81\x01\x02", ""),
    (MSGPACK, b"\x81\xa2\xff\xff\x02", ""),
    (MSGPACK, b"\x81\x80\x02", ""),
    (MSGPACK, b"\x81\x90\x02", ""),
    (MSGPACK, b"\x91" * 200 + b"\xc0", "/0" * 99),
]


@pytest.mark.parametrize(("form", "value", "path"), HOSTILE)
@pytest.mark.parametrize("last", ["id", "params", "method"])
@pytest.mark.parametrize("is_batch", [False, True])
def test_a_value_outside_the_domain_is_answered_under_the_id_with_its_path(form, value, path, last, is_batch):
    params = OBJECT[form]({"runId": form.encode("r"), "decision": value, "digest": form.encode("d")})
    members = {
        "jsonrpc": form.encode("2.0"),
        "id": form.encode(5),
        "params": params,
        "method": form.encode("run.resume"),
    }
    members[last] = members.pop(last)
    data = OBJECT[form](members)
    [told] = parsed(rpc.batch([data], form) if is_batch else data, form).members
    assert isinstance(told, Rejected)
    assert (told.id, told.error.code) == (5, -32602)
    [fault] = told.error.data["errors"]
    assert fault["path"] == f"/decision{path}"
    assert fault["message"]
    assert form.decode(rejection(told, form), dict)["id"] == 5


def test_the_text_of_an_input_that_was_cut_in_an_emoji_is_found():
    data = json.dumps(
        {
            "jsonrpc": "2.0",
            "method": "run.start",
            "params": {
                "agent": "a",
                "input": [{"role": "user", "content": [{"type": "text", "text": "\U0001f600" * 300 + "\ud83d"}]}],
            },
            "id": 5,
        }
    )
    told = answer(data)
    assert told["id"] == 5
    assert told["error"]["data"]["errors"] == [
        {
            "path": "/input/0/content/0/text",
            "message": "expected valid Unicode, got a lone surrogate or bytes that are no UTF-8",
        }
    ]


@pytest.mark.parametrize("escaped", [rb"\\ud800", rb"\ud83d\ude00", rb"\\\\ud83d", rb"\uD83D\uDE00"])
def test_pairs_and_escaped_backslashes_are_no_lone_surrogates(escaped):
    data = b'{"jsonrpc":"2.0","id":5,"method":"run.start","params":{"agent":"a","input":"%b"}}' % escaped
    assert judged(data).params.input == json.loads(b'"%b"' % escaped)


@FORMATS
def test_of_a_key_given_twice_the_last_counts(form):
    data = form.encode(
        {"jsonrpc": "2.0", "xx": 1, "id": 2, "method": "run.get", "params": {"runId": "a", "runIx": "b"}}
    )
    data = data.replace(b"xx", b"id").replace(b"runIx", b"runId")
    assert judged(data, form) == Request(2, "run.get", RunGet(run_id="b"))


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"x" * 9000: 1}, "unknown field"),
        ({"runId": "r", "decision": {"k" * 9000: 2**60}}, "within ±2^53"),
        ({"runId": "r", "decision": 1, "toolCallId": "x" * 9000}, "<= 1024"),
    ],
)
@FORMATS
def test_a_refusal_quotes_little_of_the_request(form, params, told):
    sent = rejection(judged(frame(form, method="run.resume", params=params), form), form)
    assert told.encode() in sent
    assert len(sent) < 2000


# Bounds are checked before the work that they bound.


@FORMATS
@pytest.mark.parametrize(
    ("method", "name", "limit"),
    [
        ("run.start", "input", "maxInputBytes"),
        ("run.start", "metadata", "maxMetadataBytes"),
        ("run.resume", "decision", "maxDecisionBytes"),
        ("run.resume", "arguments", "maxArgumentsBytes"),
        ("run.result", "result", "maxResultBytes"),
        ("run.decline", "reason", "maxReasonBytes"),
        ("run.abort", "reason", "maxReasonBytes"),
    ],
)
def test_each_free_value_is_weighed_as_it_was_sent(form, method, name, limit):
    def refused(size):
        value = {"a": ""} if name in ("metadata", "arguments") else ""
        padding = "x" * (size - len(form.encode(value)) - 2 * form.binary)
        value = {"a": padding} if isinstance(value, dict) else padding
        assert len(form.encode(value)) == size
        given = {"runId": "r", "agent": "a", "input": "i", "decision": 1, "toolCallId": "c", "claimToken": "t"}
        given["result"] = 1
        names = {field.encode_name for field in msgspec.structs.fields(METHODS[method].params)}
        params = {key: each for key, each in given.items() if key in names} | {name: value}
        return judged(frame(form, method=method, params=params), form, **{f"max_{name}_bytes": 1000})

    assert isinstance(refused(1000), Request)
    told = refused(1001)
    assert (told.id, told.error.code) == (1, LimitExceeded.code)
    assert told.error.data == {"type": "limitExceeded", "limit": limit, "maximum": 1000}


@FORMATS
def test_values_are_counted_before_they_are_built(form):
    def start(values):
        params = {"agent": "a", "input": "hello", "metadata": {"many": [[]] * values}}
        return judged(frame(form, method="run.start", params=params), form, max_values=1000, max_metadata_bytes=10_000)

    assert isinstance(start(1000 - 4), Request)
    assert start(1000 - 3).error.data == {"type": "limitExceeded", "limit": "maxValues", "maximum": 1000}


@FORMATS
def test_a_batch_may_have_as_many_requests_as_may_be_in_flight(form):
    good = {"jsonrpc": "2.0", "id": 1, "method": "server.info"}
    assert len(parsed(form.encode([good] * MAX_BATCH), form).members) == MAX_BATCH
    found = parsed(form.encode([good] * (MAX_BATCH + 1)), form)
    [rejected] = found.members
    assert not found.batch
    assert (rejected.id, rejected.error.code) == (None, LimitExceeded.code)
    assert rejected.error.data == {"type": "limitExceeded", "limit": "maxInFlight", "maximum": MAX_BATCH}


def many_json(count):
    return b"[" + b",".join([b"[]"] * count) + b"]"


def many_msgpack(count):
    return b"\xdd" + count.to_bytes(4) + b"\x90" * count


@pytest.mark.parametrize(("form", "many"), [(JSON, many_json), (MSGPACK, many_msgpack)], ids=["json", "msgpack"])
@pytest.mark.parametrize("place", ["batch", "params", "method", "id", "unknown", "input", "result", "reason", "runId"])
def test_no_million_values_are_built(form, many, place, built):
    value = many(300_000)
    if place == "batch":
        data = value
    else:
        params = value if place == "params" else OBJECT[form]({"agent": form.encode("a"), place: value})
        members = {"jsonrpc": form.encode("2.0"), "id": form.encode(5), "method": form.encode("run.start")}
        members["params"] = params
        if place in ("method", "id", "unknown"):
            members |= {"params": form.encode({}), place: value}
        data = OBJECT[form](members)
    with built as peak:
        parsed(data, form)
    assert peak() < 5 * len(data)  # some copies of the data; decoded lists would take 24 times as much


@pytest.fixture
def built():
    """Measure the peak memory of a block, bytes."""

    class Built:
        def __enter__(self):
            tracemalloc.start()
            return lambda: self.peak

        def __exit__(self, *_):
            self.peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()

    return Built()


def test_the_collector_runs_on_afterwards_as_it_did_before():
    for switch in (gc.disable, gc.enable):
        switch()
        was = gc.isenabled()
        parsed("{")
        parsed('{"jsonrpc":"2.0","id":1,"method":"server.info"}')
        assert gc.isenabled() == was


# Arbitrary data.


def told(data, form):
    """Parse any frame. Return its members, after a check that each error can be sent as a reply."""
    found = parsed(data, form).members
    assert found
    for member in found:
        if not isinstance(member, Request) and member.id is not UNSET:
            form.decode(rejection(member, form), dict)
    return found


@given(st.binary() | st.text().map(str.encode))
@example(b"\xc7\x0c\xff" + b"\xff" * 12)
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\xdf\xff\xff\xff\xff")
@example(b"\x91" * 100_000)
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
def test_no_bytes_raise(data):
    for form in (JSON, MSGPACK):
        told(data, form)


@given(st.text(st.characters(), max_size=30))
def test_no_text_raises(text):
    told(text, JSON)


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
        told(form.encode(value), form)


@st.composite
def good_frames(draw, form):
    method = draw(st.sampled_from(sorted(METHODS)))
    return rpc.request(draw(st.integers(0, 99)), method, draw(drawn.of(METHODS[method].params)), form)


@FORMATS
@given(data=st.data())
def test_no_cut_and_no_mutation_of_a_good_frame_raises(form, data):
    good = data.draw(good_frames(form))
    told(good[: data.draw(st.integers(0, len(good)))], form)
    at, end = sorted(data.draw(st.tuples(st.integers(0, len(good)), st.integers(0, len(good)))))
    told(good[:at] + data.draw(st.binary(max_size=8)) + good[end:], form)
    told(good[:end] + good[at:], form)
    told(rpc.batch([good[:at], good, good[end:]], form), form)


@FORMATS
@given(data=st.data())
def test_any_params_are_answered_under_the_id(form, data):
    hostile = st.sampled_from([value for each, value, _ in HOSTILE if each is form])
    name = data.draw(st.sampled_from(["runId", "decision", "input", "metadata", "result", "reason", "unknown"]))
    good = {
        "jsonrpc": form.encode("2.0"),
        "id": form.encode(data.draw(st.integers(0, 99) | st.text(st.characters(exclude_categories=["Cs"])))),
        "method": form.encode(data.draw(st.sampled_from(sorted(METHODS)))),
        "params": OBJECT[form]({name: data.draw(hostile)}),
        "more": data.draw(hostile),
    }
    names = data.draw(st.permutations(sorted(good)))
    [member] = told(OBJECT[form]({key: good[key] for key in names}), form)
    assert member.id == form.decode(good["id"], str | int)


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


@FORMATS
def test_a_number_without_a_fraction_is_an_integer_however_it_is_written(form):
    message = {"role": "user", "content": "hi", "timestamp": 5.0, "unknown": 1e70}
    params = {"agent": "a", "input": [message], "metadata": {"weight": 1.5}}
    found = judged(frame(form, method="run.start", params=params), form).params
    assert found.input[0].timestamp == 5
    assert found.metadata == {"weight": 1.5}


def test_null_is_a_decision():
    assert judged(frame(JSON, method="run.resume", params={"runId": "r", "decision": None})).params.decision is None


def test_a_notification_has_no_id_and_gets_no_reply():
    assert judged('{"jsonrpc":"2.0","method":"run.get","params":{"runId":"r"}}').id is UNSET
    assert rejection(judged('{"jsonrpc":"2.0","method":"run.dance"}'), JSON) is None


@pytest.mark.parametrize("method", sorted(name for name, method in METHODS.items() if method.changes))
def test_a_state_changing_method_without_an_id_is_refused_without_a_reply(method):
    member = judged(json.dumps({"jsonrpc": "2.0", "method": method, "params": {}}))
    assert isinstance(member, Rejected)
    assert "expected an id" in member.error.message
    assert rejection(member, JSON) is None


def test_what_changes_state_is_marked_so():
    reading = {"server.info", "agents.list", "rpc.discover", "runs.watch", "system.tree", "nodes.list"}
    reading |= {"run.subscribe", "run.unsubscribe", "run.get", "run.list", "run.timeline"}
    assert {name for name, method in METHODS.items() if not method.changes} == reading


@FORMATS
def test_members_of_a_batch_are_judged_one_by_one(form):
    good = {"jsonrpc": "2.0", "id": 1, "method": "server.info"}
    found = parsed(form.encode([1, good, {**good, "method": "nope"}]), form)
    assert found.batch
    first, second, third = found.members
    assert first.error.code == -32600
    assert isinstance(second, Request)
    assert (third.id, third.error.code) == (1, -32601)
