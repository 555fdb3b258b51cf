"""The sweeper: what must happen at a certain time, to runs in memory and out of it. One for a roster.

Deadlines of decisions and claims, the TTL of parked runs and the retention of ended ones are all one thing to the
store: `nextDue`. Beside them it takes runs out of memory that have been parked for long.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio

from ...protocol.codec import MAX_INT
from ...protocol.errors import AdjournError
from ...protocol.record import FINAL, Head
from ..core.mailbox import Mailbox

if TYPE_CHECKING:
    from .roster import Roster

__all__ = ["sweep"]

logger = logging.getLogger("adjourn.system")

BATCH = 100
LONGEST_SLEEP_S = 60.0  # the wall clock may be set meanwhile
RETRY_S = 1.0


async def sweep(roster: Roster, mailbox: Mailbox[None]) -> None:
    """The sweeper's actor. It survives a store that doesn't answer."""
    stuck: set[str] = set()  # runs that can't do what is due, for want of code; not asked again
    seen = 0  # activations; without new ones and with none in memory it sleeps until it is called
    while True:
        roster.due_moved = trio.Event()
        roster.sweep_at = None  # what falls due while it looks calls it again
        later: set[str] = set()  # runs that can't do it at this moment
        try:
            await _do_due(roster, stuck, later)
            due = await _next_due(roster, stuck | later)
        except Exception as error:
            logger.warning("the sweeper waits for the store: %s", error)
            await trio.sleep(RETRY_S)
            continue
        sleep_s = RETRY_S if later else float("inf")
        if due is not None:
            sleep_s = min(LONGEST_SLEEP_S, max(0.0, (due - roster.now()) / 1000))
        if roster.passivate_idle() or roster.activations != seen:
            sleep_s = min(sleep_s, max(roster.passivate_after_s, 0.01))
        seen = roster.activations
        roster.sweep_at = None if sleep_s == float("inf") else roster.now() + int(sleep_s * 1000)
        with trio.move_on_after(sleep_s):
            await roster.due_moved.wait()


async def _do_due(roster: Roster, stuck: set[str], later: set[str]) -> None:
    while True:
        skipped = stuck | later
        heads = [h for h in await roster.store.due(roster.now(), BATCH + len(skipped)) if h.id not in skipped]
        if not heads:
            return
        async with trio.open_nursery() as nursery:
            for head in heads:
                nursery.start_soon(_do_one, roster, head, stuck, later)


async def _next_due(roster: Roster, skipped: set[str]) -> int | None:
    heads = await roster.store.due(MAX_INT, 1 + len(skipped))
    return next((head.next_due for head in heads if head.id not in skipped), None)


async def _do_one(roster: Roster, head: Head, stuck: set[str], later: set[str]) -> None:
    try:
        if head.status in FINAL:
            await roster.forget(head)
        else:
            await roster.tick(head.id)
    except Exception as error:
        logger.warning("run %s can't do what is due: %s", head.id, error)
        is_lasting = isinstance(error, AdjournError) and not error.retryable
        (stuck if is_lasting else later).add(head.id)
