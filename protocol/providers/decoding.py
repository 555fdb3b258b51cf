"""The base of all model APIs' decoders: their interface, their failures, and the cost of an answer.

A decoder never raises, whatever bytes it gets. Any fault ends the stream with `Failed`, which has the partial message.
"""

import json
import math
from abc import ABC, abstractmethod
from typing import Any, TypeVar, cast

import msgspec

from ..events import StreamEvent
from ..messages import AssistantMessage, Cost, ErrorKind, ModelDescriptor, StopReason, Usage
from ..sse import SSETooLarge
from .error_words import one_line, reported, tells_error
from .loose import read, read_as
from .message_writer import MessageWriter, WireError
from .streamed_calls import StreamedCalls

__all__ = ["MAX_TOKENS", "StreamDecoder", "arguments_text", "json_text", "parse", "priced", "prices_of"]

MAX_TOKENS = 2**50  # per kind, so that every JSON reader can represent the sum

T = TypeVar("T")


class StreamDecoder(ABC):
    """Decodes the body of a streaming response, in chunks of any size, into the events of a message.

    The caller calls `feed` for each chunk and `close` at the body's end, or `fail` if the connection or request failed.
    Each returns the new events; after `Done` or `Failed` there are no more. Nothing raises.

    If a provider pauses its answer, the decoder is `paused`. Then the caller sends a new request, whose last message is
    the result of `resume`, and feeds the next body. Or it calls `close`, and the message ends as cut off.
    """

    def __init__(self, model: ModelDescriptor) -> None:
        self.paused = False
        self.writer = MessageWriter(model)
        self.calls = StreamedCalls(self.writer)

    @property
    def ended(self) -> bool:
        """Whether `Done` or `Failed` was returned. The rest of the body can be ignored."""
        return self.writer.ended

    @abstractmethod
    def receive(self, data: bytes) -> None:
        """Decode a chunk, and write the result to `writer`. Raises: WireError, SSETooLarge."""

    def receive_end(self) -> None:
        """Handle the end of the body. Raises: WireError if the message is incomplete."""
        raise WireError("the provider's stream ended before its message did", "transient")

    def done(self, reason: StopReason) -> None:
        """Complete the message: end all open blocks."""
        self.calls.end_all()
        self.writer.done(reason)

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events that `data` completes."""
        try:
            if not (self.writer.ended or self.paused):
                self.receive(data)
        except WireError as error:
            self.writer.fail(str(error), error.kind)
        except SSETooLarge as error:
            self.writer.fail(f"the provider sent an event that is too large: {error}", "terminal")
        return self.writer.take()

    def close(self) -> list[StreamEvent]:
        """Return the events that the end of the body completes."""
        try:
            if self.paused:
                self.done("length")
            elif not self.ended:
                self.receive_end()
        except WireError as error:
            self.writer.fail(str(error), error.kind)
        return self.writer.take()

    def resume(self) -> AssistantMessage:
        """Prepare for the next body of a paused message. Return the message so far."""
        self.paused = False
        return self.writer.message

    def fail(
        self, text: str, kind: ErrorKind, *, status: int | None = None, retry_after_s: float | None = None
    ) -> list[StreamEvent]:
        """End the stream after its connection or its whole request has failed. Return the last events."""
        self.writer.fail(text, kind, status=status, retry_after_s=retry_after_s)
        return self.writer.take()


def parse(decoder: msgspec.json.Decoder[T], data: bytes | str, what: str) -> T:
    """Decode a piece of JSON from the stream, loosely if necessary. `what`: its name in error messages.

    Raises: WireError."""
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        try:
            return read_as(data, cast(Any, decoder.type))
        except (ValueError, RecursionError):
            raise _unreadable(data, what, error) from error


def _unreadable(data: bytes | str, what: str, error: Exception) -> WireError:
    """Why a piece can't be read. Some servers send an error, or plain words, in place of an event.

    Transient, because the provider had accepted the request: the next answer may be fine."""
    text = data if isinstance(data, str) else data.decode(errors="replace")
    try:
        value = read(text)
    except ValueError:
        if not text.lstrip().startswith(("{", "[")):  # a proxy's words, or a server's last ones
            return WireError(f"the provider sent {what} that is no JSON: {one_line(text)}", "transient")
        value = None
    unreadable = f"the provider sent {what} that can't be read: {error}"
    return reported(value) if tells_error(value) else WireError(unreadable, "transient")


def arguments_text(arguments: msgspec.Raw) -> str:
    """Return a call's arguments as JSON text. Servers send them as an object or as text."""
    text = str(bytes(arguments), errors="replace")
    if text.startswith('"'):
        try:
            return str(read(text))
        except ValueError:
            return text
    return "" if text == "null" else text


def json_text(value: Any) -> str:
    """Return the value as compact JSON; "" if Python can't write it, such as a number with thousands of digits."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return ""


def prices_of(model: ModelDescriptor, prompt: int) -> Cost:
    """Return the prices per million tokens for a call with that many prompt tokens, including cached ones."""
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
    """Return the usage with its cost, by the descriptor's prices.

    Counts are limited to 0 and `MAX_TOKENS`. A `provider_cost` that isn't a valid amount is left out.

    Args:
        input: without cached tokens.
        output: with reasoning tokens.
        cache_write_cost: an amount of money, for an API with several prices of cache writes.
    """
    counts = [min(max(each, 0), MAX_TOKENS) for each in (input, output, cache_read, cache_write)]
    if provider_cost is not None and not 0 <= provider_cost < math.inf:
        provider_cost = None
    prices = prices_of(model, counts[0] + counts[2] + counts[3])
    rates = (prices.input, prices.output, prices.cache_read, prices.cache_write)
    costs = [count * rate / 1_000_000 for count, rate in zip(counts, rates, strict=True)]
    if cache_write_cost is not None:
        costs[3] = cache_write_cost
    # Not `sum()`: its rounding changed in Python 3.12, and all Python versions must get the same cost.
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
