"""Middleware for tests: wraps a function around each model call or tool call, and records the requests."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from adjourn.actors import Agent
from adjourn.actors.middleware import CallModel, CallTool, Middleware, ModelOutcome, ToolRequest
from adjourn.actors.models import ModelRequest
from adjourn.actors.tools import ToolOutcome
from adjourn.protocol.events import Envelope

Body = Callable[[Any, Any], Awaitable[Any]]


class AroundModel(Middleware):
    """`body(request, call_next)` around each model call."""

    def __init__(self, body: Body, *, name: str = "around", observes: bool = False) -> None:
        self.body, self.called, self.observes = body, name, observes
        self.requests: list[ModelRequest] = []

    @property
    def name(self) -> str:
        return self.called

    async def model_call(self, request: ModelRequest, call_next: CallModel) -> ModelOutcome:
        self.requests.append(request)
        return await self.body(request, call_next)


class AroundTool(Middleware):
    """`body(request, call_next)` around each tool call."""

    def __init__(self, body: Body, *, name: str = "around", observes: bool = False) -> None:
        self.body, self.called, self.observes = body, name, observes
        self.requests: list[ToolRequest] = []

    @property
    def name(self) -> str:
        return self.called

    async def tool_call(self, request: ToolRequest, call_next: CallTool) -> ToolOutcome:
        self.requests.append(request)
        return await self.body(request, call_next)


class Tap(Middleware):
    """Keeps the events that it sees; `fails` says at which of them it raises."""

    def __init__(self, fails: Callable[[Envelope], bool] = lambda envelope: False) -> None:
        self.fails = fails
        self.seen: list[Envelope] = []

    def on_event(self, envelope: Envelope) -> None:
        self.seen.append(envelope)
        if self.fails(envelope):
            raise OSError("the secret of the tap")


def guarded(agent: Agent, *middleware: Middleware) -> Agent:
    """Returns the agent with this middleware."""
    return replace(agent, middleware=middleware)


async def passes(request: Any, call_next: Any) -> Any:
    """A body that changes nothing."""
    return await call_next(request)


async def raises_before(request: Any, call_next: Any) -> Any:
    """A body that raises before `call_next`."""
    raise OSError("the secret before")


async def raises_after(request: Any, call_next: Any) -> Any:
    """A body that raises after `call_next`."""
    await call_next(request)
    raise OSError("the secret after")
