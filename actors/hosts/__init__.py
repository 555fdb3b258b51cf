"""Runs a system inside a program that is not on trio: asyncio, threads, notebooks.

The system has a trio loop in a thread of its own. Calls cross to that thread, and their results, errors and
cancellations cross back. A slow reader of a run's events slows the run down, as on trio.
"""

from .asgi import AsgiBridge
from .opening import ThreadedSystem, open_threaded_system
from .runs import AsyncioRun, BlockingRun
from .streams import AsyncioStream, BlockingStream
from .systems import AsyncioSystem, BlockingSystem

__all__ = [
    "AsgiBridge",
    "AsyncioRun",
    "AsyncioStream",
    "AsyncioSystem",
    "BlockingRun",
    "BlockingStream",
    "BlockingSystem",
    "ThreadedSystem",
    "open_threaded_system",
]
