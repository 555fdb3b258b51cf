"""Hints by LISTEN and NOTIFY, over a connection of their own. A save never waits for them.

Each notification has a transaction of its own. A notification within a save's transaction would make all saves in the
database wait for each other. Without this connection, nodes still find every change when they look at the store.
"""

import logging
from collections.abc import Awaitable, Callable

import trio
from psycopg import OperationalError

from ..hints import Hints
from ..lane import unavailable
from .connection import Connection
from .statements import statement

__all__ = ["Listener"]

_LOG = logging.getLogger("adjourn.stores")
PAUSE_S = 0.01  # between two notifications of a node, at least
FIRST_RETRY_S, LONGEST_RETRY_S = 0.1, 30.0


class Listener:
    """Tells other nodes that this one has saved or deleted runs, and sets the events of the hints that they send.

    Args:
        where: the server, for messages; without secrets.
        connect: opens a connection.
    """

    def __init__(self, where: str, connect: Callable[[], Awaitable[Connection]]) -> None:
        self.hints = Hints()
        self._where, self._connect = where, connect
        self._node_id = ""
        self._joined = trio.Event()
        self._has_changed = False  # since the last notification of this node
        self._receiving = trio.CancelScope()  # waits for the notifications of other nodes
        self._failures = 0  # in a row

    def join(self, node_id: str) -> None:
        """Send and receive hints from now on, as this node."""
        self._node_id = node_id
        self._joined.set()

    def changed(self) -> None:
        """Tell other nodes soon that this one has saved or deleted a run. Never waits."""
        if not self._has_changed:
            self._has_changed = True
            self._receiving.cancel()

    async def serve(self) -> None:
        """Send and receive hints, until cancelled. Opens the connection again after a failure."""
        await self._joined.wait()
        while True:
            try:
                await self._serve_connection()
            except Exception as error:
                self._failures += 1
                if self._failures == 2:  # one failure is an ordinary reconnect
                    _LOG.info(
                        "changes of other nodes are seen up to a second late: %s", unavailable(self._where, error)
                    )
            await trio.sleep(min(FIRST_RETRY_S * 2 ** min(self._failures, 10), LONGEST_RETRY_S))

    async def _serve_connection(self) -> None:
        connection = await self._connect()
        try:
            channel = await self._listen(connection)
            while True:
                while not self._has_changed:
                    with trio.CancelScope() as self._receiving:
                        await connection.receive()
                        self._failures = 0
                self._has_changed = False
                await connection.query("SELECT pg_notify($1, $2)", [channel, f"changed {self._node_id}"])
                self._failures = 0
                await trio.sleep(PAUSE_S)
        finally:
            connection.close()

    async def _listen(self, connection: Connection) -> str:
        [(name, process)] = await connection.query(statement("channel"))
        if int(process or 0) != connection.backend_pid:
            # The pooler would give the connection, with its notifications, to other clients.
            raise OperationalError("a connection pooler is in between")
        channel = (name or b"").decode()
        connection.on_notification(self._notified)
        await connection.query(f"LISTEN {channel}")
        return channel

    def _notified(self, payload: str) -> None:
        hint, _, node_id = payload.partition(" ")
        if node_id != self._node_id and (hint == "changed" or hint == "left"):
            self.hints.arrived(hint)
