"""How clauses call a store: for the error, all at once, page by page, or cancelled half way. No clauses here."""

from collections.abc import Awaitable, Sequence
from typing import Any

import trio

from ...protocol.errors import AdjournError
from ...protocol.record import Head
from ..base import Store

__all__ = ["all_pages", "cancelled_at", "error_of", "errors_of", "lists_of", "save_all"]


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


async def save_all(store: Store, heads: Sequence[Head]) -> None:
    """Save these runs all at once, each for the first time."""
    errors = await errors_of([store.save(head, expected_version=0) for head in heads])
    refused = [f"{head.id}: {error!r}" for head, error in zip(heads, errors, strict=True) if error]
    assert not refused, f"each is a run of its own, but first saves were refused: {refused[:3]}"


async def all_pages(store: Store, limit: int, **filters: Any) -> list[Head]:
    """The heads of all pages of at most `limit`, each read with the cursor of the one before."""
    asked = f"list(limit={limit}, {filters})"
    found: list[Head] = []
    after: str | None = None
    while True:
        page = await store.list(limit=limit, after=after, **filters)
        assert len(page.heads) <= limit, f"{asked}: no page holds more than it was asked for"
        repeated = {head.id for head in found} & {head.id for head in page.heads}
        assert not repeated, f"{asked}: each run once, but these are on two pages: {sorted(repeated)}"
        found += page.heads
        after = page.after
        if after is None:
            return found
        assert page.heads, f"{asked}: a page with a cursor to more has a run in it"


async def lists_of(store: Store) -> dict[str, tuple[Head, ...]]:
    """What the lists hold of runs that are running or paused, of agents a and b, and due at 1 or 2."""
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
