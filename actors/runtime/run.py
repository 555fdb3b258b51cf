"""What a program holds of a run: to watch it, to wait for it, to answer and to stop it. No state of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from ...protocol.events import Envelope
from ...protocol.methods import Aborted, RunSnapshot
from ...protocol.sse import encode_comment, encode_event
from ...protocol.transcript import Snapshot
from ...protocol.transitions import Reply
from .eventlog import Cursor

if TYPE_CHECKING:
    from .system import ActorSystem

__all__ = ["Run"]

BATCH = 32  # events that a lossless reader takes at once; until it asks for more, the run takes them for read
KEEPALIVE_S = 15.0


class Run:
    """A handle on a run, live or not. Any number of them may exist, in any task; dropping one changes nothing."""

    __slots__ = ("_system", "id")

    def __init__(self, system: ActorSystem, run_id: str) -> None:
        self._system = system
        self.id = run_id

    @asynccontextmanager
    async def events(self, after: int | None = 0) -> AsyncGenerator[AsyncIterator[Envelope | RunSnapshot]]:
        """The run's events, in order, each exactly once: `async with run.events() as events: async for ...`.

        Lossless from the first line of the block on: the run waits for a reader that falls about a hundred events
        behind (the model and `update` do; decisions and aborts don't, so a reader may decide or abort from inside its
        loop). Leaving the block frees the run; a cancelled reader leaves it so, and the run goes on. Each block has
        all events to itself; its iterator is for one task.

        The iterator ends after `agent_end`, and when the system closes or the run is deleted. Where the events after
        `after` are no longer kept (0 = all; None = not wanted), the first item is a `RunSnapshot`, which stands
        for all events up to its `seq`; so does one in between, after a crash or another owner of the store.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable.
        """
        log = await self._system.log(self.id)
        # Watched at once: the log of a run that is not in memory lives by its watchers.
        with log.watch(after, lossless=True) as cursor:
            async with aclosing(_envelopes(cursor)) as envelopes:
                yield envelopes

    async def sse(self, after: int | None = None, *, keepalive_s: float = KEEPALIVE_S) -> AsyncGenerator[bytes]:
        """The events as server-sent events, `id: <seq>` and `data: <envelope>`, for one live reader; a reader that is
        slow gets a snapshot in between (an envelope with `snapshot` instead of `event`). `after` as in `events`; None
        begins with a snapshot. A comment comes first, and whenever nothing else has for `keepalive_s`, half a second
        more or less. Ends as `events` does. Close it (`aclosing`) when leaving early.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable.
        """
        log = await self._system.log(self.id)
        cursor = log.open_cursor(after)
        try:
            yield encode_comment("adjourn")
            while not cursor.finished:
                items = cursor.take()
                if items:
                    yield b"".join(encode_event(item.encoded("json"), id=item.seq) for item in items)
                elif not await self._system.keepalive.wait_more(cursor, keepalive_s):
                    yield encode_comment()
        finally:
            cursor.close()

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


async def _envelopes(cursor: Cursor) -> AsyncGenerator[Envelope | RunSnapshot]:
    await trio.lowlevel.checkpoint()  # the one: what is there already comes without any
    while not cursor.finished:
        items = cursor.take(BATCH)
        for item in items:
            yield item.envelope
        if not items:
            await cursor.wait_more()
