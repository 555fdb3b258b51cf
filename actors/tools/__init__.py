"""Tools: declares them, reads their signatures, and executes their calls."""

from .context import ToolContext
from .declaration import ToolOptions, client_tool, make_tool, tool
from .declared import Tool
from .errors import ToolCallOver, ToolDefinitionError, ToolError
from .execution import execute
from .gates import gate_of
from .results import ToolOutcome

__all__ = [
    "Tool",
    "ToolCallOver",
    "ToolContext",
    "ToolDefinitionError",
    "ToolError",
    "ToolOptions",
    "ToolOutcome",
    "client_tool",
    "execute",
    "gate_of",
    "make_tool",
    "tool",
]
