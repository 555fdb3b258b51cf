"""Bounds the calls of a store that hangs: one task watches the oldest pending call. A cancel scope around each call
would cost more than a save."""

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

LOOKS = 4  # checks during the bound, so a call is given up at most a quarter of the bound late


@asynccontextmanager
async def watched(store: Store, bound_s: float) -> AsyncGenerator[None]:
    """Gives up the store's calls that take longer than `bound_s` seconds, until the block ends, also if cancelled.

    Does not watch the memory store, whose calls never wait.
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
            logger.warning("the store has not answered for %g s; its waiting calls fail", bound_s)
        is_told = hangs
