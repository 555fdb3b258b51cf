"""Estimates how many bytes of memory messages and plain data take. Pure.

Python reports the size of strings; structs count as a constant. A value that occurs twice counts twice. The size of
plain data is estimated from its JSON, which takes a tenth of the time that a walk through it would take.
"""

from collections.abc import Callable, Iterable
from sys import getsizeof
from typing import Any

from ...protocol.codec import encode_json
from ...protocol.events import MessageUpdate, OpaqueBlock
from ...protocol.messages import (
    AssistantBlock,
    Audio,
    File,
    Image,
    ImageURL,
    Message,
    Opaque,
    Text,
    Thinking,
    ToolCall,
    ToolResultMessage,
    UserBlock,
)
from ...protocol.transcript import Snapshot

__all__ = [
    "CALL",
    "EVENT",
    "MESSAGE",
    "TEXT",
    "weigh",
    "weigh_blocks",
    "weigh_message",
    "weigh_messages",
    "weigh_schema",
    "weigh_snapshot",
    "weigh_update",
]

EVENT = 256  # bytes of an event without its content, with its item in the ring; also of its envelope on the wire
MESSAGE = 700  # bytes of a message without its content, with its places in lists and dicts; also of usage on the wire
BLOCK = 100
TEXT = getsizeof("")  # bytes of an ASCII text, beside its characters
CALL = 400  # bytes of a tool call, or of a piece of a message without text
DICT = 100  # bytes of a dict that is not empty, beside `PART`
PART = 48  # bytes for each brace, bracket, comma and colon of JSON: an object, its place in a container, or both
WIDE = 2  # bytes of memory a byte of JSON that is not ASCII: a character takes up to 4 bytes, but rarely more than 2
MAX_SCHEMAS = 256  # schemas whose weight is cached


def weigh(value: Any) -> int:
    """Returns about the weight of plain data, or of a struct of plain data. 0 for None and empty values."""
    if not value:
        return 0
    if type(value) is str:
        return getsizeof(value)
    encoded = encode_json(value)
    dicts = encoded.count(b'{"')  # those with members
    parts = len(encoded) - len(encoded.translate(None, b"{[,:"))
    return len(encoded) * (1 if encoded.isascii() else WIDE) + DICT * dicts + PART * parts


def weigh_snapshot(snapshot: Snapshot) -> int:
    """Returns the weight of a run's state."""
    calls = weigh(snapshot.pending) + weigh(snapshot.tools)
    return weigh_messages(snapshot.messages) + calls + weigh(snapshot.metadata) + weigh(snapshot.error)


def weigh_update(event: MessageUpdate) -> int:
    """Returns the weight of a piece of a message. The run's state keeps the piece until the message ends."""
    delta = event.assistant_message_event
    text = getattr(delta, "delta", None)
    if text is not None:
        return getsizeof(text)
    return CALL + (_opaque(delta.block) if type(delta) is OpaqueBlock else 0)


def weigh_messages(messages: Iterable[Message]) -> int:
    size = 0
    for message in messages:
        size += weigh_message(message)
    return size


def weigh_message(message: Message) -> int:
    content = message.content
    size = MESSAGE + (getsizeof(content) if isinstance(content, str) else weigh_blocks(content))
    if type(message) is ToolResultMessage:
        size += weigh(message.details) + weigh(message.arguments)
    return size


def weigh_blocks(blocks: Iterable[UserBlock | AssistantBlock]) -> int:
    size = 0
    for block in blocks:
        size += _BLOCKS[block.__class__](block)
    return size


def _text(block: Text) -> int:
    size = BLOCK + getsizeof(block.text)
    if block.signature or block.citations:
        size += len(block.signature or "") + weigh(block.citations)
    return size


def _thinking(block: Thinking) -> int:
    return BLOCK + getsizeof(block.thinking) + len(block.signature or "")


def _image(block: Image | Audio) -> int:
    return BLOCK + getsizeof(block.data)


def _image_url(block: ImageURL) -> int:
    return BLOCK + getsizeof(block.url)


def _file(block: File) -> int:
    return BLOCK + getsizeof(block.data) + len(block.url) + len(block.name)


def _tool_call(block: ToolCall) -> int:
    return CALL + weigh(block.arguments) + len(block.raw_arguments or "") + len(block.signature or "")


def _opaque(block: Opaque) -> int:
    return BLOCK + getsizeof(block.raw)


def weigh_schema(schema: dict[str, Any]) -> int:
    """Returns the weight of a schema, cached: a schema never changes, and the runs of an agent share it."""
    known = _SCHEMAS.get(id(schema))
    if known is None:
        if len(_SCHEMAS) >= MAX_SCHEMAS:
            _SCHEMAS.clear()
        # Caches the schema too, so that no other object can get its id.
        known = _SCHEMAS[id(schema)] = (schema, weigh(schema))
    return known[1]


_SCHEMAS: dict[int, tuple[dict[str, Any], int]] = {}  # by id

# By exact type: a chain of isinstance checks is many times slower.
_BLOCKS: dict[type, Callable[[Any], int]] = {
    Text: _text,
    Thinking: _thinking,
    Audio: _image,
    File: _file,
    Image: _image,
    ImageURL: _image_url,
    ToolCall: _tool_call,
    Opaque: _opaque,
}
