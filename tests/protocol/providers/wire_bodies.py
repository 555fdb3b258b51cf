"""Builds short response bodies of each API, and decodes them."""

import json
from typing import Any

from decoding_checks import check_events, decode, joined

from adjourn.protocol.messages import AssistantMessage, ModelDescriptor
from adjourn.protocol.providers import ADAPTERS

MODELS = {
    "openai-completions": ModelDescriptor(id="gpt-4.1", api="openai-completions", provider="openai"),
    "openai-responses": ModelDescriptor(id="gpt-5.1", api="openai-responses", provider="openai", reasoning=True),
    "anthropic-messages": ModelDescriptor(id="claude-opus-4-8", api="anthropic-messages", provider="anthropic"),
    "ollama-chat": ModelDescriptor(id="qwen3:8b", api="ollama-chat", provider="ollama"),
}


def sse(*events: Any) -> bytes:
    """Build server-sent events. A value that isn't a string is sent as JSON."""
    lines = [each if isinstance(each, str) else json.dumps(each) for each in events]
    return b"".join(b"data: %b\n\n" % line.encode() for line in lines)


def ndjson(*lines: Any) -> bytes:
    """Build lines of JSON."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    """Build a chunk of chat completions."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def piece(index: int | None, id: str | None, name: str | None, arguments: str) -> dict[str, Any]:  # noqa: A002
    """Build a chunk with a piece of a tool call. None leaves a field out."""
    function = {"arguments": arguments, **({} if name is None else {"name": name})}
    fields: dict[str, Any] = {"index": index, "id": id}
    return chunk(
        tool_calls=[{key: value for key, value in fields.items() if value is not None} | {"function": function}]
    )


def answer(api: str, body: bytes, *, model: ModelDescriptor | None = None) -> AssistantMessage:
    """Decode the body, in one piece and byte by byte. Return the message."""
    whole = decode(ADAPTERS[api], model or MODELS[api], [body])
    crumbs = [body[at : at + 1] for at in range(len(body))]
    assert joined(decode(ADAPTERS[api], model or MODELS[api], crumbs)) == joined(whole)
    return check_events(whole)


def chat(*events: Any, **more: Any) -> AssistantMessage:
    """Decode a stream of chat completions."""
    return answer("openai-completions", sse(*events), **more)


def anthropic(*events: Any, **more: Any) -> AssistantMessage:
    """Decode a stream of Anthropic's API."""
    return answer("anthropic-messages", sse(*events), **more)


def responses(*events: Any, **more: Any) -> AssistantMessage:
    """Decode a stream of the Responses API."""
    return answer("openai-responses", sse(*events), **more)


def ollama(*lines: Any, **more: Any) -> AssistantMessage:
    """Decode a stream of Ollama's API."""
    return answer("ollama-chat", ndjson(*lines), **more)
