"""Checks of encoded data that need no decoding."""

import json

import msgspec
import pytest
from drawn import VALUES
from hypothesis import given
from hypothesis import strategies as st

from adjourn.protocol.encoded import has_more_json, has_more_msgpack, kind_json, kind_msgpack, mended_json

TEXT = st.text() | st.sampled_from(['"', "\\", '\\"', "[,]", "{,}", "x" * 40, "x" * 300])
NESTED = st.recursive(VALUES | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)
PACKED = NESTED | st.lists(
    st.binary(max_size=300)
    | st.builds(msgspec.msgpack.Ext, st.integers(0, 9), st.binary(max_size=20))
    | st.integers(-(2**63), 2**64 - 1)
    | st.lists(st.none(), max_size=40)
    | st.dictionaries(st.integers(0, 99), st.booleans(), max_size=40)
)


def values_in(value):
    if isinstance(value, dict):
        return len(value) + sum(map(values_in, value.values()))
    return len(value) + sum(map(values_in, value)) if isinstance(value, list) else 0


@given(NESTED)
def test_the_values_of_json_are_counted_as_they_would_be_built(value):
    for text in (msgspec.json.encode(value), json.dumps(value).encode()):
        for most in range(values_in(value) + 3):
            assert has_more_json(text, most) == (values_in(value) > most)


@given(PACKED)
def test_the_values_of_messagepack_are_counted_as_they_would_be_built(value):
    data = msgspec.msgpack.encode(value)
    for most in range(values_in(value) + 3):
        assert has_more_msgpack(data, most) == (values_in(value) > most)


@pytest.mark.parametrize("length", [15, 16, 31, 32, 255, 256, 65_535, 65_536])
def test_lengths_of_every_width_are_passed_over(length):
    for value in ["x" * length, b"x" * length, [0] * length, {str(n): 0 for n in range(length)}]:
        data = msgspec.msgpack.encode([value, [1, 2]])
        expected = 4 + (length if isinstance(value, list | dict) else 0)
        assert not has_more_msgpack(data, expected)
        assert has_more_msgpack(data, expected - 1)


@given(NESTED)
def test_the_kind_of_data_is_seen_from_its_begin(value):
    kind = "object" if isinstance(value, dict) else "array" if isinstance(value, list) else "scalar"
    assert kind_json(b" \n\t\r" + msgspec.json.encode(value)) == kind
    assert kind_msgpack(msgspec.msgpack.encode(value)) == kind


@given(st.text(st.characters() | st.sampled_from("\ud83d\ude00\\u")))
def test_text_without_lone_surrogates_needs_no_mending(text):
    data = json.dumps(text).encode()
    is_whole = "\ufffd" not in json.loads(data).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if is_whole:
        assert mended_json(data) == data
