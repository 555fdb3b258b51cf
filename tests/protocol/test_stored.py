"""A model's message is kept as a store gives it back, though most messages are not encoded for that."""

import datetime
import enum
import math
from decimal import Decimal
from typing import Any

import drawn
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from profiles import examples

from adjourn.protocol import codec, stored
from adjourn.protocol.calls import with_ids
from adjourn.protocol.codec import from_json, to_json
from adjourn.protocol.messages import AssistantMessage, Cost, Opaque, Text, Thinking, ToolCall, Usage
from adjourn.protocol.stored import as_stored

KEY = "n_2"
OPENING = AssistantMessage(content=(), api="api", provider="provider", model="model", timestamp=1)
ARGUMENTS = {"order": "1042", "amount": 25.0, "count": 2, "sure": True, "note": None}
MESSAGE = AssistantMessage(
    content=(
        Text(text="Wait."),
        Thinking(thinking="Which order?"),
        ToolCall(id="call_1", name="refund", arguments=ARGUMENTS),
        ToolCall(id=f"call_{KEY}_3", name="refund", arguments={}, provider_id="call_2"),
    ),
    usage=Usage(input=120, output=24, total_tokens=144, cost=Cost(input=0.5, total=0.5)),
    stop_reason="toolUse",
    response_id="r1",
)


class Word(str):
    pass


class Whole(int):
    pass


class Real(float):
    pass


class Table(dict[str, Any]):
    pass


class Row(tuple[Any, ...]):
    pass


class Colour(enum.IntEnum):
    RED = 1


class MyText(Text, frozen=True, tag="text", tag_field="type"):
    extra: int = 1


class MyUsage(Usage, frozen=True):
    extra: int = 1


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


ENDLESS: dict[str, Any] = {}
ENDLESS["again"] = ENDLESS
HOSTILE: list[Any] = [
    *(None, True, False, 0, -1, 2**53, 2**53 + 1, -(2**53) - 1, 2**64, 10**5000, -(10**5000), Whole(1), Colour.RED),
    *(0.0, -0.0, 1.0, 2.5, 1e308, math.nan, math.inf, -math.inf, Real(1.5), Decimal("1.5")),
    *("", "x", "é", "\x00", "\ud800", "short", "stop", "error", "transient", Word("x"), Word("stop"), b"x"),
    *((), [], Row(), {}, Table(), ("x",), ["x"], {"a": 1}, ({"a": (1,)},), {"a": (1, [2.0, "é"])}, {"a": math.nan}),
    *({1: 2}, {None: 1}, {Word("x"): 1}, {"\ud800": 1}, {"é": "é"}, {"a": b"x"}, {"a": Text(text="x")}, {"a": {1}}),
    *(nested(99), nested(100), nested(2000), ENDLESS, {"a": 2**53 + 1}, {"a": Word("x")}, {"a": Colour.RED}),
    *(object(), msgspec.UNSET, datetime.datetime(2026, 1, 1), msgspec.Raw(b'"x"'), Text, Cost(), Cost(total=1)),
    *(Usage(), MyUsage(), Usage(cost=Cost(input=1)), (Text(text="x"),), [Text(text="x")], (MyText(text="x"),)),
    *((Opaque(api="a", kind="k", raw="{}"),), (Text(text="x", citations=({"url": "x"},)),), (None,), AssistantMessage),
]  # fmt: skip


def through_a_store(message: AssistantMessage) -> AssistantMessage:
    signed = replace(
        with_ids(message, KEY),
        api=message.api or OPENING.api,
        provider=message.provider or OPENING.provider,
        model=message.model or OPENING.model,
        timestamp=message.timestamp or OPENING.timestamp,
    )
    return from_json(to_json(signed), AssistantMessage)


def outcome(store: Any, *given: Any) -> Any:
    try:
        return store(*given)
    except Exception as error:
        return type(error), str(error)


def same(left: Any, right: Any) -> bool:
    """Whether two values, also structs and tuples, are equal and have the same types at every level."""
    if type(left) is not type(right):
        return False
    if isinstance(left, msgspec.Struct):
        return same(msgspec.structs.asdict(left), msgspec.structs.asdict(right))
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(same(*pair) for pair in zip(left, right, strict=True))
    return drawn.same(left, right)


def check(message: AssistantMessage) -> None:
    expected, found = outcome(through_a_store, message), outcome(as_stored, message, KEY, OPENING)
    try:
        is_same = same(expected, found)
    except RecursionError:  # from Python 3.13 on, msgspec encodes values that are too deep for `same`
        is_same = to_json(expected) == to_json(found)
    assert is_same, (message, expected, found)


def changed(path: tuple[str | int, ...], value: Any, inside: Any = MESSAGE) -> Any:
    """Returns `inside` with another value at the path."""
    if not path:
        return value
    first, *rest = path
    if isinstance(first, int):
        return tuple(changed(tuple(rest), value, each) if at == first else each for at, each in enumerate(inside))
    if isinstance(inside, dict):
        return {**inside, first: changed(tuple(rest), value, inside[first])}
    return replace(inside, **{first: changed(tuple(rest), value, getattr(inside, first))})


def paths(inside: Any = MESSAGE, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Returns the paths of all values in the message."""
    parts: Any = {}
    if isinstance(inside, msgspec.Struct):
        parts = msgspec.structs.asdict(inside)
    elif isinstance(inside, dict):
        parts = inside
    elif isinstance(inside, tuple):
        parts = dict(enumerate(inside))
    return [path, *(deeper for key, each in parts.items() for deeper in paths(each, (*path, key)))]


@pytest.mark.parametrize("path", paths()[1:], ids=lambda path: "/".join(map(str, path)))
def test_whatever_value_a_model_puts_anywhere_is_kept_or_refused_as_by_a_store(path: tuple[str | int, ...]) -> None:
    for value in HOSTILE:
        check(changed(path, value))


@examples(300)
@given(drawn.of(AssistantMessage), st.booleans())
def test_every_message_is_kept_as_by_a_store(message: AssistantMessage, has_ids: bool) -> None:
    check(with_ids(message, KEY) if has_ids else message)


@pytest.mark.parametrize("value", [None, "text", Text(text="x")], ids=repr)
def test_no_message_at_all_is_refused_as_by_a_store(value: Any) -> None:
    check(value)


@pytest.mark.parametrize("call", ["call_1", f"call_{KEY}_0"])
def test_arguments_that_a_model_changes_later_stay_as_they_were(call: str) -> None:
    inner = {"a": "b"}
    for arguments in ({"a": "b"}, inner, {"a": inner}):
        kept = as_stored(replace(MESSAGE, content=(ToolCall(id=call, name="t", arguments=arguments),)), KEY, OPENING)
        before = to_json(kept)
        arguments["c"] = inner["c"] = "d"
        assert to_json(kept) == before


def test_a_usual_message_is_not_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (stored, codec):
        monkeypatch.setattr(module, "to_json", None)
    assert as_stored(MESSAGE, KEY, OPENING).text == "Wait."
