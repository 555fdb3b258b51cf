"""Client-side calls of a chat's run: claims them, executes them here, and sends the results."""

import inspect
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, TypeVar

import trio

from ...protocol.errors import (
    AdjournError,
    ClaimTaken,
    InvalidParams,
    LimitExceeded,
    NotPending,
    RunEnded,
    RunNotFound,
)
from ...protocol.transcript import PendingCall
from .client import Client
from .dial import Backoff

__all__ = ["ClientTools", "Execute"]

T = TypeVar("T")

Execute: TypeAlias = Callable[[PendingCall], Awaitable[Any] | Any]  # sync or async
_Offer: TypeAlias = tuple[str, int | None]  # tool call id, and since when it waits: a repeated offer is a new one

RETRY = Backoff()
INTERRUPTED = "This call was interrupted while a client executed it; it may have taken effect."

_SETTLED = (ClaimTaken, NotPending, RunEnded, RunNotFound)  # another client has the call, or it no longer waits


@dataclass(frozen=True, slots=True)
class _Tool:
    execute: Execute
    idempotent: bool


class ClientTools:
    """The client-side tools of one chat. They execute only inside `open`.

    Each chat has its own claimant, so of two chats over one client only one executes a call.

    Calls `on_end` when a call is no longer busy, with the seq of its result, or 0 without one. Calls `on_error` when a
    call could not be claimed or answered.
    """

    def __init__(
        self, client: Client, *, on_end: Callable[[int], None], on_error: Callable[[AdjournError], Awaitable[None]]
    ) -> None:
        self._client = client
        self._on_end = on_end
        self._on_error = on_error
        self._claimant = secrets.token_urlsafe(24)
        self._tools: dict[str, _Tool] = {}
        self._taken: dict[_Offer, trio.CancelScope] = {}  # offers being handled, until they no longer wait
        self._begun: set[_Offer] = set()  # offers whose tool may have taken effect
        self._at_work = 0
        self._nursery: trio.Nursery | None = None  # set inside `open`

    @property
    def has_any(self) -> bool:
        """Whether any tool is registered."""
        return bool(self._tools)

    @property
    def is_busy(self) -> bool:
        """Whether a call is being claimed, executed or answered."""
        return self._at_work > 0

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called inside `open`."""
        return self._nursery is not None and self._nursery.cancel_scope.cancel_called

    def add(self, name: str, execute: Execute, *, idempotent: bool) -> None:
        """Registers a tool, from the next `offer` on."""
        self._tools[name] = _Tool(execute, idempotent)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """Executes calls during the block; leaving it cancels them. Errors are raised unchanged, not in a group."""
        error: BaseException | None = None
        try:
            async with trio.open_nursery() as self._nursery:
                try:
                    yield
                finally:
                    self._nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            error = group.exceptions[0] if len(group.exceptions) == 1 else group
        finally:
            self._nursery = None
            self._taken.clear()
        if error is not None:
            raise error

    def stop(self) -> None:
        """Cancels what the block of `open` waits for, and leaves it."""
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    def offer(self, run_id: str, pending: Sequence[PendingCall]) -> None:
        """Starts the calls that wait for a client, and cancels those that no longer wait."""
        if self._nursery is None:
            return
        offers = {(call.tool_call_id, call.since): call for call in pending if call.kind == "client"}
        for gone in self._taken.keys() - offers.keys():
            self._taken.pop(gone).cancel()
        for offer, call in offers.items():
            tool = self._tools.get(call.tool_name)
            if tool is not None and offer not in self._taken:
                wanted = self._taken[offer] = trio.CancelScope()
                self._at_work += 1
                self._nursery.start_soon(self._carry_out, run_id, call, tool, wanted)

    async def _carry_out(self, run_id: str, call: PendingCall, tool: _Tool, wanted: trio.CancelScope) -> None:
        seq, report = 0, None
        try:
            with wanted:
                token = await _persist(partial(self._client.claim, run_id, call.tool_call_id, self._claimant))
                result, is_error = await self._outcome(call, tool)
                send = partial(self._client.result, run_id, call.tool_call_id, token)
                report = partial(self._report, send, result, is_error)
            if report is not None:
                seq = await report()
        except _SETTLED:
            pass
        except AdjournError as error:
            await self._on_error(error)
        finally:
            self._at_work -= 1
            self._on_end(seq)

    async def _outcome(self, call: PendingCall, tool: _Tool) -> tuple[Any, bool]:
        """Executes a call; returns the result, and whether it is an error."""
        offer = (call.tool_call_id, call.since)
        if offer in self._begun and not tool.idempotent:
            return INTERRUPTED, True
        self._begun.add(offer)
        try:
            result = tool.execute(call)
            return (await result if inspect.isawaitable(result) else result), False
        except Exception as error:
            return str(error) or type(error).__name__, True

    async def _report(self, send: Callable[..., Awaitable[Any]], result: Any, is_error: bool) -> int:
        try:
            return (await _persist(partial(send, result, is_error=is_error))).seq
        except (InvalidParams, LimitExceeded) as error:  # not JSON, or too large: the run must still go on
            return (await _persist(partial(send, error.message, is_error=True))).seq


async def _persist(attempt: Callable[[], Awaitable[T]]) -> T:
    """Retries `attempt` while its error is retryable; returns its result."""
    failures = 0
    while True:
        try:
            return await attempt()
        except AdjournError as error:
            if not error.retryable:
                raise
        await trio.sleep(RETRY.delay_s(failures))
        failures += 1
