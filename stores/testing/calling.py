"""How clauses call a store: for the error, all at once, or cancelled half way. No clauses here."""

from collections.abc import Awaitable, Sequence

import trio

from ...protocol.errors import AdjournError

__all__ = ["cancelled_at", "error_of", "errors_of"]


async def error_of(call: Awaitable[object]) -> AdjournError | None:
    """What the call raises, of ours."""
    try:
        await call
    except AdjournError as error:
        return error
    return None


async def errors_of(calls: Sequence[Awaitable[object]]) -> list[AdjournError | None]:
    """What each of these calls raises, of ours, made all at once."""
    errors: list[AdjournError | None] = [None] * len(calls)

    async def one(n: int) -> None:
        errors[n] = await error_of(calls[n])

    async with trio.open_nursery() as nursery:
        for n in range(len(calls)):
            nursery.start_soon(one, n)
    return errors


class _CancelAt(trio.abc.Instrument):
    """Cancels a scope when a task stops to wait for the nth time."""

    def __init__(self, stop: int, scope: trio.CancelScope) -> None:
        self._task = trio.lowlevel.current_task()
        self._scope = scope
        self.left = stop

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self.left -= 1
            if self.left == 0:
                self._scope.cancel()


async def cancelled_at(stop: int, call: Awaitable[object]) -> tuple[bool, bool]:
    """Make the call, cancelled at its nth stop (0: before it begins): whether it returned, and got to that stop."""
    done = False
    scope = trio.CancelScope()
    watch = _CancelAt(stop, scope)
    with scope:
        if stop == 0:
            scope.cancel()
        trio.lowlevel.add_instrument(watch)
        try:
            await call
            done = True
        finally:
            trio.lowlevel.remove_instrument(watch)
    return done, watch.left <= 0
