"""Declaring tools, and carrying out single calls of them."""

import dataclasses
import datetime
import enum
import functools
import logging
import threading
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
import pydantic
import pytest
import trio

from adjourn.actors.testing import Updates, tool_context
from adjourn.actors.tools import (
    Tool,
    ToolContext,
    ToolDefinitionError,
    ToolError,
    ToolOutcome,
    client_tool,
    execute,
    make_tool,
    tool,
)
from adjourn.actors.tools.threads import Threads
from adjourn.protocol.events import ToolOutput
from adjourn.protocol.messages import Image, Text
from adjourn.protocol.record import OnExpiry
from adjourn.protocol.schema import compile_schema

OBJECT: dict[str, Any] = {"type": "object"}
YES_NO: dict[str, Any] = {"type": "object", "properties": {"yes": {"type": "boolean"}}, "required": ["yes"]}


async def run(
    tool: Tool, arguments: dict[str, Any] | None = None, decision: Any = None, *, max_result_bytes: int = 10_000
) -> ToolOutcome:
    context = tool_context(tool.spec.name)
    return await execute(tool, arguments or {}, decision, context, max_result_bytes=max_result_bytes)


async def result_of(value: Any, **options: Any) -> ToolOutcome:
    return await run(make_tool("t", "", OBJECT, lambda arguments, context: value), **options)


def text_of(outcome: ToolOutcome) -> str:
    return "".join(block.text for block in outcome.content if isinstance(block, Text))


# Declaring: what the model is shown.


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


class Node(msgspec.Struct):
    name: str
    children: list["Node"] = []


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
    def plain(decision: str) -> str:
        return decision

    assert list(gated.spec.parameters["properties"]) == ["order"]
    assert list(plain.spec.parameters["properties"]) == ["decision"]


def test_options_are_recorded_in_the_spec() -> None:
    @tool(
        decision=YES_NO,
        idempotent=True,
        decision_timeout_s=60,
        on_expiry=OnExpiry(action="decide", decision={"yes": False}),
    )
    def gated() -> str:
        return ""

    @tool(decision=YES_NO, decision_timeout_s=5, on_expiry="abort")
    def strict() -> str:
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


# Declaring: what is refused, and how.


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


def good() -> str:
    return ""


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


# Tools of clients.


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


def test_timeout_s_is_not_for_client_tools() -> None:
    with pytest.raises(ToolDefinitionError, match="run on the server"):
        client_tool("t", "", OBJECT, timeout_s=5)


# Typed arguments and decisions.


async def test_arguments_arrive_decoded_with_their_defaults() -> None:
    got: list[Any] = []

    @tool
    async def plan(day: datetime.date, tree: Node, level: int, by_number: dict[int, str], note: str = "none") -> None:
        got.extend([day, tree, level, by_number, note])

    arguments: dict[str, Any] = {
        "day": "2030-05-06",
        "tree": {"name": "a", "children": [{"name": "b"}]},
        "level": 3.0,  # an integer, to JSON Schema
        "by_number": {"7": "x"},
    }
    assert compile_schema(plan.spec.parameters).validate(arguments) == []
    outcome = await run(plan, arguments)
    assert not outcome.is_error, outcome
    assert got == [datetime.date(2030, 5, 6), Node("a", [Node("b")]), 3, {7: "x"}, "none"]
    assert type(got[2]) is int


async def test_text_in_a_union_stays_text() -> None:
    @tool
    async def say(word: Literal["1", 1], other: Literal["null"] | None) -> str:
        return f"{word!r} {other!r}"

    assert text_of(await run(say, {"word": "1", "other": "null"})) == "'1' 'null'"


class StructDecision(msgspec.Struct):
    yes: bool
    note: str = "-"


@dataclasses.dataclass
class DataclassDecision:
    yes: bool
    note: str = "-"


class TypedDictDecision(TypedDict):
    yes: bool
    note: NotRequired[str]


class PydanticDecision(pydantic.BaseModel):
    yes: bool
    note: str = pydantic.Field("-", description="Why.")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (StructDecision, StructDecision(True)),
        (DataclassDecision, DataclassDecision(True)),
        (TypedDictDecision, {"yes": True}),
        (PydanticDecision, PydanticDecision(yes=True)),
        (YES_NO, {"yes": True}),
        (bool, True),
    ],
    ids=["struct", "dataclass", "typeddict", "pydantic", "schema", "bool"],
)
async def test_a_decision_arrives_as_the_type_that_was_declared(kind: Any, expected: Any) -> None:
    got: list[Any] = []

    @tool(decision=kind)
    async def gated(order: int, decision: Any, context: ToolContext) -> str:
        got.extend([order, decision, context.decision])
        return ""

    plain = True if kind is bool else {"yes": True}
    schema = compile_schema(gated.spec.decision or {})
    assert schema.validate(plain) == []
    assert schema.validate({"yes": "perhaps"}) != []
    assert not (await run(gated, {"order": 7}, plain)).is_error
    assert got == [7, expected, expected]
    assert type(got[1]) is type(expected)


