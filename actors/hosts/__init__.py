"""The system inside a program that doesn't run on trio: in asyncio, in threads, in notebooks.

The system has a trio loop in a thread of its own. Its methods cross to that thread and back: with what they return and
raise, with cancellation, and with the backpressure of a run's events.
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
