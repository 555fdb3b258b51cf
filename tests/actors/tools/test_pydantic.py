"""pydantic's models and fields, where the program has imported pydantic: as parameters, decisions and results."""

import dataclasses
import datetime
import json
import subprocess
import sys
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional

import annotated_types
import msgspec
import pydantic
import pytest
import typing_extensions
from onecall import Node, result_of, run, said

from adjourn.actors.testing import Updates, tool_context
from adjourn.actors.tools import Tool, ToolContext, ToolDefinitionError, tool
from adjourn.protocol.schema import compile_schema


class Item(pydantic.BaseModel):
    """Something to order."""

    name: str = pydantic.Field(description="What it is called.")
    count: int = pydantic.Field(1, ge=1)


class Line(pydantic.BaseModel):
    item: Item
    at: datetime.date
    more: list["Line"] = []


@pydantic.dataclasses.dataclass
class Point:
    x: Annotated[int, pydantic.Field(ge=0)]
    secret: int = pydantic.Field(default=7, exclude=True)


@dataclasses.dataclass
class Plain:
    """A dataclass with a pydantic Field."""

    n: int = pydantic.Field(ge=1)


class Row(typing_extensions.TypedDict):
    item: Item


class Pair(NamedTuple):
    item: Item
    n: int


def refused_by(made: Tool, arguments: dict[str, Any]) -> bool:
    return compile_schema(made.spec.parameters).validate(arguments) != []


# Parameters.


async def test_a_model_is_a_parameter() -> None:
    got: list[Any] = []

    @tool
    async def order(item: Item, note: str = "-") -> None:
        got.extend([item, note])

    schema = order.spec.parameters
    assert (schema["type"], schema["required"], schema["additionalProperties"]) == ("object", ["item"], False)
    assert schema["$defs"]["Item"]["properties"]["name"]["description"] == "What it is called."
    assert "title" not in schema
    assert refused_by(order, {"item": {"name": "tea", "count": 0}})
    assert refused_by(order, {"item": {"name": "tea"}, "more": 1})
    assert not refused_by(order, {"item": {"name": "tea"}})
    assert not (await run(order, {"item": {"name": "tea", "count": 2}})).is_error
    assert got == [Item(name="tea", count=2), "-"]


async def test_a_signature_of_pydantics_types_alone_takes_no_more_than_it_names() -> None:
    @tool
    async def order(item: Item) -> None: ...

    schema = order.spec.parameters
    assert (schema["required"], schema["additionalProperties"]) == (["item"], False)
    assert "title" not in schema
    assert (await run(order, {"item": {"name": "tea"}, "more": 1})).is_error


def test_the_model_uses_the_alias_of_a_field() -> None:
    def pay(amount: Annotated[int, pydantic.Field(alias="sum")], note: str) -> None: ...
    def twice(amount: Annotated[int, pydantic.Field(alias="note")], note: str) -> None: ...

    assert list(tool(pay).spec.parameters["properties"]) == ["note", "sum"]
    with pytest.raises(ToolDefinitionError, match="tool twice: two parameters are called 'note'"):
        tool(twice)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (list[Item], [{"name": "a"}], [Item(name="a")]),
        (dict[str, Item], {"k": {"name": "a"}}, {"k": Item(name="a")}),
        (Item | None, {"name": "a"}, Item(name="a")),
        (Optional[Item], None, None),  # noqa: UP045
        (tuple[Item, int], [{"name": "a"}, 3], (Item(name="a"), 3)),
        (Row, {"item": {"name": "a"}}, {"item": Item(name="a")}),
        (Point, {"x": 1}, Point(1)),
        (Plain, {"n": 3}, Plain(3)),
        (Annotated[Item, "what to order"], {"name": "a"}, Item(name="a")),
        (dict[str, list[Annotated[int, pydantic.Field(ge=1)]]], {"k": [1]}, {"k": [1]}),
        (pydantic.PositiveInt, 3, 3),
        (typing_extensions.TypeAliasType("Items", list[Item]), [{"name": "a"}], [Item(name="a")]),
        (NewType("Ordered", Item), {"name": "a"}, Item(name="a")),
        (Annotated[str, pydantic.StringConstraints(min_length=2)], "ab", "ab"),
        (Annotated[int, annotated_types.Ge(1)], 1, 1),
        (Annotated[int, annotated_types.Interval(ge=1, le=3)], 3, 3),
        (Annotated[int, pydantic.AfterValidator(lambda n: n * 2)], 3, 6),
        (Annotated[Item | Point, pydantic.Field(union_mode="left_to_right")], {"x": 1}, Point(1)),
        (Line, {"item": {"name": "a"}, "at": "2030-01-02"}, Line(item=Item(name="a"), at=datetime.date(2030, 1, 2))),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
