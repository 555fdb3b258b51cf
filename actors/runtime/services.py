"""The services that an actor system gives to each of its runs. Data only."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ...protocol.record import Head
from ...stores.base import Store
from ..tools.hostloop import HostLoop
from ..tools.threads import Threads
from .tenure import Tenure

__all__ = ["BACKOFF_S", "Services"]

BACKOFF_S = (0.1, 5.0)  # first and longest wait before a retry at the store


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one run; all runs of a system share them."""

    store: Store
    now: Callable[[], int]  # ms since the epoch
    tenure: Tenure
    changed: Callable[[Head], None]  # called after each save
    rested: Callable[[str], None]  # called with a run's id when it parks
    delete: Callable[[Head], Awaitable[None]]  # called with the head of an ended run without retention
    threads: Threads  # for blocking tools
    host_loop: HostLoop | None  # for tools written for asyncio
    cleanup_s: float  # seconds that a thread has to stop before it is abandoned
