"""What a tool may know of the call that it is carrying out, and the line by which it shows progress."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic

import msgspec
import trio

from ...protocol.codec import InvalidValue, to_json
from .encoding import plain
from .errors import ToolCallOver

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    D = TypeVar("D", covariant=True, default=None)  # a plain `ToolContext` has no dependencies
else:
    from typing import TypeVar

    D = TypeVar("D", covariant=True)

__all__ = ["Progress", "ToolContext"]


class ToolContext(msgspec.Struct, Generic[D], frozen=True, kw_only=True):
    """What a tool may know of the call that it is carrying out. A tool gets it by a parameter annotated with it.

    A parameter annotated `ToolContext[Shop]` also brings what the agent's `deps` made, a `Shop`.

    Attributes:
        run_id: the run's id.
        tool_call_id: unique for ever: the idempotency key for the outside.
        tool_name: the tool's name.
        metadata: the run's, a copy.
        deps: what the agent's `deps` made for this run. None unless the tool asks for it.
        decision: what was decided, as the tool's type of decisions. None where the call was not gated.
        started_by: who started the run. None: unknown.
        decided_by: who decided this call. None: it was not gated, or unknown.
        publish: how `update` reaches the run. Call `update`.
    """

    run_id: str
    tool_call_id: str
    tool_name: str
    metadata: dict[str, Any]
    publish: Callable[[Any], Awaitable[None]]
    deps: D = None  # pyright: ignore[reportAssignmentType]
    decision: Any = None
    started_by: str | None = None
    decided_by: str | None = None

    async def update(self, partial: Any) -> None:
        """Show `partial` (what a tool may return as data) to whoever watches, in place of what was shown before. Waits
        for the slowest lossless reader. A sync tool calls it by `trio.from_thread.run(context.update, partial)`.

        Raises:
            CodecError, TypeError: events can't carry that, or it is larger than a result may be.
            ToolCallOver: the call is over, so that nothing can be published.
        """
        await self.publish(plain(partial))


class Progress:
    """One call's line to its watchers, between the tool and the run. Once closed it carries nothing, also not what
    was waiting: a thread that was left behind can't go on talking."""

    __slots__ = ("_context", "_is_over", "_max_bytes", "_waiting")

    def __init__(self, context: ToolContext[Any], max_bytes: int) -> None:
        self._context, self._max_bytes = context, max_bytes
        self._is_over = False
        self._waiting: list[trio.CancelScope] = []

    async def publish(self, partial: Any) -> None:
        """Hand plain data on. Raises: InvalidValue where it takes more than `max_bytes` as JSON; ToolCallOver."""
        if not self._is_over:
            size = len(to_json(partial))
            if size > self._max_bytes:
                raise InvalidValue("", f"expected at most {self._max_bytes} bytes, got {size}")
            with trio.CancelScope() as scope:
                self._waiting.append(scope)
                try:
                    return await self._context.publish(partial)
                finally:
                    self._waiting.remove(scope)
        call_id, name = self._context.tool_call_id, self._context.tool_name
        raise ToolCallOver(f"call {call_id} of tool {name} is over: nothing of it is shown any more")

    def close(self) -> None:
        """End it, on the trio thread."""
        self._is_over = True
        for scope in self._waiting:
            scope.cancel()
