"""Ways in which clauses call a store: for its errors, concurrently, page by page, or cancelled. No clauses here."""

from collections.abc import Awaitable, Sequence
from typing import Any

import trio

from ...protocol.errors import AdjournError
from ...protocol.record import Head
from ..base import Store

__all__ = ["all_pages", "cancelled_at", "error_of", "errors_of", "lists_of", "save_all"]


async def error_of(call: Awaitable[object]) -> AdjournError | None:
    """Makes the call; returns its AdjournError, if any."""
    try:
        await call
    except AdjournError as error:
        return error
    return None


async def errors_of(calls: Sequence[Awaitable[object]]) -> list[AdjournError | None]:
    """Makes all calls concurrently; returns each one's AdjournError, if any."""
    errors: list[AdjournError | None] = [None] * len(calls)

    async def one(n: int) -> None:
        errors[n] = await error_of(calls[n])

    async with trio.open_nursery() as nursery:
        for n in range(len(calls)):
            nursery.start_soon(one, n)
    return errors


async def save_all(store: Store, heads: Sequence[Head]) -> None:
    """Saves these runs concurrently, each for the first time."""
    errors = await errors_of([store.save(head, expected_version=0) for head in heads])
    refused = [f"{head.id}: {error!r}" for head, error in zip(heads, errors, strict=True) if error]
    assert not refused, f"first saves of different runs succeed; refused: {refused[:3]}"


async def all_pages(store: Store, limit: int, **filters: Any) -> list[Head]:
    """Returns the heads of all pages of at most `limit`, following the cursors."""
    asked = f"list(limit={limit}, {filters})"
    found: list[Head] = []
    after: str | None = None
    while True:
        page = await store.list(limit=limit, after=after, **filters)
        assert len(page.heads) <= limit, f"{asked}: a page has at most {limit} runs"
        repeated = {head.id for head in found} & {head.id for head in page.heads}
        assert not repeated, f"{asked}: each run is on one page; on two: {sorted(repeated)}"
        found += page.heads
        after = page.after
        if after is None:
            return found
        assert page.heads, f"{asked}: a page with a cursor is not empty"


async def lists_of(store: Store) -> dict[str, tuple[Head, ...]]:
    """Returns the lists of running and paused runs, of agents a and b, of waiting runs, and of runs due at 1 or 2."""
    return {
        "all": (await store.list()).heads,
        "running": (await store.list(status="running")).heads,
        "paused": (await store.list(status="paused")).heads,
        "agent a": (await store.list(agent="a")).heads,
        "agent b": (await store.list(agent="b")).heads,
        "waiting": (await store.list(waiting=True)).heads,
        "due at 1": await store.due(1),
        "due at 2": await store.due(2),
    }


class _CancelAt(trio.abc.Instrument):
    """Cancels a scope at a task's nth stop, that is, when the task waits for the nth time."""

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
    """Makes the call, and cancels it at its nth stop (0: before it starts).

    Returns whether the call returned, and whether it reached that stop.
    """
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
