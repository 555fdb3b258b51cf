"""The events of Anthropic's Messages API as structs. Every field may be missing or null. No decoding here."""

from typing import Any

import msgspec

__all__ = [
    "BLOCK_DELTA",
    "BLOCK_START",
    "BLOCK_STOP",
    "MESSAGE_DELTA",
    "MESSAGE_START",
    "TYPED",
    "Counts",
    "Delta",
    "Message",
    "StopDetails",
]


class Typed(msgspec.Struct, frozen=True):
    type: str | None = None


class Delta(msgspec.Struct, frozen=True):
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    signature: str | None = None
    citation: dict[str, Any] | None = None


class BlockDelta(msgspec.Struct, frozen=True):
    index: int
    delta: Delta


class Content(msgspec.Struct, frozen=True):
    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None  # redacted thinking only
    id: str | None = None  # tool use only, like the next two
    name: str | None = None
    input: msgspec.Raw = msgspec.Raw(b"{}")
    caller: dict[str, Any] | None = None  # the server's tool that made the call, or the model itself: `direct`
    citations: list[dict[str, Any]] | None = None


class BlockStart(msgspec.Struct, frozen=True):
    index: int
    content_block: Content


class BlockStop(msgspec.Struct, frozen=True):
    index: int


class CacheCreation(msgspec.Struct, frozen=True):
    ephemeral_1h_input_tokens: int | None = None


class OutputDetails(msgspec.Struct, frozen=True):
    thinking_tokens: int | None = None


class Counts(msgspec.Struct, frozen=True):
    """Cumulative counts: a later count replaces an earlier one; a missing count changes nothing."""

    input_tokens: int | None = None  # without cached tokens
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None  # the split of the one before by lifetime
    output_tokens_details: OutputDetails | None = None


class Message(msgspec.Struct, frozen=True):
    id: str | None = None
    usage: Counts | None = None


class MessageStart(msgspec.Struct, frozen=True):
    message: Message | None = None


class StopDetails(msgspec.Struct, frozen=True):
    category: str | None = None
    explanation: str | None = None


class Stop(msgspec.Struct, frozen=True):
    stop_reason: str | None = None
    stop_details: StopDetails | None = None


class MessageDelta(msgspec.Struct, frozen=True):
    delta: Stop | None = None
    usage: Counts | None = None


TYPED = msgspec.json.Decoder(Typed)
BLOCK_DELTA = msgspec.json.Decoder(BlockDelta)
BLOCK_START = msgspec.json.Decoder(BlockStart)
BLOCK_STOP = msgspec.json.Decoder(BlockStop)
MESSAGE_START = msgspec.json.Decoder(MessageStart)
MESSAGE_DELTA = msgspec.json.Decoder(MessageDelta)
