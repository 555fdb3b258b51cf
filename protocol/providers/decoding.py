"""What the decoders of all model APIs share: the frame of a decoder, its failures, and the cost of an answer.

A decoder never raises for what it is fed: whatever is wrong ends the stream in `Failed`, with what had come so far.
"""

import json
import math
from abc import ABC, abstractmethod
from typing import Any, TypeVar

import msgspec

from ..events import StreamEvent
from ..messages import AssistantMessage, Cost, ErrorKind, ModelDescriptor, StopReason, Usage
from ..sse import SSETooLarge
from .loose import read, read_as
from .message_writer import MessageWriter, WireError
from .streamed_calls import StreamedCalls

__all__ = ["MAX_TOKENS", "StreamDecoder", "arguments_text", "json_text", "parse", "priced", "prices_of"]

MAX_TOKENS = 2**50  # of one kind: then their sum is still a number that every reader of JSON can hold

T = TypeVar("T")


class StreamDecoder(ABC):
    """Turns the body of a streaming response, cut anywhere, into the events of a message.

    Its owner calls `feed` for each chunk and `close` at the body's end, or `fail` for what went wrong below. Each gives
    back the events that this makes; after `Done` or `Failed` there are none any more. Nothing raises.

    A provider may stop in mid-turn: then the decoder is `paused`. Its owner asks again, with what `resume` gives as the
    last message, and feeds the next body; or it calls `close`, and the message ends as one that was cut off.
    """

    def __init__(self, model: ModelDescriptor) -> None:
        self.paused = False
        self.writer = MessageWriter(model)
        self.calls = StreamedCalls(self.writer)

    @property
    def ended(self) -> bool:
        """Whether `Done` or `Failed` has been given: the rest of the body is of no interest."""
        return self.writer.ended

    @abstractmethod
    def receive(self, data: bytes) -> None:
        """Take in a chunk, writing to `writer`. Raises: WireError, SSETooLarge."""

    def receive_end(self) -> None:
        """The body is over. Raises: WireError, unless what came makes a whole message."""
        raise WireError("the provider's stream ended before its message did", "transient")

    def done(self, reason: StopReason) -> None:
        """The message is complete: end what is open."""
        self.calls.end_all()
        self.writer.done(reason)

    def feed(self, data: bytes) -> list[StreamEvent]:
        """What `data` makes."""
        try:
            if not (self.writer.ended or self.paused):
                self.receive(data)
        except WireError as error:
            self.writer.fail(str(error), error.kind)
        except SSETooLarge as error:
            self.writer.fail(f"the provider sent an event that is too large: {error}", "terminal")
        return self.writer.take()

    def close(self) -> list[StreamEvent]:
        """What the body's end makes."""
        try:
            if self.paused:
                self.done("length")
            elif not self.ended:
                self.receive_end()
        except WireError as error:
            self.writer.fail(str(error), error.kind)
        return self.writer.take()

    def resume(self) -> AssistantMessage:
        """Get ready for the next body of a paused message; gives what was said so far."""
        self.paused = False
        return self.writer.message

    def fail(
        self, text: str, kind: ErrorKind, *, status: int | None = None, retry_after_s: float | None = None
    ) -> list[StreamEvent]:
        """The end of a stream whose connection, or whose whole request, has failed."""
        self.writer.fail(text, kind, status=status, retry_after_s=retry_after_s)
        return self.writer.take()


def parse(decoder: msgspec.json.Decoder[T], data: bytes | str, what: str) -> T:
    """A piece of JSON from the stream, read loosely where it must be. `what` names it towards people.

    Raises: WireError."""
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        try:
            return read_as(data, decoder.type)
        except (ValueError, RecursionError):
            raise WireError(f"the provider sent {what} that can't be read: {error}") from error


def arguments_text(arguments: msgspec.Raw) -> str:
    """A call's arguments as JSON text, where a server gives them as an object; some give the text itself."""
    text = str(bytes(arguments), errors="replace")
    if text.startswith('"'):
        try:
            return str(read(text))
        except ValueError:
            return text
    return "" if text == "null" else text


def json_text(value: Any) -> str:
    """The value as compact JSON; "" where Python can't write it, as a number of thousands of digits."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return ""


def prices_of(model: ModelDescriptor, prompt: int) -> Cost:
    """What a call costs whose prompt has so many tokens, cached ones included; per million tokens."""
    prices = model.cost or Cost()
    for each in model.long_prompts:
        if prompt > each.above:
            prices = each.cost
    return prices


def priced(
    model: ModelDescriptor,
    *,
    input: int = 0,  # noqa: A002  # the wire's word
    output: int = 0,
    cache_read: int = 0,
    cache_write: int = 0,
    cache_write_cost: float | None = None,
    reasoning: int = 0,
    provider_cost: float | None = None,
) -> Usage:
    """Usage with its cost, by the descriptor's prices. `input` is without the cached tokens, `output` with those of the
    reasoning. `cache_write_cost` is money, for an API with several prices for it. A count below 0, or above
    `MAX_TOKENS`, is taken for that bound. A `provider_cost` that is no amount is left out."""
    counts = [min(max(each, 0), MAX_TOKENS) for each in (input, output, cache_read, cache_write)]
    if provider_cost is not None and not 0 <= provider_cost < math.inf:
        provider_cost = None
    prices = prices_of(model, counts[0] + counts[2] + counts[3])
    rates = (prices.input, prices.output, prices.cache_read, prices.cache_write)
    costs = [count * rate / 1_000_000 for count, rate in zip(counts, rates, strict=True)]
    if cache_write_cost is not None:
        costs[3] = cache_write_cost
    # Added from left to right, not by `sum()`, whose rounding changed in Python 3.12: records are read by all versions.
    total = costs[0] + costs[1] + costs[2] + costs[3]
    cost = Cost(input=costs[0], output=costs[1], cache_read=costs[2], cache_write=costs[3], total=total)
    return Usage(
        input=counts[0],
        output=counts[1],
        cache_read=counts[2],
        cache_write=counts[3],
        total_tokens=sum(counts),
        cost=cost,
        reasoning=min(max(reasoning, 0), counts[1]),
        provider_cost=provider_cost,
    )
