"""How a tool is declared: from a function, from a JSON Schema, or for clients to execute. No call is carried out here.

@tool
def add(a: int, b: int) -> int:
    "Add two numbers."
    return a + b
"""

import inspect
import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypedDict, Unpack, overload

import msgspec

from ...protocol.record import OnExpiry, ToolSpec
from ...protocol.schema import compile_schema
from .execution import Tool, ToolContext, ToolError, ToolOutcome, execute
from .signature import ToolDefinitionError, codec_of, own_schema, signature_of

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

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ToolOptions(TypedDict, total=False):
    """How a tool may be declared, beyond its name, description and parameters."""

    decision: Any  # makes the tool gated: a JSON Schema, a type that msgspec knows, or a pydantic-like model
    decision_when: Callable[[dict[str, Any]], bool]  # is this call gated? From its plain arguments; raising means yes
    decision_timeout_s: float | None  # how long a call waits for its decision; None: as long as the run may
    on_expiry: Literal["error", "abort"] | OnExpiry  # then; an `OnExpiry` may bring a default decision
    runs: Literal["server", "client"]  # client: some client executes it; a function's body must be `...`
    client_timeout_s: float | None  # how long a claim holds; None: as long as the run may wait
    idempotent: bool  # it may execute again after a crash
    timeout_s: float | None  # bounds one execution; then an error result


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *, name: str | None = None, description: str | None = None, **options: Unpack[ToolOptions]
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    **options: Unpack[ToolOptions],
) -> Any:
    """Declare a function as a tool: `@tool`, or `@tool(decision=..., ...)` with `ToolOptions`.

    The schema of its arguments comes from its type hints (`Annotated[int, msgspec.Meta(description=..., ge=1)]` says
    more), the name from the function's, the description from the docstring's first paragraph. A parameter annotated
    `ToolContext` and, where there is a `decision`, one named `decision` are not the model's. An async function runs on
    the run's own task, a sync one in a worker thread, which may watch `trio.from_thread.check_cancelled()`.

    The function returns text, content blocks, a `ToolOutput`, nothing ("done"), or anything that msgspec can encode:
    that becomes JSON text for the model and plain `details` beside it.

    Raises: ToolDefinitionError, at once.
    """
    if function is None:
        return partial(_from_function, name=name, description=description, **options)
    return _from_function(function, name=name, description=description, **options)


def _from_function(
    function: Callable[..., Any], *, name: str | None, description: str | None, **options: Unpack[ToolOptions]
) -> Tool:
    name = str(name or getattr(function, "__name__", ""))
    where = f"tool {name or repr(function)}"
    signature = signature_of(function, where, context_type=ToolContext, gated=options.get("decision") is not None)
    if description is None:
        description = inspect.cleandoc(function.__doc__ or "").partition("\n\n")[0].replace("\n", " ")

    def bind(arguments: dict[str, Any], context: ToolContext) -> Callable[[], Any]:
        values = signature.decode(arguments)
        if signature.context is not None:
            values[signature.context] = context
        if signature.decision is not None:
            values[signature.decision] = context.decision
        return partial(function, **values)

    if options.get("runs") == "client":
        if signature.context is not None or not _is_empty(function):
            raise ToolDefinitionError(f"{where}: clients execute it, so its body must be `...` and take no ToolContext")
        return client_tool(name, description, signature.schema, **options)
    return _declare(name, description, signature.schema, function, bind, **options)


def make_tool(
    name: str,
    description: str,
    parameters: dict[str, Any],
    function: Callable[[dict[str, Any], ToolContext], Any],
    **options: Unpack[ToolOptions],
) -> Tool:
    """A tool from a JSON Schema and a function of plain arguments and context, for tools that are not Python functions
    with type hints. The function, sync or async, returns what one declared with `tool` may. Raises:
    ToolDefinitionError."""

    def bind(arguments: dict[str, Any], context: ToolContext) -> Callable[[], Any]:
        return partial(function, arguments, context)

    return _declare(name, description, own_schema(parameters, f"tool {name}"), function, bind, **options)


