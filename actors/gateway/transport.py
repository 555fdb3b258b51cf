"""The TCP stream to one client, underneath trio-websocket.

Offers what trio-websocket lacks: the request head, how long a send has been in progress, how long the peer has been
silent, and sending frames that were encoded once for many clients.
"""

from collections.abc import Callable

import trio

from .fragments import Fragments

__all__ = ["MAX_HEAD_BYTES", "Transport"]

MAX_HEAD_BYTES = 32 * 1024
MAX_EARLY_BYTES = 16 * 1024  # after the head, until the client is admitted
PIECE_BYTES = 64  # memory that trio-websocket takes for each piece of an unfinished message, besides its content
CHUNK_BYTES = 64 * 1024  # sent at once; each chunk resets `sending_since`
_HEAD_END = b"\r\n\r\n"
_CLOSE_FRAME = 0x88


class Transport(trio.abc.Stream):
    """The stream under trio-websocket. `aclose` keeps the TCP connection open; the server closes it."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._ahead = b""  # bytes read, but not yet returned by `receive_some`
        self._fragments = Fragments()
        self._turn = trio.StrictFIFOLock()  # held by the sender: trio-websocket or `send_frames`
        self.sending_since: float | None = None  # start of the send in progress, or its last progress; trio's clock
        self.silent_since: float | None = None  # since when `receive_some` has waited; trio's clock
        self.close_sent = False  # whether the last frame sent was a close frame
        self.unfinished = 0  # bytes since the last whole message; the message reader resets it to 0
        self.most_unfinished = MAX_EARLY_BYTES  # limit of `unfinished`: beyond, reading stops
        self.most_fragments = 0  # limit of frames in an unfinished message
        self.on_close: Callable[[], None] | None = None  # called when trio-websocket closes the stream
        try:
            self.address, port, *_ = stream.socket.getpeername()  # the client's IP address
        except OSError:
            self.address, port = "gone", 0
        self.peer = f"[{self.address}]:{port}" if ":" in self.address else f"{self.address}:{port}"  # for people

    async def read_head(self) -> bytes | None:
        """Reads the head of the HTTP request with its empty line; `receive_some` returns the same bytes again.

        None if the peer disconnects before the head ends. Stops reading after `MAX_HEAD_BYTES`.
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
        """Returns bytes from the peer; empty at the end of the stream, or after an `overrun`."""
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
        """Whether the peer has sent too many bytes or frames without finishing a message."""
        return self.unfinished > self.most_unfinished or self._fragments.most > self.most_fragments

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Sends all bytes, after earlier sends. If cancelled, an unknown part of them is sent."""
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
        """Sends whole frames, bypassing trio-websocket. After a close frame, sends nothing."""
        if self.close_sent:
            await trio.lowlevel.checkpoint()  # the connection is about to end; let it, even with much left to send
        else:
            await self.send_all(frames)

    async def wait_send_all_might_not_block(self) -> None:
        """Waits until a send might not block, as trio defines it."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Calls `on_close`; the TCP connection stays open."""
        if self.on_close is not None:
            self.on_close()
        await trio.lowlevel.checkpoint()

    async def say_close(self, code: int, reason: str) -> None:
        """Sends a close frame. trio-websocket sends none after a frame that it can't read."""
        text = code.to_bytes(2) + reason.encode()[:120]
        await self.send_all(bytes((_CLOSE_FRAME, len(text))) + text)

    async def linger(self, seconds: float) -> None:
        """Reads and drops incoming bytes, for at most `seconds`.

        Closing a socket with unread bytes resets the connection, and the peer may lose the last bytes sent.
        """
        with trio.move_on_after(seconds):
            await self._stream.send_eof()
            while await self._stream.receive_some():
                pass
