"""The chain of middleware around one model call or one tool call.

Errors of middleware end here: they are logged, and `middleware_error` tells the watchers. `model_call.py` and
`tool_call.py` make the calls themselves and show their events; `taps.py` has middleware that only watches events.
"""

import logging
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any, ClassVar, Generic, Literal, TypeVar

import trio
from msgspec.structs import replace

from ...protocol import codec
from ...protocol.calls import argument_fault
from ...protocol.events import ErrorInfo, Event, Failed, MiddlewareError
from ...protocol.messages import AssistantMessage, Text, ToolCall
from ..core.faults import foreign_error, internal_error
from ..models.language_model import ModelRequest
from ..tools.results import ResultTooLarge, ToolOutcome, carried
from .interface import EndRun, Middleware, ModelOutcome, ToolRequest

__all__ = ["ModelChain", "Show", "ToolChain", "around", "error_info", "name_of"]

logger = logging.getLogger("adjourn.middleware")

Show = Callable[[Sequence[Event]], Awaitable[None]]
Hook = Literal["model_call", "tool_call", "on_event"]
Request = TypeVar("Request", bound=ModelRequest | ToolRequest)
Outcome = TypeVar("Outcome")


def around(middleware: Iterable[Middleware], hook: Hook) -> list[Middleware]:
    """Returns the middleware that overrides this hook, in order."""
    inherited = getattr(Middleware, hook)
    return [each for each in middleware if getattr(getattr(each, hook), "__func__", None) is not inherited]


class _Link(Generic[Request, Outcome]):
    """The `call_next` of one middleware, for one call."""

    def __init__(self, chain: "Chain[Request, Outcome]", place: int, request: Request) -> None:
        self._chain, self._place, self._request = chain, place, request
        self._busy = False
        self.over = False  # whether the middleware has returned or raised
        self.began = False  # whether it was called
        self.outcome: Outcome | None = None  # of the latest call_next
        self.end: EndRun | None = None  # raised by the latest call_next, instead of an outcome

    async def __call__(self, given: Request) -> Outcome:
        if self._busy:
            raise RuntimeError("call_next was called while an earlier call of it is under way")
        if self.over:
            raise RuntimeError("call_next was called after the middleware had given its outcome")
        if self.began and self._chain.once:
            raise RuntimeError("call_next was called twice: a tool is executed once at most")
        given = self._chain.accepted(given, self._request)
        self._busy = self.began = True
        self.outcome = self.end = None
        try:
            self.outcome = await self._chain.run(given, self._place + 1)
        except EndRun as end:
            self.end = end
            raise
        finally:
            self._busy = False
        return self._chain.own(self.outcome)

    async def will_retry(self, wait_s: float) -> None:
        """Tells the watchers that call_next will be called again. For model calls only."""
        if not self.began or self._busy:
            raise RuntimeError("will_retry is for when call_next has given an outcome")
        if not 0 <= wait_s < math.inf:
            raise ValueError(f"will_retry takes a number of seconds, not {wait_s}")
        await self._chain.announce(wait_s)