def test_a_decisions_outermost_object_is_not_behind_a_reference() -> None:
    for kind in (StructDecision, DataclassDecision, TypedDictDecision, PydanticDecision):
        schema = tool(decision=kind)(good).spec.decision
        assert schema is not None
        assert set(schema["properties"]) == {"yes", "note"}
        assert "$defs" not in schema


class Courier(msgspec.Struct, tag_field="method", tag="courier"):
    address: str


class Pickup(msgspec.Struct, tag_field="method", tag="pickup"):
    point: str


async def test_a_decision_may_be_a_tagged_union() -> None:
    @tool(decision=Courier | Pickup)
    async def ship(decision: Courier | Pickup) -> str:
        return repr(decision)

    plain = {"method": "pickup", "point": "P1"}
    assert compile_schema(ship.spec.decision or {}).validate(plain) == []
    assert text_of(await run(ship, {}, plain)) == "Pickup(point='P1')"


async def test_a_call_that_was_not_gated_gets_no_decision() -> None:
    @tool(decision=StructDecision, decision_when=lambda arguments: arguments["amount"] > 10)
    async def pay(amount: int, decision: StructDecision | None) -> str:
        return repr(decision)

    assert pay.decision_when is not None
    assert (pay.decision_when({"amount": 5}), pay.decision_when({"amount": 50})) == (False, True)
    assert text_of(await run(pay, {"amount": 5})) == "None"


def test_decision_when_must_not_be_async() -> None:
    async def ask(arguments: dict[str, Any]) -> bool:
        return True

    with pytest.raises(ToolDefinitionError, match="decision_when must be a sync function"):
        tool(decision=YES_NO, decision_when=ask)(good)  # type: ignore[arg-type]


class Picky(pydantic.BaseModel):
    n: int

    @pydantic.field_validator("n")
    @classmethod
    def _even(cls, n: int) -> int:
        if n % 2:
            raise ValueError("n must be even")
        return n


async def test_a_decision_that_only_its_type_refuses_is_an_error_result() -> None:
    executed: list[Any] = []

    @tool(decision=Picky)
    async def gated(decision: Picky) -> None:
        executed.append(decision)

    outcome = await run(gated, {}, {"n": 3})
    assert outcome.is_error
    assert "n must be even" in text_of(outcome)
    assert executed == []


# What comes back.


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: int


async def test_text_stays_text() -> None:
    assert await result_of("hello") == ToolOutcome((Text(text="hello"),), None, False)
    assert await result_of(Color.RED) == ToolOutcome((Text(text="red"),), None, False)
    assert await result_of(datetime.date(2030, 1, 2)) == ToolOutcome((Text(text="2030-01-02"),), None, False)


async def test_nothing_becomes_done() -> None:
    assert await result_of(None) == ToolOutcome((Text(text="done"),), None, False)


async def test_content_blocks_pass() -> None:
    image = Image(data="aGk=", mime_type="image/png")
    assert (await result_of(image)).content == (image,)
    assert (await result_of([Text(text="see"), image])).content == (Text(text="see"), image)


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


async def test_what_a_tool_keeps_of_its_result_is_no_longer_the_runs() -> None:
    mine: dict[str, Any] = {"list": [1]}
    outcome = await result_of(ToolOutput(content=(Text(text="x"),), details=mine))
    mine["list"].append(2)
    assert outcome.details == {"list": [1]}


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        {"n": 2**53 + 1},
        "\ud800",
        {"s": "\ud800"},
        object(),
        [object()],
        Text(text=5),  # type: ignore[arg-type]
        Text(text="\ud800"),
        ToolOutput(content=("text",)),  # type: ignore[arg-type]
        ToolOutput(content=(), details=float("inf")),
        functools.reduce(lambda inner, _: [inner], range(200), []),
    ],
)
async def test_a_result_outside_the_value_domain_is_an_error_that_says_so(value: Any) -> None:
    outcome = await result_of(value)
    assert outcome.is_error
    assert text_of(outcome).startswith("the tool's result can't be carried: ")


