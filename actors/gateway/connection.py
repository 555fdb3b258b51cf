"""One admitted client's connection: reads its frames and owns the tasks that serve the client.

`requests.py` carries out what a frame asks for, `outbox.py` sends to the client, `run_list.py` reports changed runs.
"""

import logging

import trio

from ...protocol import rpc
from ...protocol.requests import parse_frame
from ..core.faults import internal_error
from .framing import Framing
from .limits import GatewayLimits
from .load import Load
from .outbox import Outbox
from .procedures import Procedures
from .requests import Requests
from .run_list import RunList
from .websocket import SocketClosed, WebSocket

__all__ = ["Connection"]

logger = logging.getLogger("adjourn.gateway")

_FAULTS = (1002, 1007, 1009)  # close codes for frames that can't be read


class Connection:
    """A connection to an admitted client. Call `serve` once."""

    def __init__(
        self,
        socket: WebSocket,
        form: rpc.Format,
        procedures: Procedures,
        limits: GatewayLimits,
        load: Load,
        *,
        takes_batches: bool,
        max_message_bytes: int | None,
        client: str,
    ) -> None:
        self._socket = socket
        self._form, self._limits = form, limits
        self._client = client  # for log lines
        self._load = load
        self._outbox = Outbox(
            socket,
            Framing(
                form,
                takes_batches=takes_batches,
                max_batch_bytes=limits.max_batch_bytes,
                max_message_bytes=max_message_bytes,
            ),
            load,
            max_replies=limits.max_in_flight,
            max_subscriptions=limits.max_subscriptions,
        )
        self._run_list = RunList(procedures, self._outbox)
        self._bounds = procedures.bounds
        self._requests = Requests(
            procedures, self._outbox, self._run_list, max_in_flight=limits.max_in_flight, client=client
        )
        self._reading = trio.CancelScope()
        self._goodbye = (1000, "")  # the close code and reason to send
        self._pinging = False

    def leave(self, code: int, reason: str) -> None:
        """Accepts no more requests, finishes those in flight, and closes with this code and reason."""
        self._goodbye = (code, reason)
        self._reading.cancel()

    @property
    def is_open(self) -> bool:
        """Whether the connection still accepts or answers requests."""
        return not self._outbox.finishing

    @property
    def fault(self) -> tuple[int, str] | None:
        """Close code and reason, if the client sent unreadable frames; more of them may be on the way."""
        code, text = self._socket.closed or self._goodbye
        return (code, text) if code in _FAULTS else None

    async def serve(self) -> None:
        """Serves the client until it disconnects, or until `leave`. A disconnect aborts no run."""
        try:
            await self._serve()
        except* Exception as group:
            fault = internal_error(group, f"the connection of {self._client}", logger)
            self._goodbye = (1011, fault.message)
        finally:
            self._outbox.subscriptions.close_all()
            self._run_list.close()
            self._load.close()
        with trio.move_on_after(self._limits.close_s):
            await self._socket.aclose(*self._goodbye)

    async def _serve(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write)
            nursery.start_soon(self._run_list.tell)
            with trio.CancelScope() as patience:
                async with trio.open_nursery() as requests:
                    with self._reading:
                        await self._read(requests)
                    patience.deadline = trio.current_time() + self._limits.close_s / 2
            self._run_list.close()
            self._outbox.finish()

    async def _read(self, requests: trio.Nursery) -> None:
        """Starts the requests of each arriving frame, while there is room for replies."""
        while True:
            await self._outbox.wait_room()
            try:
                message = await self._socket.receive()
            except SocketClosed as closed:
                self._goodbye = closed.fault or self._goodbye
                return
            if isinstance(message, bytes) is not self._form.binary:
                kind = "binary" if self._form.binary else "text"
                self._goodbye = (1003, f"{self._form.subprotocol} takes {kind} frames")
                return
            if isinstance(message, str) and not message.isascii():
                message = message.encode()
                if len(message) > self._limits.max_message_bytes:
                    self._goodbye = (1009, f"at most {self._limits.max_message_bytes} bytes a message")
                    return
            frame = parse_frame(message, self._form, max_batch=self._limits.max_in_flight, bounds=self._bounds)
            self._requests.begin(frame, requests)

    async def _write(self) -> None:
        try:
            await self._outbox.write()
        except SocketClosed:
            self._reading.cancel()

    async def ping(self) -> None:
        """Pings the client, unless a ping is in flight. Returns when the client answers."""
        if not self._pinging:
            self._pinging = True
            await self._socket.ping()
            self._pinging = False
