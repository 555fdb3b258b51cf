"""Hints by LISTEN and NOTIFY. A save never waits for them.

Each notification has a transaction of its own. A notification within a save's transaction would make all saves in the
database wait for each other.
"""

from collections.abc import Awaitable, Callable

import trio
from psycopg import OperationalError

from ..listener import Listener
from .connection import Connection
from .statements import statement

__all__ = ["PostgresListener"]

PAUSE_S = 0.01  # between two notifications of a node, at least


class PostgresListener(Listener[Connection]):
    """Tells other nodes that this one has saved or deleted runs, and sets the events of the hints that they send."""

    def __init__(self, where: str, connect: Callable[[], Awaitable[Connection]]) -> None:
        super().__init__(where, connect)
        self._has_changed = False  # since the last notification of this node
        self._receiving = trio.CancelScope()  # waits for the notifications of other nodes

    def changed(self) -> None:
        """Tell other nodes soon that this one has saved or deleted a run. Never waits."""
        if not self._has_changed:
            self._has_changed = True
            self._receiving.cancel()

    async def _receive(self, connection: Connection) -> None:
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

    async def _listen(self, connection: Connection) -> str:
        [(name, process)] = await connection.query(statement("channel"))
        if int(process or 0) != connection.backend_pid:
            # The pooler would give the connection, with its notifications, to other clients.
            raise OperationalError("a connection pooler is in between")
        channel = (name or b"").decode()
        connection.on_notification(self._heard)
        await connection.query(f"LISTEN {channel}")
        return channel
