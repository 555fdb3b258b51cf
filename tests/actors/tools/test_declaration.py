"""Declaring a tool: what the model gets, which declarations are refused, and tools that clients execute."""

import datetime
from typing import Annotated, Any, Literal

import msgspec
import pytest
import trio
from onecall import OBJECT, YES_NO, Node, good

from adjourn.actors.tools import (
    ToolContext,
    ToolDefinitionError,
    client_tool,
    make_tool,
    tool,
)
from adjourn.protocol.record import OnExpiry
from adjourn.protocol.schema import compile_schema

# Declarations: what the model gets.


def test_parameters_come_from_type_hints() -> None:
    @tool
    def book(
        guests: Annotated[int, msgspec.Meta(description="How many.", ge=1)],
        days: list[datetime.date],
        meal: Literal["none", "half"] = "none",
        note: str | None = None,
    ) -> str:
        return ""

    assert book.spec.name == "book"
    assert book.spec.parameters == {
        "type": "object",
        "properties": {
            "guests": {"type": "integer", "minimum": 1, "description": "How many."},
            "days": {"type": "array", "items": {"type": "string", "format": "date"}},
            "meal": {"enum": ["half", "none"], "default": "none"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        },
        "required": ["guests", "days"],
        "additionalProperties": False,
    }


def test_a_function_without_parameters_takes_an_empty_object() -> None:
    @tool
    def ping() -> str:
        return "pong"

    assert ping.spec.parameters == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }


def test_types_with_names_are_referred_to_within_the_schema() -> None:
    @tool
    def plant(tree: Node) -> str:
        return tree.name

    schema = plant.spec.parameters
    assert schema["properties"]["tree"] == {"$ref": "#/$defs/Node"}
    assert schema["$defs"]["Node"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
    assert compile_schema(schema).validate({"tree": {"name": "a", "children": [{"name": "b"}]}}) == []


def test_the_description_is_the_docstrings_first_paragraph() -> None:
    @tool
    def look() -> str:
        """Look at it,
        twice.

        Not for the model.
        """
        return ""

    @tool(name="see", description="See it.")
    def look_again() -> str:
        """Look."""
        return ""

    assert look.spec.description == "Look at it, twice."
    assert (look_again.spec.name, look_again.spec.description) == ("see", "See it.")


def test_context_and_decision_are_not_the_models_to_fill_in() -> None:
    @tool(decision=YES_NO)
    def gated(order: int, decision: Any, context: ToolContext) -> str:
        return ""

    @tool
    def plain(order: int, context: Annotated[ToolContext | None, "of the call"] = None) -> str:
        return ""

    assert list(gated.spec.parameters["properties"]) == ["order"]
    assert list(plain.spec.parameters["properties"]) == ["order"]


def test_options_are_recorded_in_the_spec() -> None:
    @tool(
        decision=YES_NO,
        idempotent=True,
        decision_timeout_s=60,
        on_expiry=OnExpiry(action="decide", decision={"yes": False}),
    )
    def gated(decision: Any) -> str:
        return ""

    @tool(decision=YES_NO, decision_timeout_s=5, on_expiry="abort")
    def strict(decision: Any) -> str:
        return ""

    assert gated.spec.decision == YES_NO
    assert gated.spec.idempotent
    assert gated.spec.decision_timeout_s == 60
    assert gated.spec.on_expiry == OnExpiry(action="decide", decision={"yes": False})
    assert strict.spec.on_expiry == OnExpiry(action="abort")


def test_a_schema_given_is_copied() -> None:
    mine: dict[str, Any] = {"type": "object", "properties": {"yes": {"type": "boolean"}}}
    made = make_tool("t", "", mine, lambda arguments, context: "", decision=mine)
    mine["properties"]["yes"]["type"] = "string"
    assert made.spec.parameters["properties"]["yes"] == {"type": "boolean"}
    assert made.spec.decision is not None
    assert made.spec.decision["properties"]["yes"] == {"type": "boolean"}


def test_a_tool_may_still_be_called_as_the_function_that_it_was() -> None:
    @tool
    def add(a: int, b: int = 1) -> int:
        return a + b

    assert add(2, b=3) == 5


# Declarations that are refused, and their errors.


def unhinted(a) -> str:
    return ""


def starred(*names: str) -> str:
    return ""


def keyed(**names: str) -> str:
    return ""


def positional(a: int, /) -> str:
    return ""


def unknown(a: complex) -> str:
    return ""


def mutable(a: list[int] = [1]) -> str:  # noqa: B006
    return ""


def dangling(a: "Nowhere") -> str:  # type: ignore[name-defined]  # noqa: F821
    return ""


def defaulted(a: Any = object()) -> str:  # noqa: B008
    return ""


async def generating():
    yield ""


class First(msgspec.Struct):
    a: int


class Second(msgspec.Struct):
    b: int


def untagged(a: First | Second) -> str:
    return ""


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (unhinted, r"tool unhinted: parameter 'a' has no type hint"),
        (starred, r"tool starred: \*names: str can't be described"),
        (keyed, r"tool keyed: \*\*names: str can't be described"),
        (positional, r"tool positional: parameter 'a' is positional-only"),
        (unknown, r"tool unknown: parameter 'a': .*complex.* not supported"),
        (untagged, r"tool untagged: parameter 'a': .* must be tagged"),
        (mutable, r"tool mutable: parameter 'a': .*mutable"),
        (defaulted, r"tool defaulted: parameter 'a': .*object"),
        (dangling, r"tool dangling: its signature can't be read: .*Nowhere"),
        (generating, r"tool generating: a generator can't be a tool"),
        (lambda: "", r"tool <lambda>: a name is 1 to 64"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused_by_name(function: Any, said: str) -> None:
    with pytest.raises(ToolDefinitionError, match=said):
        tool(function)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"decision": {"type": "wrong"}}, "tool good: decision"),
        ({"decision": {"$ref": "https://example.org/s"}}, "tool good: decision"),
        ({"decision": complex}, "tool good: decision: .*complex"),
        ({"decision": 5}, "tool good: decision"),
        ({"decision_timeout_s": 5}, "for tools with a decision"),
        ({"on_expiry": "abort"}, "for tools with a decision"),
        ({"decision_when": lambda arguments: True}, "for tools with a decision"),
        ({"decision": YES_NO, "decision_when": "yes"}, "decision_when must be a sync function"),
        ({"decision": YES_NO, "on_expiry": "abort"}, "needs a decision_timeout_s"),
        ({"decision": YES_NO, "decision_timeout_s": 5, "on_expiry": "never"}, "never"),
        ({"decision": YES_NO, "decision_timeout_s": 0}, "decision_timeout_s must be a positive number"),
        ({"decision": YES_NO, "decision_timeout_s": float("nan")}, "decision_timeout_s must be a positive number"),
        ({"decision": YES_NO, "decision_timeout_s": "5"}, "tool good: .*decisionTimeoutS"),
        ({"timeout_s": -1}, "timeout_s must be a positive number"),
        ({"client_timeout_s": 5}, "for tools that run on a client"),
        ({"name": "no spaces"}, "tool no spaces: a name is 1 to 64 letters"),
        ({"name": "x" * 65}, "a name is 1 to 64 letters"),
        ({"description": 5}, "tool good: .*description"),
        ({"runs": "elsewhere"}, "elsewhere"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ToolDefinitionError, match=said):
        tool(**options)(good)


