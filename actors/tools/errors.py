"""The errors that a tool's author meets; `protocol/errors.py` draws them. What goes wrong in a call is its outcome, no
exception."""

from typing import Any

from ...protocol.errors import ProgramError

__all__ = ["ToolCallOver", "ToolDefinitionError", "ToolError"]


class ToolDefinitionError(ProgramError, TypeError):
    """A tool is declared in a way that can't work; the message names the tool and the parameter or option."""


class ToolError(ProgramError):
    """Raised by a tool on purpose: the model gets the message alone, as an error result. Nothing is logged."""

    def __init__(self, message: str, details: Any = None) -> None:
        super().__init__(message)
        self.details = details  # for programs; of the value domain


class ToolCallOver(ProgramError, RuntimeError):
    """A tool wanted to show progress of a call that is over: it was cancelled or timed out, or it has returned.

    It can publish nothing any more; let the error end the thread or task that it is raised in."""
