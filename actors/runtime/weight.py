"""About how many bytes messages, events and plain data take in memory. Pure; nothing is encoded to be weighed.

Strings and containers are asked for their true size; all else is a constant. What occurs twice counts twice.
"""

from collections.abc import Callable, Iterable
from sys import getsizeof
from typing import Any, TypeAlias

import msgspec

from ...protocol.events import (
    AgentEnd,
    AgentRetry,
    AgentStart,
    Event,
    MessageEnd,
    MessageStart,
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
    Image,
    Message,
    Opaque,
    Text,
    Thinking,
    ToolCall,
    ToolResultMessage,
    UserBlock,
)
from ...protocol.transcript import Snapshot

__all__ = ["ALONE", "EVENT", "EventWeight", "weigh", "weigh_event", "weigh_part", "weigh_snapshot"]

EVENT = 256  # an event with its item in the ring; also what surrounds it on the wire
MESSAGE = 700  # a message without its content, in all the lists and dicts that have it; also its usage on the wire
BLOCK = 100
CALL = 400  # also a piece of a message that has no text
SCALAR = 32
MAX_SCHEMAS = 256  # schemas whose weight is kept

# What events of these kinds show is not in the run's state, or not for long.
ALONE = frozenset({AgentRetry, MiddlewareError, ToolExecutionUpdate})

EventWeight: TypeAlias = tuple[int, int]
"""What an event takes beside `EVENT`, in bytes; on the wire it takes about the sum of the three.

1. What it brings to the run's state: that stays when the event has left the ring.
2. What else it shows. Events of the kinds in `ALONE` hold that alone, for as long as they are in the ring. What others
   show is in the run's state, so it is in memory only once.
"""


def weigh(value: Any) -> int:
    """The weight of plain data, or of a struct of it. Costs O(its parts)."""
    weigh_it = _KINDS.get(value.__class__)
    if weigh_it is not None:
        return weigh_it(value)
    return _struct(value) if isinstance(value, msgspec.Struct) else SCALAR


def weigh_snapshot(snapshot: Snapshot) -> int:
    """The weight of all that a run's state holds."""
    calls = weigh(snapshot.pending) + weigh(snapshot.tools)
    return _messages(snapshot.messages) + calls + weigh(snapshot.metadata) + weigh(snapshot.error)


def weigh_part(delta: Any) -> int:
    """The weight of a `StreamDelta` that has no text."""
    return CALL + (_opaque(delta.block) if type(delta) is OpaqueBlock else 0)


def weigh_event(event: Event) -> EventWeight:
    """The weight of an event that is no `message_update`, told apart by who holds what."""
    weigh_it = _WEIGHTS.get(type(event))
    return _PLAIN if weigh_it is None else weigh_it(event)


_PLAIN = (0, 0)


def _messages(messages: Iterable[Message]) -> int:
    size = 0
    for message in messages:
        size += _message(message)
    return size


def _message(message: Message) -> int:
    content = message.content
    size = MESSAGE + (getsizeof(content) if isinstance(content, str) else _blocks(content))
    if type(message) is ToolResultMessage:
        size += _optional(message.details) + _optional(message.arguments)
    return size


def _optional(value: Any) -> int:
    return 0 if value is None else weigh(value)


def _blocks(blocks: Iterable[UserBlock | AssistantBlock]) -> int:
    size = 0
    for block in blocks:
        size += _KINDS[block.__class__](block)
    return size


def _text(block: Text) -> int:
    cited = _sequence(block.citations) if block.citations else 0
    return BLOCK + getsizeof(block.text) + len(block.signature or "") + cited


def _thinking(block: Thinking) -> int:
    return BLOCK + getsizeof(block.thinking) + len(block.signature or "")


def _image(block: Image) -> int:
    return BLOCK + getsizeof(block.data)


def _tool_call(block: ToolCall) -> int:
    return CALL + _dict(block.arguments) + len(block.raw_arguments or "") + len(block.signature or "")


def _opaque(block: Opaque) -> int:
    return BLOCK + getsizeof(block.raw)


def _dict(value: dict[str, Any]) -> int:
    size = getsizeof(value)
    for key, each in value.items():
        size += getsizeof(key) + (getsizeof(each) if each.__class__ is str else weigh(each))
    return size


def _schema(schema: dict[str, Any]) -> int:
    """The weight of a schema. It is weighed once: a schema never changes, and the runs of an agent share it."""
    known = _SCHEMAS.get(id(schema))
    if known is None:
        if len(_SCHEMAS) >= MAX_SCHEMAS:
            _SCHEMAS.clear()
        # The schema is kept beside its weight, so that no other object gets its id.
        known = _SCHEMAS[id(schema)] = (schema, _dict(schema))
    return known[1]


def _sequence(value: list[Any] | tuple[Any, ...]) -> int:
    return getsizeof(value) + sum([weigh(each) for each in value])


def _struct(value: msgspec.Struct) -> int:
    return getsizeof(value) + sum([weigh(getattr(value, name)) for name in value.__struct_fields__])


def _none(value: None) -> int:
    return 0


def _scalar(value: float) -> int:
    return SCALAR


_SCHEMAS: dict[int, tuple[dict[str, Any], int]] = {}  # by id

# By exact type: a chain of isinstance checks takes many times as long.
_KINDS: dict[type, Callable[[Any], int]] = {
    str: getsizeof,
    dict: _dict,
    list: _sequence,
    tuple: _sequence,
    type(None): _none,
    bool: _scalar,
    int: _scalar,
    float: _scalar,
    Text: _text,
    Thinking: _thinking,
    Image: _image,
    ToolCall: _tool_call,
    Opaque: _opaque,
}


def _agent_start(event: AgentStart) -> EventWeight:
    return _messages(event.input) + _dict(event.metadata), 0


def _agent_end(event: AgentEnd) -> EventWeight:
    return len(event.reason) + _optional(event.error), MESSAGE


def _said(event: AgentRetry | MiddlewareError) -> EventWeight:
    return 0, weigh(event.reason if isinstance(event, AgentRetry) else event.error)


def _turn_end(event: TurnEnd) -> EventWeight:
    return 0, _message(event.message) + _messages(event.tool_results)


def _message_start(event: MessageStart) -> EventWeight:
    return MESSAGE, 0  # its message is empty


def _message_end(event: MessageEnd) -> EventWeight:
    return _message(event.message), 0


def _tool_start(event: ToolExecutionStart) -> EventWeight:
    return CALL, _dict(event.args)


def _tool_update(event: ToolExecutionUpdate) -> EventWeight:
    return 0, weigh(event.partial_result)


def _tool_end(event: ToolExecutionEnd) -> EventWeight:
    result = _blocks(event.result.content) + _optional(event.result.details)
    return MESSAGE + result + _optional(event.arguments), 0


def _decision_pending(event: ToolDecisionPending) -> EventWeight:
    schemas = _schema(event.schema) + (0 if event.parameters is None else _schema(event.parameters))
    return CALL, _dict(event.input) + schemas + len(event.description)


def _decision_resolved(event: ToolDecisionResolved) -> EventWeight:
    return CALL + weigh(event.decision) + _optional(event.reason), _optional(event.arguments)


def _client_pending(event: ToolClientExecutePending) -> EventWeight:
    return CALL, _dict(event.input)


_WEIGHTS: dict[type, Callable[[Any], EventWeight]] = {
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
