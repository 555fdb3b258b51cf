"""adjourn's adapters, with the same requests as the SDKs, and their answers in the form of `heard.py`."""

from collections.abc import Sequence

import msgspec
from asking import answer, events
from heard import Block, Heard
from sdks import INSTRUCTIONS, OSLO, TOOLS, WEATHER_ASKED, WEATHER_TOLD, Sdk

from adjourn.actors.models import find_model
from adjourn.actors.models.httpmodel import HTTPModel
from adjourn.protocol.events import StreamEvent
from adjourn.protocol.messages import AssistantMessage, Compat, Message, Text, ToolCall, ToolResultMessage, user
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.record import ToolSpec

SPECS = [ToolSpec(name=name, description=description, parameters=parameters) for name, description, parameters in TOOLS]
KEY = "sk-test-0123456789"
OPENAIS_OWN = Compat(
    max_tokens_field="max_completion_tokens", supports_strict_tool_schema=True, supports_usage_in_streaming=True
)
ORDER = ("thinking", "text", "call")
BASES = {"anthropic": "", "openai": "/v1", "openai-responses": "/v1", "ollama": ""}  # paths of the APIs on the server


def opened(sdk: Sdk, url: str) -> HTTPModel:
    """Returns the model with the SDK's API. OpenAI's models get OpenAI's requests at this unknown address too."""
    model = msgspec.structs.replace(find_model(sdk.model).descriptor, compat=OPENAIS_OWN)
    return find_model(model, base_url=url + BASES[sdk.model.split(":")[0]], key=KEY)


async def ask(sdk: Sdk, url: str, question: str, options: ModelOptions | None = None) -> list[StreamEvent]:
    """Returns the answer to one user message."""
    return await tell(sdk, url, [user(question)], options)


async def tell(
    sdk: Sdk, url: str, messages: Sequence[Message], options: ModelOptions | None = None
) -> list[StreamEvent]:
    """Returns the answer to a conversation."""
    return await events(
        opened(sdk, url), messages, instructions=INSTRUCTIONS, tools=SPECS, options=options or ModelOptions()
    )


async def tell_weather(sdk: Sdk, url: str) -> list[StreamEvent]:
    """Returns the answer to the same conversation as the SDK's `tell_weather`."""
    question = user(WEATHER_ASKED)
    asked = answer(await tell(sdk, url, [question]))
    assert [call.arguments for call in asked.calls] == [OSLO]
    recorded, results = as_recorded(asked, WEATHER_TOLD)
    return await tell(sdk, url, [question, recorded, *results])


def as_recorded(message: AssistantMessage, told: str) -> tuple[AssistantMessage, list[ToolResultMessage]]:
    """Returns a message as a run records it, with the runtime's call ids, and the same result for each of its calls."""
    blocks = [
        msgspec.structs.replace(block, id=f"run_1.{index}", provider_id=block.id)
        if isinstance(block, ToolCall)
        else block
        for index, block in enumerate(message.content)
    ]
    recorded = msgspec.structs.replace(message, content=tuple(blocks))
    results = [
        ToolResultMessage(tool_call_id=call.id, tool_name=call.name, content=(Text(text=told),))
        for call in recorded.calls
    ]
    return recorded, results


def heard(sdk: Sdk, message: AssistantMessage) -> Heard:
    """Returns an answer as the adapter read it, without parts that the SDK doesn't have."""
    blocks: list[Block] = []
    for block in message.content:
        if isinstance(block, Text):
            blocks.append(("text", block.text))
        elif isinstance(block, ToolCall):
            blocks.append(("call", block.id if sdk.ids else None, block.name, block.arguments))
        elif not block.redacted:
            blocks.append(("thinking", block.thinking))
    if not sdk.ordered:
        blocks.sort(key=lambda block: ORDER.index(block[0]))
    usage = message.usage
    return Heard(tuple(blocks), message.stop_reason, (usage.input, usage.output, usage.cache_read, usage.cache_write))
