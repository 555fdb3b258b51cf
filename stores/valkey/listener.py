"""Hints by SUBSCRIBE. The scripts that change runs publish them."""

from ..listener import Listener
from .connection import Connection

__all__ = ["ValkeyListener"]


class ValkeyListener(Listener[Connection]):
    """Sets the events of the hints that other nodes send."""

    async def _receive(self, connection: Connection) -> None:
        async for payload in connection.subscribed(connection.key("hints")):
            self._failures = 0
            self._heard(payload.decode())
