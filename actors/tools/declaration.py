"""Declares tools: from a function, from a JSON Schema, or for clients to execute. Executes no call.

@tool
def add(a: int, b: int) -> int:
    "Add two numbers."
    return a + b
"""

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal, TypedDict, Unpack, overload

import msgspec

from ...protocol.record import OnExpiry, ToolSpec
from .annotations import check_result
from .checks import (
    NAME,
    check_bounds,
    check_function,
    check_gate,
    check_loop,
    check_options,
    check_spec,
    is_empty,
    names_of,
)
from .codec import codec_of, own_schema
from .context import ToolContext
from .declared import Tool
from .errors import ToolDefinitionError
from .gates import APPROVAL
from .signature import Signature, signature_of

__all__ = ["NAME", "Tool", "ToolContext", "ToolOptions", "client_tool", "make_tool", "tool"]

CLIENT_TIMEOUT_S = 600.0  # the default of `client_timeout_s`


class ToolOptions(TypedDict, total=False):
    """The options of `tool`, `make_tool` and `client_tool`. The docstring of `tool` explains each."""

    approval: bool | Callable[[dict[str, Any]], bool]
    decision: Any
    decision_when: Callable[[dict[str, Any]], bool]
    editable: bool | Iterable[str]
    decision_timeout_s: float | None
    on_expiry: Literal["error", "abort"] | OnExpiry
    runs: Literal["server", "client"]
    client_timeout_s: float | None
    idempotent: bool
    timeout_s: float | None
    loop: Literal["asyncio"] | None


_OPTIONS = ToolOptions.__annotations__


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
    """Declares a function as a tool: `@tool`, or `@tool(approval=True, ...)`.

    The tool gets the function's name, and the docstring's first paragraph as description. The schema of the arguments
    comes from the type hints: types that msgspec supports, or pydantic if the program has imported it. Constraints and
    descriptions come from `Annotated[int, msgspec.Meta(description=..., ge=1)]` or pydantic's `Field`; missing
    descriptions come from the docstring (Google, numpy or Sphinx style).

    The model does not see a parameter annotated `ToolContext`; with `ToolContext[Shop]`, the context also has the
    `Shop` that the agent's `deps` made. Nor does it see a parameter named `decision`, which gets the decision of a tool
    with `decision=`; such a tool needs one of the two.

    An async function runs on the run's task. A sync one runs in a worker thread, and can call
    `trio.from_thread.check_cancelled()`. An async function with `loop="asyncio"` runs in the asyncio loop that opened
    `open_threaded_system`; other systems refuse its agent.

    The function returns text, content blocks, a `ToolOutput`, None (the model reads "done"), or data. The model sees
    data as JSON text; `details` has it as plain data.

    Args:
        name: the tool's name, 1 to 64 letters, digits, _ and -.
        description: what the tool does, for the model.
        approval: True: each call waits for a yes or no; after a no, the function is not called. Or a sync function of
            the plain arguments that returns whether a call waits; if it raises or returns no bool, the call waits.
        decision: each call waits for a decision of this type, or one that fits this JSON Schema.
        decision_when: a sync function that returns whether a call waits for the `decision`, as with `approval`.
        editable: the names of the arguments that a decision may change. True: all of them.
        decision_timeout_s: seconds that a call waits for its decision. None: as long as the run may wait.
        on_expiry: what happens after that: "error", an error result; "abort", the run ends; an `OnExpiry` with a
            default decision.
        runs: "client": clients execute the calls. The function's body is then `...` or `raise NotImplementedError`.
        client_timeout_s: seconds that a client may take. None: as long as the run may wait. Default: 600.
        idempotent: True: after a crash, the call may execute again.
        timeout_s: seconds that one execution may take; after that, the model gets an error result. None: no bound.
        loop: "asyncio": the async function executes in the host's asyncio loop (`open_threaded_system`).

    Raises: ToolDefinitionError, when the tool is declared.
    """
    if function is None:
        return partial(_from_function, name=name, description=description, **options)
    return _from_function(function, name=name, description=description, **options)


