"""Server-sent events, however the bytes are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjourn.protocol.sse import SSEEvent, SSEParser, SSETooLarge, encode_comment, encode_event

PIECES = st.lists(
    st.sampled_from([
        b"data", b"id", b"event", b"retry", b":", b" ", b"\n", b"\r", b"\r\n", b"\n\n", b"x", b"12", b"\0",
        b"\xef\xbb\xbf", "é€😀".encode(), b"\xe2\x82", b"\xff", b"[DONE]", b"data: a\n\n", b": c\n",
    ])
).map(b"".join)  # fmt: skip


def parse(*chunks, **options):
    parser = SSEParser(**options)
    return [event for chunk in chunks for event in parser.feed(chunk)]


@given(stream=PIECES, data=st.data())
def test_any_chunking_gives_what_one_chunk_gives(stream, data):
    whole, cut = SSEParser(), SSEParser()
    expected = whole.feed(stream)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    edges = [0, *cuts, len(stream)]
    got = [event for start, end in pairwise(edges) for event in cut.feed(stream[start:end])]
    assert got == expected
    assert parse(*(bytes([byte]) for byte in stream)) == expected
    assert (cut.last_event_id, cut.retry_ms) == (whole.last_event_id, whole.retry_ms)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\n", [SSEEvent("a")]),
        (b"data:a\n\ndata:  a\n\n", [SSEEvent("a"), SSEEvent(" a")]),
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\r", [SSEEvent("a"), SSEEvent("b"), SSEEvent("c")]),
        (b"data: a\ndata:\ndata: b\n\n", [SSEEvent("a\n\nb")]),
        (b"data\n\ndata:\n\n", [SSEEvent(""), SSEEvent("")]),
        (b"data: a:b\n\n", [SSEEvent("a:b")]),
        (b": a comment\n:\ndata: a\n\n", [SSEEvent("a")]),
        (b"unknown: x\nDATA: x\n data: x\n\n", []),
        (b"event: e\nid: 7\nretry: 30\ndata: a\n\ndata: b\n\n", [SSEEvent("a", "e", "7", 30), SSEEvent("b", id="7")]),
        (b"event:\ndata: a\n\n", [SSEEvent("a")]),
        (b"event: e\n\ndata: a\n\n", [SSEEvent("a")]),
        (b"id: 1\n\ndata: a\n\nid\ndata: b\n\n", [SSEEvent("a", id="1"), SSEEvent("b")]),
        (b"id: 1\nid: 2\0\ndata: a\n\n", [SSEEvent("a", id="1")]),
        (b"retry: 1s\nretry: -1\nretry: \xd9\xa1\ndata: a\n\n", [SSEEvent("a")]),
        (b"retry: " + b"9" * 9999 + b"\ndata: a\n\n", [SSEEvent("a")]),
        (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", [SSEEvent("a")]),
        (b"data: \xff\xe2\x82\n\n", [SSEEvent("\ufffd\ufffd")]),
        (b"data: a\xe2\x80\xa8b\x0bc\x85\n\n", [SSEEvent("a\u2028b\x0bc\ufffd")]),
        (b"\n\n\r\n\r\rdata: a\n\n\n\n", [SSEEvent("a")]),
        (b"data: a\n\ndata: lost\n", [SSEEvent("a")]),
        (b"data: [DONE]\n\n", [SSEEvent("[DONE]")]),
    ],
)
def test_a_stream_is_read_as_the_standard_says(stream, expected):
    assert parse(stream) == expected
    assert parse(*(bytes([byte]) for byte in stream)) == expected


def test_an_empty_chunk_between_cr_and_lf_changes_nothing():
    assert parse(b"data: a\r", b"", b"\ndata: b\r\n", b"\r\n") == [SSEEvent("a\nb")]


def test_an_id_counts_once_its_event_is_dispatched():
    parser = SSEParser()
    parser.feed(b"id: 1\ndata: a\n\nid: 2\n")
    assert parser.last_event_id == "1"
    parser.feed(b"\n")
    assert parser.last_event_id == "2"


def test_a_retry_without_data_is_kept_by_the_parser():
    parser = SSEParser()
    assert parser.feed(b"retry: 250\n\n") == []
    assert parser.retry_ms == 250


def test_a_stream_that_ends_in_mid_event_drops_it():
    parser = SSEParser()
    assert parser.feed(b"data: a\ndata: b") == []
    parser.close()
    assert parser.feed(b"\n\n") == []


@pytest.mark.parametrize(
    "stream",
    [
        b"data: " + b"x" * 200,
        b"data: x\n" * 30,
        b": " + b"x" * 200,
        b"id: " + b"x" * 200 + b"\n",
        b"data: xx\n" * 12 + b"\n",
    ],
)
def test_an_unfinished_event_is_bounded_however_it_is_cut(stream):
    with pytest.raises(SSETooLarge):
        parse(stream, max_event_bytes=90)
    with pytest.raises(SSETooLarge):
        parse(*(bytes([byte]) for byte in stream), max_event_bytes=90)


def test_many_events_that_are_small_enough_pass_in_one_chunk():
    assert len(parse(b"data: 12345\n\n" * 1000, max_event_bytes=20)) == 1000


def test_single_bytes_are_appended_without_copying_earlier_ones():
    parser = SSEParser()
    parser.feed(b"data: ")
    buffer = parser._partial
    for _ in range(1000):
        parser.feed(b"x")
    assert parser._partial is buffer
    assert parser.feed(b"\n\n") == [SSEEvent("x" * 1000)]


LINES = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]))


@given(
    data=st.text(st.characters(exclude_categories=["Cs"])),
    last_id=LINES | st.integers(0),
    event=LINES,
    retry_ms=st.integers(0, 10**15 - 1),
)
def test_an_encoded_event_parses_back(data, last_id, event, retry_ms):
    encoded = encode_event(data.encode(), id=last_id, event=event, retry_ms=retry_ms)
    expected = SSEEvent(data.replace("\r\n", "\n").replace("\r", "\n"), event or "message", str(last_id), retry_ms)
    assert parse(encoded) == [expected]


def test_an_event_has_only_the_fields_it_was_given():
    assert encode_event(b'{"a":1}', id=7) == b'id: 7\ndata: {"a":1}\n\n'
    assert encode_event(b"a\r\nb\rc\n") == b"data: a\ndata: b\ndata: c\ndata: \n\n"


@pytest.mark.parametrize("field", [{"id": "a\nb"}, {"id": "a\0"}, {"event": "a\rb"}])
def test_a_field_of_one_line_cannot_smuggle_in_another(field):
    with pytest.raises(ValueError, match="without newlines"):
        encode_event(b"", **field)


def test_comments_are_ignored_by_readers_even_with_newlines_in_them():
    assert encode_comment("a") == b": a\n\n"
    assert parse(b"data: x\n\n" + encode_comment("a\ndata: b\r\n\nc") + encode_comment()) == [SSEEvent("x")]
