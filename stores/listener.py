"""Receives the hints that other nodes send, over a connection of their own. Knows no server.

Without this connection, nodes still find every change when they look at the store.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import trio

from .hints import Hints
from .lane import Link, unavailable

__all__ = ["Listener"]

_LOG = logging.getLogger("adjourn.stores")
FIRST_RETRY_S, LONGEST_RETRY_S = 0.1, 30.0

Connection = TypeVar("Connection", bound=Link)


class Listener(ABC, Generic[Connection]):
    """Sets the events of the hints that other nodes send.

    Args:
        where: the server, for messages; without secrets.
        connect: opens a connection.
    """

    def __init__(self, where: str, connect: Callable[[], Awaitable[Connection]]) -> None:
        self.hints = Hints()
        self._where, self._connect = where, connect
        self._node_id = ""
        self._joined = trio.Event()
        self._failures = 0  # in a row; `_receive` sets it to 0 when the connection works

    def join(self, node_id: str) -> None:
        """Send and receive hints from now on, as this node."""
        self._node_id = node_id
        self._joined.set()

    def changed(self) -> None:
        """Tell other nodes soon that this one has saved or deleted a run. Never waits.

        Does nothing where saving and deleting tell it themselves.
        """

    async def serve(self) -> None:
        """Send and receive hints, until cancelled. Opens the connection again after a failure."""
        await self._joined.wait()
        while True:
            try:
                connection = await self._connect()
                try:
                    await self._receive(connection)
                finally:
                    connection.close()
            except Exception as error:
                self._failures += 1
                if self._failures == 2:  # one failure is an ordinary reconnect
                    _LOG.info(
                        "changes of other nodes are seen up to a second late: %s", unavailable(self._where, error)
                    )
            await trio.sleep(min(FIRST_RETRY_S * 2 ** min(self._failures, 10), LONGEST_RETRY_S))

    @abstractmethod
    async def _receive(self, connection: Connection) -> None:
        """Receive hints, and give each to `_heard`, until the connection fails."""

    def _heard(self, payload: str) -> None:
        hint, _, node_id = payload.partition(" ")
        if node_id != self._node_id and (hint == "changed" or hint == "left"):
            self.hints.arrived(hint)