async def test_a_result_that_is_too_large_is_an_error_that_says_so() -> None:
    assert not (await result_of("x" * 900, max_result_bytes=1000)).is_error
    for value in ("x" * 1000, ["x" * 600], ToolOutput(content=(), details="x" * 1000)):
        outcome = await result_of(value, max_result_bytes=1000)
        assert outcome.is_error
        assert "at most 1000 are allowed" in text_of(outcome)


# What goes wrong.


async def test_an_exception_is_an_error_for_the_model_and_a_traceback_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @tool
    async def divide(a: int, b: int) -> float:
        return a / b

    outcome = await run(divide, {"a": 1, "b": 0})
    assert outcome == ToolOutcome((Text(text="ZeroDivisionError: division by zero"),), None, True)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("adjourn.tools", logging.ERROR)
    assert "call-1" in record.getMessage()
    assert "divide" in record.getMessage()
    assert record.exc_info is not None


async def test_a_tool_error_is_its_message_alone(caplog: pytest.LogCaptureFixture) -> None:
    @tool
    def refuse() -> None:
        raise ToolError("the order is closed", details={"order": 7})

    assert await run(refuse) == ToolOutcome((Text(text="the order is closed"),), {"order": 7}, True)
    assert caplog.records == []


async def test_a_tool_error_with_details_that_cannot_be_carried_keeps_its_message() -> None:
    @tool
    def refuse() -> None:
        raise ToolError("the order is closed", details=object())

    outcome = await run(refuse)
    assert outcome.is_error
    assert text_of(outcome).startswith("the order is closed (its details can't be carried")


async def test_an_error_out_of_a_tools_own_nursery_is_the_error_itself() -> None:
    @tool
    async def nursed() -> None:
        async def child() -> None:
            raise ToolError("inside")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
            await trio.sleep_forever()

    assert text_of(await run(nursed)) == "inside"


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


async def test_an_error_without_words_or_with_too_many_is_still_a_result() -> None:
    async def outcome_of(error: Exception) -> ToolOutcome:
        def fail(arguments: dict[str, Any], context: ToolContext) -> None:
            raise error

        logging.getLogger("adjourn.tools").disabled = True
        try:
            return await run(make_tool("t", "", OBJECT, fail))
        finally:
            logging.getLogger("adjourn.tools").disabled = False

    assert text_of(await outcome_of(Unprintable())) == "Unprintable"
    assert text_of(await outcome_of(ValueError("\ud800"))) == "ValueError: ?"
    assert len(text_of(await outcome_of(ValueError("x" * 1_000_000)))) == 4000


async def test_arguments_that_do_not_decode_are_an_error_result() -> None:
    @tool
    async def double(n: int) -> int:
        return n * 2

    outcome = await run(double, {"n": "x"})
    assert outcome.is_error
    assert "Expected `int`" in text_of(outcome)


async def test_what_is_no_exception_goes_through() -> None:
    @tool
    async def leave() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await run(leave)


async def test_a_tool_that_takes_too_long_is_an_error(autojump_clock: trio.testing.MockClock) -> None:
    @tool(timeout_s=5)
    async def slow() -> None:
        await trio.sleep(6)

    @tool(timeout_s=5)
    async def quick() -> str:
        await trio.sleep(4)
        return "ok"

    started = trio.current_time()
    outcome = await run(slow)
    assert trio.current_time() - started == 5
    assert outcome.is_error
    assert "slow did not finish within 5 seconds" in text_of(outcome)
    assert text_of(await run(quick)) == "ok"


async def test_cancellation_goes_through(autojump_clock: trio.testing.MockClock) -> None:
    @tool(timeout_s=60)
    async def slow() -> None:
        await trio.sleep(50)

    with trio.move_on_after(1) as scope:
        await run(slow)
    assert scope.cancelled_caught


# The context.


async def test_a_tool_shows_progress_through_its_context() -> None:
    updates = Updates()

    @tool
    async def work(context: ToolContext) -> str:
        await context.update({"done": Point(1, 2)})
        await context.update("half")
        return f"{context.run_id} {context.tool_call_id} {context.tool_name} {context.metadata}"

    context = tool_context("work", metadata={"user": "u"}, updates=updates)
    outcome = await execute(work, {}, None, context, max_result_bytes=1000)
    assert updates.seen == [{"done": {"x": 1, "y": 2}}, "half"]
    assert text_of(outcome) == "run-1 call-1 work {'user': 'u'}"


async def test_progress_that_events_cannot_carry_raises_in_the_tool() -> None:
    for partial in (float("nan"), object(), "\ud800"):
        with pytest.raises((ValueError, TypeError)):
            await tool_context().update(partial)


