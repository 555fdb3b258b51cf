"""One connection of the client: its requests, their replies, and the server's notifications.

This module doesn't know runs: a callback gets the notifications. `link.py` reconnects.
"""

import math
from collections.abc import Callable
from contextlib import suppress

import trio
from msgspec import UNSET, Raw
from trio_websocket import ConnectionClosed, WebSocketConnection

from ...protocol import codec
from ...protocol.errors import AdjournError, CallerError, ConnectionLost, LimitExceeded, Unauthorized, from_wire
from ...protocol.methods import Params, ServerDescription, ServerInfo
from ...protocol.rpc import UNAUTHORIZED_CLOSE, Notice, Reply, parse_server_frame, request
from .dial import Settings

__all__ = ["Session", "fresh"]

IN_FLIGHT = 64  # concurrent requests, unless the server gives another limit; further ones wait
SPARE = 4  # left free below the server's limit, for requests without a reply
TOO_BIG = 1009  # the close code for a message over the receiver's limit


class _Call:
    """A request that waits for its reply."""

    __slots__ = ("answered", "error", "size", "then")

    def __init__(self, size: int, then: Callable[[Raw], None]) -> None:
        self.size = size  # bytes
        self.then = then
        self.answered = trio.Event()
        self.error: AdjournError | None = None


