"""The errors for a tool's author; `protocol/errors.py` has the whole tree. A failed call is an outcome, not an
exception."""

from typing import Any

from ...protocol.errors import ProgramError

__all__ = ["ToolCallOver", "ToolDefinitionError", "ToolError"]


class ToolDefinitionError(ProgramError, TypeError):
    """A tool's declaration is invalid; the message names the tool and the parameter or option."""


class ToolError(ProgramError):
    """Raised by a tool on purpose: the model gets the message as an error result, and nothing is logged."""

    def __init__(self, message: str, details: Any = None) -> None:
        super().__init__(message)
        self.details = details  # for programs, not the model; plain data of the value domain


class ToolCallOver(ProgramError, RuntimeError):
    """A tool called `update` after its call was over: cancelled, timed out, or returned.

    Don't catch it: it should end the tool's thread or task, which can publish nothing any more."""
