"""A declared tool: its spec and its code. `tool`, `make_tool` and `client_tool` make one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ...protocol.record import ToolSpec
from .context import ToolContext

__all__ = ["Tool"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tool:
    """A declared tool. Make one with `tool`, `make_tool` or `client_tool`; calling it calls the function.

    Attributes:
        spec: the tool as runs record it.
        function: the function. None: clients execute the tool.
        bind: makes a call without arguments from the model's arguments, which it copies, and the context.
        threaded: True: the function blocks, and runs in a worker thread.
        decode_decision: makes the function's `decision` from plain data, which it copies.
        decision_when: says whether a call needs a decision. Ask it by `gate_of` only. None: each call does.
        timeout_s: seconds that an execution may take. None: no bound.
        deps: the type of dependencies that the tool asks for. None: it takes none.
        loop: the loop that the function is written for. None: trio's.
    """

    spec: ToolSpec
    function: Callable[..., Any] | None
    bind: Callable[[dict[str, Any], ToolContext[Any]], Callable[[], Any]]
    threaded: bool
    decode_decision: Callable[[Any], Any]
    decision_when: Callable[[dict[str, Any]], Any] | None = None
    timeout_s: float | None = None
    deps: Any = None
    loop: Literal["asyncio"] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function directly, as if it had not been declared a tool."""
        if self.function is None:
            raise TypeError(f"tool {self.spec.name} is executed by clients: there is nothing to call")
        return self.function(*args, **kwargs)