class Chain(Generic[Request, Outcome]):
    """One call with the middleware around it. Raises: EndRun if `may_end`."""

    where: ClassVar[Literal["model", "tool"]]
    once: ClassVar[bool]  # whether call_next may be called only once
    may_end: ClassVar[bool]  # whether middleware may end the run, by EndRun

    def __init__(
        self,
        middleware: Sequence[Middleware],
        innermost: Callable[[Request], Awaitable[Outcome]],
        show: Show,
    ) -> None:
        self._middleware, self._innermost, self._show = middleware, innermost, show
        self.answer: Outcome | None = None  # the call's outcome, if a middleware ended the run after it

    # Differs between model calls and tool calls.

    async def _enter(self, middleware: Middleware, request: Request, link: "_Link[Request, Outcome]") -> Outcome:
        raise NotImplementedError

    def call_id(self, request: Request) -> str:
        """Returns the call's correlation id."""
        raise NotImplementedError

    def own(self, value: Any) -> Any:
        """Returns a copy of a request or outcome, which a middleware can change without effect elsewhere."""
        raise NotImplementedError

    def accepted(self, given: Request, request: Request) -> Request:
        """Returns the request to pass inward, when a middleware that got `request` calls on with `given`. Raises:
        ValueError.
        """
        raise NotImplementedError

    def _checked(self, outcome: Outcome, link: "_Link[Request, Outcome]") -> Outcome:
        """Returns the middleware's outcome as it will be stored. Raises: CodecError, TypeError."""
        raise NotImplementedError

    def _failed(self, text: str, link: "_Link[Request, Outcome]") -> Outcome:
        """Returns the outcome of a call whose middleware failed."""
        raise NotImplementedError

    async def announce(self, wait_s: float) -> None:
        """Tells the watchers that the call will be made again."""
        raise NotImplementedError

    # Common to both.

    async def run(self, request: Request, place: int = 0) -> Outcome:
        """Makes the call, through the middleware from `place` inward, and returns its outcome."""
        if place == len(self._middleware):
            return await self._innermost(request)
        link = _Link(self, place, request)
        answered = False
        task = trio.lowlevel.current_task()
        try:
            given = await self._enter(self._middleware[place], self.own(request), link)
            answered = True
            return self._checked(given, link)
        except BaseException as raised:  # noqa: ASYNC103  # foreign_error raises what must pass
            error = foreign_error(raised, self._where(place, request), logger, task=task)
        finally:
            link.over = True
        if self.may_end and isinstance(error, EndRun):
            if link.end is None:  # otherwise another middleware's EndRun passes through
                self.answer = link.outcome
            raise error
        return await self._go_on(request, place, link, error, answered)

    async def _go_on(
        self, request: Request, place: int, link: _Link[Request, Outcome], error: BaseException, answered: bool
    ) -> Outcome:
        """Fails the call of a failed middleware. If the middleware only observes, the call goes on without it."""
        name = name_of(self._middleware[place])
        info = error_info(error, self._where(place, request))
        told = MiddlewareError(middleware=name, where=self.where, error=info, call_id=self.call_id(request))
        await self._show((told,))
        if link.end is not None:  # the run ends: an error after EndRun changes nothing
            raise link.end
        if observes(self._middleware[place]):
            if link.outcome is not None:
                return link.outcome
            if not link.began and not answered:
                return await self.run(request, place + 1)
            # This middleware skipped the call or answered itself, so the call must not be made without it.
        return self._failed(f"middleware {name} failed: {info.message}", link)

    def _where(self, place: int, request: Request) -> str:
        name = name_of(self._middleware[place])
        return f"middleware {name}, around {self.where} call {self.call_id(request)} of run {request.run_id}"


class ModelChain(Chain[ModelRequest, ModelOutcome]):
    """The chain around a model call."""

    where, once, may_end = "model", False, True

    def __init__(
        self,
        middleware: Sequence[Middleware],
        innermost: Callable[[ModelRequest], Awaitable[ModelOutcome]],
        show: Show,
        *,
        announce: Callable[[float], Awaitable[None]],
        check: Callable[[AssistantMessage], AssistantMessage],
        so_far: Callable[[], ModelOutcome],
    ) -> None:
        super().__init__(middleware, innermost, show)
        self._announce, self._check, self._so_far = announce, check, so_far

    async def announce(self, wait_s: float) -> None:
        await self._announce(wait_s)

    def call_id(self, request: ModelRequest) -> str:
        return request.call_id

    async def _enter(
        self, middleware: Middleware, request: ModelRequest, link: _Link[ModelRequest, ModelOutcome]
    ) -> ModelOutcome:
        return await middleware.model_call(request, link)

    def own(self, value: Any) -> Any:
        if isinstance(value, ModelOutcome) and value.message.calls:
            return replace(value, message=self._check(value.message))
        return value

    def accepted(self, given: ModelRequest, request: ModelRequest) -> ModelRequest:
        if given is request:
            return given
        if type(given) is not ModelRequest:
            raise TypeError(f"call_next takes a ModelRequest, not {type(given).__name__}")
        return replace(given, run_id=request.run_id, call_id=request.call_id)

    def _checked(self, outcome: ModelOutcome, link: _Link[ModelRequest, ModelOutcome]) -> ModelOutcome:
        if type(outcome) is not ModelOutcome:
            raise TypeError(f"model_call returns a ModelOutcome, not {type(outcome).__name__}")
        if link.outcome is not None and outcome.message is link.outcome.message:
            return outcome  # unchanged: `own` made a copy
        return replace(outcome, message=self._check(outcome.message))

    def _failed(self, text: str, link: _Link[ModelRequest, ModelOutcome]) -> ModelOutcome:
        so_far = link.outcome or self._so_far()
        message = replace(so_far.message, stop_reason="error", error_message=text, error_kind="terminal")
        return ModelOutcome(message, Failed(reason="error", error=message), so_far.shown)


