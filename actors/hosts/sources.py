"""The sources of streams: a run's events, or its server-sent events. For the system's thread only."""

from collections.abc import AsyncGenerator, Sequence
from typing import Generic, Protocol, TypeVar

import trio

from ...protocol.events import Envelope
from ...protocol.methods import RunSnapshot
from ..runtime.reader import Reader
from ..runtime.run import Run

__all__ = ["Source", "open_events", "open_sse"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Source(Protocol[T_co]):
    """Where a stream gets its items."""

    async def take(self) -> Sequence[T_co]:
        """Waits for the next items and returns them; empty at the end."""
        ...

    async def aclose(self) -> None:
        """Stops reading."""
        ...


async def open_events(run: Run, after: int | None) -> Source[Envelope | RunSnapshot]:
    """Opens a lossless reader of a run's events. Raises: as `Run.events`."""
    return _Events(await run.open_reader(after))


async def open_sse(run: Run, after: int | None, keepalive_s: float, until_rest: bool) -> Source[bytes]:  # noqa: ASYNC910
    """Opens the chunks of `Run.sse`. `take` raises its errors."""
    return _Chunks(run.sse(after, keepalive_s=keepalive_s, until_rest=until_rest))


class _Events:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.take = reader.take

    async def aclose(self) -> None:
        self._reader.close()
        await trio.lowlevel.checkpoint()


class _Chunks(Generic[T]):
    def __init__(self, generator: AsyncGenerator[T]) -> None:
        self._generator = generator

    async def aclose(self) -> None:
        await self._generator.aclose()

    async def take(self) -> Sequence[T]:
        try:
            return (await anext(self._generator),)
        except StopAsyncIteration:
            return ()
