"""Caches the event logs of a system's runs, for reading and watching them.

Reading or watching a run never activates it: the log of a run that is not in memory is folded from the record.
"""

from collections import OrderedDict
from collections.abc import Callable, Container, Generator
from contextlib import contextmanager

import trio

from ...protocol.record import FINAL, Record
from ...stores.base import Store
from .eventlog import EventLog
from .records import folded, load_record
from .resting import Resting
from .tenure import Tenure

__all__ = ["LogCache"]

MAX_RECENT = 128  # logs of ended runs, kept for clients that reconnect


class LogCache:
    """The logs of runs that are in memory or watched, and of runs that ended recently.

    `active`: the ids of the runs in memory; their logs stay. `opening`: of those being activated. `resting` takes other
    logs out of memory. `on_watched`: called with the id of a run not in memory when its first watcher comes.
    """

    def __init__(
        self, store: Store, active: Container[str], opening: Container[str], resting: Resting, tenure: Tenure
    ) -> None:
        self.live: dict[str, EventLog] = {}
        self.recent: OrderedDict[str, EventLog] = OrderedDict()
        self.on_watched: Callable[[str], None] = _ignore
        self._store, self._resting, self._tenure = store, resting, tenure
        self._active, self._opening = active, opening
        self._fed: dict[str, trio.CancelScope] = {}  # runs whose logs get the events of another node
        self._loading: dict[str, trio.Event] = {}  # runs whose record is being loaded or changed; set at the end
        self._closed = False

    async def open(self, run_id: str) -> EventLog:
        """Returns the run's event log: the live one, or one folded from its record.

        Watch the log at once, without an await in between.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable, StaleEpoch.
        """
        self._tenure.check()
        while (log := self._known(run_id)) is None or not log.is_loaded:
            if run_id in self._loading:  # load once for all callers, as each load takes the record's size in memory
                await self._loading[run_id].wait()
            elif (log := await self._load(run_id, None if log is None else log.seq)) is not None:
                self.up_to_date(log)  # a caller that only reads needs the state for just this moment
                break
        return log

    async def _load(self, run_id: str, seq: int | None) -> EventLog | None:
        """Returns the log with the state of the run's record; None if the record may be older than the log.

        `seq`: the latest `seq` of the existing log, if there is one.
        """
        self._loading[run_id] = trio.Event()
        try:
            record = await load_record(self._store, run_id)
        finally:
            self._loading.pop(run_id).set()
        self._tenure.check()
        log = self._known(run_id)
        return self.revived(record) if log is None or (not log.is_loaded and log.seq == seq) else None

    def watched_elsewhere(self) -> list[str]:
        """Returns the unfinished runs whose logs are watched here, but which are not in memory here."""
        return [run_id for run_id in self.live if run_id not in self._active and self.is_watched_elsewhere(run_id)]

    def is_watched_elsewhere(self, run_id: str) -> bool:
        """Whether `watched_elsewhere` has this run."""
        log = self.live.get(run_id)
        is_here = run_id in self._active or run_id in self._opening
        return not is_here and log is not None and log.watched and log.status not in FINAL

    @contextmanager
    def fed(self, run_id: str) -> Generator[EventLog | None]:
        """Opens a block in which another node's events are added to the run's log. None: the run is not watched here.

        The block is cancelled when the run enters memory here, or loses its last watcher.
        """
        if not self.is_watched_elsewhere(run_id):
            yield None
            return
        log = self.live[run_id]
        with trio.CancelScope() as scope:
            self._fed[run_id] = scope
            try:
                yield log
            finally:
                if self._fed.get(run_id) is scope:
                    del self._fed[run_id]
                self.up_to_date(log)

    def _stop_feeding(self, run_id: str) -> None:
        scope = self._fed.pop(run_id, None)
        if scope is not None:
            scope.cancel()

    async def reload(self, run_id: str) -> int | None:
        """Brings the log of a run that is not in memory up to date with its record, and returns the record's version.

        Returns None, and changes nothing, if the log is being loaded, or the run is in memory or has no watchers now.
        A log that is ahead of the record stays as it is: it has events that the run's owner has not saved yet.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable.
        """
        record = await load_record(self._store, run_id)
        if not self.is_watched_elsewhere(run_id) or run_id in self._loading:
            return None
        log = self.live[run_id]
        if record.head.seq > log.seq:
            log.restart(record.head.seq, folded(record))
        self.up_to_date(log)
        return record.head.version

    @contextmanager
    def kept_away(self, run_id: str) -> Generator[bool]:
        """Returns a block in which `open` waits for a run's log until the block ends, and then loads the new record.

        The block gets False if somebody already has or loads the log; then `open` does not wait.
        """
        is_unwatched = self._known(run_id) is None and run_id not in self._loading
        if is_unwatched:
            self._loading[run_id] = trio.Event()
        try:
            yield is_unwatched
        finally:
            if is_unwatched:
                self._loading.pop(run_id).set()

    def revived(self, record: Record) -> EventLog:
        """Returns a run's log with the state of this record; watchers of an older state get a snapshot."""
        log = self.live.get(record.head.id)
        if log is None:
            return self._folded(record)
        if log.seq != record.head.seq:
            log.restart(record.head.seq, folded(record))
        elif not log.is_loaded:
            log.load(folded(record))
        return log

    def keep(self, log: EventLog) -> None:
        """Keeps the log of a run that has entered memory, or is about to."""
        self._stop_feeding(log.run_id)
        self._listen(log)
        self._hold(log)

    def release(self, log: EventLog) -> None:
        """Drops the log of a run that has left memory; of a watched log, only what its watchers don't need."""
        if log.watched:
            self.up_to_date(log)
        else:
            self.unwatched(log)

    def drop_rested(self, run_id: str) -> None:
        """Drops the log of a run that is not in memory, after its time at rest.

        Of a watched log, only the state is dropped, if no watcher needs it: the watchers keep their places.
        """
        log = self._known(run_id)
        if log is None:
            return
        if run_id in self.recent:
            self._drop(log)
        elif not log.is_needed and run_id not in self._fed:
            log.unload()

    def forget(self, run_id: str) -> None:
        """Closes the log of a deleted run; its watchers still get the events already in the log."""
        log = self._known(run_id)
        if log is not None:
            self._drop(log)
            log.close()

    def close(self) -> None:
        """Closes all logs; their watchers still get the events already in them."""
        self._closed = True
        for log in tuple(self.live.values()):
            log.close()

    def _known(self, run_id: str) -> EventLog | None:
        return self.live.get(run_id) or self.recent.get(run_id)

    def _folded(self, record: Record) -> EventLog:
        # Not at the record's ceiling: the run's owner may live, and its events up to the ceiling may still come here.
        log = EventLog(record.head.id, seq=record.head.seq, fold=folded(record))
        self._listen(log)
        if self._closed:
            log.close()
        return log

    def _listen(self, log: EventLog) -> None:
        log.keeper = self

    def watched_first(self, log: EventLog) -> None:
        """Keeps the log for its watchers."""
        if self.live.get(log.run_id) is not log and self._known(log.run_id) in (None, log):
            self._hold(log)
        if log.run_id not in self._active and log.status not in FINAL:
            self.on_watched(log.run_id)

    def unwatched(self, log: EventLog) -> None:
        """Drops the log, unless its run is in memory. The log of an ended run is kept for a while."""
        if log.run_id not in self._active and self.live.get(log.run_id) is log:
            if log.status in FINAL and log.is_loaded:
                del self.live[log.run_id]
                self._let_rest(log)
            else:
                self._drop(log)

    def up_to_date(self, log: EventLog) -> None:
        """Lets the state of a run that is not in memory leave memory soon: its watchers may not need it.

        The state of a running run stays: it may be ahead of the record.
        """
        is_live = log.run_id in self._active or log.run_id in self._fed or log.status == "running"
        if log.is_loaded and not is_live and self.live.get(log.run_id) is log:
            self._resting.add(log.run_id)

    def _hold(self, log: EventLog) -> None:
        if self.recent.pop(log.run_id, None) is not None:
            self._resting.remove(log.run_id)
        self.live[log.run_id] = log
        log.share.enter(self._resting.budget)

    def _let_rest(self, log: EventLog) -> None:
        self.recent[log.run_id] = log
        self._resting.add(log.run_id)
        if len(self.recent) > MAX_RECENT:
            self._drop(next(iter(self.recent.values())))

    def _drop(self, log: EventLog) -> None:
        self._stop_feeding(log.run_id)
        self.live.pop(log.run_id, None)
        self.recent.pop(log.run_id, None)
        self._resting.remove(log.run_id)
        log.share.leave()


def _ignore(run_id: str) -> None: ...
