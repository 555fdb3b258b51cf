"""Checks for the decoder of any model API: the golden bodies, and the rules for a stream of events.

`check_golden` replays a file of `tests/vectors/wire/<api>/`. `check_decoder` holds for any bytes. `bodies` draws bytes
that are nearly right, to reach deep code: golden bodies cut, doubled, damaged, and with JSON values of wrong types.
"""

import copy
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
from drawn import VALUES
from hypothesis import strategies as st

from adjourn.protocol import codec
from adjourn.protocol.events import (
    Done,
    Failed,
    OpaqueBlock,
    Start,
    StreamDelta,
    StreamEvent,
    TextDelta,
    TextEnd,
    TextStart,
    ThinkingDelta,
    ThinkingEnd,
    ThinkingStart,
    ToolcallDelta,
    ToolcallEnd,
    ToolcallStart,
    UsageSoFar,
)
from adjourn.protocol.messages import AssistantMessage, ModelDescriptor
from adjourn.protocol.partial import PartialMessage
from adjourn.protocol.providers.adapter import Adapter

VECTORS = Path(__file__).parents[2] / "vectors" / "wire"

_STARTS: dict[type, str] = {TextStart: "text", ThinkingStart: "thinking", ToolcallStart: "call"}
_DELTAS: dict[type, str] = {TextDelta: "text", ThinkingDelta: "thinking", ToolcallDelta: "call"}
_ENDS: dict[type, str] = {TextEnd: "text", ThinkingEnd: "thinking", ToolcallEnd: "call"}


class Golden(msgspec.Struct, frozen=True):
    """The JSON beside a body in `tests/vectors/wire/`: the expected result."""

    model: ModelDescriptor
    outcome: Literal["done", "error"]
    message: AssistantMessage


def golden_names(api: str) -> list[str]:
    """Return the names of this API's golden bodies, sorted."""
    return sorted(path.stem for path in (VECTORS / api).glob("*.body"))


def golden_body(api: str, name: str) -> bytes:
    """Return a response body as the real API sends it."""
    return (VECTORS / api / f"{name}.body").read_bytes()


def golden(api: str, name: str) -> Golden:
    """Return the expected result of a golden body."""
    return codec.from_json((VECTORS / api / f"{name}.json").read_bytes(), Golden)


def decode(adapter: Adapter, model: ModelDescriptor, chunks: Sequence[bytes]) -> list[StreamEvent]:
    """Return all events of the decoder for these chunks and the body's end."""
    decoder = adapter.decoder(model)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return [*events, *decoder.close()]


def joined(events: Sequence[StreamEvent]) -> list[StreamEvent]:
    """Return the events with successive deltas of a block joined, as if the body were one chunk. Events with the usage
    so far are left out, because their number depends on the chunks."""
    whole: list[Any] = []
    for event in cast(list[Any], deltas_of(events)):
        last: Any = whole[-1] if whole else None
        if type(event) in _DELTAS and type(last) is type(event) and last.content_index == event.content_index:
            whole[-1] = msgspec.structs.replace(last, delta=last.delta + event.delta)
        else:
            whole.append(event)
    return whole


def deltas_of(events: Sequence[StreamEvent]) -> list[StreamEvent]:
    """Return the events without those of the usage so far."""
    return [event for event in events if not isinstance(event, UsageSoFar)]


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    """Cut `data` into pieces. Each number is the end of a piece, modulo the length."""
    places = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]


def check_golden(adapter: Adapter, name: str) -> None:
    """Check that a golden body gives the expected message: in one piece, and byte by byte with empty chunks between."""
    body, wanted = golden_body(adapter.api, name), golden(adapter.api, name)
    whole = decode(adapter, wanted.model, [body])
    message = check_events(whole)
    assert message == wanted.message
    assert isinstance(whole[-1], Done if wanted.outcome == "done" else Failed)
    crumbs = [piece for index in range(len(body)) for piece in (body[index : index + 1], b"")]
    assert joined(decode(adapter, wanted.model, crumbs)) == joined(whole)
    decoder = adapter.decoder(wanted.model)
    fed = decoder.feed(body)
    assert deltas_of(fed) == joined(fed)
    assert [*fed, *decoder.close()] == whole
    assert not [*decoder.feed(b"more"), *decoder.feed(body), *decoder.close(), *decoder.fail("more", "terminal")]


def check_decoder(adapter: Adapter, model: ModelDescriptor, data: bytes, at: Sequence[int]) -> AssistantMessage:
    """Check that any `data` gives well-formed events and no exception, and that cuts change only how deltas are split.
    Return the message."""
    whole = decode(adapter, model, [data])
    assert joined(decode(adapter, model, cut(data, at))) == joined(whole)
    return check_events(whole)


