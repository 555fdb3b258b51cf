"""The gateway's one writer to a client: replies first, then the watched runs in turn, a slice each.

What a client doesn't read stops only this writer. What waits is weighed (`load.py`): a reply is encoded when there is
room for it, and events and snapshots when they are sent; until then events wait in the logs of their runs. The writer
is never cancelled in the middle of a frame, except to drop the connection.
"""

from collections import deque
from collections.abc import Iterable

import trio

from .framing import Framing
from .load import Load
from .subscriptions import Subscriptions
from .websocket import WebSocket

__all__ = ["Outbox"]

SLICE = 16  # events of one run before the next run has its turn
BATCH_SLICE = 256  # the same for clients that take batches: a slice is one or a few frames


class Outbox:
    """Messages and subscriptions that wait to be sent to one client, and the task that sends them (`write`)."""

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
        self._held = 0  # bytes of replies to members of batches that are not whole yet
        self._socket = socket
        self._max_replies = max_replies
        self._replies: deque[bytes] = deque()
        self._waiting = 0  # their bytes
        self._finishing = False
        self._something = trio.Event()  # set when the writer has something to do
        self._room = trio.Event()  # set when there may be room for another reply

    def put(self, messages: Iterable[bytes]) -> None:
        """Send these messages, before any event that is not on its way yet."""
        for message in messages:
            self._replies.append(message)
            self._waiting += len(message)
            self._load.add(len(message))
        self.wake()

    async def wait_room(self) -> None:
        """Wait until there is room for another message. Not a checkpoint if there is.

        There is while fewer messages wait than requests may be in flight, their bytes leave it, and few of the watched
        runs are new.
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
        """Book `size` bytes more, or less, that are to go out with a batch which is not whole yet."""
        self._held += size
        self._load.add(size)

    @property
    def is_held_up(self) -> bool:
        """Whether what batches hold back fills the client's room. A batch can't wait for it: it might be its own."""
        return self._load.is_full(self._held) or self.subscriptions.are_many_opened

    def finish(self) -> None:
        """Make `write` return once all messages that were put are sent, however many events wait."""
        self._finishing = True
        self.wake()

    @property
    def finishing(self) -> bool:
        """Whether `finish` was called."""
        return self._finishing

    def wake(self) -> None:
        """Tell the writer that there is something to do."""
        self._something.set()

    async def write(self) -> None:
        """Send whatever there is to send, until `finish`.

        Raises: SocketClosed when the client is gone.
        """
        subscriptions = self.subscriptions
        limit = BATCH_SLICE if self.framing.takes_batches else SLICE
        while self._replies or not self._finishing:
            while self._replies:  # all of them: an event must not overtake the reply to its subscription
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