async def test_a_sync_tool_shows_progress_from_its_thread() -> None:
    updates = Updates()

    @tool
    def work(context: ToolContext) -> None:
        trio.from_thread.run(context.update, "half")

    outcome = await execute(work, {}, None, tool_context("work", updates=updates), max_result_bytes=1000)
    assert not outcome.is_error
    assert updates.seen == ["half"]


# Threads.


async def test_sync_tools_run_in_worker_threads_and_async_ones_do_not() -> None:
    def blocking(arguments: dict[str, Any], context: ToolContext) -> int:
        return threading.get_ident()

    async def waiting(arguments: dict[str, Any], context: ToolContext) -> int:
        return threading.get_ident()

    here = threading.get_ident()
    assert (await run(make_tool("t", "", OBJECT, blocking))).details != here
    assert (await run(make_tool("t", "", OBJECT, waiting))).details == here
    assert (await run(make_tool("t", "", OBJECT, functools.partial(waiting)))).details == here


async def test_a_sync_wrapper_around_an_async_function_is_awaited() -> None:
    async def inner(n: int) -> int:
        await trio.lowlevel.checkpoint()
        return n * 2

    @tool
    def double(n: int) -> Any:
        return inner(n)

    assert (await run(double, {"n": 4})).details == 8


async def test_sync_tools_take_a_token_of_the_limiter() -> None:
    limiter = trio.CapacityLimiter(1)

    @tool
    def count() -> int:
        return limiter.borrowed_tokens

    outcome = await execute(count, {}, None, tool_context("count"), max_result_bytes=100, threads=Threads(limiter))
    assert outcome.details == 1
    assert limiter.borrowed_tokens == 0


async def test_cancelling_does_not_wait_for_a_thread_and_says_that_it_goes_on() -> None:
    limiter = trio.CapacityLimiter(1)
    threads = Threads(limiter)
    begun, release, ended = threading.Event(), threading.Event(), trio.Event()
    token = trio.lowlevel.current_trio_token()

    @tool
    def stubborn() -> None:
        begun.set()
        release.wait()
        token.run_sync_soon(ended.set)

    async def call() -> None:
        await execute(stubborn, {}, None, tool_context("stubborn"), max_result_bytes=100, threads=threads)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await trio.to_thread.run_sync(begun.wait)
        assert threads.calls == {"call-1"}
        nursery.cancel_scope.cancel()
    assert threads.calls == {"call-1"}
    release.set()
    await ended.wait()
    async with limiter:  # given back when the thread's function is over
        assert threads.calls == set()


async def test_a_sync_tool_may_watch_for_cancellation() -> None:
    begun, seen = threading.Event(), trio.Event()
    token = trio.lowlevel.current_trio_token()

    @tool
    def polite() -> None:
        begun.set()
        try:
            while True:
                trio.from_thread.check_cancelled()
        finally:
            token.run_sync_soon(seen.set)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, polite)
        await trio.to_thread.run_sync(begun.wait)
        nursery.cancel_scope.cancel()
    await seen.wait()


class Hesitant(set[str]):
    """Holds a thread up between its start and the tool's."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go, self.over = threading.Event(), threading.Event(), threading.Event()

    def add(self, element: str) -> None:
        self.reached.set()
        self.go.wait()
        super().add(element)

    def discard(self, element: str) -> None:
        super().discard(element)
        self.over.set()


async def test_a_sync_tool_cancelled_before_its_thread_has_begun_never_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads, calls = Threads(trio.CapacityLimiter(1)), Hesitant()
    monkeypatch.setattr(threads, "_calls", calls)
    began: list[int] = []

    @tool
    def work() -> None:
        began.append(1)

    async with trio.open_nursery() as nursery:
        context = tool_context("work")
        nursery.start_soon(lambda: execute(work, {}, None, context, max_result_bytes=100, threads=threads))
        await trio.to_thread.run_sync(calls.reached.wait)
        nursery.cancel_scope.cancel()
    calls.go.set()
    await trio.to_thread.run_sync(calls.over.wait)
    assert began == []


async def test_a_sync_tool_cancelled_while_it_waits_for_a_token_never_begins() -> None:
    limiter = trio.CapacityLimiter(1)
    threads = Threads(limiter)
    began: list[int] = []

    @tool
    def work() -> None:
        began.append(1)

    async with limiter, trio.open_nursery() as nursery:
        context = tool_context("work")

        async def call() -> None:
            await execute(work, {}, None, context, max_result_bytes=100, threads=threads)

        nursery.start_soon(call)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    async with limiter:
        assert (began, threads.calls) == ([], set())
