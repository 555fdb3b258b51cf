"""The interface of middleware: it wraps an agent's calls and watches its events.

The modules `retry`, `budget`, `concurrency`, `calllog` and `telemetry` have ready-made ones.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from ...protocol.codec import check_value
from ...protocol.errors import ProgramError
from ...protocol.events import Envelope, Failed
from ...protocol.messages import AssistantMessage
from ...protocol.record import ToolSpec
from ..models.language_model import ModelRequest
from ..tools.execution import ToolOutcome

__all__ = ["CallModel", "CallTool", "EndRun", "Middleware", "ModelOutcome", "ToolRequest"]


class ModelOutcome(msgspec.Struct, frozen=True):
    """The outcome of a model call. To change it, make a copy with `msgspec.structs.replace`.

    Attributes:
        message: the message: complete, or the part that arrived.
        failed: the failure, if the call failed, with status and `retry_after_s` if the provider gave them.
        shown: whether watchers have seen deltas. Another call makes them void.
    """

    message: AssistantMessage
    failed: Failed | None = None
    shown: bool = False


class ToolRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call about to be executed. To change it, make a copy with `msgspec.structs.replace`.

    Attributes:
        run_id: the run's id.
        agent: the agent's name.
        tool: the tool, as the run has recorded it.
        tool_call_id: the call's id, unique for ever: the correlation id.
        arguments: the call's arguments, valid under the tool's schema.
        decision: the decision, for a gated call.
        metadata: the run's metadata.
    """

    run_id: str
    agent: str
    tool: ToolSpec
    tool_call_id: str
    arguments: dict[str, Any]
    decision: Any = None
    metadata: dict[str, Any] = {}


class CallModel(Protocol):
    """The `call_next` of a model call."""

    async def __call__(self, request: ModelRequest, /) -> ModelOutcome:
        """Makes the call, through the middleware further inside."""
        ...

    async def will_retry(self, wait_s: float, /) -> None:
        """Tells the watchers in advance that the call will be made again after `wait_s` seconds."""
        ...


CallTool = Callable[[ToolRequest], Awaitable[ToolOutcome]]


class EndRun(ProgramError):
    """Raised by a middleware around a model call to end the run as `failed`, with this reason in `agent_end`.

    If raised after the model has answered, the answer stays in the transcript and its usage counts, but its tool calls
    are not executed. Around a tool call, or in `on_event`, it is an ordinary exception.

    Raises: InvalidValue, TypeError for texts that can't be stored.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        for text in (reason, message):
            if type(text) is not str:
                raise TypeError(f"EndRun takes texts, not {type(text).__name__}")
            check_value(text)
        self.reason = reason  # one word in camelCase, for programs
        self.message = message  # for people


class Middleware:
    """The base class of middleware; changes nothing. Override what you need.

    One object serves any number of runs at once. In `Agent(middleware=[a, b])`, `a` is outside `b`. After a restart, a
    run gets the middleware of today's agent, and a repeated model call is a new call for it.

    If middleware raises, or returns what can't be stored, only the wrapped call fails: a broken guard opens nothing. If
    the error comes before `call_next`, nothing was executed; if later, the tool was executed, and the model is told
    that it may have taken effect. The error is logged (`adjourn.middleware`), and `middleware_error` tells the
    watchers. Cancellation always passes, and so does `EndRun` from further inside.

    Set `observes = True` for middleware that only observes. If it raises, the call goes on without it, and an outcome
    of `call_next` stands. But if it had skipped the call or answered itself, the call still fails.
    """

    observes: bool = False  # True: its errors don't fail calls, because it only observes

    @property
    def name(self) -> str:
        """Returns the middleware's name in events and logs."""
        return type(self).__name__

    async def model_call(self, request: ModelRequest, call_next: CallModel) -> ModelOutcome:
        """Wraps a model call. During `call_next`, the deltas go to the watchers.

        `call_next` may get a changed request. It may be skipped, or called again: then the message that was shown is
        void, and the watchers are told (`agent_retry`). Two concurrent calls raise RuntimeError. It raises nothing else
        but EndRun: a failed call is an outcome whose message has the `stop_reason` error. `request.call_id` is the
        correlation id.
        """
        return await call_next(request)

    async def tool_call(self, request: ToolRequest, call_next: CallTool) -> ToolOutcome:
        """Wraps the execution of a tool in this process, after any decision. Not used for client-side calls.

        `call_next` uses only the arguments of its request. They may be changed to other valid ones, but not after a
        decision on them: this raises ValueError, and nothing is executed. A second call raises RuntimeError. A failed
        call is an outcome with `is_error`, not an exception. `request.tool_call_id` is the correlation id.
        """
        return await call_next(request)

    def on_event(self, envelope: Envelope) -> None:
        """Sees each published event, in order, once per process. Must not wait.

        After an error it still gets later events; watchers are told of its first error only, until the run leaves
        memory.
        """

    def on_activation(self, run_id: str, agent: str, metadata: dict[str, Any]) -> None:
        """Sees that a run comes into memory: when it begins, after a restart, or when it was passivated. Must not wait.

        Only middleware that has an `on_event` of its own is called. An error is logged, and changes nothing.

        Args:
            run_id: the run's id.
            agent: the agent's name.
            metadata: the run's metadata, a copy.
        """