def client_tool(name: str, description: str, parameters: dict[str, Any], **options: Unpack[ToolOptions]) -> Tool:
    """A tool that some client executes, from the JSON Schema of its arguments. Raises: ToolDefinitionError."""

    def bind(arguments: dict[str, Any], context: ToolContext) -> Callable[[], Any]:
        raise TypeError(f"tool {context.tool_name} is executed by clients")

    own = own_schema(parameters, f"tool {name}")
    options["runs"] = "client"
    return _declare(name, description, own, None, bind, **options)


def _declare(
    name: str,
    description: str,
    parameters: dict[str, Any],
    function: Callable[..., Any] | None,
    bind: Callable[[dict[str, Any], ToolContext], Callable[[], Any]],
    *,
    decision: Any = None,
    decision_when: Callable[[dict[str, Any]], bool] | None = None,
    decision_timeout_s: float | None = None,
    on_expiry: Literal["error", "abort"] | OnExpiry = "error",
    runs: Literal["server", "client"] = "server",
    client_timeout_s: float | None = None,
    idempotent: bool = False,
    timeout_s: float | None = None,
) -> Tool:
    where = f"tool {name}"
    codec = None if decision is None else codec_of(decision, f"{where}: decision")
    spec = ToolSpec(
        name=name,
        description=description,
        parameters=parameters,
        decision=None if codec is None else codec.schema,
        runs=runs,
        idempotent=idempotent,
        decision_timeout_s=decision_timeout_s,
        on_expiry=on_expiry if isinstance(on_expiry, OnExpiry) else OnExpiry(action=on_expiry),
        client_timeout_s=client_timeout_s,
    )
    _check_spec(spec, where)
    _check_functions(spec, where, function, decision_when)
    _check_bounds(spec, where, timeout_s)
    return Tool(
        spec=spec,
        function=function,
        bind=bind,
        threaded=function is not None and not inspect.iscoroutinefunction(function),
        decode_decision=(lambda value: value) if codec is None else codec.decode,
        decision_when=decision_when,
        timeout_s=timeout_s,
    )


def _check_spec(spec: ToolSpec, where: str) -> None:
    try:
        msgspec.convert(msgspec.to_builtins(spec), ToolSpec)
    except (msgspec.ValidationError, TypeError) as error:
        raise ToolDefinitionError(f"{where}: {error}") from error
    if not NAME.fullmatch(spec.name):
        raise ToolDefinitionError(f"{where}: a name is 1 to 64 letters, digits, _ and -")
    if spec.parameters.get("type") != "object":
        raise ToolDefinitionError(f'{where}: parameters must be the JSON Schema of an object ("type": "object")')
    if spec.decision is None and (spec.decision_timeout_s is not None or spec.on_expiry != OnExpiry()):
        raise ToolDefinitionError(f"{where}: decision_timeout_s and on_expiry are for tools with a decision")
    if spec.decision is not None and spec.on_expiry.action == "decide":
        for fault in compile_schema(spec.decision).validate(spec.on_expiry.decision):
            raise ToolDefinitionError(f"{where}: the default decision is invalid at {fault.path!r}: {fault.message}")


def _check_functions(
    spec: ToolSpec, where: str, function: Callable[..., Any] | None, decision_when: Callable[..., Any] | None
) -> None:
    if function is not None and not callable(function):
        raise ToolDefinitionError(f"{where}: expected a function, got {type(function).__name__}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolDefinitionError(f"{where}: a generator can't be a tool; show progress by ToolContext.update")
    if decision_when is None:
        return
    if spec.decision is None:
        raise ToolDefinitionError(f"{where}: decision_when is for tools with a decision")
    if not callable(decision_when) or inspect.iscoroutinefunction(decision_when):
        raise ToolDefinitionError(f"{where}: decision_when must be a sync function of the arguments")


def _check_bounds(spec: ToolSpec, where: str, timeout_s: float | None) -> None:
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


def _is_empty(function: Callable[..., Any]) -> bool:
    # A body that does nothing compiles to one of these, whatever Python's version.
    def bare() -> None: ...
    def documented() -> None:
        """."""

    async def async_bare() -> None: ...
    async def async_documented() -> None:
        """."""

    empty = {each.__code__.co_code for each in (bare, documented, async_bare, async_documented)}
    code = getattr(function, "__code__", None)
    return code is not None and code.co_code in empty
