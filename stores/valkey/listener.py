"""Hints by SUBSCRIBE, over a connection of their own. The scripts that change runs publish them.

Without this connection, nodes still find every change when they look at the store.
"""

import logging
from collections.abc import Awaitable, Callable

import trio
from coredis.exceptions import RedisError

from ..hints import Hints
from ..lane import unavailable
from .connection import Connection

__all__ = ["Listener"]

_LOG = logging.getLogger("adjourn.stores")
FIRST_RETRY_S, LONGEST_RETRY_S = 0.1, 30.0


class Listener:
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
        self._failures = 0  # in a row

    def join(self, node_id: str) -> None:
        """Receive hints from now on, as this node."""
        self._node_id = node_id
        self._joined.set()

    async def serve(self) -> None:
        """Receive hints, until cancelled. Opens the connection again after a failure."""
        await self._joined.wait()
        while True:
            try:
                await self._serve_connection()
            except RedisError as error:
                self._failures += 1
                if self._failures == 2:  # one failure is an ordinary reconnect
                    _LOG.info(
                        "changes of other nodes are seen up to a second late: %s", unavailable(self._where, error)
                    )
            await trio.sleep(min(FIRST_RETRY_S * 2 ** min(self._failures, 10), LONGEST_RETRY_S))

    async def _serve_connection(self) -> None:
        connection = await self._connect()
        try:
            async for payload in connection.subscribed(connection.key("hints")):
                self._failures = 0
                self._heard(payload.decode())
        finally:
            connection.close()

    def _heard(self, payload: str) -> None:
        hint, _, node_id = payload.partition(" ")
        if node_id != self._node_id and (hint == "changed" or hint == "left"):
            self.hints.arrived(hint)
