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
    MessageUpdate,
    MiddlewareError,
    TextDelta,
    ThinkingDelta,
    ToolcallDelta,
    ToolClientExecutePending,
    ToolDecisionPending,
    ToolDecisionResolved,
    ToolExecutionEnd,
    ToolExecutionStart,
    ToolExecutionUpdate,
    TurnEnd,
)
from ...protocol.messages import Image, Message, Text, Thinking, ToolCall, ToolResultMessage
from ...protocol.transcript import Snapshot

__all__ = ["EventWeight", "weigh", "weigh_event", "weigh_snapshot"]

EVENT = 256  # an event with its item in the ring; also what surrounds it on the wire
MESSAGE = 700  # a message without its content, in all the lists and dicts that have it; also its usage on the wire
BLOCK = 100
CALL = 400
SCALAR = 32

_GROWING = frozenset({TextDelta, ThinkingDelta, ToolcallDelta})


EventWeight: TypeAlias = tuple[int, int, int]
"""What an event takes, in bytes; on the wire it takes about the sum of the three.

1. What it alone holds, for as long as it is in the ring.
2. What it brings to the run's state: that stays when the event has left the ring.
3. What it shows of the run's state once more: that is in memory only once.
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


def weigh_event(event: Event) -> EventWeight:
    """The weight of an event, told apart by who holds what."""
    if type(event) is MessageUpdate:  # nearly all of them
        piece: Any = event.assistant_message_event
        return (EVENT, getsizeof(piece.delta), 0) if type(piece) in _GROWING else _PIECE
    weigh_it = _WEIGHTS.get(type(event))
    return _PLAIN if weigh_it is None else weigh_it(event)


_PLAIN = (EVENT, 0, 0)
_PIECE = (EVENT + CALL, 0, 0)


def _messages(messages: Iterable[Message]) -> int:
    return sum([_message(message) for message in messages])


def _message(message: Message) -> int:
    content = message.content
    size = MESSAGE + (getsizeof(content) if type(content) is str else _blocks(content))
    if type(message) is ToolResultMessage:
        size += weigh(message.details) + weigh(message.arguments)
    return size


def _blocks(blocks: Iterable[Any]) -> int:
    return sum([weigh(block) for block in blocks])


def _text(block: Text) -> int:
    return BLOCK + getsizeof(block.text) + len(block.signature or "")


def _thinking(block: Thinking) -> int:
    return BLOCK + getsizeof(block.thinking) + len(block.signature or "")


def _image(block: Image) -> int:
    return BLOCK + getsizeof(block.data)


def _tool_call(block: ToolCall) -> int:
    return CALL + _dict(block.arguments) + len(block.raw_arguments or "")


def _dict(value: dict[str, Any]) -> int:
    size = getsizeof(value)
    for key, each in value.items():
        size += getsizeof(key) + weigh(each)
    return size


def _sequence(value: list[Any] | tuple[Any, ...]) -> int:
    return getsizeof(value) + sum([weigh(each) for each in value])


def _struct(value: msgspec.Struct) -> int:
    return getsizeof(value) + sum([weigh(getattr(value, name)) for name in value.__struct_fields__])


def _none(value: None) -> int:
    return 0


# By exact type: a chain of isinstance checks takes many times as long.
_KINDS: dict[type, Callable[[Any], int]] = {
    str: getsizeof,
    dict: _dict,
    list: _sequence,
    tuple: _sequence,
    type(None): _none,
    Text: _text,
    Thinking: _thinking,
    Image: _image,
    ToolCall: _tool_call,
}


def _agent_start(event: AgentStart) -> EventWeight:
    return EVENT, _messages(event.input) + weigh(event.metadata), 0


def _agent_end(event: AgentEnd) -> EventWeight:
    return EVENT + MESSAGE, len(event.reason) + weigh(event.error), 0


def _said(event: AgentRetry | MiddlewareError) -> EventWeight:
    return EVENT + weigh(event.reason if isinstance(event, AgentRetry) else event.error), 0, 0


def _message_start(event: MessageStart) -> EventWeight:
    return EVENT + _message(event.message), 0, 0


def _turn_end(event: TurnEnd) -> EventWeight:
    return EVENT, 0, _message(event.message) + _messages(event.tool_results)


def _message_end(event: MessageEnd) -> EventWeight:
    return EVENT, _message(event.message), 0


def _tool_start(event: ToolExecutionStart) -> EventWeight:
    return EVENT, CALL, weigh(event.args)


def _tool_update(event: ToolExecutionUpdate) -> EventWeight:
    return EVENT + weigh(event.partial_result), 0, 0


def _tool_end(event: ToolExecutionEnd) -> EventWeight:
    result = _blocks(event.result.content) + weigh(event.result.details)
    return EVENT, MESSAGE + result + weigh(event.arguments), 0


def _decision_pending(event: ToolDecisionPending) -> EventWeight:
    shown = weigh(event.input) + weigh(event.schema) + weigh(event.parameters) + len(event.description)
    return EVENT, CALL, shown


def _decision_resolved(event: ToolDecisionResolved) -> EventWeight:
    return EVENT, CALL + weigh(event.decision) + weigh(event.reason), weigh(event.arguments)


def _client_pending(event: ToolClientExecutePending) -> EventWeight:
    return EVENT, CALL, weigh(event.input)


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
