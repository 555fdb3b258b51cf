"""All that declaring an agent, a tool, a model, a middleware or an actor takes, and the system that runs them.

Each name comes from one of the rooms below, which say more. What a server, a client or a test needs besides loads on
its own: `adjourn.actors.gateway`, `adjourn.actors.client`, `adjourn.actors.cli`, `adjourn.actors.testing`; and
`adjourn.actors.hosts`, for programs on asyncio or in threads.
"""

from ..protocol.bounds import Bounds
from ..protocol.messages import Compat, Cost, ModelDescriptor
from ..protocol.methods import Aborted, RunSnapshot
from ..protocol.options import ModelOptions
from ..protocol.record import Limits
from .agent import Agent
from .core import (
    ActorCrashed,
    ActorEnded,
    ActorError,
    ActorRef,
    ActorStatistics,
    ChildSpec,
    Ended,
    Mail,
    Mailbox,
    MailboxFull,
    MailboxStatistics,
    NameTaken,
    RestartIntensityExceeded,
    Supervisor,
    open_supervisor,
)
from .middleware import (
    Budget,
    CallLog,
    CallModel,
    CallTool,
    ConcurrencyLimit,
    EndRun,
    Middleware,
    ModelOutcome,
    Retry,
    ToolRequest,
)
from .models import (
    HTTPModel,
    LanguageModel,
    ModelRequest,
    Provider,
    ProviderError,
    events_of,
    find_model,
    find_provider,
    register_model,
    register_provider,
)
from .runtime import ActorSystem, DecisionNeeded, Run, SystemStatistics, open_actor_system
from .tools import (
    Tool,
    ToolCallOver,
    ToolContext,
    ToolDefinitionError,
    ToolError,
    ToolOptions,
    ToolOutcome,
    client_tool,
    make_tool,
    tool,
)

__all__ = [
    "Aborted",
    "ActorCrashed",
    "ActorEnded",
    "ActorError",
    "ActorRef",
    "ActorStatistics",
    "ActorSystem",
    "Agent",
    "Bounds",
    "Budget",
    "CallLog",
    "CallModel",
    "CallTool",
    "ChildSpec",
    "Compat",
    "ConcurrencyLimit",
    "Cost",
    "DecisionNeeded",
    "EndRun",
    "Ended",
    "HTTPModel",
    "LanguageModel",
    "Limits",
    "Mail",
    "Mailbox",
    "MailboxFull",
    "MailboxStatistics",
    "Middleware",
    "ModelDescriptor",
    "ModelOptions",
    "ModelOutcome",
    "ModelRequest",
    "NameTaken",
    "Provider",
    "ProviderError",
    "RestartIntensityExceeded",
    "Retry",
    "Run",
    "RunSnapshot",
    "Supervisor",
    "SystemStatistics",
    "Tool",
    "ToolCallOver",
    "ToolContext",
    "ToolDefinitionError",
    "ToolError",
    "ToolOptions",
    "ToolOutcome",
    "ToolRequest",
    "client_tool",
    "events_of",
    "find_model",
    "find_provider",
    "make_tool",
    "open_actor_system",
    "open_supervisor",
    "register_model",
    "register_provider",
    "tool",
]
