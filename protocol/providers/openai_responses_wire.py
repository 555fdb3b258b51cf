"""Structs for the events that OpenAI's Responses API streams. Any field may be missing or null. No decoding here."""

from typing import Any

import msgspec

from ..messages import ModelDescriptor, Usage
from .openai_models import cost_of, usage_of

__all__ = [
    "CALL_ITEM",
    "DELTA",
    "ITEM_EVENT",
    "KIND",
    "MESSAGE_ITEM",
    "REASONING_ITEM",
    "RESPONSE_EVENT",
    "CallItem",
    "Delta",
    "MessageItem",
    "Part",
    "ReasoningItem",
    "Response",
    "usage_in",
]


_TEXTS = (None, "output_text", "refusal", "text")  # types of parts with text


class In(msgspec.Struct, frozen=True, gc=False):
    """Base of the incoming structs. Unknown fields are ignored; any field may be missing or null."""


class Kind(In, frozen=True, gc=False):
    type: str | None = None


class Delta(In, frozen=True, gc=False):
    delta: str | None = None
    text: str | None = None  # all of it, at its end
    refusal: str | None = None  # the same
    arguments: str | None = None  # the same
    annotation: dict[str, Any] | None = None
    output_index: int | None = None
    content_index: int | None = None  # of a message's part, or of raw reasoning's
    summary_index: int | None = None  # of a reasoning summary's part


class ItemEvent(In, frozen=True, gc=False):
    item: msgspec.Raw = msgspec.Raw(b"{}")
    output_index: int | None = None


class Part(In, frozen=True, gc=False):
    type: str | None = None
    text: str | None = None
    refusal: str | None = None
    annotations: list[dict[str, Any]] | None = None  # what the text rests on


class MessageItem(In, frozen=True, gc=False):
    content: list[Part] | None = None
    phase: str | None = None  # commentary or final_answer: newer models want to be told it again

    @property
    def says_something(self) -> bool:
        """Whether the message has text, or a part of another type."""
        return self.has_others or any(part.text or part.refusal for part in self.content or ())

    @property
    def has_others(self) -> bool:
        """Whether the message has a part that is no text, such as a recording."""
        return any(part.type not in _TEXTS for part in self.content or ())


class CallItem(In, frozen=True, gc=False):
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    input: str | None = None  # of a custom tool, whose input is text


class ReasoningItem(In, frozen=True, gc=False):
    id: str | None = None
    summary: list[Part] | None = None
    content: list[Part] | None = None
    encrypted_content: str | None = None
    signature: str | None = None  # OpenRouter's, as the next one
    format: str | None = None


class Incomplete(In, frozen=True, gc=False):
    reason: str | None = None


class InputDetails(In, frozen=True, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class OutputDetails(In, frozen=True, gc=False):
    reasoning_tokens: int | None = None


class Counts(In, frozen=True, gc=False):
    input_tokens: int | None = None  # those from and for the cache included
    input_tokens_details: InputDetails | None = None
    output_tokens: int | None = None  # reasoning included
    output_tokens_details: OutputDetails | None = None
    total_tokens: int | None = None
    cost: Any = None
    cost_in_usd_ticks: int | None = None


class Response(In, frozen=True, gc=False):
    id: str | None = None
    status: str | None = None
    error: Any = None
    incomplete_details: Incomplete | None = None
    output: list[msgspec.Raw] | None = None  # all items
    usage: Counts | None = None


class ResponseEvent(In, frozen=True, gc=False):
    response: Response | None = None


KIND = msgspec.json.Decoder(Kind)
DELTA = msgspec.json.Decoder(Delta)
ITEM_EVENT = msgspec.json.Decoder(ItemEvent)
MESSAGE_ITEM = msgspec.json.Decoder(MessageItem)
CALL_ITEM = msgspec.json.Decoder(CallItem)
REASONING_ITEM = msgspec.json.Decoder(ReasoningItem)
RESPONSE_EVENT = msgspec.json.Decoder(ResponseEvent)


def usage_in(model: ModelDescriptor, usage: Counts) -> Usage:
    """Return the usage that the response reports."""
    details = usage.input_tokens_details or InputDetails()
    of_output = usage.output_tokens_details or OutputDetails()
    return usage_of(
        model,
        prompt=usage.input_tokens or 0,
        output=usage.output_tokens or 0,
        total=usage.total_tokens or 0,
        reasoning=of_output.reasoning_tokens or 0,
        cache_read=details.cached_tokens or 0,
        cache_write=details.cache_write_tokens or 0,
        provider_cost=cost_of(usage.cost, usage.cost_in_usd_ticks),
    )
