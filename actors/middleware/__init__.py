"""Middleware: its interface, and ready-made classes. Wraps an agent's model and tool calls, and watches its events.

`adjourn.actors.middleware.telemetry` loads on its own: it needs the extra `otel`.
"""

from .budget import Budget
from .calllog import CallLog
from .concurrency import ConcurrencyLimit
from .interface import CallModel, CallTool, EndRun, Middleware, ModelOutcome, ToolRequest
from .retry import Retry

__all__ = [
    "Budget",
    "CallLog",
    "CallModel",
    "CallTool",
    "ConcurrencyLimit",
    "EndRun",
    "Middleware",
    "ModelOutcome",
    "Retry",
    "ToolRequest",
]
