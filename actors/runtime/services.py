"""What the actor system gives to each of its runs. Data only."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ...protocol.errors import StaleEpoch
from ...protocol.record import Head
from ...stores.base import Store
from ..tools.hostloop import HostLoop
from ..tools.threads import Threads

__all__ = ["BACKOFF_S", "Services"]

BACKOFF_S = (0.1, 5.0)  # first and longest wait for a store that does not answer


@dataclass(frozen=True, slots=True)
class Services:
    """What the system gives to each run."""

    store: Store
    now: Callable[[], int]  # ms since the epoch
    refused: Callable[[StaleEpoch], None]  # called when the store has another owner
    changed: Callable[[Head], None]  # called after each save
    rested: Callable[[str], None]  # called with its id when a run begins to wait for the outside
    delete: Callable[[Head], Awaitable[None]]  # called with its head when a run is over and is not kept
    threads: Threads  # for blocking tools
    host_loop: HostLoop | None  # for tools that are written for asyncio
    cleanup_s: float  # how long a thread may take to stop before it is left behind
