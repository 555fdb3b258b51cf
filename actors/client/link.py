"""The client's end of the wire: a WebSocket that comes back by itself, and the requests that go over it.

Nothing of runs here: what the server says unasked goes to a callback, and so does the loss of a connection.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias, TypeVar

import msgspec
import trio
from msgspec import UNSET, Raw
from trio_websocket import ConnectionClosed, WebSocketConnection

from ...protocol import codec
from ...protocol.errors import (
    AdjournError,
    CallerError,
    ConnectionLost,
    InvalidParams,
    LimitExceeded,
    Unauthorized,
    from_wire,
)
from ...protocol.events import Envelope
from ...protocol.messages import Wire
from ...protocol.methods import Params, RunSnapshot, RunSummary, ServerDescription, ServerInfo
from ...protocol.rpc import UNAUTHORIZED_CLOSE, Reply, parse_server_frame, request
from .dial import FAULTS, End, Settings, end_of, open_socket

__all__ = ["Link", "Notice", "Session"]

R = TypeVar("R", bound=Wire)
Notice: TypeAlias = Envelope | RunSnapshot | RunSummary

MAX_SENDS = 8  # of one request, over as many connections: what kills every connection must not do so for ever
IN_FLIGHT = 64  # requests at once, unless the server says otherwise; more wait here
SPARE = 4  # of what the server allows, for requests without a reply
TOO_BIG = 1009  # close codes


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
        self.why: AdjournError | None = None  # it ended
        self.is_final = False  # trying again would end the same way
        self._socket = socket
        self._settings = settings
        self._form = settings.form
        self._on_notice = on_notice
        self._outgoing, self._frames = trio.open_memory_channel[bytes](0)
        self._calls: dict[int, _Call] = {}
        self._last_id = 0
        self._room = trio.CapacityLimiter(IN_FLIGHT)  # for requests
        self._max_bytes: float = math.inf  # of a request
        self._complaint: AdjournError | None = None  # the last error that answered no request

    async def call(self, method: str, params: Params, then: Callable[[Raw], None]) -> None:
        """Make a request. `then` is called with its encoded result, before anything that the server sent later is
        looked at. Cancelled, the request may take effect all the same.

        Raises: ConnectionLost, LimitExceeded for one that the server would not take, and what the server answers with.
        """
        async with self._room:
            self._last_id = key = self._last_id + 1
            frame = request(key, method, params, self._form)
            if len(frame) > self._max_bytes:
                raise _too_big(len(frame), self._max_bytes)
            call = self._calls[key] = _Call(len(frame), then)
            try:
                # A task of its own sends: a cancelled caller must not tear its frame.
                await self._outgoing.send(frame)
                await call.answered.wait()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                call.error = call.error or self._lost()
            finally:
                del self._calls[key]
        if call.error is not None:
            raise call.error

    async def notify(self, method: str, params: Params) -> None:
        """Send a request that gets no reply; returns when it is on its way, or the connection is lost."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._outgoing.send(request(UNSET, method, params, self._form))

    async def run(self, started: Callable[["Session", ServerDescription], None]) -> None:
        """Carry requests and what comes back until the connection ends; `why` says how. `started` is called once the
        server has shown that it speaks our language and lets us in."""
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
            await self._drop("it does not answer")
        except AdjournError as error:
            if self.why is None:
                self.why, self.is_final = error, isinstance(error, CallerError)
                await self._drop("refused")

    async def _write(self) -> None:
        async for frame in self._frames:
            try:
                await self._socket.send_message(frame if self._form.binary else frame.decode())
            except ConnectionClosed:
                return  # the reader hears of it too

    async def _ping(self) -> None:
        while True:
            await trio.sleep(self._settings.ping_interval_s)
            with trio.move_on_after(self._settings.ping_interval_s) as patience:
                try:
                    await self._socket.ping()
                except ConnectionClosed:
                    return
            if patience.cancelled_caught:
                await self._drop(f"no sign of life for {self._settings.ping_interval_s:g} s")

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
            self.why = self._lost(f"it sends what no adjourn gateway sends: {error}")

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
            self.why = complaint or Unauthorized(f"{self._settings.url} wants to know who you are: {words}")
        elif code == TOO_BIG and words == f"Exceeded maximum message size: {maximum} bytes":  # our own end's words
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


