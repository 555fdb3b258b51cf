"""Books the bytes of a run's events: those that its ring holds, and those that its state keeps. Pure.

`eventlog.py` adds the events; `weight.py` estimates the bytes.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from ...protocol.codec import encode_json
from ...protocol.events import (
    AgentEnd,
    AgentPaused,
    AgentResume,
    AgentRetry,
    AgentStart,
    Event,
    MessageEnd,
    MessageStart,
    MessageUpdate,
    MiddlewareError,
    Status,
    ToolClientClaimed,
    ToolClientExecutePending,
    ToolDecisionPending,
    ToolDecisionResolved,
    ToolExecutionEnd,
    ToolExecutionStart,
    ToolExecutionUpdate,
    TurnEnd,
    TurnStart,
)
from .weight import (
    CALL,
    MESSAGE,
    weigh,
    weigh_blocks,
    weigh_message,
    weigh_messages,
    weigh_schema,
    weigh_update,
)

__all__ = ["ALONE", "BOOK", "Booking"]

# Events whose content is not in the run's state, or only for a short time: while they are in the ring, it holds them.
# The content of all other events is in the run's state, so in the ring it takes no memory of its own.
ALONE = frozenset({AgentRetry, MiddlewareError, ToolExecutionUpdate})


class Booking(msgspec.Struct, eq=False, gc=False):
    """What events that are published together change."""

    streamed: int  # bytes in the run's state of the message now being streamed
    turn: int | None  # bytes of the turn's message and results; None: unknown
    kept: int = 0  # bytes that the events add to the run's state; they stay when the events have left the ring
    alone: int = 0  # bytes of content that only the ring holds
    status: Status | None = None  # of the run, if the events change it


# Each function books one event, and returns its size in the ring beside `EVENT`: about its bytes on the wire.


def _small(event: TurnStart | ToolClientClaimed, to: Booking) -> int:
    return 0


def _agent_start(event: AgentStart, to: Booking) -> int:
    keeps = weigh_messages(event.input) + weigh(event.metadata)
    to.kept += keeps
    return keeps


def _agent_end(event: AgentEnd, to: Booking) -> int:
    _drop_streamed(to)
    to.status = event.status
    keeps = len(event.reason) + (0 if event.error is None else weigh(event.error))
    to.kept += keeps
    return MESSAGE + keeps


def _agent_paused(event: AgentPaused, to: Booking) -> int:
    to.status = "paused"
    return 0


def _agent_resume(event: AgentResume, to: Booking) -> int:
    _drop_streamed(to)
    to.status = "running"
    return 0


def _agent_retry(event: AgentRetry, to: Booking) -> int:
    _drop_streamed(to)
    size = weigh(event.reason)
    to.alone += size
    return size


def _middleware_error(event: MiddlewareError, to: Booking) -> int:
    size = weigh(event.error)
    to.alone += size
    return size


def _turn_end(event: TurnEnd, to: Booking) -> int:
    if to.turn is not None:
        return to.turn
    return weigh_message(event.message) + weigh_messages(event.tool_results)


def _message_start(event: MessageStart, to: Booking) -> int:
    _drop_streamed(to)
    to.kept += MESSAGE  # its message is empty
    to.streamed = MESSAGE
    return MESSAGE


def _message_update(event: MessageUpdate, to: Booking) -> int:
    keeps = weigh_update(event)
    to.kept += keeps
    to.streamed += keeps
    return keeps


def _message_end(event: MessageEnd, to: Booking) -> int:
    keeps = to.turn = weigh_message(event.message)
    to.kept += keeps - to.streamed
    to.streamed = 0
    return keeps


def _drop_streamed(to: Booking) -> None:
    """Books that the run's state drops the pieces of the message now being streamed."""
    to.kept -= to.streamed
    to.streamed = 0


def _tool_start(event: ToolExecutionStart, to: Booking) -> int:
    to.kept += CALL
    return CALL + len(encode_json(event.args))


def _tool_update(event: ToolExecutionUpdate, to: Booking) -> int:
    size = weigh(event.partial_result)
    to.alone += size
    return size


def _tool_end(event: ToolExecutionEnd, to: Booking) -> int:
    keeps = MESSAGE + weigh_blocks(event.result.content) + weigh(event.result.details) + weigh(event.arguments)
    to.kept += keeps
    if to.turn is not None:
        to.turn += keeps
    return keeps


def _decision_pending(event: ToolDecisionPending, to: Booking) -> int:
    schemas = weigh_schema(event.schema) + (0 if event.parameters is None else weigh_schema(event.parameters))
    to.kept += CALL
    return CALL + len(encode_json(event.input)) + schemas + len(event.description)


def _decision_resolved(event: ToolDecisionResolved, to: Booking) -> int:
    keeps = CALL + weigh(event.decision) + weigh(event.reason)
    to.kept += keeps
    return keeps + weigh(event.arguments)


def _client_pending(event: ToolClientExecutePending, to: Booking) -> int:
    to.kept += CALL
    return CALL + len(encode_json(event.input))


BOOK: dict[type[Event], Callable[[Any, Booking], int]] = {
    AgentStart: _agent_start,
    AgentEnd: _agent_end,
    AgentPaused: _agent_paused,
    AgentResume: _agent_resume,
    AgentRetry: _agent_retry,
    MiddlewareError: _middleware_error,
    TurnStart: _small,
    TurnEnd: _turn_end,
    MessageStart: _message_start,
    MessageUpdate: _message_update,
    MessageEnd: _message_end,
    ToolExecutionStart: _tool_start,
    ToolExecutionUpdate: _tool_update,
    ToolExecutionEnd: _tool_end,
    ToolDecisionPending: _decision_pending,
    ToolDecisionResolved: _decision_resolved,
    ToolClientExecutePending: _client_pending,
    ToolClientClaimed: _small,
}
