"""Reconnects the client, and sends a request again if the connection is lost before its reply.

This module doesn't know runs: callbacks get the notifications, and the changes of the connection.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
import trio
from msgspec import Raw

from ...protocol import codec
from ...protocol.errors import AdjournError, ConnectionLost, InvalidParams
from ...protocol.messages import Wire
from ...protocol.methods import Params, ServerDescription
from ...protocol.rpc import Notice
from .dial import FAULTS, Backoff, End, Settings, end_of, open_socket
from .session import Session, fresh

__all__ = ["Link", "open_link"]

R = TypeVar("R", bound=Wire)

MAX_SENDS = 8  # attempts of one request, because a request may break every connection


class Link:
    """A connection that is replaced whenever it is lost, while `keep` runs.

    `places`: one or several servers, with the same options but the url. They are tried in turn.

    Calls `on_notice(notice, size)` for each notification, of about `size` bytes. Calls `on_change` with None when there
    is a new connection, and with the reason when it is lost. Neither may wait.
    """

    def __init__(
        self,
        places: Sequence[Settings],
        on_notice: Callable[[Notice, int], None],
        on_change: Callable[[AdjournError | None], None],
    ) -> None:
        self.session: Session | None = None  # the current connection, if any
        self._places = places
        self._at = 0  # the place of the current connection, or of the next attempt
        self._on_notice = on_notice
        self._on_change = on_change
        self._over: AdjournError | None = None  # why there will be no other connection
        self._changed = trio.Event()  # set, and replaced, when `session` changes
        self._stop = trio.CancelScope()  # around all of `keep`
        self._work = trio.CancelScope()  # around the current connection's work, but not its closing

    @property
    def _settings(self) -> Settings:
        return self._places[self._at]

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.cancel_called

    async def wait_up(self) -> Session:
        """Waits for a connection, which may be lost at any time. Raises: the reason, if there will be no other
        connection.
        """
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
        then: Callable[[Session, R], None] | None = None,
    ) -> R:
        """Sends a request and returns its result. Waits while there is no connection.

        If the connection is lost before the reply, sends the request again over the next one: every method is safe to
        repeat. Calls `then` with the connection and the result, before any later message of the server is handled.

        Raises: ConnectionLost, InvalidParams for params that can't be sent, and the server's error.
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
                if sends == MAX_SENDS:
                    raise ConnectionLost(f"{method} has no reply: {lost.message}") from lost
            while self.session is session:  # `keep` is about to replace it
                await self._changed.wait()

    def stop(self) -> None:
        """Makes `keep` close the connection and return."""
        self._stop.cancel()
        self._work.cancel()

    async def keep(self) -> None:
        """Connects again and again, until `stop`, a refusal, or the last attempt. Shielded: only `stop` cancels it.

        When stopped, closes the WebSocket within `close_timeout_s`.
        """
        with trio.CancelScope(shield=True), self._stop:
            try:
                await self._keep_trying()
            finally:
                self._over = self._over or self._left()
                self._set_session(None)

    async def _keep_trying(self) -> None:
        backoff, failures, was_ever_up = self._settings.backoff, 0, self._settings.wait_for_server
        places = len(self._places)
        while True:
            end = await self._connect_once()
            was_ever_up = was_ever_up or end.was_up
            failures = 0 if end.was_up else failures + 1
            rounds = failures // places  # of attempts at all places
            is_last = backoff is None or not was_ever_up or rounds == backoff.attempts
            if end.is_final or (is_last and failures % places == 0):
                self._over = end.why
            self._at = (self._at + 1) % places
            self._set_session(None)
            if end.was_up or self._over is not None:
                self._on_change(end.why)
            if self._over is not None:
                return
            if failures % places == 0 and (failures or places == 1):  # else another place is tried at once
                await trio.sleep((backoff or Backoff()).delay_s(rounds))

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
        """Makes one connection, keeps it until it ends, and closes it; returns how it ended."""
        end = End(self._left(), is_final=True)
        try:
            async with trio.open_nursery() as wire:
                wire.cancel_scope.shield = True  # the WebSocket's reader must outlive the closing handshake
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


def _check(method: str, params: Params) -> None:
    """Checks that these params can be sent. Raises: InvalidParams."""
    try:
        codec.check_value(msgspec.to_builtins(params))
    except codec.CodecError as error:
        raise InvalidParams(f"{method}: {error}", errors=[{"path": error.path, "message": error.message}]) from error
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidParams(f"{method}: {error}") from error


@asynccontextmanager
async def open_link(link: Link) -> AsyncGenerator[None]:
    """Keeps a link connected during the block. Errors of the block are raised unchanged, not in a group."""
    error: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(link.keep)
            try:
                await link.wait_up()
                yield
            finally:
                link.stop()
    except BaseExceptionGroup as group:
        # This group is the nursery's: the link raises nothing, so it holds one error, the block's.
        error = group.exceptions[0] if len(group.exceptions) == 1 else group
    if error is not None:
        raise error
