"""Scenario 4: a provider's bytes → canonical events → encoded frames for one client."""

# flake8: noqa: ASYNC127  # httpx is what the library stands on
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial

import msgspec
import trio
from httpx import AsyncByteStream, Response

from adjourn.actors import ModelRequest, open_actor_system
from adjourn.protocol.events import Done, Start, StreamEvent, TextDelta, TextEnd, TextStart
from adjourn.protocol.messages import AssistantMessage, Text
from adjourn.protocol.sse import SSEParser

from .agents import DESCRIPTOR, agent_of
from .figure import Figure, compared
from .repeat import interleaved, timed

__all__ = ["bare_stream", "chunks_of", "measure", "our_stream"]

CHUNK_BYTES = 1400  # about a TCP segment: some eight tokens
_TOKEN = (
    'data: {"id":"chatcmpl-8f3a","object":"chat.completion.chunk","created":1760000000,"model":"bench",'
    '"choices":[{"index":0,"delta":{"content":" word%d"},"finish_reason":null}]}\n\n'
)


class Delta(msgspec.Struct):
    """The part of a choice that is new."""

    content: str = ""


class Choice(msgspec.Struct):
    """One answer."""

    delta: Delta


class Chunk(msgspec.Struct):
    """One server-sent event of a chat completion."""

    choices: list[Choice]


_DECODER = msgspec.json.Decoder(Chunk)


def measure(quick: bool) -> list[Figure]:
    """Time per token at two lengths, and its growth."""
    repeats = 3 if quick else 7
    per_token: dict[int, list[tuple[float, float]]] = {}
    for tokens in (2000, 20_000):
        chunks = chunks_of(tokens)
        name = f"a message of {tokens:,} tokens"
        pairs = interleaved(name, repeats, partial(our_stream, chunks), partial(bare_stream, chunks))
        per_token[tokens] = [(ours / tokens * 1e6, bare / tokens * 1e6) for ours, bare in pairs]
    figures = [
        compared(4, f"{tokens:,} tokens", "µs CPU a token", pairs, against="httpx lines, msgspec decode each", most=3)
        for tokens, pairs in per_token.items()
    ]
    short, long = per_token.values()
    growth = [(after, before) for (after, _), (before, _) in zip(long, short, strict=True)]
    figures.append(
        compared(
            4, "a token of 20,000, beside one of 2,000", "µs CPU a token", growth, against="a token of 2,000", most=1.2
        )
    )
    return figures


def chunks_of(tokens: int) -> list[bytes]:
    """What the provider's socket gives."""
    body = "".join(_TOKEN % (n % 100) for n in range(tokens)).encode() + b"data: [DONE]\n\n"
    return [body[at : at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES)]


class Wire(AsyncByteStream):
    """Those chunks, with one checkpoint each, as from a socket."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            await trio.lowlevel.checkpoint()
            yield chunk


class Provider:
    """A model behind those bytes."""

    descriptor = DESCRIPTOR

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self._chunks = chunks

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
        """Deltas, a list for each chunk."""
        parser = SSEParser()
        words: list[str] = []
        yield [Start(), TextStart(content_index=0)]
        async for chunk in Wire(self._chunks):
            new = [
                _DECODER.decode(event.data).choices[0].delta.content
                for event in parser.feed(chunk)
                if event.data != "[DONE]"
            ]
            words += new
            yield [TextDelta(content_index=0, delta=word) for word in new]
        message = AssistantMessage(content=(Text(text="".join(words)),), stop_reason="stop")
        yield [TextEnd(content_index=0), Done(reason="stop", message=message)]


async def our_stream(chunks: Sequence[bytes]) -> float:
    """Seconds for one run of that message, read as server-sent events by one live client."""
    agent = agent_of(Provider(chunks))
    async with open_actor_system([agent]) as system:
        sizes: list[int] = []

        async def work() -> None:
            run = await system.start(agent, "Talk.")
            async with aclosing(run.sse(0)) as frames:
                async for frame in frames:
                    sizes.append(len(frame))

        seconds = await timed(work)
        if sum(sizes) < sum(map(len, chunks)) / 2:
            raise RuntimeError("the client has not seen the whole stream")
        return seconds


async def bare_stream(chunks: Sequence[bytes]) -> float:
    """Seconds for reading the lines with httpx and decoding each; nothing is encoded again."""

    async def work() -> None:
        words: list[str] = []
        response = Response(200, stream=Wire(chunks))
        async for line in response.aiter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                words.append(_DECODER.decode(line[6:]).choices[0].delta.content)
        "".join(words)

    return await timed(work)
