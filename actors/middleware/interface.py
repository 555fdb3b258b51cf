"""What may stand around an agent's calls and watch its events: the interface, and how a chain of them is called.

Ready-made ones are in modules of their own: `retry`, `allowance`, `calllog`, `telemetry`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...protocol.codec import check_value
from ...protocol.errors import ProgramError
from ...protocol.events import Envelope, Failed
from ...protocol.messages import AssistantMessage
from ...protocol.record import ToolSpec
from ..models.language_model import ModelRequest
from ..tools.execution import ToolOutcome

__all__ = ["CallModel", "CallTool", "EndRun", "Middleware", "ModelOutcome", "ToolRequest"]


@dataclass(frozen=True, slots=True)
class ModelOutcome:
    """What came of a model call."""

    message: AssistantMessage  # whole, or as far as it came
    failed: Failed | None = None  # of a call that failed: status and `retry_after_s`, where the provider gave them
    shown: bool = False  # watchers have seen deltas of it: to call again voids what they saw


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRequest:
    """A tool call that is about to be carried out."""

    run_id: str
    agent: str  # its name
    tool: ToolSpec
    tool_call_id: str  # unique for ever: the correlation id
    arguments: dict[str, Any]  # valid under the tool's schema
    decision: Any = None  # of a gated call
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])  # of the run


class CallModel(Protocol):
    """`call_next` of a model call."""

    async def __call__(self, request: ModelRequest, /) -> ModelOutcome:
        """Make the call, or what the next middleware makes of it."""
        ...

    async def will_retry(self, wait_s: float, /) -> None:
        """Tell the watchers now, not only when it happens, that the call is made again once `wait_s` have passed."""
        ...


CallTool = Callable[[ToolRequest], Awaitable[ToolOutcome]]


class EndRun(ProgramError):
    """Raised by a middleware around a model call: the run ends as `failed`, with this reason in `agent_end`.

    Raised after the model has answered: the answer stays in the transcript and its usage counts, its tool calls are not
    executed. Around a tool call, or out of a tap, it is an exception like any other.

    Raises: InvalidValue, TypeError for what an event can't carry.
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
    """The base of all middleware: it changes nothing. Override what you need.

    One object serves any number of runs at once. In `Agent(middleware=[a, b])`, `a` stands outside of `b`. A run that
    another process takes up has the middleware of today's agent; a model call that is made again there is another call.

    What it raises crashes no run: it is logged (`adjourn.middleware`), watchers are told (`middleware_error`), and the
    call goes on as if it were not there; what `call_next` has given stands. If it has cut `call_next` short, or what it
    returns can't be stored and it has not called `call_next`, the call fails. Cancellation always goes through.
    """

    guards: bool = False  # when it raises, the call it stood around fails, whatever came of it

    @property
    def name(self) -> str:
        """What it is called in events and logs."""
        return type(self).__name__

    async def model_call(self, request: ModelRequest, call_next: CallModel) -> ModelOutcome:
        """Stand around a model call. The deltas go to the watchers while `call_next` is under way.

        `call_next` may be given another request; it may not be called at all, or again: then what had been shown of the
        message is void, and watchers are told (`agent_retry`). Two calls of it at once raise RuntimeError. It raises
        nothing else but EndRun: what fails is an outcome whose message has the `stop_reason` error.
        `request.call_id` is the correlation id.
        """
        return await call_next(request)

    async def tool_call(self, request: ToolRequest, call_next: CallTool) -> ToolOutcome:
        """Stand around the execution of a tool here, once whoever had to decide has; clients' executions have none.
        What fails is an outcome with `is_error`, not an exception.

        Of what `call_next` is given, only the arguments count. They may be others, valid ones, unless somebody has
        decided on these; else it raises ValueError and nothing is executed. A second call raises RuntimeError.
        `request.tool_call_id` is the correlation id.
        """
        return await call_next(request)

    def on_event(self, envelope: Envelope) -> None:
        """Look at an event that has just been published, in order, each once in a process. It must not wait.

        One that raises sees what follows all the same; watchers are told of it once, until the run has left memory.
        """
