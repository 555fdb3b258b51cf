"""The gateway's TCP stream to one client, beneath trio-websocket, and what that doesn't show: the head of
the request, how long a send has been under way, how long the peer has been silent. Beside it go frames that are the
same for many clients.
"""

from collections.abc import Callable

import trio

__all__ = ["Transport"]

MAX_HEAD_BYTES = 32 * 1024
CHUNK_BYTES = 64 * 1024  # a send that takes longer than its bound for so much has stalled
_HEAD_END = b"\r\n\r\n"
_CLOSE_FRAME = 0x88


class Transport(trio.abc.Stream):
    """The stream that trio-websocket is given. It can't close it: who accepted it does, when all has been said."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._ahead = b""  # read with the head, and not given on yet
        self._turn = trio.StrictFIFOLock()  # of senders: trio-websocket, and whoever has frames of his own
        self.sending_since: float | None = None  # trio's clock
        self.silent_since: float | None = None  # trio's clock; None while nobody listens
        self.close_sent = False  # a close frame
        self.unfinished = 0  # bytes that came since the last whole message; whoever takes messages sets it back
        self.most_unfinished: int | None = None  # beyond it nothing more is read
        self.on_close: Callable[[], None] | None = None  # trio-websocket has given up
        try:
            host, port, *_ = stream.socket.getpeername()
        except OSError:
            host, port = "gone", 0
        self.peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"  # the client's network address

    async def read_head(self) -> bytes | None:
        """The head of the HTTP request, which can be read again; None if the peer doesn't send one."""
        while _HEAD_END not in self._ahead:
            data = await self._stream.receive_some()
            self._ahead += data
            if not data or len(self._ahead) > MAX_HEAD_BYTES:
                return None
        return self._ahead.partition(_HEAD_END)[0]

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Bytes from the peer."""
        if self._ahead:
            await trio.lowlevel.checkpoint()
            data, self._ahead = self._ahead, b""
            return data
        if self.overrun:  # a message in ever so many pieces, each of which trio-websocket would keep
            await trio.lowlevel.checkpoint()
            return b""
        self.silent_since = trio.current_time()
        try:
            data = await self._stream.receive_some(max_bytes)
        finally:
            self.silent_since = None
        self.unfinished += len(data)
        return data

    @property
    def overrun(self) -> bool:
        """Whether the peer has sent too much without finishing a message."""
        return self.most_unfinished is not None and self.unfinished > self.most_unfinished

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, one after another; cancelled, it has sent who knows how much."""
        try:
            self._turn.acquire_nowait()
        except trio.WouldBlock:
            await self._turn.acquire()
        try:
            if len(data) <= CHUNK_BYTES:
                self.sending_since = trio.current_time()
                await self._stream.send_all(data)
            else:
                view = memoryview(data)
                for at in range(0, len(data), CHUNK_BYTES):
                    self.sending_since = trio.current_time()
                    await self._stream.send_all(view[at : at + CHUNK_BYTES])
            self.close_sent = data[0] == _CLOSE_FRAME
        finally:
            self.sending_since = None
            self._turn.release()

    async def send_frames(self, frames: bytes) -> None:
        """Send whole frames beside trio-websocket, which need not know of them. After a close nothing is sent."""
        if not self.close_sent:
            await self.send_all(frames)

    async def wait_send_all_might_not_block(self) -> None:
        """As trio's."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Say so to `on_close`."""
        if self.on_close is not None:
            self.on_close()
        await trio.lowlevel.checkpoint()

    async def say_close(self, code: int, reason: str) -> None:
        """A close frame, for where trio-websocket sends none: after a frame that it can't read."""
        text = code.to_bytes(2) + reason.encode()[:120]
        await self.send_all(bytes((_CLOSE_FRAME, len(text))) + text)

    async def linger(self, seconds: float) -> None:
        """Read on for up to so long, for nothing: closing over unread bytes would take back what was sent last."""
        with trio.move_on_after(seconds):
            await self._stream.send_eof()
            while await self._stream.receive_some():
                pass
