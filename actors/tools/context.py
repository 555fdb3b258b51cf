"""The context that a tool gets for one call, and the way in which it publishes progress."""

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
    """Information about the current call, for the tool. A tool gets it in a parameter annotated `ToolContext`.

    In a parameter annotated `ToolContext[Shop]`, `deps` is the `Shop` that the agent's `deps` made.

    Attributes:
        run_id: the run's id.
        tool_call_id: the call's id, unique for ever. Use it as idempotency key for other services.
        tool_name: the tool's name.
        metadata: a copy of the run's metadata.
        deps: what the agent's `deps` made for this run. None unless the tool asks for it.
        decision: the decision, decoded to the tool's type. None if the call was not gated.
        started_by: who started the run. None: unknown.
        decided_by: who decided this call. None: it was not gated, or unknown.
        epoch: a number that is greater for each later owner of the run. Use it as a fencing token: another service that
            refuses an epoch smaller than one it has seen for the call refuses processes that have lost the run.
            `SimpleStore` and `memory:` count from the start in each process.
        publish: used by `update`; don't call it directly.
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
    epoch: int = 0

    async def update(self, partial: Any) -> None:
        """Publishes progress to the run's watchers, replacing the call's previous progress. Waits for the slowest
        lossless reader. A sync tool calls `trio.from_thread.run(context.update, partial)`.

        `partial`: any data that a tool may return.

        Raises:
            CodecError, TypeError: `partial` can't be encoded, or is larger than a result may be.
            ToolCallOver: the call is over, so it can't publish any more.
        """
        await self.publish(plain(partial))


class Progress:
    """Passes one call's progress from the tool to the run. Once closed it passes nothing, not even waiting progress: a
    thread left behind can't publish any more."""

    __slots__ = ("_context", "_is_over", "_max_bytes", "_waiting")

    def __init__(self, context: ToolContext[Any], max_bytes: int) -> None:
        self._context, self._max_bytes = context, max_bytes
        self._is_over = False
        self._waiting: list[trio.CancelScope] = []

    async def publish(self, partial: Any) -> None:
        """Passes plain data on. Raises: InvalidValue if it takes more than `max_bytes` as JSON; ToolCallOver."""
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
        """Stops passing progress. Called on the trio thread."""
        self._is_over = True
        for scope in self._waiting:
            scope.cancel()
