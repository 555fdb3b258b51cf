"""The gateway's TCP stream to one client, beneath trio-websocket.

It shows what trio-websocket doesn't: the head of the request, how long a send has been under way, how long the peer has
been silent. It also sends frames that were made once for many clients.
"""

from collections.abc import Callable

import trio

from .fragments import Fragments

__all__ = ["MAX_HEAD_BYTES", "Transport"]

MAX_HEAD_BYTES = 32 * 1024
MAX_EARLY_BYTES = 16 * 1024  # behind the head, until the client is let in
PIECE_BYTES = 64  # that trio-websocket takes for each piece of an unfinished message, beside what is in it
CHUNK_BYTES = 64 * 1024  # sent at once; `sending_since` is set anew for each chunk
_HEAD_END = b"\r\n\r\n"
_CLOSE_FRAME = 0x88


class Transport(trio.abc.Stream):
    """The stream that trio-websocket is given. Its `aclose` leaves the TCP connection open, for the server to close."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._ahead = b""  # bytes that were read and `receive_some` has not returned yet
        self._fragments = Fragments()
        self._turn = trio.StrictFIFOLock()  # held by the one who sends: trio-websocket, or `send_frames`
        self.sending_since: float | None = None  # when the send under way last got on, by trio's clock
        self.silent_since: float | None = None  # since when `receive_some` has waited, by trio's clock
        self.close_sent = False  # whether the last thing sent was a close frame
        self.unfinished = 0  # bytes that came since the last whole message; the reader of messages sets it back to 0
        self.most_unfinished = MAX_EARLY_BYTES  # with more unfinished bytes than this, nothing more is read
        self.most_fragments = 0  # nor with more frames of an unfinished message
        self.on_close: Callable[[], None] | None = None  # called when trio-websocket closes the stream
        try:
            self.address, port, *_ = stream.socket.getpeername()  # the client's IP address
        except OSError:
            self.address, port = "gone", 0
        self.peer = f"[{self.address}]:{port}" if ":" in self.address else f"{self.address}:{port}"  # for people

    async def read_head(self) -> bytes | None:
        """The head of the HTTP request with its empty line; `receive_some` returns it again.

        None if the peer goes before its end. A head of more than `MAX_HEAD_BYTES` is not read to its end.
        """
        ahead = bytearray()
        while (end := ahead.find(_HEAD_END)) < 0 and len(ahead) <= MAX_HEAD_BYTES:
            data = await self._stream.receive_some()
            if not data:
                return None
            ahead += data
        self._ahead = bytes(ahead)
        if end < 0:
            return self._ahead
        size = end + len(_HEAD_END)
        self._fragments.skip(size)
        self.unfinished = len(self._ahead) - size
        return self._ahead[:size]

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Bytes from the peer; empty at the end of the stream, or after an `overrun`."""
        if self._ahead:
            await trio.lowlevel.checkpoint()
            data, self._ahead = self._ahead, b""
        else:
            data = b"" if self.overrun else await self._receive(max_bytes)
        at_once = self._fragments.cut(data)
        if self.overrun:
            await self.aclose()
            return b""
        self._ahead = bytes(data[at_once:])
        return data[:at_once]

    async def _receive(self, max_bytes: int | None) -> bytes | bytearray:
        self.silent_since = trio.current_time()
        try:
            data = await self._stream.receive_some(max_bytes)
        finally:
            self.silent_since = None
        self.unfinished += len(data) + PIECE_BYTES
        return data

    @property
    def overrun(self) -> bool:
        """Whether the peer has sent too many bytes, or frames, without finishing a message."""
        return self.unfinished > self.most_unfinished or self._fragments.most > self.most_fragments

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all bytes, after the sends before it. Cancelled, it has sent an unknown part of them."""
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
        """Send whole frames, past trio-websocket. After a close frame nothing is sent."""
        if self.close_sent:
            await trio.lowlevel.checkpoint()  # the connection is about to end; let it, however much there is to send
        else:
            await self.send_all(frames)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until a send might not block, as trio defines it."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Call `on_close`; the TCP connection stays open."""
        if self.on_close is not None:
            self.on_close()
        await trio.lowlevel.checkpoint()

    async def say_close(self, code: int, reason: str) -> None:
        """Send a close frame. trio-websocket sends none after a frame that it can't read."""
        text = code.to_bytes(2) + reason.encode()[:120]
        await self.send_all(bytes((_CLOSE_FRAME, len(text))) + text)

    async def linger(self, seconds: float) -> None:
        """Read and drop what still comes, for at most `seconds`.

        Closing a socket with unread bytes resets the connection, and the peer may lose what was sent last.
        """
        with trio.move_on_after(seconds):
            await self._stream.send_eof()
            while await self._stream.receive_some():
                pass
