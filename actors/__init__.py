"""The runtime: agents, tools, the actor system and its runs, and the actor core beneath them.

The network side loads on its own: `adjourn.actors.gateway`, `adjourn.actors.client`, `adjourn.actors.cli`.
"""

from ..protocol.methods import Aborted, RunSnapshot
from .agent import Agent
from .core import (
    ActorCrashed,
    ActorEnded,
    ActorError,
    ActorRef,
    ChildSpec,
    Ended,
    Mail,
    Mailbox,
    MailboxFull,
    Supervisor,
    open_supervisor,
)
from .middleware import Budget, CallLog, ConcurrencyLimit, EndRun, Middleware, ModelOutcome, Retry, ToolRequest
from .models import (
    LanguageModel,
    ModelRequest,
    Provider,
    find_model,
    find_provider,
    register_model,
    register_provider,
)
from .runtime import ActorSystem, Run, open_actor_system
from .tools import Tool, ToolContext, ToolDefinitionError, ToolError, ToolOutcome, client_tool, make_tool, tool

__all__ = [
    "Aborted",
    "ActorCrashed",
    "ActorEnded",
    "ActorError",
    "ActorRef",
    "ActorSystem",
    "Agent",
    "Budget",
    "CallLog",
    "ChildSpec",
    "ConcurrencyLimit",
    "EndRun",
    "Ended",
    "LanguageModel",
    "Mail",
    "Mailbox",
    "MailboxFull",
    "Middleware",
    "ModelOutcome",
    "ModelRequest",
    "Provider",
    "Retry",
    "Run",
    "RunSnapshot",
    "Supervisor",
    "Tool",
    "ToolContext",
    "ToolDefinitionError",
    "ToolError",
    "ToolOutcome",
    "ToolRequest",
    "client_tool",
    "find_model",
    "find_provider",
    "make_tool",
    "open_actor_system",
    "open_supervisor",
    "register_model",
    "register_provider",
    "tool",
]
