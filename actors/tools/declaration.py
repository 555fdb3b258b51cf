"""How a tool is declared: from a function, from a JSON Schema, or for clients to execute. No call is carried out here.

@tool
def add(a: int, b: int) -> int:
    "Add two numbers."
    return a + b
"""

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal, TypedDict, Unpack, overload

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

CLIENT_TIMEOUT_S = 600.0  # of a claim, where a client-side tool says nothing else


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
    """Declare a function as a tool: `@tool`, or `@tool(approval=True, ...)`.

    The schema of its arguments comes from its type hints: types that msgspec knows, or pydantic where the program has
    imported it. `Annotated[int, msgspec.Meta(description=..., ge=1)]` or pydantic's `Field` say more; a parameter
    without a description gets what the docstring says of it (in Google's, numpy's or Sphinx's style). The name is the
    function's, the description the docstring's first paragraph.

    A parameter annotated `ToolContext` is not the model's to fill in, nor is one named `decision`, which a tool with a
    `decision=` takes (if it doesn't take a ToolContext). `ToolContext[Shop]` also brings the `Shop` that the agent's
    `deps` made. An async function runs on the run's own task, a sync one in a
    worker thread, which may watch `trio.from_thread.check_cancelled()`. An async function with `loop="asyncio"` runs in
    the asyncio loop in which `open_threaded_system` was opened; elsewhere its agent is refused.

    The function returns text, content blocks, a `ToolOutput`, nothing ("done"), or data: that becomes JSON text for the
    model and plain `details` beside it.

    Args:
        name: the tool's name, 1 to 64 letters, digits, _ and -.
        description: what the tool does, for the model.
        approval: True: each call waits for a yes or no. After a no the function is not called. A sync function of the
            plain arguments says which calls wait; anything that it returns but a bool, and any error, means: wait.
        decision: each call waits for a decision of this type, or under this JSON Schema.
        decision_when: a sync function that says which calls wait for the `decision`, as with `approval`.
        editable: the names of the arguments that a decision may change. True: all of them.
        decision_timeout_s: seconds that a call waits for its decision. None: as long as the run may wait.
        on_expiry: what happens then: "error", an error result; "abort", the run ends; an `OnExpiry` with a default
            decision.
        runs: "client": a client executes the calls. The function's body is then `...` or `raise NotImplementedError`.
        client_timeout_s: seconds that a client may take. None: as long as the run may wait. Default: 600.
        idempotent: True: a call may execute again after a crash.
        timeout_s: seconds that one execution may take; then the model gets an error result. None: no bound.
        loop: "asyncio": an async function that executes in the host's asyncio loop (`open_threaded_system`).

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
    """A tool from a JSON Schema and a function of plain arguments and context, for tools that are not Python functions
    with type hints. The function, sync or async, returns what one declared with `tool` may. The options are those of
    `tool`. Raises: ToolDefinitionError."""

    check_options(options, _OPTIONS, f"tool {name}")

    def bind(arguments: dict[str, Any], context: ToolContext[Any]) -> Callable[[], Any]:
        return partial(function, arguments, context)

    own = own_schema(parameters, f"tool {name}")
    return _declare(name, description, own, function, bind, deps=Any, **options)


def client_tool(name: str, description: str, parameters: dict[str, Any], **options: Unpack[ToolOptions]) -> Tool:
    """A tool that some client executes, from the JSON Schema of its arguments. The options are those of `tool`.

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
