"""The single writer to one client: sends replies first, then the watched runs in turn, a slice each.

A client that doesn't read stops only this writer. Waiting bytes are limited (`load.py`): a reply is encoded once there
is room for it, events and snapshots when they are sent; until then events stay in the logs of their runs. The writer is
never cancelled in the middle of a frame, except to drop the connection.
"""

from collections import deque
from collections.abc import Iterable

import trio

from .framing import Framing
from .load import Load
from .subscriptions import Subscriptions
from .websocket import WebSocket

__all__ = ["Outbox"]

SLICE = 16  # events of one run before the next run's turn
BATCH_SLICE = 256  # the same for clients that take batches: a slice is one or a few frames


class Outbox:
    """Messages and subscriptions waiting for one client, and `write`, the task that sends them."""

    def __init__(
        self,
        socket: WebSocket,
        framing: Framing,
        load: Load,
        *,
        max_replies: int,
        max_subscriptions: int,
    ) -> None:
        self.subscriptions = Subscriptions(max_subscriptions, framing, self.wake)
        self.framing = framing
        self._load = load
        self._held = 0  # bytes of replies that wait for the rest of their batch
        self._socket = socket
        self._max_replies = max_replies
        self._replies: deque[bytes] = deque()
        self._waiting = 0  # bytes in `_replies`
        self._finishing = False
        self._something = trio.Event()  # set when the writer has work
        self._room = trio.Event()  # set when there may be room for another reply

    def put(self, messages: Iterable[bytes]) -> None:
        """Queues these messages, ahead of all events that are not being sent yet."""
        for message in messages:
            self._replies.append(message)
            self._waiting += len(message)
            self._load.add(len(message))
        self.wake()

    async def wait_room(self) -> None:
        """Waits until there is room for another message. Not a checkpoint if there is room at once.

        There is room while fewer messages wait than requests may be in flight, their bytes are below the limit, and
        fewer than `MAX_NEW` watched runs are new.
        """
        while (
            len(self._replies) >= self._max_replies
            or self._load.is_full(self._waiting)
            or self.subscriptions.are_many_new
        ):
            if self._room.is_set():
                self._room = trio.Event()
            await self._room.wait()

    def hold(self, size: int) -> None:
        """Adds `size` bytes of replies to an incomplete batch; a negative size subtracts."""
        self._held += size
        self._load.add(size)

    @property
    def is_held_up(self) -> bool:
        """Whether incomplete batches fill the client's room. A batch must not wait for room: its own replies may fill
        it.
        """
        return self._load.is_full(self._held) or self.subscriptions.are_many_opened

    def finish(self) -> None:
        """Makes `write` return once all queued messages are sent, even if events still wait."""
        self._finishing = True
        self.wake()

    @property
    def finishing(self) -> bool:
        """Whether `finish` was called."""
        return self._finishing

    def wake(self) -> None:
        """Wakes the writer: there is something to send."""
        self._something.set()

    async def write(self) -> None:
        """Sends messages and events until `finish`.

        Raises: SocketClosed when the client is gone.
        """
        subscriptions = self.subscriptions
        limit = BATCH_SLICE if self.framing.takes_batches else SLICE
        while self._replies or not self._finishing:
            while self._replies:  # all: an event must not overtake the reply to its subscription
                await self._send(self._replies.popleft())
            if subscriptions.ready:
                for frames in subscriptions.take(limit):
                    self._load.add(len(frames))
                    await self._socket.send_frames(frames)
                    self._load.add(-len(frames))
                self._room.set()
            elif not (self._replies or self._finishing):
                self._something = trio.Event()
                await self._something.wait()

    async def _send(self, message: bytes) -> None:
        await self._socket.send_message(message)
        self._waiting -= len(message)
        self._load.add(-len(message))
        self._room.set()