class ToolChain(Chain[ToolRequest, ToolOutcome]):
    """The chain around the execution of a tool."""

    where, once, may_end = "tool", True, False

    def __init__(
        self,
        middleware: Sequence[Middleware],
        carry_out: Callable[[dict[str, Any]], Awaitable[ToolOutcome]],
        show: Show,
        *,
        block: ToolCall,
        is_settled: bool,
        max_result_bytes: int,
    ) -> None:
        super().__init__(middleware, self._execute, show)
        self._carry_out, self._block = carry_out, block
        self._is_settled, self._max_result_bytes = is_settled, max_result_bytes
        self._executed = False  # whether the tool may have been executed

    async def _execute(self, request: ToolRequest) -> ToolOutcome:
        self._executed = True
        return await self._carry_out(request.arguments)

    def call_id(self, request: ToolRequest) -> str:
        return request.tool_call_id

    async def _enter(
        self, middleware: Middleware, request: ToolRequest, link: _Link[ToolRequest, ToolOutcome]
    ) -> ToolOutcome:
        return await middleware.tool_call(request, link)

    def own(self, value: Any) -> Any:
        if isinstance(value, ToolRequest):
            arguments, decision, metadata = deepcopy((value.arguments, value.decision, value.metadata))
            return replace(value, arguments=arguments, decision=decision, metadata=metadata)
        return value._replace(details=deepcopy(value.details))

    def accepted(self, given: ToolRequest, request: ToolRequest) -> ToolRequest:
        if type(given) is not ToolRequest:
            raise TypeError(f"call_next takes a ToolRequest, not {type(given).__name__}")
        if codec.digest(given.arguments) == codec.digest(request.arguments):
            return request
        if self._is_settled:
            raise ValueError("these arguments were decided on: a middleware must not change them any more")
        arguments = deepcopy(given.arguments)
        changed = replace(self._block, arguments=arguments)
        fault = argument_fault({request.tool.name: request.tool}, changed)
        if fault is not None:
            raise ValueError(fault)
        return replace(request, arguments=arguments)

    def _checked(self, outcome: ToolOutcome, link: _Link[ToolRequest, ToolOutcome]) -> ToolOutcome:
        if type(outcome) is not ToolOutcome:
            raise TypeError(f"tool_call returns a ToolOutcome, not {type(outcome).__name__}")
        try:
            return carried(outcome, self._max_result_bytes)
        except ResultTooLarge as error:
            return self._error(f"The call's result can't be stored: {error.message}.")

    def _failed(self, text: str, link: _Link[ToolRequest, ToolOutcome]) -> ToolOutcome:
        return self._error(f"The call's {text}.")

    def _error(self, text: str) -> ToolOutcome:
        effect = "was executed and may have taken effect" if self._executed else "was not executed"
        return ToolOutcome((Text(text=f"{text} The tool {effect}."),), None, True)


def name_of(middleware: Middleware) -> str:
    """Returns a middleware's name, or its class's name if events can't carry that."""
    try:
        name: Any = middleware.name
        codec.check_value(name)
        if type(name) is str:
            return name
    except BaseException as error:  # noqa: ASYNC103  # nothing was awaited
        foreign_error(error, "the name of a middleware", logger)
    return type(middleware).__name__


def observes(middleware: Middleware) -> bool:
    """Returns whether a middleware only observes. Any other value than True means no: then its errors fail calls."""
    try:
        said: Any = middleware.observes
    except BaseException as error:  # noqa: ASYNC103  # nothing was awaited
        foreign_error(error, "whether a middleware observes", logger)
        return False  # noqa: ASYNC104
    return said is True


def error_info(error: BaseException, where: str) -> ErrorInfo:
    """Logs an error of middleware with its traceback and an id; returns the error for clients, with this id."""
    told = internal_error(error, where, logger)
    return ErrorInfo(type=told.type, message=told.message, id=told.data["id"])
