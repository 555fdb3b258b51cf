"""Real models: answers, thinking, tool calls, conversations that change the model, and readable errors."""

from collections.abc import Sequence

import msgspec
import pytest
import trio
from asking import answer, events, failure
from wires import HOSTS, WIRES, Wire

from adjourn.actors.models import LanguageModel
from adjourn.protocol.events import TextDelta, ThinkingDelta
from adjourn.protocol.messages import AssistantMessage, Message, Text, Thinking, ToolCall, ToolResultMessage, user
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.record import ToolSpec

PATIENCE_S = 120
BRIEFLY = ModelOptions()
NUMBER = ToolSpec(
    name="secret_number",
    description="Gives the secret number of a person. It is the only way to find it out.",
    parameters={"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
)
QUESTION = user("Look up the secret numbers of Ada and of Bob, then tell me just the two numbers.")
NUMBERS = {"Ada": "4711", "Bob": "8128"}
EACH = pytest.mark.parametrize("wire", [pytest.param(wire, id=wire.api) for wire in WIRES])
EACH_HOST = pytest.mark.parametrize("wire", [pytest.param(wire, id=wire.api) for wire in [*WIRES, *HOSTS]])
RING = zip(WIRES, [*WIRES[1:], *WIRES[:1]], strict=True)  # each model continues the one before it
PAIRS = [pytest.param(one, other, id=f"{one.api} to {other.api}") for one, other in RING]


async def ask(model: LanguageModel, messages: Sequence[Message], options: ModelOptions = BRIEFLY) -> AssistantMessage:
    with trio.fail_after(PATIENCE_S):
        heard = await events(model, messages, tools=[NUMBER], options=options)
    message = answer(heard)
    assert message.usage.input > 0
    assert message.usage.output > 0
    return message


async def use_tool(model: LanguageModel, messages: list[Message], options: ModelOptions = BRIEFLY) -> list[Message]:
    """Returns the conversation, continued until the model calls no tool. The model must call one before."""
    start = len(messages)
    while (message := await ask(model, messages, options)).calls:
        blocks = [
            msgspec.structs.replace(block, id=f"run_{len(messages)}.{index}", provider_id=block.id)
            if isinstance(block, ToolCall)
            else block
            for index, block in enumerate(message.content)
        ]
        recorded = msgspec.structs.replace(message, content=tuple(blocks))
        messages = [*messages, recorded, *(result(call) for call in recorded.calls)]
        assert len(messages) < 12, "it calls for ever"
    assert len(messages) > start
    return [*messages, message]


def result(call: ToolCall) -> ToolResultMessage:
    told = Text(text=NUMBERS[call.arguments["name"]])
    return ToolResultMessage(tool_call_id=call.id, tool_name=call.name, content=(told,))


def tells_numbers(message: Message) -> bool:
    return isinstance(message, AssistantMessage) and all(number in message.text for number in NUMBERS.values())


@EACH_HOST
async def test_text_streams(wire: Wire) -> None:
    with trio.fail_after(PATIENCE_S):
        heard = await events(wire.open(), [user("Count from 1 to 30, in digits, with spaces between.")])
    message = answer(heard)
    deltas = [event.delta for event in heard if isinstance(event, TextDelta)]
    assert "29 30" in message.text
    assert "".join(deltas) == message.text
    assert len(deltas) > 1
    assert message.stop_reason == "stop"


@EACH_HOST
async def test_a_bound_on_the_answer_is_told(wire: Wire) -> None:
    with trio.fail_after(PATIENCE_S):
        heard = await events(
            wire.open(), [user("Write a long story about the sea.")], options=ModelOptions(max_tokens=64)
        )
    assert answer(heard).stop_reason == "length"


@EACH_HOST
async def test_tools_are_called_and_their_results_taken(wire: Wire) -> None:
    assert tells_numbers((await use_tool(wire.open(), [QUESTION]))[-1])


@EACH_HOST
async def test_no_host_refuses_an_option(wire: Wire) -> None:
    options = ModelOptions(
        max_tokens=4000,
        temperature=0.5,
        top_p=0.9,
        seed=7,
        stop=("THE END",),
        reasoning="low",
        parallel_tool_calls=False,
        tool_choice="auto",
    )
    assert tells_numbers((await use_tool(wire.open(), [QUESTION], options))[-1])


@EACH
async def test_thinking_streams_and_goes_back_with_the_result(wire: Wire) -> None:
    options = ModelOptions(reasoning="medium")
    with trio.fail_after(PATIENCE_S):
        heard = await events(wire.open(), [user("How many primes are there below 60?")], options=options)
    assert "17" in answer(heard).text
    if wire.api != "openai":  # chat completions show no thinking
        assert any(isinstance(block, Thinking) for block in answer(heard).content)
        assert any(isinstance(event, ThinkingDelta) for event in heard)
    assert tells_numbers((await use_tool(wire.open(), [QUESTION], options))[-1])


@pytest.mark.parametrize(("one", "other"), PAIRS)
async def test_a_conversation_begun_with_one_goes_on_with_the_other(one: Wire, other: Wire) -> None:
    options = ModelOptions(reasoning="low")
    begun = await use_tool(one.open(), [QUESTION], options)
    again = user("Say the two numbers once more, and look up nothing.")
    assert tells_numbers(await ask(other.open(), [*begun, again], options))


@EACH
async def test_an_unknown_model_is_told_in_the_providers_words(wire: Wire) -> None:
    with trio.fail_after(PATIENCE_S):
        failed = failure(await events(wire.open("no-such-model-here"), [user("Hello")]))
    assert failed.error.error_kind == "terminal"
    assert failed.status in (400, 404)
    assert "no-such-model-here" in (failed.error.error_message or "")