def check_events(events: Sequence[StreamEvent]) -> AssistantMessage:
    """Check the rules for a whole stream of events. Return its final message."""
    *deltas, last = deltas_of(events)
    assert isinstance(last, Done | Failed)
    open_blocks = _check_blocks(cast(list[StreamDelta], deltas))
    if isinstance(last, Done):
        message = last.message
        assert message.stop_reason == last.reason
        assert last.reason in ("stop", "length", "toolUse")
        assert last.reason != ("stop" if message.calls else "toolUse")
        assert isinstance(deltas[0], Start)
        assert not open_blocks
        assert (message.error_message, message.error_kind) == (None, None)
    else:
        message = last.error
        assert message.stop_reason == last.reason == "error"
        assert message.error_message
        assert message.error_kind in ("transient", "terminal")
    _check_message(message, cast(list[StreamDelta], deltas), whole=isinstance(last, Done))
    return message


def _check_blocks(deltas: Sequence[StreamDelta]) -> dict[int, str]:
    """Check that Start is first and only once, and that blocks begin in order and grow only while open. Return the open
    blocks."""
    open_blocks: dict[int, str] = {}
    begun = 0
    for place, event in enumerate(deltas):
        assert isinstance(event, Start) == (place == 0)
        if isinstance(event, Start):
            continue
        index, kind = event.content_index, type(event)
        if kind is OpaqueBlock:
            assert index == begun
            begun += 1
            continue
        if kind in _STARTS:
            assert index == begun
            begun += 1
            open_blocks[index] = _STARTS[kind]
        elif kind in _DELTAS:
            assert open_blocks[index] == _DELTAS[kind]
            assert cast(TextDelta, event).delta
        else:
            assert open_blocks.pop(index) == _ENDS[kind]
    return open_blocks


def _check_message(message: AssistantMessage, deltas: Sequence[StreamDelta], *, whole: bool) -> None:
    """Check that the message equals the sum of its events, that calls have unique ids, and that it can be saved and
    loaded."""
    partial = PartialMessage(msgspec.structs.replace(message, content=()))
    for event in deltas:
        partial.apply(event)
    assert partial.message(keep_incomplete_calls=whole) == message
    ids = [call.id for call in message.calls]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    codec.check_value(msgspec.to_builtins(message))
    assert codec.from_json(codec.to_json(message), AssistantMessage) == message
    assert codec.from_msgpack(codec.to_msgpack(message), AssistantMessage) == message


def bodies(api: str) -> st.SearchStrategy[bytes]:
    """Draw bodies of this API, intact or damaged, and arbitrary bytes."""
    texts = st.sampled_from([golden_body(api, name) for name in golden_names(api)])
    odd = st.binary(max_size=40) | st.sampled_from([b"\n", b"\n\n", b"\r", b"{", b"}", b"data: ", b"\xff", b"null"])
    spot = st.integers(0, 1 << 20)
    replaced = st.builds(_replace, texts, spot, st.integers(0, 60), odd)
    doubled = st.builds(_double, texts, spot, st.integers(0, 400))
    joined = st.builds(_join, texts, texts, spot)
    mistyped = st.builds(_mistype, texts, st.lists(st.tuples(spot, _WRONG), min_size=1, max_size=3))
    return st.one_of(mistyped, mistyped, replaced, doubled, joined, texts, st.binary(max_size=200))


def _replace(body: bytes, start: int, length: int, by: bytes) -> bytes:
    start %= len(body) + 1
    return body[:start] + by + body[start + length :]


def _double(body: bytes, start: int, length: int) -> bytes:
    start %= len(body) + 1
    return body[: start + length] + body[start:]


def _join(body: bytes, other: bytes, end: int) -> bytes:
    return body[: end % (len(body) + 1)] + other


_GONE = object()
_ODD: list[Any] = [_GONE, -1, 2**53, 10**30, 10**400, 1e300, "", "1", [], {}, [None]]
_WRONG = VALUES | st.sampled_from(_ODD)
_Place = tuple[Any, Any]  # a container, and the key or index in it


def _mistype(body: bytes, changes: Sequence[tuple[int, Any]]) -> bytes:
    """Replace or remove some values in the body's JSON, in SSE data lines or NDJSON lines."""
    lines = body.split(b"\n")
    parsed = {index: value for index, line in enumerate(lines) if (value := _json_of(line)) is not None}
    for spot, value in changes:
        places = [place for each in parsed.values() for place in _places(each)]
        if places:
            container, key = places[spot % len(places)]
            if value is _GONE:
                container.pop(key)
            else:
                container[key] = copy.deepcopy(value)
    for index, value in parsed.items():
        head = b"data: " if lines[index].startswith(b"data:") else b""
        lines[index] = head + json.dumps(value[0]).encode() if value else b""
    return b"\n".join(lines)


def _json_of(line: bytes) -> list[Any] | None:
    """Return the line's JSON inside a list, so that it can be replaced as a whole."""
    try:
        return [json.loads(line.removeprefix(b"data:"))]
    except ValueError:
        return None


def _places(container: Any) -> list[_Place]:
    keyed = cast(dict[str, Any], container).items() if isinstance(container, dict) else enumerate(container)
    pairs: list[tuple[Any, Any]] = list(keyed)
    inner = [place for _, value in pairs if isinstance(value, dict | list) for place in _places(cast(Any, value))]
    own: list[_Place] = [(container, key) for key, _ in pairs]
    return own + inner
