"""What a tool returns, as the model and programs get it."""

import abc
import dataclasses
import datetime
import decimal
import enum
import functools
import pathlib
import re
import uuid
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from typing import Annotated, Any, Literal, NamedTuple, NewType, NoReturn, Protocol, TypedDict, TypeVar

import msgspec
import pytest
from onecall import OBJECT, Node, Point, result_of, run, said

from adjourn.actors.tools import ToolContext, ToolDefinitionError, ToolError, ToolOutcome, make_tool, tool
from adjourn.protocol.events import ToolOutput
from adjourn.protocol.messages import Audio, File, Image, ImageURL, Text, UserBlock


class Color(enum.Enum):
    RED = "red"


async def test_text_stays_text() -> None:
    assert await result_of("hello") == ToolOutcome((Text(text="hello"),), None, False)
    assert await result_of(Color.RED) == ToolOutcome((Text(text="red"),), None, False)
    assert await result_of(datetime.date(2030, 1, 2)) == ToolOutcome((Text(text="2030-01-02"),), None, False)


async def test_nothing_becomes_done() -> None:
    assert await result_of(None) == ToolOutcome((Text(text="done"),), None, False)


async def test_content_blocks_pass() -> None:
    for block in (
        Image(data="aGk=", mime_type="image/png"),
        ImageURL(url="https://example.test/cat.png"),
        File(data="JVBERi0=", mime_type="application/pdf", name="report.pdf"),
        Audio(data="UklGRg==", mime_type="audio/wav"),
    ):
        assert (await result_of(block)).content == (block,)
        assert (await result_of([Text(text="see"), block])).content == (Text(text="see"), block)


async def test_tool_output_passes_with_plain_details() -> None:
    output = ToolOutput(content=(Text(text="at 1, 2"),), details=Point(1, 2))
    assert await result_of(output) == ToolOutcome((Text(text="at 1, 2"),), {"x": 1, "y": 2}, False)


@pytest.mark.parametrize(
    ("value", "text", "details"),
    [
        (Point(1, 2), '{"x":1,"y":2}', {"x": 1, "y": 2}),
        (Node("a"), '{"name":"a","children":[]}', {"name": "a", "children": []}),
        ({"a": (1, None)}, '{"a":[1,null]}', {"a": [1, None]}),
        ([], "[]", []),
        (False, "false", False),
        (1.5, "1.5", 1.5),
        ({1: Color.RED}, '{"1":"red"}', {"1": "red"}),
    ],
)
async def test_data_becomes_json_text_and_plain_details(value: Any, text: str, details: Any) -> None:
    outcome = await result_of(value)
    assert outcome == ToolOutcome((Text(text=text),), details, False)
    assert type(outcome.details) is type(details)


async def test_a_tool_cannot_change_its_result_after_returning_it() -> None:
    mine: dict[str, Any] = {"list": [1]}
    outcome = await result_of(ToolOutput(content=(Text(text="x"),), details=mine))
    mine["list"].append(2)
    assert outcome.details == {"list": [1]}


def nested(levels: int) -> Any:
    return functools.reduce(lambda inner, _: [inner], range(levels), [])


def endless() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


@dataclasses.dataclass
class Item:
    n: Any


FINITE, RANGE, UNICODE = "expected a finite number", "expected an integer within ±2^53", "got a lone surrogate"
DEPTH = "expected at most 100 levels of nesting"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), f"/: {FINITE}, got nan"),
        ({"n": {"m": [1, float("inf")]}}, f"/n/m/1: {FINITE}, got inf"),
        (2**53 + 1, f"/: {RANGE}"),
        ([{"id": 2**63}], f"/0/id: {RANGE}"),
        (Item(-(2**60)), f"/n: {RANGE}"),
        ("\ud800", f"/: expected valid Unicode, {UNICODE}"),
        ({"s": ["\ud800"]}, f"/s/0: expected valid Unicode, {UNICODE}"),
        (Text(text="\ud800"), f"/content/0/text: expected valid Unicode, {UNICODE}"),
        ([Text(text="a"), Text(text="\ud800")], f"/content/1/text: expected valid Unicode, {UNICODE}"),
        (ToolOutput(content=(), details={"f": float("inf")}), f"/details/f: {FINITE}, got inf"),
        (ToolOutput(content=("text",)), "/content/0: Expected `object`, got `str`"),  # type: ignore[arg-type]
        (Text(text=5), "/content/0/text: Expected `str`, got `int`"),  # type: ignore[arg-type]
        (nested(200), DEPTH),
        (nested(20_000), DEPTH),
        (endless(), DEPTH),
        (object(), "values of type object can't be encoded"),
        ([complex(1, 2)], "values of type complex can't be encoded"),
        ({"error": ValueError("no")}, "values of type ValueError can't be encoded"),
        ((n for n in range(3)), "values of type generator can't be encoded"),
    ],
)
async def test_a_result_that_cannot_be_stored_is_an_error_of_an_executed_tool(value: Any, reason: str) -> None:
    """The error names the path and the bound. Otherwise the model could believe that nothing happened, and retry."""
    outcome = await result_of(value)
    assert outcome.is_error
    assert outcome.details is None
    assert said(outcome).startswith("t was executed, but its result can't be stored: ")
    assert said(outcome).endswith(reason)
    assert len(said(outcome)) < 400


