"""The gateway's connection to one client: a reader that starts its requests, and one writer for all that it is told.

The writer sends replies first, then takes the watched runs in turn, a small slice each. It is never cancelled in
mid-send but to throw the connection away. What a client doesn't read stops only this writer: replies are bounded by
what may be in flight, events wait in the runs' own logs.
"""

import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import trio
from msgspec import UNSET, Raw, UnsetType
from trio_websocket import ConnectionClosed, WebSocketConnection

from ...protocol import codec, rpc
from ...protocol.errors import AdjournError, InvalidParams, LimitExceeded
from ...protocol.messages import Wire
from ...protocol.methods import Empty, Position, RunStart, RunSubscribe, RunsWatch, RunUnsubscribe, Started
from ...protocol.record import Head
from ..core.faults import internal_error
from ..runtime.item import Item
from .procedures import Procedures
from .subscriptions import Subscriptions, Watch
from .transport import Transport, message_frame

__all__ = ["Connection", "GatewayLimits"]

logger = logging.getLogger("adjourn.gateway")

SPARE_BYTES = 65_536  # that may come beyond a message of full size in frames of reasonable size: pings, the next one
SLICE = 16  # events of one run before the next one has its turn
_FAULTS = (1002, 1007, 1009)  # close codes
BATCH_SLICE = 256  # the same for clients that take batches: a slice is one or a few frames


@dataclass(frozen=True)
class GatewayLimits:
    """Bounds of one connection. Times are in seconds."""

    max_message_bytes: int = 5_000_000  # of a message from the client; beyond: close 1009
    max_in_flight: int = 64  # requests; beyond: limitExceeded
    max_subscriptions: int = 256  # runs watched at once; beyond: limitExceeded
    max_batch_bytes: int = 256_000  # of a batch of notifications, for clients that take batches
    stall_s: float = 120.0  # a client that reads nothing of what is sent to it for so long is dropped
    ping_s: float = 30.0  # after so long a silence a client is pinged
    pong_s: float = 90.0  # after so long a silence it is dropped
    handshake_s: float = 10.0  # for a client to say what it wants, authentication included
    close_s: float = 5.0  # for requests under way and the goodbye, when the server leaves


@dataclass(slots=True)
class _Call:
    """A request under way. `before`: the one ahead of it on the same run."""

    request: rpc.Request
    run_id: str | None
    before: trio.Event | None
    done: trio.Event = field(default_factory=trio.Event)


@dataclass(slots=True)
class _Answer:
    """A reply, if one is wanted, and what may begin once it is on its way."""

    reply: bytes | None
    begin: Callable[[], None] | None = None


