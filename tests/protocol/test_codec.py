"""The value domain and its bytes, on both wires."""

import hashlib
import math
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjourn.protocol.codec import (
    MAX_DEPTH,
    MAX_INT,
    CodecError,
    InvalidValue,
    canonical_json,
    check_value,
    digest,
    digest_checked,
    from_json,
    from_msgpack,
    parse_json,
    pointer,
    to_json,
    to_msgpack,
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_INT, MAX_INT)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(SCALARS, lambda items: st.lists(items) | st.dictionaries(st.text(), items), max_leaves=20)


class Order(msgspec.Struct):
    id: int
    lines: list["Order"] = []
    notes: dict[str, int] = {}


def parse_msgpack(data):
    """Parse a binary frame as the server does."""
    value = from_msgpack(data, Any)
    check_value(value)
    return value


def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


@given(VALUES)
def test_every_value_of_the_domain_comes_back_from_both_wires(value):
    check_value(value)
    assert parse_json(to_json(value)) == value
    assert parse_msgpack(to_msgpack(value)) == value


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (math.nan, ""),
        (math.inf, ""),
        (MAX_INT + 1, ""),
        (-MAX_INT - 1, ""),
        ("\ud800", ""),
        (b"x", ""),
        (object(), ""),
        ({1}, ""),
        ({"a": [1, -math.inf]}, "/a/1"),
        ({"a/b": {"m~n": ({},)}, "c": (b"",)}, "/c/0"),
        ({"a/b": {"m~n": 2**64}}, "/a~1b/m~0n"),
        ({"a": {1: 2}}, "/a"),
        ({"a": {"\ud800": 2}}, "/a"),
        ([[["\udfff"]]], "/0/0/0"),
        ([msgspec.msgpack.Ext(1, b"")], "/0"),
    ],
)
def test_a_value_outside_the_domain_is_refused_with_its_path(value, path):
    with pytest.raises(InvalidValue) as caught:
        check_value(value)
    assert caught.value.path == path
    assert "expected" in caught.value.message


def test_the_bounds_of_the_domain_belong_to_it():
    check_value([MAX_INT, -MAX_INT, 1e308, "é\U0001f600", ()])
    check_value(nested(MAX_DEPTH))


def test_values_nested_too_deeply_are_refused_at_any_depth_and_in_cycles():
    endless: dict[str, object] = {}
    endless["again"] = [endless, endless]
    for value in (nested(MAX_DEPTH + 1), nested(100_000), endless):
        with pytest.raises(InvalidValue, match="at most 100 levels"):
            check_value(value)


@pytest.mark.parametrize(
    "text", [b"[" * 101 + b"]" * 101, b"[" * 100_000, b'{"a":' * 100_000, b'"\xff"', b"[1e3,9007199254740993]"]
)
def test_json_that_no_value_of_the_domain_can_be_read_from_is_invalid(text):
    with pytest.raises(InvalidValue):
        parse_json(text)


@pytest.mark.parametrize("text", [b"", b"{", b"NaN", b"[Infinity]", b"1e999", b"1" * 5000, b'"\\ud800"', b"\xff"])
def test_invalid_json_is_a_codec_error(text):
    with pytest.raises(CodecError):
        parse_json(text)


@pytest.mark.parametrize(
    "data",
    [
        b"\x91" * 100_000,
        msgspec.msgpack.encode([math.nan]),
        msgspec.msgpack.encode({1: 2}),
        msgspec.msgpack.encode([b"x"]),
        msgspec.msgpack.encode(msgspec.msgpack.Ext(3, b"a")),
        b"\xd6\xff\x00\x00\x00\x00",  # a timestamp
        bytes.fromhex("c70cff3b9ac9ff0000003afff4417f"),  # a timestamp after Python's last year
        bytes.fromhex("c70cff000000007fffffffffffffff"),  # a timestamp beyond Python's integers for time
        b"\xa2\xff\xfe",
        b"\xc1",
        b"",
        b"\x81\x80\x01",
        b"\xdd\xff\xff\xff\xff",
    ],
)
def test_messagepack_outside_the_domain_is_a_codec_error(data):
    with pytest.raises(CodecError):
        parse_msgpack(data)


@given(st.binary())
def test_no_bytes_raise_anything_else(data):
    for parse in (parse_json, parse_msgpack):
        with suppress(CodecError):
            check_value(parse(data))


def test_of_a_key_given_twice_the_last_wins():
    assert parse_json(b'{"a":1,"a":2}') == {"a": 2}


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        (b'{"id":"x"}', "/id", "Expected `int`, got `str`"),
        (b'{"id":1,"lines":[{"id":1},{"id":2.5}]}', "/lines/1/id", "Expected `int`, got `float`"),
        (b'{"id":1,"notes":{"k":"v"}}', "/notes/*", "Expected `int`, got `str`"),
        (b"{}", "", "Object missing required field `id`"),
        (b"[]", "", "Expected `object`, got `array`"),
    ],
)
def test_a_typed_decode_says_what_was_expected_where(text, path, message):
    for decode, data in ((from_json, text), (from_msgpack, msgspec.msgpack.encode(msgspec.json.decode(text)))):
        with pytest.raises(CodecError) as caught:
            decode(data, Order)
        assert (caught.value.path, caught.value.message) == (path, message)


def test_a_typed_decode_gives_the_type():
    assert from_json(to_json(Order(1)), Order) == from_msgpack(to_msgpack(Order(1)), Order) == Order(1)


@pytest.mark.parametrize("encode", [to_json, to_msgpack])
@pytest.mark.parametrize("value", [object(), "\ud800", nested(100_000)])
def test_a_value_that_cannot_be_encoded_is_a_codec_error(encode, value):
    with pytest.raises(CodecError):
        encode(value)


def test_integers_beyond_messagepack_are_a_codec_error():
    with pytest.raises(CodecError):
        to_msgpack(2**64)


def test_canonical_json_sorts_keys_and_writes_whole_floats_as_integers():
    assert canonical_json({"b": [1.0, -0.0, 0.5, 1e300], "a": True, "é": ()}) == (
        '{"a":true,"b":[1,0,0.5,1e300],"é":[]}'.encode()
    )


def test_equal_values_have_equal_digests_and_true_is_not_one():
    assert digest({"a": 1, "b": [2.0]}) == digest({"b": [2], "a": 1.0})
    assert digest({"a": True}) != digest({"a": 1})
    assert digest("1") != digest(1)
    assert digest(None) == "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"


@given(VALUES)
def test_a_digest_survives_both_wires(value):
    assert digest(parse_json(to_json(value))) == digest(parse_msgpack(to_msgpack(value))) == digest(value)
    assert digest_checked(value) == digest(value) == hashlib.sha256(canonical_json(value)).hexdigest()


@pytest.mark.parametrize("value", [*(float(2**n) for n in range(55)), *(-float(10**n) for n in range(17)), 1e300, 0.5])
def test_a_float_has_the_same_digest_whether_it_was_checked_before_or_not(value):
    sent = {"n": [value]}
    assert digest_checked(sent) == digest(sent) == hashlib.sha256(canonical_json(sent)).hexdigest()


def test_only_values_of_the_domain_have_a_digest():
    with pytest.raises(InvalidValue):
        digest([math.nan])


def test_pointers_escape_what_they_are_made_of():
    assert pointer() == ""
    assert pointer("a/b", 0, "~1", "") == "/a~1b/0/~01/"
