"""What an agent's `deps` makes for the tools of one run. It lives while the run is in memory; no record has it."""

import inspect
import logging
from collections.abc import Callable
from typing import Any

import msgspec
import trio

from ...protocol.record import Head
from ..core.faults import error_text, foreign_error
from ..tools.context import ToolContext
from ..tools.results import ToolOutcome, failed

__all__ = ["Dependencies"]

logger = logging.getLogger("adjourn.tools")

_NOT_MADE: Any = object()


class Dependencies:
    """The dependencies of one run: `make` is called when a tool first asks for them, and what it gave is kept."""

    __slots__ = ("_head", "_lock", "_make", "_value")

    def __init__(self, make: Callable[[dict[str, Any]], Any], head: Head) -> None:
        self._make, self._head = make, head
        self._value = _NOT_MADE
        self._lock = trio.Lock()

    async def given_to(self, context: ToolContext[Any]) -> ToolContext[Any] | ToolOutcome:
        """Return the context with the dependencies in it, or the error result of a call that can't have them.

        After an error the next call tries again.
        """
        async with self._lock:
            if self._value is _NOT_MADE:
                task = trio.lowlevel.current_task()
                where = f"the deps of agent {self._head.agent}, for run {self._head.id}"
                try:
                    value = self._make(msgspec.to_builtins(self._head.metadata))
                    self._value = await value if inspect.isawaitable(value) else value
                except BaseException as raised:  # noqa: ASYNC103  # foreign_error raises what must pass
                    error = foreign_error(raised, where, logger, task=task)
                    logger.error("%s could not be made", where, exc_info=error)
                    why = error_text(error)
                    return failed(  # noqa: ASYNC104
                        f"{context.tool_name} was not executed: what it depends on could not be made: {why}"
                    )
        return msgspec.structs.replace(context, deps=self._value)