@pytest.mark.parametrize("value", ["x" * 1000, ["x" * 600], ToolOutput(content=(), details="x" * 1000)])
async def test_a_result_that_is_too_large_is_told_as_one_of_an_executed_tool(value: Any) -> None:
    outcome = await result_of(value, max_result_bytes=1000)
    assert outcome.is_error
    assert re.fullmatch(
        r"t was executed, but its result can't be stored: it takes \d+ bytes, and at most 1000 are allowed",
        said(outcome),
    )
    assert not (await result_of("x" * 900, max_result_bytes=1000)).is_error


async def test_an_error_whose_details_cannot_be_stored_keeps_its_message() -> None:
    async def told(details: Any) -> str:
        def refuse(arguments: dict[str, Any], context: ToolContext) -> None:
            raise ToolError("the order is closed", details=details)

        outcome = await run(make_tool("t", "", OBJECT, refuse), max_result_bytes=300)
        assert outcome.is_error
        return said(outcome)

    begin = "the order is closed (its details can't be stored: "
    assert await told({"id": 2**60}) == f"{begin}/id: {RANGE})"
    assert await told(float("nan")) == f"{begin}/: {FINITE}, got nan)"
    assert await told(object()) == f"{begin}values of type object can't be encoded)"
    assert await told("x" * 1000) == f"{begin}it takes 1071 bytes, and at most 300 are allowed)"
    assert await told({"id": 7}) == "the order is closed"


async def test_subclasses_of_str_and_numbers_are_encoded_as_their_base() -> None:
    class Name(str):
        __slots__ = ()

    class Count(int):
        pass

    class Share(float):
        pass

    outcome = await result_of({"name": Name("ann"), "count": Count(3), "share": Share(0.5)})
    assert outcome.details == {"name": "ann", "count": 3, "share": 0.5}
    assert (await result_of(Name("ann"))).content == (Text(text="ann"),)


class Handle:
    """A value that JSON can't represent."""


# Return annotations.


class Later(Protocol):
    def close(self) -> None: ...


class Abstract(abc.ABC):
    @abc.abstractmethod
    def close(self) -> None: ...


@dataclasses.dataclass
class Holder:
    handle: Handle


class Row(NamedTuple):
    handle: Handle


class Form(TypedDict):
    handle: list[Handle]


class Sheet(msgspec.Struct):
    handle: "Handle | None"


ItemId = NewType("ItemId", int)


@pytest.mark.parametrize(
    "annotation",
    [
        complex,
        Handle,
        list[Handle],
        dict[str, Handle | None],
        Annotated[Handle, "a doc"],
        Holder,
        Row,
        Form,
        Sheet,
        list[Holder],
        Exception,
        type[int],
        Iterator[str],
        AsyncIterator[str],
        Generator[int, None, None],
        Callable[[], int],
        Awaitable[Handle],
        Coroutine[Any, Any, Handle],
        pathlib.Path,
    ],
    ids=repr,
)
def test_a_result_type_that_cannot_be_encoded_is_refused_at_declaration(annotation: Any) -> None:
    def give() -> Any: ...

    give.__annotations__["return"] = annotation
    with pytest.raises(ToolDefinitionError, match=r"tool give: a result of type .* can't be encoded; return text"):
        tool(give)


@pytest.mark.parametrize(
    "annotation",
    [
        None,
        Any,
        object,
        str,
        bool,
        bytes,
        decimal.Decimal,
        datetime.timedelta,
        uuid.UUID,
        Color,
        ItemId,
        Literal["a", "b"],
        NoReturn,
        int | None,
        list[Point],
        dict[str, tuple[int, ...]],
        set[str],
        Mapping[str, Sequence[int]],
        Iterable[int],
        Node,
        ToolOutput,
        Text | Image,
        list[Text | Image],
        File,
        list[UserBlock],
        Awaitable[str],
        Coroutine[Any, Any, str],
        Annotated[int, "of anything"],
        Later,
        Abstract,
        TypeVar("T"),
        "str",
    ],
    ids=repr,
)
def test_a_result_type_that_may_be_carried_is_not(annotation: Any) -> None:
    def give() -> Any: ...

    give.__annotations__["return"] = annotation
    assert tool(give).spec.name == "give"


def test_a_client_side_tool_may_declare_any_return_type() -> None:
    @tool(runs="client")
    def pick() -> pathlib.Path: ...  # type: ignore[empty-body]

    assert pick.spec.runs == "client"