def test_a_default_decision_must_be_valid() -> None:
    expiry = OnExpiry(action="decide", decision={"yes": "perhaps"})
    with pytest.raises(ToolDefinitionError, match="default decision is invalid at '/yes'"):
        tool(decision=YES_NO, decision_timeout_s=5, on_expiry=expiry)(good)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="desicion"):
        tool(desicion=YES_NO)(good)  # type: ignore[call-overload]


def test_parameters_given_as_a_schema_must_be_those_of_an_object() -> None:
    with pytest.raises(ToolDefinitionError, match="JSON Schema of an object"):
        make_tool("t", "", {"type": "array"}, lambda arguments, context: "")
    with pytest.raises(ToolDefinitionError, match="tool t: "):
        make_tool("t", "", {"type": "object", "properties": {"a": {"type": "nothing"}}}, lambda a, c: "")
    with pytest.raises(ToolDefinitionError, match="expected a function, got str"):
        make_tool("t", "", OBJECT, "print")  # type: ignore[arg-type]


# Tools that clients execute.


def test_a_client_tool_is_declared_from_a_signature() -> None:
    @tool(runs="client", client_timeout_s=30)
    async def pick_file(kind: Literal["image", "text"]) -> str:
        """Let the user pick a file."""

    assert pick_file.spec.runs == "client"
    assert pick_file.spec.client_timeout_s == 30
    assert pick_file.spec.description == "Let the user pick a file."
    assert pick_file.function is None
    with pytest.raises(TypeError, match="executed by clients"):
        pick_file(kind="image")


def test_a_client_tool_is_declared_from_a_schema() -> None:
    made = client_tool("locate", "Where are you?", OBJECT, decision=YES_NO)
    assert (made.spec.runs, made.spec.decision) == ("client", YES_NO)


def test_a_client_tool_with_a_body_is_refused() -> None:
    def busy(a: int) -> str:
        return str(a)

    async def busy_too(a: int) -> str:
        await trio.lowlevel.checkpoint()
        return str(a)

    def contextual(context: ToolContext) -> str: ...  # type: ignore[empty-body]

    for function in (busy, busy_too, contextual):
        with pytest.raises(ToolDefinitionError, match=f"tool {function.__name__}: .*body must be"):
            tool(runs="client")(function)


def test_a_client_tool_may_have_the_body_that_type_checkers_take() -> None:
    def bare(a: int) -> str:
        raise NotImplementedError

    async def documented(a: int) -> str:
        """Find out."""
        raise NotImplementedError

    for function in (bare, documented):
        assert tool(runs="client")(function).spec.runs == "client"

    def another() -> str:
        raise KeyError

    with pytest.raises(ToolDefinitionError, match="body must be"):
        tool(runs="client")(another)


def test_a_misspelt_option_says_which_exist() -> None:
    wrong: dict[str, Any] = {"aproval": True}
    said = r"tool {}: there is no option 'aproval'. Did you mean 'approval'\? Options: approval, client_timeout_s, "
    with pytest.raises(ToolDefinitionError, match=said.format("good")):
        tool(**wrong)(good)
    with pytest.raises(ToolDefinitionError, match=said.format("t")):
        make_tool("t", "", OBJECT, lambda arguments, context: None, **wrong)
    with pytest.raises(ToolDefinitionError, match=said.format("t")):
        client_tool("t", "", OBJECT, **wrong)


def test_timeout_s_is_not_for_client_tools() -> None:
    with pytest.raises(ToolDefinitionError, match="run on the server"):
        client_tool("t", "", OBJECT, timeout_s=5)
