"""A run for other threads: a blocking version, and one for asyncio."""

from collections.abc import Generator
from functools import partial
from typing import Any

from ...protocol.events import Envelope
from ...protocol.methods import RunSnapshot
from ...protocol.transcript import Snapshot
from ..runtime.run import KEEPALIVE_S, Run
from .sources import open_events, open_sse
from .streams import AsyncioStream, BlockingStream
from .verbs import Hosted, awaited, blocking

__all__ = ["AsyncioRun", "BlockingRun"]


class _HostedRun(Hosted[Run]):
    __slots__ = ()

    @property
    def id(self) -> str:
        """The run's id."""
        return self.inner.id

    @property
    def blocking(self) -> "BlockingRun":
        """The same run, with blocking methods."""
        return BlockingRun(self.thread, self.inner)

    @property
    def asyncio(self) -> "AsyncioRun":
        """The same run, with methods for asyncio."""
        return AsyncioRun(self.thread, self.inner)


class BlockingRun(_HostedRun):
    """A `Run` with blocking methods. Any thread except the system's own may use it."""

    __slots__ = ()

    def events(self, after: int | None = 0) -> BlockingStream[Envelope | RunSnapshot]:
        """Returns a reader of the run's events, as `Run.events`: `for event in run.events(): ...`, or `with
        run.events() as events:`.

        Once the block is entered or the first event is read, the run waits for a reader that is about a hundred events
        behind, until the reader is closed or dropped.
        """
        return BlockingStream(self.thread, partial(open_events, self.inner, after))

    def sse(
        self, after: int | None = None, *, keepalive_s: float = KEEPALIVE_S, until_rest: bool = False
    ) -> BlockingStream[bytes]:
        """Returns the events as server-sent events, for a response of type `text/event-stream`. As `Run.sse`."""
        return BlockingStream(self.thread, partial(open_sse, self.inner, after, keepalive_s, until_rest))

    wait = blocking(Run.wait)
    wait_ended = blocking(Run.wait_ended)
    get = blocking(Run.get)
    head = blocking(Run.head)
    snapshot = blocking(Run.snapshot)
    stranded = blocking(Run.stranded)
    timeline = blocking(Run.timeline)
    resume = blocking(Run.resume)
    decline = blocking(Run.decline)
    claim = blocking(Run.claim)
    unclaim = blocking(Run.unclaim)
    result = blocking(Run.result)
    abort = blocking(Run.abort)
    delete = blocking(Run.delete)


class AsyncioRun(_HostedRun):
    """A `Run` for asyncio. Any asyncio loop may use it.

    Cancelling one of its methods also cancels it on the system's thread, and returns when it has ended there.
    """

    __slots__ = ()

    def events(self, after: int | None = 0) -> AsyncioStream[Envelope | RunSnapshot]:
        """Returns a reader of the run's events, as `Run.events`: `async for event in run.events(): ...`, or `async with
        run.events() as events:`.

        Once the block is entered or the first event is read, the run waits for a reader that is about a hundred events
        behind, until the reader is closed or dropped.
        """
        return AsyncioStream(self.thread, partial(open_events, self.inner, after))

    def sse(
        self, after: int | None = None, *, keepalive_s: float = KEEPALIVE_S, until_rest: bool = False
    ) -> AsyncioStream[bytes]:
        """Returns the events as server-sent events, for a response of type `text/event-stream`. As `Run.sse`."""
        return AsyncioStream(self.thread, partial(open_sse, self.inner, after, keepalive_s, until_rest))

    def __await__(self) -> Generator[Any, Any, Snapshot]:
        return self.wait().__await__()

    wait = awaited(Run.wait)
    wait_ended = awaited(Run.wait_ended)
    get = awaited(Run.get)
    head = awaited(Run.head)
    snapshot = awaited(Run.snapshot)
    stranded = awaited(Run.stranded)
    timeline = awaited(Run.timeline)
    resume = awaited(Run.resume)
    decline = awaited(Run.decline)
    claim = awaited(Run.claim)
    unclaim = awaited(Run.unclaim)
    result = awaited(Run.result)
    abort = awaited(Run.abort)
    delete = awaited(Run.delete)