def _from_function(
    function: Callable[..., Any], *, name: str | None, description: str | None, **options: Unpack[ToolOptions]
) -> Tool:
    name = str(name or getattr(function, "__name__", ""))
    where = f"tool {name or repr(function)}"
    check_options(options, ("name", "description", *_OPTIONS), where)
    signature = signature_of(function, where, takes_decision=options.get("decision") is not None)
    description = signature.description if description is None else description

    def bind(arguments: dict[str, Any], context: ToolContext[Any]) -> Callable[[], Any]:
        values = signature.decode(arguments)
        if signature.context is not None:
            values[signature.context] = context
        if signature.decision is not None:
            values[signature.decision] = context.decision
        return partial(function, **values)

    if options.get("runs") == "client":
        if signature.context is not None or not is_empty(function):
            raise ToolDefinitionError(
                f"{where}: clients execute it, so its body must be `...` or `raise NotImplementedError`, and it takes "
                "no ToolContext"
            )
        return client_tool(name, description, signature.schema, **options)
    declared = _declare(name, description, signature.schema, function, bind, deps=signature.deps, **options)
    check_result(signature.returns, where)
    _check_listens(declared.spec, signature, where)
    return declared


def make_tool(
    name: str,
    description: str,
    parameters: dict[str, Any],
    function: Callable[[dict[str, Any], ToolContext[Any]], Any],
    **options: Unpack[ToolOptions],
) -> Tool:
    """Makes a tool from a JSON Schema and a function of plain arguments and context, without type hints. The function,
    sync or async, may return what one declared with `tool` may. The options are those of `tool`.

    Raises: ToolDefinitionError."""

    check_options(options, _OPTIONS, f"tool {name}")

    def bind(arguments: dict[str, Any], context: ToolContext[Any]) -> Callable[[], Any]:
        return partial(function, msgspec.to_builtins(arguments), context)

    own = own_schema(parameters, f"tool {name}")
    return _declare(name, description, own, function, bind, deps=Any, **options)


def client_tool(name: str, description: str, parameters: dict[str, Any], **options: Unpack[ToolOptions]) -> Tool:
    """Makes a tool that clients execute, from the JSON Schema of its arguments. The options are those of `tool`.

    Raises: ToolDefinitionError."""

    check_options(options, _OPTIONS, f"tool {name}")

    def bind(arguments: dict[str, Any], context: ToolContext[Any]) -> Callable[[], Any]:
        raise TypeError(f"tool {context.tool_name} is executed by clients")

    own = own_schema(parameters, f"tool {name}")
    options["runs"] = "client"
    options.setdefault("client_timeout_s", CLIENT_TIMEOUT_S)
    return _declare(name, description, own, None, bind, deps=None, **options)


def _check_listens(spec: ToolSpec, signature: Signature, where: str) -> None:
    asks = spec.decision is not None and not spec.approval
    if asks and signature.decision is None and signature.context is None:
        raise ToolDefinitionError(
            f"{where}: it asks for a decision that its function would not see, so that a no would execute it too. Take "
            "a parameter named 'decision' (or a ToolContext, which has it), or declare approval=True for a yes or no"
        )


def _declare(
    name: str,
    description: str,
    parameters: dict[str, Any],
    function: Callable[..., Any] | None,
    bind: Callable[[dict[str, Any], ToolContext[Any]], Callable[[], Any]],
    *,
    deps: Any,
    approval: bool | Callable[[dict[str, Any]], bool] = False,
    decision: Any = None,
    decision_when: Callable[[dict[str, Any]], bool] | None = None,
    editable: bool | Iterable[str] = False,
    decision_timeout_s: float | None = None,
    on_expiry: Literal["error", "abort"] | OnExpiry = "error",
    runs: Literal["server", "client"] = "server",
    client_timeout_s: float | None = None,
    idempotent: bool = False,
    timeout_s: float | None = None,
    loop: Literal["asyncio"] | None = None,
) -> Tool:
    where = f"tool {name}"
    check_gate(where, approval, decision, decision_when)
    asked = decision if approval is False else APPROVAL
    codec = None if asked is None else codec_of(asked, f"{where}: decision")
    spec = ToolSpec(
        name=name,
        description=description,
        parameters=parameters,
        decision=None if codec is None else codec.schema,
        approval=approval is not False,
        editable=names_of(editable, f"{where}: editable"),
        runs=runs,
        idempotent=idempotent,
        decision_timeout_s=decision_timeout_s,
        on_expiry=on_expiry if isinstance(on_expiry, OnExpiry) else OnExpiry(action=on_expiry),
        client_timeout_s=client_timeout_s,
    )
    check_spec(spec, where)
    check_function(function, where)
    check_loop(loop, function, where)
    check_bounds(spec, where, timeout_s)
    return Tool(
        spec=spec,
        function=function,
        bind=bind,
        threaded=function is not None and not inspect.iscoroutinefunction(function),
        decode_decision=(lambda value: value) if codec is None else codec.decode,
        decision_when=decision_when if isinstance(approval, bool) else approval,
        timeout_s=timeout_s,
        deps=deps,
        loop=loop,
    )
