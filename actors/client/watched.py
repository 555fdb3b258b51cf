"""The runs and the list of runs that the client watches, with their readers. No I/O."""

import trio

from ...protocol.errors import from_wire
from ...protocol.events import Envelope
from ...protocol.methods import ErrorObject, RunSnapshot, RunSummary, RunsUnwatched, RunUnsubscribed
from ...protocol.parts import Joiner
from ...protocol.rpc import Notice
from .readers import ListReader, RunReader

__all__ = ["Watched", "WatchedRun"]


class WatchedRun:
    """A run that this client watches or starts. All its readers share one subscription per connection."""

    __slots__ = ("_joined_bytes", "_joiner", "lock", "readers", "run_id", "users")

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.users = 0  # calls that watch or start it
        self.readers: set[RunReader] = set()
        self.lock = trio.Lock()  # held while subscribing
        self._joiner = Joiner()
        self._joined_bytes = 0  # bytes of the parts in `_joiner`

    def take_in(self, notice: Envelope | RunSnapshot, size: int) -> None:
        """Passes an event or a snapshot to the readers; a snapshot in parts once it is complete."""
        if isinstance(notice, RunSnapshot):
            self._joined_bytes = size if notice.from_ == 0 else self._joined_bytes + size
            whole, size = self._joiner.add(notice), self._joined_bytes
            if whole is None:
                return
            notice = whole
        for reader in self.readers:
            reader.take_in(notice, size)

    def fail(self, error: ErrorObject) -> None:
        """Ends all readers with an error: the server has ended their shared subscription."""
        for reader in self.readers:
            reader.fail(from_wire(error.code, error.message, error.data))

    def detach(self) -> None:
        """Detaches all readers: the server sends no more over their shared subscription."""
        self._joiner.clear()
        for reader in self.readers:
            reader.detach()


class Watched:
    """Everything that a client watches; passes notifications to the readers."""

    def __init__(self) -> None:
        self.lists: set[ListReader] = set()  # readers of the list of runs
        self._runs: dict[str, WatchedRun] = {}

    def acquire(self, run_id: str) -> WatchedRun:
        """Returns a run for a call that watches or starts it; the caller must `release` it."""
        run = self._runs.get(run_id)
        if run is None:
            run = self._runs[run_id] = WatchedRun(run_id)
        run.users += 1
        return run

    def release(self, run: WatchedRun) -> bool:
        """Releases a run. Returns whether no other call uses it."""
        run.users -= 1
        if run.users:
            return False
        del self._runs[run.run_id]
        return True

    def take_in(self, notice: Notice, size: int) -> None:
        """Passes a notification of about `size` bytes to its readers."""
        if isinstance(notice, RunSummary):
            for reader in self.lists:
                reader.take_in(notice)
        elif isinstance(notice, RunsUnwatched):
            for reader in self.lists:
                reader.detach()
        elif (run := self._runs.get(notice.run_id)) is None:
            pass  # its subscription is about to end
        elif isinstance(notice, RunUnsubscribed):
            run.fail(notice.error)
        else:
            run.take_in(notice, size)

    def detach(self) -> None:
        """Detaches all readers: the connection is lost."""
        for run in self._runs.values():
            run.detach()
        for reader in self.lists:
            reader.detach()
