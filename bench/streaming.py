"""Scenario 4: a provider's bytes → canonical events → encoded frames for one client.

Ours is a whole run with `HTTPModel`. The network is the same for both: an httpx client whose transport returns chunks
from memory.
"""

# flake8: noqa: ASYNC127  # httpx is a dependency on purpose
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from unittest.mock import patch

import msgspec
import trio
from httpx import AsyncBaseTransport, AsyncByteStream, AsyncClient, Request, Response

from adjourn.actors import find_model, open_actor_system
from adjourn.actors.models import httpclient
from adjourn.protocol.messages import ModelDescriptor

from .agents import agent_of
from .figure import Figure, compared
from .repeat import interleaved, timed

__all__ = ["WIRES", "Wire", "bare_stream", "chunks_of", "measure", "one_by_one", "our_stream"]

CHUNK_BYTES = 1400  # about a TCP segment: some eight tokens


class _Text(msgspec.Struct):
    """The part of a chunk that has the token, in three of the four APIs."""

    content: str = ""
    text: str = ""


class _Choice(msgspec.Struct):
    delta: _Text


class _ChatChunk(msgspec.Struct):
    choices: list[_Choice]


class _ResponsesEvent(msgspec.Struct):
    delta: str = ""


class _AnthropicEvent(msgspec.Struct):
    delta: _Text = msgspec.field(default_factory=_Text)


class _OllamaLine(msgspec.Struct):
    message: _Text


_CHAT = msgspec.json.Decoder(_ChatChunk)
_RESPONSES = msgspec.json.Decoder(_ResponsesEvent)
_ANTHROPIC = msgspec.json.Decoder(_AnthropicEvent)
_OLLAMA = msgspec.json.Decoder(_OllamaLine)


@dataclass(frozen=True)
class Wire:
    """The stream of a model API, and the shortest code that reads it."""

    api: str
    provider: str
    token: str  # with a placeholder for a number
    opening: str
    closing: str
    word: Callable[[str], str]  # of a line's JSON
    prefix: str = "data: "  # of a line with JSON


CHAT = Wire(
    "openai-completions",
    "openai",
    'data: {"id":"chatcmpl-8f3a","object":"chat.completion.chunk","created":1760000000,"model":"bench",'
    '"choices":[{"index":0,"delta":{"content":" word%d"},"finish_reason":null}]}\n\n',
    "",
    'data: {"id":"chatcmpl-8f3a","object":"chat.completion.chunk","created":1760000000,"model":"bench",'
    '"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    lambda data: _CHAT.decode(data).choices[0].delta.content if data != "[DONE]" else "",
)
WIRES = {
    "OpenAI chat": CHAT,
    "OpenAI responses": Wire(
        "openai-responses",
        "openai",
        'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","content_index":0,'
        '"delta":" word%d","item_id":"msg_0a1b2c3d4e5f6071","logprobs":[],"output_index":0,"sequence_number":4}\n\n',
        'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_0a1b"}}\n\n',
        'event: response.completed\ndata: {"type":"response.completed","response":{"id":"resp_0a1b"}}\n\n',
        lambda data: _RESPONSES.decode(data).delta,
    ),
    "Anthropic": Wire(
        "anthropic-messages",
        "anthropic",
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        '"delta":{"type":"text_delta","text":" word%d"}}\n\n',
        'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        '"content_block":{"type":"text","text":""}}\n\n',
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
        'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n'
        'event: message_stop\ndata: {"type":"message_stop"}\n\n',
        lambda data: _ANTHROPIC.decode(data).delta.text,
    ),
    "Ollama": Wire(
        "ollama-chat",
        "ollama",
        '{"model":"bench","created_at":"2026-11-20T09:30:00.041233Z",'
        '"message":{"role":"assistant","content":" word%d"},"done":false}\n',
        "",
        '{"model":"bench","created_at":"2026-11-20T09:30:00.041233Z",'
        '"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}\n',
        lambda data: _OLLAMA.decode(data).message.content,
        prefix="",
    ),
}


