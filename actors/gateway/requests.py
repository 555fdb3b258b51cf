"""The requests of one client: their limit, their order, and their replies.

Requests on one run are carried out one after the other, in order of arrival. Requests on different runs, and members of
a batch, run concurrently. Requests with long replies run one at a time, and wait for room: nothing is encoded for a
client that doesn't read. `procedures.py` carries out the methods; only those that start or stop watching are here,
because they change what the outbox sends.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import trio
from msgspec import UNSET, UnsetType

from ...protocol import codec, requests, rpc
from ...protocol.errors import AdjournError, InvalidParams, LimitExceeded
from ...protocol.messages import Wire
from ...protocol.methods import (
    Empty,
    Params,
    RunGet,
    RunStart,
    RunSubscribe,
    RunsWatch,
    RunTimeline,
    RunUnsubscribe,
    Started,
)
from ...protocol.parts import page_of
from ..core.faults import internal_error
from .outbox import Outbox
from .procedures import Procedures
from .run_list import RunList

__all__ = ["Requests"]

logger = logging.getLogger("adjourn.gateway")

# Methods with results that may be long, or that a long snapshot may follow.
_LONG = frozenset(
    {"run.get", "run.timeline", "run.subscribe", "run.list", "agents.list", "system.tree", "rpc.discover"}
)

Begin: TypeAlias = Callable[[], None]  # called once the reply is in the outbox: starts the watching


@dataclass(slots=True)
class _Call:
    """A request in flight. `before`: set when the previous request on the same run is done."""

    request: requests.Request
    run_id: str | None
    before: trio.Event | None
    in_batch: bool
    done: trio.Event = field(default_factory=trio.Event)


@dataclass(slots=True)
class _Answer:
    """A reply, if the client wants one, and what to begin after it."""

    reply: bytes | None
    begin: Begin | None = None


class Requests:
    """Carries out the requests of one client and puts the replies into the outbox."""

    def __init__(
        self, procedures: Procedures, outbox: Outbox, run_list: RunList, *, max_in_flight: int, client: str
    ) -> None:
        self._procedures, self._outbox, self._run_list = procedures, outbox, run_list
        self._form = outbox.framing.form
        self._max_in_flight = max_in_flight
        self._client = client  # for log lines
        self._in_flight = 0
        self._reading = trio.Lock()  # held while a long reply is made
        self._lanes: dict[str, trio.Event] = {}  # per run with requests in flight: set when the latest one is done

    def begin(self, frame: requests.Frame, nursery: trio.Nursery) -> None:
        """Starts the requests of a frame, each after earlier ones on the same run."""
        admitted = [self._admit(member, in_batch=frame.batch) for member in frame.members]
        calls = [each for each in admitted if isinstance(each, _Call)]
        refusals = [each for each in admitted if isinstance(each, bytes)]
        if frame.batch:
            nursery.start_soon(self._carry_out_batch, calls, refusals)
        elif calls:
            nursery.start_soon(self._carry_out_alone, calls[0])
        else:
            self._outbox.put(refusals)

    def _admit(self, member: requests.Request | requests.Rejected, *, in_batch: bool) -> _Call | bytes | None:
        """Returns a call, or the error reply to a bad request; None if a bad request wants no reply."""
        if isinstance(member, requests.Rejected):
            if member.id is UNSET:
                logger.warning("refused a request without an id from %s: %s", self._client, member.error.message)
            return requests.rejection(member, self._form)
        if self._in_flight >= self._max_in_flight:
            maximum = self._max_in_flight
            error = LimitExceeded(
                f"at most {maximum} requests may be in flight on a connection", limit="maxInFlight", maximum=maximum
            )
            return self._error(member.id, error)
        self._in_flight += 1
        run_id: str | None = getattr(member.params, "run_id", None)
        call = _Call(member, run_id, None if run_id is None else self._lanes.get(run_id), in_batch)
        if run_id is not None:
            self._lanes[run_id] = call.done
        return call

    async def _carry_out_alone(self, call: _Call) -> None:
        answer = await self._carry_out(call)
        self._send([] if answer.reply is None else [answer.reply], [answer])

    async def _carry_out_batch(self, calls: Sequence[_Call], refusals: Sequence[bytes]) -> None:
        answers: list[_Answer] = []

        async def carry_out(call: _Call) -> None:
            answer = await self._carry_out(call)
            self._outbox.hold(len(answer.reply or b""))
            answers.append(answer)

        async with trio.open_nursery() as nursery:
            for call in calls:
                nursery.start_soon(carry_out, call)
        replies = [answer.reply for answer in answers if answer.reply is not None]
        self._outbox.hold(-sum(map(len, replies)))
        replies += refusals
        self._send([rpc.batch(replies, self._form)] if replies else [], answers)

    def _send(self, replies: Iterable[bytes], answers: Iterable[_Answer]) -> None:
        self._outbox.put(replies)
        for answer in answers:
            if answer.begin is not None:
                answer.begin()

    async def _carry_out(self, call: _Call) -> _Answer:
        request = call.request
        try:
            if call.before is not None:
                await call.before.wait()
            try:
                return await self._answer(call)
            except codec.CodecError as error:
                raise InvalidParams(str(error), errors=[{"path": error.path, "message": error.message}]) from error
        except AdjournError as error:
            return _Answer(self._error(request.id, error))
        except Exception as error:
            where = f"{request.method} of {self._client}"
            return _Answer(self._error(request.id, internal_error(error, where, logger)))
        finally:
            self._in_flight -= 1
            call.done.set()
            if call.run_id is not None and self._lanes.get(call.run_id) is call.done:
                del self._lanes[call.run_id]

    async def _answer(self, call: _Call) -> _Answer:
        request = call.request
        params = await self._procedures.guard.check(request.method, request.params)
        if request.method not in _LONG:
            return await self._made(request.id, params)
        async with self._reading:
            if not call.in_batch:
                await self._outbox.wait_room()
            elif self._outbox.is_held_up:
                text = "the replies to this batch are too large together; send the requests one by one"
                raise LimitExceeded(text, limit="batchBytes")
            return await self._made(request.id, params)

    async def _made(self, request_id: rpc.RequestId | UnsetType, params: Params) -> _Answer:
        result, begin = await self._result(params)
        return _Answer(self._reply(request_id, result), begin)

    async def _result(self, given: Params) -> tuple[Wire, Begin | None]:
        procedures, subscriptions = self._procedures, self._outbox.subscriptions
        match given:
            case RunStart() as params:
                subscriptions.check_room(params.run_id)
                log = await procedures.start(params)
                subscription = subscriptions.open(log, 0)
                return Started(run_id=log.run_id, seq=0), subscription.begin
            case RunSubscribe() as params:
                log = await procedures.log(params.run_id)
                subscription = subscriptions.open(log, params.after)
                return await procedures.position(log), subscription.begin
            case RunUnsubscribe() as params:
                subscriptions.close(params.run_id)
                log = await procedures.log(params.run_id)
                return await procedures.position(log), None
            case RunsWatch() as params:
                return Empty(), partial(self._run_list.watch, params)
            case RunGet() as params:
                return page_of(await procedures.get(params), params.from_, self._outbox.framing.page_bytes), None
            case RunTimeline() as params:
                return await procedures.timeline(params, self._outbox.framing.page_bytes), None
            case params:
                return await procedures.carry_out(params), None

    def _reply(self, request_id: rpc.RequestId | UnsetType, result: Wire) -> bytes | None:
        """Encodes the reply. Raises: LimitExceeded if it is too large for the client."""
        if isinstance(request_id, UnsetType):
            return None
        reply = rpc.reply(request_id, result, self._form)
        self._outbox.framing.check_size(len(reply))
        return reply

    def _error(self, request_id: rpc.RequestId | UnsetType, error: AdjournError) -> bytes | None:
        return None if isinstance(request_id, UnsetType) else rpc.error_reply(request_id, error, self._form)
