"""Checks a tool's declaration: an error names the tool and the invalid option. Pure."""

import inspect
import math
import re
from collections.abc import Callable, Iterable
from typing import Any, cast

import msgspec

from ...protocol.misspelt import unknown_option
from ...protocol.record import OnExpiry, ToolSpec
from ...protocol.schema import compile_schema
from .errors import ToolDefinitionError

__all__ = [
    "NAME",
    "check_bounds",
    "check_function",
    "check_gate",
    "check_loop",
    "check_options",
    "check_spec",
    "is_empty",
    "names_of",
]

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_options(options: Iterable[str], known: Iterable[str], where: str) -> None:
    """Checks that all options exist; the error lists those that do. Raises: ToolDefinitionError."""
    if said := unknown_option(options, known):
        raise ToolDefinitionError(f"{where}: {said}")


def check_gate(where: str, approval: Any, decision: Any, decision_when: Any) -> None:
    """Checks that these options make one gate, or none. Raises: ToolDefinitionError."""
    if not isinstance(approval, bool) and not _is_sync(approval):
        raise ToolDefinitionError(f"{where}: approval must be True, False or a sync function of the arguments")
    if approval is not False and (decision is not None or decision_when is not None):
        raise ToolDefinitionError(f"{where}: approval is a yes or no, and excludes decision and decision_when")
    if decision_when is None:
        return
    if decision is None:
        raise ToolDefinitionError(f"{where}: decision_when is for tools with a decision")
    if not _is_sync(decision_when):
        raise ToolDefinitionError(f"{where}: decision_when must be a sync function of the arguments")


def names_of(editable: Any, where: str) -> bool | tuple[str, ...]:
    """Returns the editable arguments in the form that a spec records. Raises: ToolDefinitionError."""
    if isinstance(editable, bool):
        return editable
    if isinstance(editable, str) or not isinstance(editable, Iterable):
        raise ToolDefinitionError(f"{where} must be True, False or the names of parameters")
    return tuple(cast("Iterable[str]", editable)) or False


def check_spec(spec: ToolSpec, where: str) -> None:
    """Checks that a spec can be recorded and its options fit together. Raises: ToolDefinitionError."""
    try:
        msgspec.convert(msgspec.to_builtins(spec), ToolSpec)
    except (msgspec.ValidationError, TypeError) as error:
        raise ToolDefinitionError(f"{where}: {error}") from error
    if not NAME.fullmatch(spec.name):
        raise ToolDefinitionError(f"{where}: a name is 1 to 64 letters, digits, _ and -")
    if spec.parameters.get("type") != "object":
        raise ToolDefinitionError(f'{where}: parameters must be the JSON Schema of an object ("type": "object")')
    if spec.decision is None:
        _check_ungated(spec, where)
    elif spec.on_expiry.action == "decide":
        for fault in compile_schema(spec.decision).validate(spec.on_expiry.decision):
            raise ToolDefinitionError(f"{where}: the default decision is invalid at {fault.path!r}: {fault.message}")
    if isinstance(spec.editable, tuple):
        for name in spec.editable:
            if name not in spec.parameters.get("properties", {}):
                raise ToolDefinitionError(f"{where}: editable: there is no parameter {name!r}")


def _check_ungated(spec: ToolSpec, where: str) -> None:
    if spec.decision_timeout_s is not None or spec.on_expiry != OnExpiry():
        text = "decision_timeout_s and on_expiry are for tools with a decision or an approval"
        raise ToolDefinitionError(f"{where}: {text}")
    if spec.editable:
        raise ToolDefinitionError(f"{where}: editable is for tools with a decision or an approval")


def check_function(function: Any, where: str) -> None:
    """Checks that a function can be called as a tool. Raises: ToolDefinitionError."""
    if function is not None and not callable(function):
        raise ToolDefinitionError(f"{where}: expected a function, got {type(function).__name__}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolDefinitionError(f"{where}: a generator can't be a tool; show progress by ToolContext.update")


def check_loop(loop: Any, function: Any, where: str) -> None:
    """Checks that the loop is known and its function async. Raises: ToolDefinitionError."""
    if loop is None:
        return
    if loop != "asyncio":
        raise ToolDefinitionError(f"{where}: loop must be 'asyncio', or None for trio; got {loop!r}")
    if not inspect.iscoroutinefunction(function):
        raise ToolDefinitionError(f"{where}: loop='asyncio' is for async functions; a sync one executes in a thread")


def check_bounds(spec: ToolSpec, where: str, timeout_s: float | None) -> None:
    """Checks that durations are positive and apply to this tool. Raises: ToolDefinitionError."""
    if spec.on_expiry != OnExpiry() and spec.decision_timeout_s is None:
        raise ToolDefinitionError(f"{where}: on_expiry needs a decision_timeout_s")
    if spec.client_timeout_s is not None and spec.runs != "client":
        raise ToolDefinitionError(f"{where}: client_timeout_s is for tools that run on a client")
    if timeout_s is not None and spec.runs != "server":
        raise ToolDefinitionError(f"{where}: timeout_s is for tools that run on the server")
    bounds = {
        "decision_timeout_s": spec.decision_timeout_s,
        "client_timeout_s": spec.client_timeout_s,
        "timeout_s": timeout_s,
    }
    for option, seconds in bounds.items():
        if seconds is not None and not 0 < seconds < math.inf:
            raise ToolDefinitionError(f"{where}: {option} must be a positive number of seconds, or None")


def is_empty(function: Callable[..., Any]) -> bool:
    """Whether a function's body is only `...` or `raise NotImplementedError`, with or without a docstring."""

    # In every Python version, an empty body compiles to the same code as one of these functions.
    def bare() -> None: ...
    def documented() -> None:
        """."""

    def raising() -> None:
        raise NotImplementedError

    async def async_bare() -> None: ...
    async def async_documented() -> None:
        """."""

    async def async_raising() -> None:
        raise NotImplementedError

    empty = (bare, documented, raising, async_bare, async_documented, async_raising)
    return _body(function) in [_body(each) for each in empty]


def _body(function: Callable[..., Any]) -> tuple[bytes, tuple[str, ...]] | None:
    code = getattr(function, "__code__", None)
    return None if code is None else (code.co_code, code.co_names)


def _is_sync(function: Any) -> bool:
    return callable(function) and not inspect.iscoroutinefunction(function)
