"""Tools: how one is declared, what its signature says, and how one call of it is carried out."""

from .declaration import ToolOptions, client_tool, make_tool, tool
from .execution import Tool, ToolContext, ToolError, ToolOutcome, execute
from .signature import ToolDefinitionError

__all__ = [
    "Tool",
    "ToolContext",
    "ToolDefinitionError",
    "ToolError",
    "ToolOptions",
    "ToolOutcome",
    "client_tool",
    "execute",
    "make_tool",
    "tool",
]