async def test_pydantics_types_work_wherever_they_are_in_an_annotation(kind: Any, value: Any, expected: Any) -> None:
    got: list[Any] = []

    async def take(thing: Any) -> None:
        got.append(thing)

    take.__annotations__["thing"] = kind
    made = tool(take)
    assert not refused_by(made, {"thing": value})
    assert said(await run(made, {"thing": value})) == "done"
    assert got == [expected]
    assert type(got[0]) is type(expected)


def bounded(n: Annotated[int, pydantic.Field(ge=1, description="How many.")]) -> None: ...
def defaulted(n: int = pydantic.Field(ge=1)) -> None: ...
def listed(n: list[Annotated[int, pydantic.Field(ge=1)]]) -> None: ...
def typed(n: Annotated[int, annotated_types.Ge(1)]) -> None: ...
def grouped(n: Annotated[int, annotated_types.Interval(ge=1)]) -> None: ...
def positive(n: pydantic.PositiveInt) -> None: ...
def optional(n: Annotated[int | None, pydantic.Field(ge=1)] = None) -> None: ...
def held(n: Plain) -> None: ...


@pytest.mark.parametrize(
    ("function", "good", "bad"),
    [
        (bounded, 1, 0),
        (defaulted, 1, 0),
        (listed, [1], [1, 0]),
        (typed, 1, 0),
        (grouped, 1, 0),
        (positive, 1, 0),
        (optional, None, 0),
        (held, {"n": 1}, {"n": 0}),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_bound_holds(function: Any, good: Any, bad: Any) -> None:
    made = tool(function)
    assert not refused_by(made, {"n": good})
    assert refused_by(made, {"n": bad})


def test_a_fields_description_is_the_parameters() -> None:
    assert tool(bounded).spec.parameters["properties"]["n"]["description"] == "How many."


async def test_defaults_are_the_functions_own_and_never_shared() -> None:
    got: list[Any] = []

    @tool
    async def order(
        item: Item = Item(name="tea"),  # noqa: B008
        items: list[Item] = [],  # noqa: B006
        n: int = pydantic.Field(3, ge=1),
        made: list[int] = pydantic.Field(default_factory=lambda: [1]),  # noqa: B008
    ) -> None:
        got.append((item, list(items), n, made))
        item.name, items[:], made[:] = "spoiled", [item], []

    properties = order.spec.parameters["properties"]
    assert order.spec.parameters.get("required", []) == []
    assert (properties["item"]["default"], properties["items"]["default"]) == ({"name": "tea", "count": 1}, [])
    assert properties["n"]["default"] == 3
    for _ in range(2):
        assert said(await run(order)) == "done"
    assert [(each[0].name, *each[1:3]) for each in got] == [("spoiled", [], 3), ("spoiled", [], 3)]
    assert got[0][0] is not got[1][0]


async def test_each_parameter_keeps_the_library_of_its_type() -> None:
    got: list[Any] = []

    @tool
    async def plant(
        n: Annotated[int, msgspec.Meta(ge=1, description="How many.")],
        item: Item,
        tree: Node,
        when: datetime.date = datetime.date(2030, 1, 2),
    ) -> None:
        """Plant it.

        Args:
            item: What.
            n: not this
        """
        got.extend([n, item, tree, when])

    schema = plant.spec.parameters
    assert list(schema["properties"]) == ["n", "item", "tree", "when"]
    assert schema["properties"]["n"] == {"type": "integer", "minimum": 1, "description": "How many."}
    assert schema["properties"]["item"]["description"] == "What."
    assert sorted(schema["required"]) == ["item", "n", "tree"]
    assert set(schema["$defs"]) == {"Item", "Node"}
    arguments = {"n": 1.0, "item": {"name": "a"}, "tree": {"name": "b"}}
    assert not refused_by(plant, arguments)
    assert refused_by(plant, {**arguments, "n": 0})
    assert refused_by(plant, {**arguments, "other": 0})
    assert said(await run(plant, arguments)) == "done"
    assert got == [1, Item(name="a"), Node("b"), datetime.date(2030, 1, 2)]
    assert (await run(plant, {**arguments, "other": 0})).is_error


async def test_names_that_models_reserve_are_parameters_like_others() -> None:
    got: list[Any] = []

    @tool
    async def order(item: Item, model_config: int, json: pydantic.PositiveInt, _x: pydantic.PositiveInt) -> None:
        got.extend([model_config, json, _x])

    assert said(await run(order, {"item": {"name": "a"}, "model_config": 1, "json": 2, "_x": 3})) == "done"
    assert got == [1, 2, 3]


async def test_a_strict_model_takes_json_values() -> None:
    class Strict(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(strict=True)
        at: datetime.date

    got: list[Any] = []

    @tool
    async def book(when: Strict) -> None:
        got.append(when.at)

    assert said(await run(book, {"when": {"at": "2030-01-02"}})) == "done"
    assert got == [datetime.date(2030, 1, 2)]


async def test_an_error_of_a_validator_has_its_path() -> None:
    class Even(pydantic.BaseModel):
        n: int

        @pydantic.field_validator("n")
        @classmethod
        def _even(cls, n: int) -> int:
            if n % 2:
                raise ValueError("n must be even")
            return n

    @tool
    async def take(even: list[Even]) -> None: ...

    assert said(await run(take, {"even": [{"n": 2}, {"n": 3}]})) == (
        "take was not executed: the call can't be decoded: /even/1/n: Value error, n must be even"
    )


# Declarations that can't be supported.


class Mixed(msgspec.Struct):
    item: Item


def mixed_meta(n: Annotated[int, msgspec.Meta(ge=1), pydantic.Field(le=3)]) -> None: ...
def mixed_struct(n: Mixed) -> None: ...
def mixed_list(n: list[Item | Node]) -> None: ...
def unknown(n: Annotated[int, object()]) -> None: ...
def unknown_inside(n: list[dict[str, Annotated[int, 3.5]]]) -> None: ...
def unknown_beside(n: Annotated[Item, range(3)]) -> None: ...
def unheeded(n: Annotated[int, annotated_types.Unit("m")]) -> None: ...


@dataclasses.dataclass
class Held:
    n: Annotated[int, range(3)]


def unknown_held(n: Held) -> None: ...


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (mixed_meta, r"parameter 'n': pydantic's types and msgspec.Meta don't mix in one annotation"),
        (mixed_struct, r"parameter 'n': pydantic's types and the msgspec.Struct Mixed don't mix"),
        (mixed_list, r"parameter 'n': pydantic's types and the msgspec.Struct Node don't mix"),
        (unknown, r"parameter 'n': <object .*> in an Annotated would not be honoured; use msgspec.Meta"),
        (unknown_inside, r"parameter 'n': 3.5 in an Annotated would not be honoured"),
        (unknown_beside, r"parameter 'n': range\(0, 3\) in an Annotated would not be honoured"),
        (unknown_held, r"parameter 'n': range\(0, 3\) in an Annotated would not be honoured"),
        (unheeded, r"parameter 'n': Unit\(unit='m'\) in an Annotated would not be honoured"),
    ],
)
def test_an_annotation_that_would_not_be_honoured_is_refused(function: Any, said: str) -> None:
    with pytest.raises(ToolDefinitionError, match=f"^tool {function.__name__}: {said}"):
        tool(function)


def test_a_decision_of_types_that_do_not_mix_is_refused() -> None:
    for kind in (Annotated[int, object()], Mixed, Annotated[bool, msgspec.Meta(title="x"), pydantic.Field()]):
        with pytest.raises(ToolDefinitionError, match=r"^tool take: decision: "):

            @tool(decision=kind)
            def take(decision: Any) -> None: ...


def test_two_types_of_one_name_are_told_apart_or_refused() -> None:
    class Node(pydantic.BaseModel):
        other: int

    def take(a: Any, b: Any) -> None: ...

    take.__annotations__.update(a=Node, b=globals()["Node"])
    with pytest.raises(ToolDefinitionError, match=r"^tool take: two types are called 'Node'"):
        tool(take)


# Decisions.


@pytest.mark.parametrize(
    ("kind", "plain", "expected"),
    [
        (Item, {"name": "a"}, Item(name="a", count=1)),
        (list[Item], [{"name": "a"}], [Item(name="a")]),
        (Item | None, None, None),
        (Annotated[int, pydantic.Field(ge=1)], 3, 3),
        (Literal["a", "b"] | Item, "a", "a"),
        (Point, {"x": 1}, Point(1)),
        (Line, {"item": {"name": "a"}, "at": "2030-01-02"}, Line(item=Item(name="a"), at=datetime.date(2030, 1, 2))),
    ],
    ids=str,
)
async def test_a_decision_may_be_of_pydantics_types(kind: Any, plain: Any, expected: Any) -> None:
    got: list[Any] = []

    @tool(decision=kind)
    async def gated(decision: Any) -> None:
        got.append(decision)

    assert gated.spec.decision is not None
    assert "$ref" not in gated.spec.decision
    assert compile_schema(gated.spec.decision).validate(plain) == []
    assert said(await run(gated, {}, plain)) == "done"
    assert got == [expected]


# Results.


class Masked(pydantic.BaseModel):
    key: pydantic.SecretStr
    at: datetime.date = datetime.date(2030, 1, 2)


class Rounded(pydantic.BaseModel):
    share: float

    @pydantic.field_serializer("share", when_used="json")
    def _round(self, share: float) -> float:
        return round(share, 1)


class Boxed(msgspec.Struct):
    item: Item


TEA = {"name": "tea", "count": 1}


@pytest.mark.parametrize(
    ("value", "details"),
    [
        (Item(name="tea"), TEA),
        ([Item(name="tea")], [TEA]),
        ({"a": {"b": (Item(name="tea"), None)}}, {"a": {"b": [TEA, None]}}),
        (Pair(Item(name="tea"), 1), [TEA, 1]),
        (Boxed(Item(name="tea")), {"item": TEA}),
        ({"item": Plain(3)}, {"item": {"n": 3}}),
        (Masked(key=pydantic.SecretStr("s3cret")), {"key": "**********", "at": "2030-01-02"}),
        ([pydantic.SecretStr("s3cret")], ["**********"]),
        ({"a": Rounded(share=0.123)}, {"a": {"share": 0.1}}),
        (Point(1), {"x": 1}),
        ([{"p": Point(1)}], [{"p": {"x": 1}}]),
        (pydantic.RootModel[list[int]]([1, 2]), [1, 2]),
    ],
    ids=repr,
)
async def test_results_of_pydantics_types_are_encoded_as_pydantic_does(value: Any, details: Any) -> None:
    outcome = await result_of(value)
    assert (outcome.details, outcome.is_error) == (details, False)
    assert json.loads(said(outcome)) == details


async def test_pydantic_models_in_progress_are_encoded() -> None:
    updates = Updates()
    await tool_context(updates=updates).update({"items": [Item(name="tea")]})
    assert updates.seen == [{"items": [TEA]}]


def test_a_result_type_of_pydantics_is_declared() -> None:
    @tool
    def order(item: Item, context: ToolContext) -> dict[str, list[Item | Point | None]]:
        return {}

    assert order.spec.name == "order"


async def test_the_error_of_a_model_outside_the_value_domain_says_that_the_tool_was_executed() -> None:
    class Big(pydantic.BaseModel):
        n: int
        f: float = 0.0

    told = said(await result_of({"big": Big(n=2**60)}))
    assert told == "t was executed, but its result can't be stored: /big/n: expected an integer within ±2^53"
    assert "/f: expected a finite number" in said(await result_of(Big(n=1, f=float("nan"))))


# pydantic is never imported by the library.


PROGRAM = """
import sys
from typing import Annotated, Any
import annotated_types
from adjourn.actors import ToolDefinitionError, tool

@tool
def add(a: int, b: int = 1) -> list[int]:
    "Add.\\n\\nArgs:\\n    a: One."
    return [a + b]

assert "pydantic" not in sys.modules
try:
    @tool
    def bounded(n: Annotated[int, annotated_types.Ge(1)]) -> None: ...
except ToolDefinitionError as error:
    print(error)
import pydantic

@tool
def bounded(n: Annotated[int, annotated_types.Ge(1)]) -> None: ...
print(bounded.spec.parameters["properties"]["n"]["minimum"])
"""


def test_pydantic_is_never_imported_first() -> None:
    done = subprocess.run([sys.executable, "-I", "-c", PROGRAM], check=True, capture_output=True, text=True)
    refused, minimum = done.stdout.splitlines()
    assert refused == (
        "tool bounded: parameter 'n': Ge(ge=1) in an Annotated would not be honoured; use msgspec.Meta, "
        "or import pydantic and use its Field"
    )
    assert minimum == "1"
