"""Feeds the logs of this node with the events of runs that other nodes execute.

There is one connection to each node whose runs are watched here; it has one subscription for each of these runs. The
gateway opens the connections (`Dial`), and `follower.py` decides which run is watched at which node.
"""

import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

import trio

from ...protocol.errors import ConnectionLost, RunElsewhere, RunNotFound
from ...protocol.events import Envelope
from ...protocol.methods import RunSnapshot
from ...protocol.transcript import Transcript
from ...stores.shared import Node
from .eventlog import EventLog
from .log_cache import LogCache

__all__ = ["Connection", "Dial", "Upstream"]

logger = logging.getLogger("adjourn.system")

MOST_TOLD = 100


class Connection(Protocol):
    """A connection to another node's gateway. `Client` has this method."""

    def events(
        self, run_id: str, after: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Envelope | RunSnapshot]]:
        """Opens a run's events after `after`; a snapshot comes first if they are no longer kept, or for None.

        Raises, also while iterating: ConnectionLost; RunElsewhere if the node does not own the run.
        """
        ...


Dial: TypeAlias = Callable[[str], AbstractAsyncContextManager[Connection]]  # connects to the gateway at this URL


class _Peer:
    """The connection to one node. It closes when `users`, the number of runs watched over it, is 0 again."""

    def __init__(self, node: Node, url: str) -> None:
        self.node, self.users = node, 0
        self.unused = trio.Event()
        self._url = url
        self._opened = trio.Event()  # set when there is a connection, or none could be made
        self._connection: Connection | None = None
        self._fault: Exception = ConnectionLost(f"the connection to {url} is closed")

    async def keep(self, dial: Dial) -> None:
        """Connects, and keeps the connection until it is unused."""
        try:
            async with dial(self._url) as self._connection:
                self._opened.set()
                await self.unused.wait()
        except Exception as error:
            self._fault = error
        finally:
            self._connection = None
            self._opened.set()

    async def wait_open(self) -> Connection:
        """Returns the connection, once there is one. Raises: the reason why there is none."""
        await self._opened.wait()
        if self._connection is None:
            raise self._fault
        return self._connection


class _Watch:
    """The watch of one run at one node."""

    def __init__(self, node: Node) -> None:
        self.node, self.scope = node, trio.CancelScope()
        self.feeds = False  # whether the run's log gets the node's events
        self.is_leaving = False  # whether the run had no owner at the last look
        self.has_failed = False  # whether it ended by an error


class Upstream:
    """The runs that this node watches at other nodes. Its tasks run in `nursery`."""

    def __init__(self, logs: LogCache, nursery: trio.Nursery) -> None:
        self._logs, self._nursery = logs, nursery
        self._peers: dict[str, _Peer] = {}  # by node id
        self._watches: dict[str, _Watch] = {}  # by run id
        self._told: deque[str] = deque(maxlen=MOST_TOLD)  # ids of nodes whose failure was logged

    def watch(self, run_id: str, node: Node | None, dial: Dial) -> None:
        """Watches a run at this node from now on, and no longer at another one.

        `node` is None if the run has no owner: it has ended, or has left its node's memory. Its last events may still
        come, so the run is watched at its last node until the next call.
        """
        watch = self._watches.get(run_id)
        if watch is not None and (watch.is_leaving if node is None else watch.node.id != node.id):
            watch.scope.cancel()
            del self._watches[run_id]
        elif watch is not None:
            watch.is_leaving = node is None
        if node is not None and node.url is not None and run_id not in self._watches:
            self._watches[run_id] = watch = _Watch(node)
            self._nursery.start_soon(self._keep, run_id, watch, self._peer(node, node.url, dial))

    def feeds(self, run_id: str) -> bool:
        """Whether the run's log gets the events of the node that owns the run."""
        watch = self._watches.get(run_id)
        return watch is not None and watch.feeds

    def retry(self) -> None:
        """Lets the next `watch` of a run try again where the last one has failed."""
        self._watches = {run_id: watch for run_id, watch in self._watches.items() if not watch.has_failed}

    def _peer(self, node: Node, url: str, dial: Dial) -> _Peer:
        peer = self._peers.get(node.id)
        if peer is None:
            peer = self._peers[node.id] = _Peer(node, url)
            self._nursery.start_soon(peer.keep, dial)
        peer.users += 1
        return peer

    async def _keep(self, run_id: str, watch: _Watch, peer: _Peer) -> None:
        try:
            with watch.scope:
                watch.has_failed = not await self._feed(run_id, watch, await peer.wait_open())
        except Exception as error:
            watch.has_failed = True
            self._failed(peer, error)
        finally:
            watch.feeds = False
            peer.users -= 1
            if not peer.users:
                self._leave(peer)
            if self._watches.get(run_id) is watch and not watch.has_failed:
                del self._watches[run_id]

    async def _feed(self, run_id: str, watch: _Watch, connection: Connection) -> bool:
        """Passes a run's events to its log, as long as the run is watched here. False: the log misses events."""
        log = self._logs.live.get(run_id)
        async with connection.events(run_id, log.seq if log is not None and log.is_loaded else None) as events:
            with self._logs.fed(run_id) as log:
                watch.feeds = log is not None
                if watch.node.id in self._told:
                    self._told.remove(watch.node.id)
                while log is not None:
                    await log.wait_room()  # lossless readers slow this subscription, not the run
                    item = await anext(events, None)
                    # No await from here on: during one, this node could claim the run and publish events of its own.
                    if item is None:
                        break
                    if not _take_in(log, item):
                        return False
            watch.feeds = False
        return True

    def _failed(self, peer: _Peer, error: Exception) -> None:
        """Logs why runs can't be watched at a node. Logs it again only after a run of the node could be watched."""
        if isinstance(error, ConnectionLost):
            self._leave(peer)
        if not isinstance(error, RunElsewhere | RunNotFound) and peer.node.id not in self._told:
            self._told.append(peer.node.id)
            text = "runs of node %s can't be watched there, so watchers here get a snapshot after each save: %s"
            logger.warning(text, peer.node.id, error)

    def _leave(self, peer: _Peer) -> None:
        """Closes the connection to a node. The next watched run there opens a new one."""
        peer.unused.set()
        if self._peers.get(peer.node.id) is peer:
            del self._peers[peer.node.id]


def _take_in(log: EventLog, item: Envelope | RunSnapshot) -> bool:
    """Adds the next event of the run's owner to the log. False: the log misses an event before it."""
    if isinstance(item, RunSnapshot):
        if item.seq > log.seq:
            log.restart(item.seq, Transcript(item.snapshot))
        elif item.seq == log.seq and not log.is_loaded:
            log.load(Transcript(item.snapshot))
        return item.seq == log.seq
    if item.seq > log.seq:
        if not log.is_loaded or item.seq != log.seq + 1:
            return False
        log.publish((item.event,), item.time)
    return True
