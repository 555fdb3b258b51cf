"""Feeds the logs of this node with the events that other nodes publish of their runs.

There is one connection to each node whose runs are watched here, and one subscription for each run over it. The gateway
makes the connections (`Dial`), and `follower.py` says which run is watched at which node.
"""

import logging
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


class Connection(Protocol):
    """A connection to another node's gateway. `Client` has this method."""

    def events(
        self, run_id: str, after: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Envelope | RunSnapshot]]:
        """Opens a run's events after `after`; a snapshot comes first if they are no longer kept, or for None.

        Raises, also while iterating: ConnectionLost, RunElsewhere if the node does not carry on the run.
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


class _Line:
    """The watch of one run at one node."""

    def __init__(self, node: Node) -> None:
        self.node, self.scope = node, trio.CancelScope()
        self.is_up = False  # whether the run's log gets the node's events
        self.is_leaving = False  # whether the run had no owner at the last look
        self.has_failed = False  # whether it ended by an error


class Upstream:
    """The runs that this node watches at other nodes. Its tasks run in `nursery`."""

    def __init__(self, logs: LogCache, nursery: trio.Nursery) -> None:
        self._logs, self._nursery = logs, nursery
        self._peers: dict[str, _Peer] = {}  # by node id
        self._lines: dict[str, _Line] = {}  # by run id
        self._told: set[str] = set()  # ids of nodes whose failure was logged

    def watch(self, run_id: str, node: Node | None, dial: Dial) -> None:
        """Watches a run at this node from now on, and no longer at another one.

        None: the run has no owner, as it has ended or has left that node's memory. Its last events may be on their way,
        so it is watched there until the next look.
        """
        line = self._lines.get(run_id)
        if line is not None and (line.is_leaving if node is None else line.node.id != node.id):
            line.scope.cancel()
            del self._lines[run_id]
        elif line is not None:
            line.is_leaving = node is None
        if node is not None and node.url is not None and run_id not in self._lines:
            self._lines[run_id] = line = _Line(node)
            self._nursery.start_soon(self._keep, run_id, line, self._peer(node, node.url, dial))

    def brings(self, run_id: str) -> bool:
        """Whether the run's log gets the events of the node that carries it on."""
        line = self._lines.get(run_id)
        return line is not None and line.is_up

    def retry(self) -> None:
        """Lets `watch` try again to watch runs where that has failed."""
        self._lines = {run_id: line for run_id, line in self._lines.items() if not line.has_failed}

    def _peer(self, node: Node, url: str, dial: Dial) -> _Peer:
        peer = self._peers.get(node.id)
        if peer is None:
            peer = self._peers[node.id] = _Peer(node, url)
            self._nursery.start_soon(peer.keep, dial)
        peer.users += 1
        return peer

    async def _keep(self, run_id: str, line: _Line, peer: _Peer) -> None:
        try:
            with line.scope:
                line.has_failed = not await self._feed(run_id, line, await peer.wait_open())
        except Exception as error:
            line.has_failed = True
            self._failed(peer, error)
        finally:
            line.is_up = False
            peer.users -= 1
            if not peer.users:
                self._leave(peer)
            if self._lines.get(run_id) is line and not line.has_failed:
                del self._lines[run_id]

    async def _feed(self, run_id: str, line: _Line, connection: Connection) -> bool:
        """Passes a run's events to its log, as long as the run is watched here. False: the log can't use them."""
        log = self._logs.live.get(run_id)
        async with connection.events(run_id, log.seq if log is not None and log.is_loaded else None) as events:
            with self._logs.fed(run_id) as log:
                line.is_up = log is not None
                self._told.discard(line.node.id)
                while log is not None:
                    await log.wait_room()  # lossless readers slow this subscription, not the run
                    item = await anext(events, None)
                    # No await from here on: the run could begin to publish on this node.
                    if item is None:
                        break
                    if not _take_in(log, item):
                        return False
            line.is_up = False
        return True

    def _failed(self, peer: _Peer, error: Exception) -> None:
        """Logs why runs can't be watched at a node: once, until one can."""
        if isinstance(error, ConnectionLost):
            self._leave(peer)
        if not isinstance(error, RunElsewhere | RunNotFound) and peer.node.id not in self._told:
            self._told.add(peer.node.id)
            text = "runs of node %s can't be watched there, so watchers here get a snapshot after each save: %s"
            logger.warning(text, peer.node.id, error)

    def _leave(self, peer: _Peer) -> None:
        """Closes a connection, and uses it no more."""
        peer.unused.set()
        if self._peers.get(peer.node.id) is peer:
            del self._peers[peer.node.id]


def _take_in(log: EventLog, item: Envelope | RunSnapshot) -> bool:
    """Adds the next event of the run's owner to the log. False: the log can't use it, as events before are missing."""
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