def measure(quick: bool) -> list[Figure]:
    """Measures the time a token at two lengths, and its growth; then for the other APIs."""
    repeats = 3 if quick else 7
    short, long = _per_token(CHAT, 2000, repeats), _per_token(CHAT, 20_000, repeats)
    alone = _per_token(CHAT, 2000, repeats, alone=True)
    growth = [(after, before) for (after, _), (before, _) in zip(long, short, strict=True)]
    others = {name: _per_token(wire, 2000, repeats) for name, wire in WIRES.items() if wire is not CHAT}
    return [
        _compared("2,000 tokens", short),
        _compared("20,000 tokens", long),
        compared(
            4, "a token of 20,000, beside one of 2,000", "µs CPU a token", growth, against="a token of 2,000", most=1.2
        ),
        _compared("2,000 tokens, each alone", alone),
        *(_compared(f"2,000 tokens, {name}", pairs) for name, pairs in others.items()),
    ]


def _per_token(wire: Wire, tokens: int, repeats: int, *, alone: bool = False) -> list[tuple[float, float]]:
    chunks = one_by_one(wire, tokens) if alone else chunks_of(wire, tokens)
    name = f"a message of {tokens:,} tokens, {wire.api}"
    pairs = interleaved(name, repeats, partial(our_stream, wire, chunks), partial(bare_stream, wire, chunks))
    return [(ours / tokens * 1e6, bare / tokens * 1e6) for ours, bare in pairs]


def _compared(name: str, pairs: Sequence[tuple[float, float]]) -> Figure:
    return compared(4, name, "µs CPU a token", pairs, against="httpx lines, msgspec decode each", most=3)


def chunks_of(wire: Wire, tokens: int) -> list[bytes]:
    """Returns the chunks that a socket gives if the provider is faster than the network or the reader."""
    body = b"".join(one_by_one(wire, tokens))
    return [body[at : at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES)]


def one_by_one(wire: Wire, tokens: int) -> list[bytes]:
    """Returns the chunks that a socket gives if the provider is slower: one event each."""
    parts = [wire.opening, *(wire.token % (n % 100) for n in range(tokens)), wire.closing]
    return [part.encode() for part in parts if part]


class _Network(AsyncBaseTransport, AsyncByteStream):
    """Answers with those chunks, with one checkpoint each, as from a socket."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self._chunks = chunks

    async def handle_async_request(self, request: Request) -> Response:
        return Response(200, headers={"content-type": "text/event-stream"}, stream=self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            await trio.lowlevel.checkpoint()
            yield chunk


def _client(chunks: Sequence[bytes]) -> AsyncClient:
    return AsyncClient(transport=_Network(chunks), trust_env=False)


async def our_stream(wire: Wire, chunks: Sequence[bytes]) -> float:
    """Returns the seconds of one run with that message, which one client reads as server-sent events."""
    descriptor = ModelDescriptor(id="bench", api=wire.api, provider=wire.provider, base_url="http://model.invalid")
    agent = agent_of(find_model(descriptor, key="none"))
    with patch.object(httpclient, "_new_client", return_value=_client(chunks)):
        async with open_actor_system([agent]) as system:
            frames: list[bytes] = []

            async def work() -> None:
                run = await system.start(agent, "Talk.")
                async with aclosing(run.sse(0)) as stream:
                    async for frame in stream:
                        frames.append(frame)

            seconds = await timed(work)
    _check(frames, chunks)
    return seconds


def _check(frames: Sequence[bytes], chunks: Sequence[bytes]) -> None:
    body = b"".join(frames)
    words = b"".join(chunks).count(b" word")
    if body.count(b'"status":"completed"') != 1 or body.count(b" word") < 2 * words:  # twice: deltas, message
        raise RuntimeError("the client has not seen the whole stream")


async def bare_stream(wire: Wire, chunks: Sequence[bytes]) -> float:
    """Returns the seconds for reading the lines with httpx and decoding each; nothing is encoded."""

    async def work() -> None:
        words: list[str] = []
        prefix = len(wire.prefix)
        async with _client(chunks) as client, client.stream("POST", "http://model.invalid") as response:
            async for line in response.aiter_lines():
                if line and line.startswith(wire.prefix):
                    words.append(wire.word(line[prefix:]))
        if len("".join(words)) < len(words):
            raise RuntimeError("nothing was read")

    return await timed(work)
