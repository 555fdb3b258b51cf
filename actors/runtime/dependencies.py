"""The dependencies that an agent's `deps` makes for one run's tools. They are kept in memory only, never recorded."""

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
    """The dependencies of one run. `make` is called when a tool first needs them; its value is kept."""

    __slots__ = ("_head", "_lock", "_make", "_value")

    def __init__(self, make: Callable[[dict[str, Any]], Any], head: Head) -> None:
        self._make, self._head = make, head
        self._value = _NOT_MADE
        self._lock = trio.Lock()

    async def given_to(self, context: ToolContext[Any]) -> ToolContext[Any] | ToolOutcome:
        """Returns the context with the dependencies, or an error result if they could not be made.

        After an error, the next tool call tries again.
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
