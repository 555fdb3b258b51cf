"""A tool, declared: its spec, and the code behind it. Make one with `tool`, `make_tool` or `client_tool`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ...protocol.record import ToolSpec
from .context import ToolContext

__all__ = ["Tool"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tool:
    """A tool, declared. Make one with `tool`, `make_tool` or `client_tool`; calling it calls the function."""

    spec: ToolSpec
    function: Callable[..., Any] | None  # None: clients execute it
    bind: Callable[[dict[str, Any], ToolContext[Any]], Callable[[], Any]]  # plain arguments to a call without any
    threaded: bool  # the function blocks: it runs in a worker thread
    decode_decision: Callable[[Any], Any]
    decision_when: Callable[[dict[str, Any]], Any] | None = None  # ask it by `gate_of` only; None: each call is gated
    timeout_s: float | None = None
    deps: Any = None  # the type of dependencies that it asks for; None: it takes none
    loop: Literal["asyncio"] | None = None  # the loop that the function is written for; None: trio's

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function itself, as if it had not been declared a tool."""
        if self.function is None:
            raise TypeError(f"tool {self.spec.name} is executed by clients: there is nothing to call")
        return self.function(*args, **kwargs)