class Link:
    """A connection that is made again whenever it breaks, for as long as `keep` runs.

    `on_notice(notice, size)` is called with what the server says unasked, `size` being about its bytes; `on_change`
    with None when a connection is up, and with the reason when it is lost. Neither may wait.
    """

    def __init__(
        self,
        settings: Settings,
        on_notice: Callable[[Notice, int], None],
        on_change: Callable[[AdjournError | None], None],
    ) -> None:
        self.session: Session | None = None  # that is up
        self._settings = settings
        self._on_notice = on_notice
        self._on_change = on_change
        self._over: AdjournError | None = None
        self._changed = trio.Event()
        self._stop = trio.CancelScope()
        self._work = trio.CancelScope()

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.cancel_called

    async def wait_up(self) -> Session:
        """A connection that is up, or was a moment ago. Raises: why there will be none."""
        while self.session is None:
            if self._over is not None:
                raise fresh(self._over)
            await self._changed.wait()
        return self.session

    async def request(
        self,
        method: str,
        params: Params,
        kind: type[R],
        *,
        repeatable: bool = True,
        then: Callable[[Session, R], None] | None = None,
    ) -> R:
        """The result of a request. While there is no connection, it waits for one.

        A `repeatable` one that was under way when a connection broke is sent again over the next. `then` is called
        with the result before anything that the server sent later is looked at.

        Raises: ConnectionLost, InvalidParams for what can't be sent, and what the server answers with.
        """
        _check(method, params)
        decode = self._settings.form.decode
        sends = 0
        while True:
            session = await self.wait_up()
            sends += 1

            found: list[R] = []

            def heard(raw: Raw, session: Session = session, found: list[R] = found) -> None:
                found.append(decode(raw, kind))
                if then is not None:
                    then(session, found[0])

            try:
                await session.call(method, params, heard)
                return found[0]
            except ConnectionLost as lost:
                if not repeatable or sends == MAX_SENDS:
                    doubt = "" if repeatable else "; whether it took effect is unknown"
                    raise ConnectionLost(f"{method} has no reply: {lost.message}{doubt}") from lost
            while self.session is session:  # it is about to be taken down
                await self._changed.wait()

    def stop(self) -> None:
        """Make `keep` close the connection and return."""
        self._stop.cancel()
        self._work.cancel()

    async def keep(self) -> None:
        """Be connected, until stopped, refused, or out of attempts. Shielded: stop it by `stop`.

        Stopped, it closes the WebSocket, which takes `close_timeout_s` at most.
        """
        with trio.CancelScope(shield=True), self._stop:
            try:
                await self._keep_trying()
            finally:
                self._over = self._over or self._left()
                self._set_session(None)

    async def _keep_trying(self) -> None:
        backoff, failures, was_ever_up = self._settings.backoff, 0, self._settings.wait_for_server
        while True:
            end = await self._connect_once()
            was_ever_up = was_ever_up or end.was_up
            failures = 0 if end.was_up else failures + 1
            if end.is_final or backoff is None or not was_ever_up or failures == backoff.attempts:
                self._over = end.why
            self._set_session(None)
            if end.was_up or self._over is not None:
                self._on_change(end.why)
            if backoff is None or self._over is not None:
                return
            await trio.sleep(backoff.delay_s(failures))

    def _left(self) -> AdjournError:
        return ConnectionLost(f"this client of {self._settings.url} is closed")

    def _set_session(self, session: Session | None) -> None:
        self.session = session
        self._changed.set()
        self._changed = trio.Event()

    def _started(self, session: Session, server: ServerDescription) -> None:
        self._set_session(session)
        self._on_change(None)

    async def _connect_once(self) -> End:
        """One connection, from before it is made until after it is closed."""
        end = End(self._left(), is_final=True)
        try:
            async with trio.open_nursery() as wire:
                wire.cancel_scope.shield = True  # the WebSocket's reader lives until the closing handshake is over
                with trio.CancelScope() as self._work:
                    if self._stop.cancel_called:
                        self._work.cancel()
                    end = await self._connected(wire)
                wire.cancel_scope.cancel()
        except* FAULTS as faults:
            end = end_of(faults, self._settings.url)
        return end

    async def _connected(self, wire: trio.Nursery) -> End:
        async with open_socket(wire, self._settings) as socket:
            session = Session(socket, self._settings, self._on_notice)
            await session.run(self._started)
        assert session.why is not None
        return End(session.why, is_final=session.is_final, was_up=self.session is session)


def fresh(error: AdjournError) -> AdjournError:
    """The same error once more, to be raised in another task."""
    return from_wire(error.code, error.message, error.data)


def _too_big(size: int, maximum: float | None = None) -> LimitExceeded:
    text = f"the request takes {size} bytes, which is more than the server allows"
    return LimitExceeded(text, limit="maxMessageBytes", **({} if maximum is None else {"maximum": maximum}))


def _check(method: str, params: Params) -> None:
    """Nothing, if these can be sent as they are. Raises: InvalidParams."""
    try:
        codec.check_value(msgspec.to_builtins(params))
    except codec.CodecError as error:
        raise InvalidParams(f"{method}: {error}", errors=[{"path": error.path, "message": error.message}]) from error
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidParams(f"{method}: {error}") from error
