"""The bound on a store that hangs: one task looks at the oldest call under way. A scope around each call would cost
more than a save."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import trio

from ...stores.base import Store
from ...stores.memory import MemoryStore
from ..core.mailbox import Mailbox
from ..core.supervisor import ChildSpec, open_supervisor

__all__ = ["watched"]

logger = logging.getLogger("adjourn.system")

LOOKS = 4  # within the bound, so a call is given up a quarter of the bound late at most


@asynccontextmanager
async def watched(store: Store, bound_s: float) -> AsyncGenerator[None]:
    """For as long as the block, cancelled or not, no call of the store takes much longer than `bound_s` seconds.

    The memory store's calls never wait, so nobody watches them.
    """
    specs = [] if isinstance(store, MemoryStore) else [_spec(store, bound_s)]
    async with open_supervisor(*specs):
        yield


def _spec(store: Store, bound_s: float) -> ChildSpec[None]:
    return ChildSpec("watchdog", partial(_watch, store, bound_s), shutdown_s=0)


async def _watch(store: Store, bound_s: float, mailbox: Mailbox[None]) -> None:
    is_told = False
    while True:
        await trio.sleep(bound_s / LOOKS)
        hangs = store.give_up(bound_s)
        if hangs and not is_told:
            logger.warning("the store has not answered for %g s; what waited for it is told so", bound_s)
        is_told = hangs