class Connection:
    """A client that is known and welcome. `serve` it once."""

    def __init__(
        self,
        ws: WebSocketConnection,
        transport: Transport,
        form: rpc.Format,
        procedures: Procedures,
        limits: GatewayLimits,
        *,
        takes_batches: bool,
        watch_changes: Callable[[Callable[[Head, bool], None]], Callable[[], None]],
        name: str,
    ) -> None:
        self._ws, self._transport = ws, transport
        transport.most_unfinished = 2 * limits.max_message_bytes + SPARE_BYTES
        self._form, self._procedures, self._limits = form, procedures, limits
        self._takes_batches = takes_batches
        self._watch_changes = watch_changes
        self._name = name  # for the log
        self._format: Literal["json", "msgpack"] = "msgpack" if form.binary else "json"
        self._replies: deque[bytes] = deque()
        self._subscriptions = Subscriptions(limits.max_subscriptions, self._stir)
        self._watch: Watch | None = None
        self._unwatch: Callable[[], None] | None = None
        self._changed = trio.Event()
        self._in_flight = 0
        self._lanes: dict[str, trio.Event] = {}  # of each run with requests under way, the end of the latest
        self._something = trio.Event()  # for the writer to do
        self._room = trio.Event()  # for another reply
        self._reading = trio.CancelScope()
        self._watching = trio.CancelScope()
        self._nursery: trio.Nursery
        self._goodbye = (1000, "")
        self._finishing = False
        self._pinging = False

    def leave(self, code: int, reason: str) -> None:
        """Take no more requests, finish those under way, say why, and close."""
        self._goodbye = (code, reason)
        self._reading.cancel()

    @property
    def is_open(self) -> bool:
        """Whether it is being served, and not on its way out."""
        return not self._finishing

    @property
    def fault(self) -> tuple[int, str] | None:
        """Code and reason, where the client sent what can't be read as frames: it may have more on its way."""
        reason = None if self._transport.overrun else self._ws.closed
        code = self._goodbye[0] if reason is None or reason.code == 1000 else reason.code
        return (code, (reason and reason.reason) or "") if code in _FAULTS else None

    async def serve(self) -> None:
        """Serve the client until it goes, or is asked to `leave`. A disconnect aborts nothing."""
        try:
            await self._serve()
        except* Exception as group:
            fault = internal_error(group, f"the connection of {self._name}", logger)
            self._goodbye = (1011, fault.message)
        finally:
            self._subscriptions.close_all()
            if self._unwatch is not None:
                self._unwatch()
        with trio.move_on_after(self._limits.close_s):
            await self._ws.aclose(*self._goodbye)

    async def _serve(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write)
            self._nursery = nursery
            with trio.CancelScope() as patience:
                async with trio.open_nursery() as requests:
                    with self._reading:
                        await self._read(requests)
                    patience.deadline = trio.current_time() + self._limits.close_s / 2
            self._watching.cancel()
            self._finishing = True
            self._stir()

    # The reader.

    async def _read(self, requests: trio.Nursery) -> None:
        while True:
            await self._wait_room()
            try:
                message = await self._ws.get_message()
            except ConnectionClosed:
                if self._transport.overrun:
                    self._goodbye = (1009, f"at most {self._limits.max_message_bytes} bytes a message")
                return
            self._transport.unfinished = 0
            if isinstance(message, bytes) is not self._form.binary:
                kind = "binary" if self._form.binary else "text"
                self._goodbye = (1003, f"{self._form.subprotocol} takes {kind} frames")
                return
            if isinstance(message, str) and not message.isascii():
                message = message.encode()
                if len(message) > self._limits.max_message_bytes:
                    self._goodbye = (1009, f"at most {self._limits.max_message_bytes} bytes a message")
                    return
            self._begin(rpc.parse_frame(message, self._form), requests)

    def _begin(self, frame: rpc.Frame, requests: trio.Nursery) -> None:
        admitted = [self._admit(member) for member in frame.members]
        calls = [each for each in admitted if isinstance(each, _Call)]
        refusals = [each for each in admitted if isinstance(each, bytes)]
        if frame.batch:
            requests.start_soon(self._carry_out_batch, calls, refusals)
        elif calls:
            requests.start_soon(self._carry_out_alone, calls[0])
        else:
            self._replies.extend(refusals)
            self._stir()

    def _admit(self, member: rpc.Request | rpc.Rejected) -> _Call | bytes | None:
        """A call, in its place behind others on the same run; or the reply to a bad one, if it gets any."""
        if isinstance(member, rpc.Rejected):
            if member.id is UNSET:
                logger.warning("refused, and %s did not want to hear of it: %s", self._name, member.error.message)
            return rpc.rejection(member, self._form)
        if self._in_flight >= self._limits.max_in_flight:
            maximum = self._limits.max_in_flight
            error = LimitExceeded(
                f"at most {maximum} requests may be in flight on a connection", limit="maxInFlight", maximum=maximum
            )
            return self._error(member.id, error)
        self._in_flight += 1
        run_id: str | None = getattr(member.params, "run_id", None)
        call = _Call(member, run_id, None if run_id is None else self._lanes.get(run_id))
        if run_id is not None:
            self._lanes[run_id] = call.done
        return call

    # Requests.

    async def _carry_out_alone(self, call: _Call) -> None:
        answer = await self._carry_out(call)
        self._answer([] if answer.reply is None else [answer.reply], [answer])

    async def _carry_out_batch(self, calls: Sequence[_Call], refusals: Sequence[bytes]) -> None:
        answers: list[_Answer] = []

        async def carry_out(call: _Call) -> None:
            answers.append(await self._carry_out(call))

        async with trio.open_nursery() as nursery:
            for call in calls:
                nursery.start_soon(carry_out, call)
        replies = [*refusals, *(answer.reply for answer in answers if answer.reply is not None)]
        self._answer([rpc.batch(replies, self._form)] if replies else [], answers)

    def _answer(self, replies: Iterable[bytes], answers: Iterable[_Answer]) -> None:
        self._replies.extend(replies)
        for answer in answers:
            if answer.begin is not None:
                answer.begin()
        self._stir()

    async def _carry_out(self, call: _Call) -> _Answer:
        request = call.request
        try:
            if call.before is not None:
                await call.before.wait()
            try:
                await self._procedures.check(request.method, call.run_id if request.method != "run.start" else None)
                result, begin = await self._result(request)
            except codec.CodecError as error:
                raise InvalidParams(str(error), errors=[{"path": error.path, "message": error.message}]) from error
            reply = None if isinstance(request.id, UnsetType) else rpc.reply(request.id, result, self._form)
            return _Answer(reply, begin)
        except AdjournError as error:
            return _Answer(self._error(request.id, error))
        except Exception as error:
            return _Answer(self._error(request.id, internal_error(error, f"{request.method} of {self._name}", logger)))
        finally:
            self._in_flight -= 1
            call.done.set()
            if call.run_id is not None and self._lanes.get(call.run_id) is call.done:
                del self._lanes[call.run_id]

    async def _result(self, request: rpc.Request) -> tuple[Wire, Callable[[], None] | None]:
        match request.params:
            case RunStart() as params:
                self._subscriptions.check_room(params.run_id)
                log = await self._procedures.start(params)
                subscription = self._subscriptions.open(log, 0)
                return Started(run_id=log.run_id, seq=0), subscription.begin
            case RunSubscribe() as params:
                log = await self._procedures.log(params.run_id)
                subscription = self._subscriptions.open(log, params.after)
                return Position(run_id=log.run_id, status=log.status, seq=log.seq), subscription.begin
            case RunUnsubscribe() as params:
                self._subscriptions.close(params.run_id)
                log = await self._procedures.log(params.run_id)
                return Position(run_id=log.run_id, status=log.status, seq=log.seq), None
            case RunsWatch() as params:
                return Empty(), partial(self._begin_watch, params)
            case params:
                return await self._procedures.carry_out(params), None

    def _error(self, request_id: rpc.RequestId | UnsetType, error: AdjournError) -> bytes | None:
        return None if isinstance(request_id, UnsetType) else rpc.error_reply(request_id, error, self._form)

    # The list of runs.

    def _begin_watch(self, params: RunsWatch) -> None:
        if self._unwatch is None:
            self._nursery.start_soon(self._tell_changes)
        else:
            self._unwatch()
        self._watch = Watch(params.status, wake=self._note_change, overflow=self._lose_track)
        self._unwatch = self._watch_changes(self._watch.note)

    def _note_change(self) -> None:
        self._changed.set()

    def _lose_track(self) -> None:
        self.leave(1008, "too many changes of runs wait; list them again")

    async def _tell_changes(self) -> None:
        """Tell of changed runs as the writer gets round to it; meanwhile they wait in the watch, each once."""
        with self._watching:
            while True:
                messages = [message async for message in self._changes()]
                if messages:
                    await self._wait_room()
                    self._replies.extend(self._frames(messages))
                    self._stir()
                else:
                    await self._changed.wait()
                    self._changed = trio.Event()

    async def _changes(self) -> AsyncGenerator[bytes]:
        assert self._watch is not None
        for _ in range(SLICE):
            change = self._watch.take()
            if change is None:
                return
            head, deleted = change
            if await self._procedures.allows("runs.watch", head):
                summary = await self._procedures.summary(head, deleted=deleted)
                yield rpc.notification("run.changed", summary, self._form)

    # The writer.

    def _stir(self) -> None:
        self._something.set()

    async def _wait_room(self) -> None:
        while len(self._replies) >= self._limits.max_in_flight:
            if self._room.is_set():
                self._room = trio.Event()
            await self._room.wait()

    async def _write(self) -> None:
        try:
            while self._replies or not self._finishing:
                while self._replies:  # all: an event must not overtake the reply to its subscription
                    await self._send(self._replies.popleft())
                    self._room.set()
                if self._subscriptions.ready:
                    items = self._subscriptions.take(BATCH_SLICE if self._takes_batches else SLICE)
                    if items:
                        await self._transport.send_frames(self._framed_all(items))
                elif not (self._replies or self._finishing):
                    self._something = trio.Event()
                    await self._something.wait()
        except (ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError):
            self._reading.cancel()

    def _framed_all(self, items: Sequence[Item]) -> bytes:
        if not self._takes_batches or len(items) == 1:
            return b"".join([self._framed(item) for item in items])
        messages = self._frames([self._notification(item) for item in items])
        return b"".join([message_frame(message, binary=self._form.binary) for message in messages])

    def _framed(self, item: Item) -> bytes:
        """The item as it goes out, the same bytes for every client of this format."""
        if item.frames is None:
            item.frames = {}
        frame = item.frames.get(self._format)
        if frame is None:
            frame = item.frames[self._format] = message_frame(self._notification(item), binary=self._form.binary)
        return frame

    def _notification(self, item: Item) -> bytes:
        encoded = item.encoded(self._format)
        if item.is_snapshot:
            return rpc.notification("run.snapshot", Raw(encoded), self._form)
        return rpc.event_notification(encoded, self._form)

    def _frames(self, messages: Sequence[bytes]) -> Iterator[bytes]:
        """The messages as they go out: one by one, or in batches up to the cap for a client that takes them."""
        if not self._takes_batches:
            yield from messages
            return
        group: list[bytes] = []
        size = 0
        for message in messages:
            if group and size + len(message) > self._limits.max_batch_bytes:
                yield self._frame(group)
                group, size = [], 0
            group.append(message)
            size += len(message)
        if group:
            yield self._frame(group)

    def _frame(self, group: Sequence[bytes]) -> bytes:
        return group[0] if len(group) == 1 else rpc.batch(group, self._form)

    async def _send(self, message: bytes) -> None:
        await self._ws.send_message(message if self._form.binary else message.decode())

    # Signs of life.

    async def ping(self) -> None:
        """Ask whether the client is still there, unless it has been asked already. Over when it says so."""
        if not self._pinging:
            self._pinging = True
            with suppress(ConnectionClosed):
                await self._ws.ping()
            self._pinging = False
