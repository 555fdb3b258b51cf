"""Estimates how many bytes of memory messages, events and plain data take. Pure.

Python reports the size of strings; structs count as a constant. A value that occurs twice counts twice. The size of
plain data is estimated from its JSON, which takes a tenth of the time that a walk through it would take.
"""

from collections.abc import Callable, Iterable
from sys import getsizeof
from typing import Any, TypeAlias

from ...protocol.codec import ENCODER_JSON, to_json
from ...protocol.events import (
    AgentEnd,
    AgentRetry,
    AgentStart,
    MessageEnd,
    MessageStart,
    MessageUpdate,
    MiddlewareError,
    OpaqueBlock,
    ToolClientExecutePending,
    ToolDecisionPending,
    ToolDecisionResolved,
    ToolExecutionEnd,
    ToolExecutionStart,
    ToolExecutionUpdate,
    TurnEnd,
)
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
    "ALONE",
    "CALL",
    "EVENT",
    "MESSAGE",
    "TEXT",
    "WEIGHTS",
    "EventWeight",
    "weigh",
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

# Events whose content is not in the run's state, or only for a short time.
ALONE = frozenset({AgentRetry, MiddlewareError, ToolExecutionUpdate})

EventWeight: TypeAlias = tuple[int, int]
"""The bytes of an event beside `EVENT`; on the wire it takes about the sum of all three.

1. What the event adds to the run's state. This stays when the event has left the ring.
2. The rest of its content. Events of the kinds in `ALONE` hold it in the ring. The content of others is in the run's
   state anyway, so it takes no memory of its own.
"""


def weigh(value: Any) -> int:
    """Returns about the weight of plain data, or of a struct of plain data. 0 for None and empty values."""
    if not value:
        return 0
    if type(value) is str:
        return getsizeof(value)
    encoded = ENCODER_JSON.encode(value)
    dicts = encoded.count(b"{") - encoded.count(b"{}")
    parts = len(encoded) - len(encoded.translate(None, b"{[,:"))
    return len(encoded) * (1 if encoded.isascii() else WIDE) + DICT * dicts + PART * parts


def weigh_snapshot(snapshot: Snapshot) -> int:
    """Returns the weight of a run's state."""
    calls = weigh(snapshot.pending) + weigh(snapshot.tools)
    return _messages(snapshot.messages) + calls + weigh(snapshot.metadata) + weigh(snapshot.error)


def weigh_update(event: MessageUpdate) -> int:
    """Returns the weight of a piece of a message. The run's state keeps the piece until the message ends."""
    delta = event.assistant_message_event
    text = getattr(delta, "delta", None)
    if text is not None:
        return getsizeof(text)
    return CALL + (_opaque(delta.block) if type(delta) is OpaqueBlock else 0)


def _messages(messages: Iterable[Message]) -> int:
    size = 0
    for message in messages:
        size += _message(message)
    return size


def _message(message: Message) -> int:
    content = message.content
    size = MESSAGE + (getsizeof(content) if isinstance(content, str) else _blocks(content))
    if type(message) is ToolResultMessage:
        size += weigh(message.details) + weigh(message.arguments)
    return size


def _blocks(blocks: Iterable[UserBlock | AssistantBlock]) -> int:
    size = 0
    for block in blocks:
        size += _BLOCKS[block.__class__](block)
    return size


def _text(block: Text) -> int:
    return BLOCK + getsizeof(block.text) + len(block.signature or "") + weigh(block.citations)


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


def _schema(schema: dict[str, Any]) -> int:
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


def _agent_start(event: AgentStart) -> EventWeight:
    return _messages(event.input) + weigh(event.metadata), 0


def _agent_end(event: AgentEnd) -> EventWeight:
    return len(event.reason) + weigh(event.error), MESSAGE


def _said(event: AgentRetry | MiddlewareError) -> EventWeight:
    return 0, weigh(event.reason if isinstance(event, AgentRetry) else event.error)


def _turn_end(event: TurnEnd) -> EventWeight:
    return 0, _message(event.message) + _messages(event.tool_results)


def _message_start(event: MessageStart) -> EventWeight:
    return MESSAGE, 0  # its message is empty


def _message_end(event: MessageEnd) -> EventWeight:
    return _message(event.message), 0


def _message_update(event: MessageUpdate) -> EventWeight:
    return weigh_update(event), 0


def _tool_start(event: ToolExecutionStart) -> EventWeight:
    return CALL, len(to_json(event.args))


def _tool_update(event: ToolExecutionUpdate) -> EventWeight:
    return 0, weigh(event.partial_result)


def _tool_end(event: ToolExecutionEnd) -> EventWeight:
    result = _blocks(event.result.content) + weigh(event.result.details)
    return MESSAGE + result + weigh(event.arguments), 0


def _decision_pending(event: ToolDecisionPending) -> EventWeight:
    schemas = _schema(event.schema) + (0 if event.parameters is None else _schema(event.parameters))
    return CALL, len(to_json(event.input)) + schemas + len(event.description)


def _decision_resolved(event: ToolDecisionResolved) -> EventWeight:
    return CALL + weigh(event.decision) + weigh(event.reason), weigh(event.arguments)


def _client_pending(event: ToolClientExecutePending) -> EventWeight:
    return CALL, len(to_json(event.input))


# The function that weighs an event, by its type. Events of other types weigh nothing beside `EVENT`.
WEIGHTS: dict[type, Callable[[Any], EventWeight]] = {
    MessageUpdate: _message_update,
    AgentStart: _agent_start,
    AgentEnd: _agent_end,
    AgentRetry: _said,
    MiddlewareError: _said,
    TurnEnd: _turn_end,
    MessageStart: _message_start,
    MessageEnd: _message_end,
    ToolExecutionStart: _tool_start,
    ToolExecutionUpdate: _tool_update,
    ToolExecutionEnd: _tool_end,
    ToolDecisionPending: _decision_pending,
    ToolDecisionResolved: _decision_resolved,
    ToolClientExecutePending: _client_pending,
}
