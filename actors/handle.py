"""What a program holds of a run: to watch it, to wait for it, to answer and to stop it. No state of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

from ..protocol.events import Envelope
from ..protocol.inputs import Reply
from ..protocol.sse import encode_comment, encode_event
from ..protocol.transcript import Snapshot
from .eventlog import SnapshotEnvelope, read

if TYPE_CHECKING:
    from .system import Aborted, ActorSystem

__all__ = ["Run"]


class Run:
    """A handle on a run, live or not. Any number of them may exist, in any task; dropping one changes nothing."""

    __slots__ = ("_system", "id")

    def __init__(self, system: ActorSystem, run_id: str) -> None:
        self._system = system
        self.id = run_id

    @asynccontextmanager
    async def events(self, after: int | None = 0) -> AsyncGenerator[AsyncIterator[Envelope | SnapshotEnvelope]]:
        """The run's events, in order, each exactly once: `async with run.events() as events: async for ...`.

        Lossless: the run waits for a reader that falls behind (the model and `update` do; decisions and aborts don't,
        so a reader may decide or abort from inside its loop). Leaving the block frees the run. The iterator ends after
        `agent_end`, and when the system closes or the run is deleted. Where the events after `after` are no longer
        kept (0 = all), the first item is a `SnapshotEnvelope`.

        Raises: RunNotFound.
        """
        log = await self._system.log(self.id)
        async with AsyncExitStack() as stack:
            batches = await stack.enter_async_context(aclosing(read(log, after, lossless=True)))

            async def items() -> AsyncGenerator[Envelope | SnapshotEnvelope]:
                async for batch in batches:
                    for item in batch:
                        yield item.envelope

            yield await stack.enter_async_context(aclosing(items()))

    async def sse(self, after: int | None = None) -> AsyncGenerator[bytes]:
        """The events as server-sent events, `id: <seq>` and `data: <envelope>`, for one live reader; a reader that is
        slow gets a snapshot in between (an envelope with `snapshot` instead of `event`). `after` as in `events`; None
        begins with a snapshot. Close it (`aclosing`) when leaving early.

        Raises: RunNotFound.
        """
        log = await self._system.log(self.id)
        yield encode_comment("adjourn")
        async with aclosing(read(log, after, lossless=False)) as batches:
            async for batch in batches:
                yield b"".join(encode_event(item.encoded("json"), id=item.envelope.seq) for item in batch)

    async def snapshot(self) -> Snapshot:
        """The whole visible state, now. Raises: RunNotFound."""
        return (await self._system.get(self.id)).snapshot

    async def wait(self) -> Snapshot:
        """Wait until the run pauses or is over; at once if it is. Raises: RunNotFound."""
        return await self._system.wait(self.id, paused=True)

    async def wait_ended(self) -> Snapshot:
        """Wait until the run is over, however long. Raises: RunNotFound."""
        return await self._system.wait(self.id, paused=False)

    def __await__(self) -> Generator[Any, Any, Snapshot]:
        return self.wait().__await__()

    async def resume(
        self, decision: Any, tool_call_id: str | None = None, *, by: str | None = None, digest: str | None = None
    ) -> Reply:
        """As `ActorSystem.resume`."""
        return await self._system.resume(self.id, decision, tool_call_id, by=by, digest=digest)

    async def decline(
        self, tool_call_id: str | None = None, *, reason: str | None = None, by: str | None = None
    ) -> Reply:
        """As `ActorSystem.decline`."""
        return await self._system.decline(self.id, tool_call_id, reason=reason, by=by)

    async def abort(self, reason: str = "aborted", *, by: str | None = None) -> Aborted:
        """As `ActorSystem.abort`."""
        return await self._system.abort(self.id, reason, by=by)

    def __repr__(self) -> str:
        return f"<Run {self.id}>"
