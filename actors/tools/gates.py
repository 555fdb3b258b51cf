"""The gate of a tool: whether a call waits for a decision, and whether the decision lets it execute. Fails closed."""

import inspect
import logging
from typing import Any, cast

import msgspec
import trio

from ...protocol.schema import compile_schema
from ..core.faults import error_text, foreign_error
from .context import ToolContext
from .declared import Tool

__all__ = ["APPROVAL", "gate_of", "refusal", "type_fault"]

_log = logging.getLogger("adjourn.tools")

# The decision of a tool declared with `approval=`. A no is a decline: the tool is never called with it.
APPROVAL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "approved": {"type": "boolean", "description": "Whether the call may execute."},
        "reason": {"type": "string", "description": "Your reason. If you decline, the model reads it."},
    },
    "required": ["approved"],
    "additionalProperties": False,
}


def gate_of(tool: Tool, arguments: dict[str, Any]) -> bool:
    """Returns whether a call with these valid arguments waits for a decision.

    The tool's `decision_when`, or the function given as `approval`, decides this from a copy of the arguments. If it
    returns anything but a bool, or raises, the call waits and an error is logged.

    Raises: KeyboardInterrupt, from Ctrl-C."""
    if tool.decision_when is None:
        return tool.spec.decision is not None
    try:
        asks: Any = tool.decision_when(msgspec.to_builtins(arguments))
    except BaseException as raised:  # noqa: ASYNC103  # nothing was awaited
        error = foreign_error(raised, f"tool {tool.spec.name}", _log)
        text = "tool %s: the function that chooses which calls wait for a decision raised an error, so this call waits"
        _log.error(text, tool.spec.name, exc_info=error)
        return True  # noqa: ASYNC104
    if type(asks) is bool:
        return asks
    if inspect.iscoroutine(asks):
        asks.close()
    kind = type(cast(object, asks)).__name__
    text = "tool %s: the function that chooses which calls wait for a decision returned %s, not a bool, so it waits"
    _log.error(text, tool.spec.name, kind)
    return True


def refusal(tool: Tool, decision: Any) -> str | None:
    """Returns why a call must not execute with this decision, as text for the model; None if it may.

    `decision`: None for a call that was not gated. The machine has checked this already; this is the last check before
    the effect."""
    spec = tool.spec
    if decision is None and tool.decision_when is None and spec.decision is not None:
        if compile_schema(spec.decision).validate(None):
            return f"{spec.name} was not executed: it needs a decision, and nobody has decided"
    elif spec.approval and decision is not None:
        given = cast("dict[str, Any]", decision) if isinstance(decision, dict) else {}
        if given.get("approved") is not True:
            reason = given.get("reason")
            return "This call was declined" + (f": {reason}" if reason else ".")
    return None


def type_fault(tool: Tool, arguments: dict[str, Any], decision: Any) -> tuple[str, str] | None:
    """Checks values that are valid under the schemas against the function's types. Does not call the function.

    Returns None if the types accept the values; otherwise a JSON pointer into the decision's params, and what was
    expected there.

    Raises: KeyboardInterrupt, from Ctrl-C."""
    path = ""
    try:
        if decision is not None:
            decision = tool.decode_decision(decision)
        path = "/arguments"
        context = ToolContext(
            run_id="", tool_call_id="", tool_name=tool.spec.name, metadata={}, publish=_nowhere, decision=decision
        )
        tool.bind(arguments, context)
    except BaseException as raised:  # noqa: ASYNC103  # nothing was awaited
        error = foreign_error(raised, f"tool {tool.spec.name}", _log)
        return path, error_text(error)  # noqa: ASYNC104
    return None


async def _nowhere(partial: Any) -> None:
    """Drops progress: `type_fault` binds a call, and never makes it."""
    await trio.lowlevel.checkpoint()
