"""A declared tool: its spec and its code. `tool`, `make_tool` and `client_tool` make one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ...protocol.record import ToolSpec
from .context import ToolContext

__all__ = ["Tool"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tool:
    """A declared tool. Make one with `tool`, `make_tool` or `client_tool`; calling it calls the function."""

    spec: ToolSpec
    function: Callable[..., Any] | None  # None: clients execute it
    bind: Callable[[dict[str, Any], ToolContext[Any]], Callable[[], Any]]  # binds plain arguments to the function
    threaded: bool  # the function blocks: it runs in a worker thread
    decode_decision: Callable[[Any], Any]
    decision_when: Callable[[dict[str, Any]], Any] | None = None  # call it by `gate_of` only; None: all calls alike
    timeout_s: float | None = None
    deps: Any = None  # the type of dependencies that the tool needs; None: needs none
    loop: Literal["asyncio"] | None = None  # the loop that the function is written for; None: trio's

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function directly, as if it had not been declared a tool."""
        if self.function is None:
            raise TypeError(f"tool {self.spec.name} is executed by clients: there is nothing to call")
        return self.function(*args, **kwargs)
