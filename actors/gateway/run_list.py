"""Reports changes of the run list to one client (`runs.watch`)."""

from collections.abc import Callable

import trio

from ...protocol import rpc
from ...protocol.errors import AdjournError, LimitExceeded, StoreUnavailable
from ...protocol.methods import RunsUnwatched, RunsWatch
from .changes import Changes
from .outbox import Outbox
from .procedures import Procedures

__all__ = ["RunList"]

SLICE = 16  # changes sent at once


class RunList:
    """Holds at most one waiting change per run until the outbox has room. Watches nothing before `watch`."""

    def __init__(self, procedures: Procedures, outbox: Outbox) -> None:
        self._procedures, self._outbox = procedures, outbox
        self._changes: Changes | None = None
        self._unwatch: Callable[[], None] | None = None
        self._changed = trio.Event()
        self._telling = trio.CancelScope()

    def watch(self, wanted: RunsWatch) -> None:
        """Reports each later change of the runs that the client wants.

        Replaces the previous watch and drops its waiting changes. If too many changes wait, or changes of other nodes
        were missed, the watch ends and the client is told.
        """
        self._stop_watching()
        self._changes = Changes(wanted, wake=self._wake, overflow=self._lose_track)
        self._unwatch = self._procedures.watch_changes(self._changes.note, self._miss)

    async def tell(self) -> None:
        """Puts waiting changes into the outbox, until `close`."""
        form, outbox = self._outbox.framing.form, self._outbox
        with self._telling:
            while True:
                notifications = await self._take(form)
                if notifications:
                    await outbox.wait_room()
                    outbox.put(outbox.framing.messages(notifications))
                else:
                    await self._changed.wait()
                    self._changed = trio.Event()

    def close(self) -> None:
        """Stops watching, and makes `tell` return. Idempotent."""
        self._stop_watching()
        self._telling.cancel()

    async def _take(self, form: rpc.Format) -> list[bytes]:
        found: list[bytes] = []
        for _ in range(SLICE):
            change = None if self._changes is None else self._changes.take()
            if change is None:
                break
            head, deleted = change
            if await self._procedures.guard.sees(head):
                summary = await self._procedures.summary(head, deleted=deleted)
                found.append(rpc.notification("run.changed", summary, form))
        return found

    def _wake(self) -> None:
        self._changed.set()

    def _lose_track(self) -> None:
        self._end(
            LimitExceeded(
                "too many changes of runs were waiting; list the runs and watch again", limit="maxWaitingChanges"
            )
        )

    def _miss(self) -> None:
        self._end(StoreUnavailable("changes of runs on other nodes were missed; list the runs and watch again"))

    def _end(self, error: AdjournError) -> None:
        self._stop_watching()
        params = RunsUnwatched(error=rpc.error_object(error))
        self._outbox.put([rpc.notification("runs.unwatched", params, self._outbox.framing.form)])

    def _stop_watching(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