class Session:
    """One connection, from its handshake to its end."""

    def __init__(self, socket: WebSocketConnection, settings: Settings, on_notice: Callable[[Notice, int], None]):
        self.why: AdjournError | None = None  # why the connection ended, or is about to end
        self.is_final = False  # whether another attempt would end the same way
        self._socket = socket
        self._settings = settings
        self._form = settings.form
        self._on_notice = on_notice
        self._outgoing, self._frames = trio.open_memory_channel[bytes](0)
        self._calls: dict[int, _Call] = {}
        self._last_id = 0
        self._room = trio.CapacityLimiter(IN_FLIGHT)  # one token for each request in flight
        self._max_bytes: float = math.inf  # the server's limit for one request
        self._complaint: AdjournError | None = None  # the server's latest error without a request id

    async def call(self, method: str, params: Params, then: Callable[[Raw], None]) -> None:
        """Sends a request and waits for its reply. If cancelled, the request may still take effect.

        Calls `then` with the encoded result, before any later message of the server is handled.

        Raises: ConnectionLost, LimitExceeded for a request too large for the server, and the server's error.
        """
        async with self._room:
            self._last_id = key = self._last_id + 1
            frame = request(key, method, params, self._form)
            if len(frame) > self._max_bytes:
                raise _too_big(len(frame), self._max_bytes)
            call = self._calls[key] = _Call(len(frame), then)
            try:
                # Another task sends the frame, so that cancelling the caller can't cut it.
                await self._outgoing.send(frame)
                await call.answered.wait()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                call.error = call.error or self._lost()
            finally:
                del self._calls[key]
        if call.error is not None:
            raise call.error

    async def notify(self, method: str, params: Params) -> None:
        """Sends a request without a reply; returns once the writer has it, or the connection is lost."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._outgoing.send(request(UNSET, method, params, self._form))

    async def run(self, started: Callable[["Session", ServerDescription], None]) -> None:
        """Sends requests and handles the server's messages until the connection ends; `why` has the reason.

        Calls `started` once the server has answered `server.info`: it speaks our protocol and has admitted us.
        """
        try:
            async with trio.open_nursery() as tasks:
                tasks.start_soon(self._write)
                tasks.start_soon(self._ping)
                tasks.start_soon(self._greet, started)
                await self._read()
                tasks.cancel_scope.cancel()
        finally:
            self._end()

    async def _greet(self, started: Callable[["Session", ServerDescription], None]) -> None:
        def greeted(result: Raw) -> None:
            server = self._form.decode(result, ServerDescription)
            self._max_bytes = server.limits.get("maxMessageBytes", self._max_bytes)
            self._room.total_tokens = max(1, server.limits.get("maxInFlight", IN_FLIGHT) - SPARE)
            started(self, server)

        try:
            with trio.fail_after(self._settings.connect_timeout_s):
                await self.call("server.info", ServerInfo(), greeted)
        except trio.TooSlowError:
            await self._drop("the server does not answer")
        except AdjournError as error:
            if self.why is None:
                self.why, self.is_final = error, isinstance(error, CallerError)
                await self._drop("refused")

    async def _write(self) -> None:
        async for frame in self._frames:
            try:
                await self._socket.send_message(frame if self._form.binary else frame.decode())
            except ConnectionClosed:
                return  # the reader gets the same error, and ends the session

    async def _ping(self) -> None:
        while True:
            await trio.sleep(self._settings.ping_interval_s)
            with trio.move_on_after(self._settings.ping_interval_s) as patience:
                try:
                    await self._socket.ping()
                except ConnectionClosed:
                    return
            if patience.cancelled_caught:
                await self._drop(f"no answer to a ping for {self._settings.ping_interval_s:g} s")

    async def _drop(self, reason: str) -> None:
        self.why = self.why or self._lost(reason)
        with trio.move_on_after(0):
            await self._socket.aclose()

    async def _read(self) -> None:
        try:
            while True:
                data = await self._socket.get_message()
                if isinstance(data, str) == self._form.binary:
                    raise codec.CodecError("", "the wrong type of frame")
                self._take(data)
        except ConnectionClosed as closed:
            self._closed(closed)
        except codec.CodecError as error:
            self.is_final = True
            self.why = self._lost(f"it sent a message that no adjourn gateway sends: {error}")

    def _take(self, data: bytes | str) -> None:
        found = parse_server_frame(data, self._form)
        for item in found:
            if not isinstance(item, Reply):
                self._on_notice(item, len(data) // len(found))
            elif isinstance(item.id, int) and (call := self._calls.get(item.id)) is not None:
                call.error = item.error
                if call.error is None:
                    call.then(item.result)
                call.answered.set()
            elif item.error is not None:
                self._complaint = item.error

    def _closed(self, closed: ConnectionClosed) -> None:
        code = closed.reason.code if closed.reason else 1006
        words = (closed.reason.reason if closed.reason else None) or f"close code {code}"
        complaint, maximum = self._complaint, self._settings.max_message_bytes
        if code == UNAUTHORIZED_CLOSE:
            self.is_final = True
            self.why = complaint or Unauthorized(f"{self._settings.url} needs authentication: {words}")
        elif code == TOO_BIG and words == f"Exceeded maximum message size: {maximum} bytes":  # trio-websocket's text
            self.is_final = True
            text = f"{self._settings.url} sent a message of more than {maximum} bytes (max_message_bytes)"
            self.why = LimitExceeded(text, limit="maxMessageBytes", maximum=maximum)
        else:
            self.why = self.why or self._lost(words if complaint is None else f"{words}: {complaint.message}")
            if code == TOO_BIG and self._calls:
                largest = max(self._calls.values(), key=lambda call: call.size)
                largest.error = _too_big(largest.size)

    def _lost(self, reason: str | None = None) -> AdjournError:
        if reason is None and self.why is not None:
            return fresh(self.why)
        return ConnectionLost(f"lost the connection to {self._settings.url}: {reason or 'it was closed'}")

    def _end(self) -> None:
        self.why = self.why or self._lost()
        self._outgoing.close()
        self._frames.close()
        for call in self._calls.values():
            if not call.answered.is_set():
                call.error = call.error or self._lost()
                call.answered.set()


def fresh(error: AdjournError) -> AdjournError:
    """Returns a copy of an error, so that several tasks can raise it, each with its own traceback."""
    return from_wire(error.code, error.message, error.data)


def _too_big(size: int, maximum: float | None = None) -> LimitExceeded:
    text = f"the request takes {size} bytes, which is more than the server allows"
    return LimitExceeded(text, limit="maxMessageBytes", **({} if maximum is None else {"maximum": maximum}))
