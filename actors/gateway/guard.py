"""Authorizes each request of a client: asks the operator's authorizer before a request is carried out.

The guard fails closed: an authorizer that raises, or returns something else than a bool, forbids. The authorizer gets
copies, so it can change neither the request nor the run.

A client that may `run.get` a run may know that the run exists: it sees the run in lists, and gets `forbidden` for other
actions that it may not do. To all other clients the run looks missing: same error, same words, same time.
"""

import logging
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from typing import Any, cast

import trio
from msgspec import structs

from ...protocol.errors import (
    AdjournError,
    Forbidden,
    NotPending,
    RecordTooNew,
    RunEnded,
    RunNotFound,
    StoreCorrupt,
    ToolCallIdRequired,
)
from ...protocol.messages import AssistantMessage
from ...protocol.methods import Params, RunStart
from ...protocol.record import FINAL, Head
from ...protocol.transcript import Snapshot
from ..core.faults import foreign_error, internal_error
from ..runtime.records import run_not_found
from ..runtime.system import ActorSystem
from .access import Action, Authorizer, NodePrincipal, Principal
from .even_answers import answered_evenly, wait_step

__all__ = ["Guard"]

logger = logging.getLogger("adjourn.gateway")

_SEE = "run.get"  # the method that decides whether a principal may know that a run exists
_WATCHING = frozenset({"server.info", "run.subscribe", "run.unsubscribe"})  # the methods for a node in its own name


class Guard:
    """Asks the authorizer for one principal. Without an authorizer everything is allowed."""

    def __init__(self, system: ActorSystem, principal: Principal | None, authorizer: Authorizer | None) -> None:
        self._system = system
        self._principal = principal
        self._authorizer = authorizer

    @property
    def by(self) -> str | None:
        """The principal's name, to record with its actions; None: anonymous."""
        return None if self._principal is None else self._principal.name

    async def check(self, method: str, params: Params) -> Params:
        """Returns the params to carry out; they name the authorized tool call even where the client left it out.

        Raises: Forbidden; RunNotFound, also for runs hidden from the principal; StoreUnavailable if the run can't be
            read; RunEnded, NotPending, ToolCallIdRequired if the params match no call of the run.
        """
        if isinstance(self._principal, NodePrincipal):
            if method not in _WATCHING:
                raise self._forbidden(Action(method=method))
            return params
        if self._authorizer is None:
            return params
        async with answered_evenly(RunNotFound):
            return await self._check(_action(method, params), params)

    async def sees(self, head: Head) -> bool:
        """Whether the principal may know that this run exists."""
        return self._authorizer is None or await self._ask(_about(Action(method=_SEE), head)) is None

    async def check_taken(self, run_id: str) -> None:
        """Checks whether a start may learn that its run id is taken.

        If the run is hidden from the principal, the start is forbidden, exactly as if the authorizer forbade this id.
        (A start can't hide a taken id entirely: it either succeeds or fails.)

        Raises: Forbidden; StoreUnavailable.
        """
        if self._authorizer is None:
            return
        with suppress(RunNotFound):
            if await self.sees(await self._head(run_id)):
                return
        raise self._forbidden(Action(method="run.start", run_id=run_id))

    async def _check(self, action: Action, params: Params) -> Params:
        if isinstance(params, RunStart):
            if params.after is not None:  # the new run would show that run's transcript
                await self._demand(_about(Action(method=_SEE), await self._head(params.after)))
            await self._check_start(action)
            return params
        if action.run_id is None:
            await self._demand(action)
            return params
        head = await self._head(action.run_id)
        action = _about(action, head)
        if "tool_call_id" in params.__struct_fields__:
            return structs.replace(params, tool_call_id=await self._check_call(action, head))
        await self._demand(action)
        return params

    async def _check_start(self, action: Action) -> None:
        refusal = await self._ask(action)
        if refusal is None:
            return
        if action.run_id is not None:
            await wait_step()  # same time as a start that is forbidden because its id is taken
        raise refusal

    async def _head(self, run_id: str) -> Head:
        """Returns the run's head. Raises: RunNotFound, also if the head is unreadable; StoreUnavailable."""
        try:
            return await self._system.head(run_id)
        except (RecordTooNew, StoreCorrupt) as error:
            logger.info("run %s is hidden from clients, because its record can't be read: %s", run_id, error)
            raise run_not_found(run_id) from error

    async def _check_call(self, action: Action, head: Head) -> str:
        """Authorizes an action on a tool call; returns the id of that call. Raises: as `check`."""
        log = await self._system.log(head.id)  # read after the head, so the snapshot has every call that the head names
        snapshot = cast(Snapshot, log.snapshot().content)
        wanted = action.tool_call_id
        if wanted is None and head.gated == 1:
            wanted = head.sole_gated
        found = None if wanted is None else _find_call(snapshot, wanted)
        if found is not None:
            name, arguments = found
            action = replace(action, tool_call_id=wanted, tool_name=name, arguments=deepcopy(arguments))
        await self._demand(action)
        if wanted is None or found is None:
            # Don't let the run answer this: a call that the authorizer was not shown may have appeared meanwhile.
            raise _no_call(head, snapshot, wanted)
        return wanted

    async def _demand(self, action: Action) -> None:
        """Asks the authorizer. Raises: Forbidden if it refuses; RunNotFound if the run is hidden from the principal."""
        refusal = await self._ask(action)
        if refusal is None:
            return
        if action.head is not None and (action.method == _SEE or not await self.sees(action.head)):
            raise run_not_found(action.head.id)
        raise refusal

    async def _ask(self, action: Action) -> Forbidden | None:
        """Asks the authorizer. Returns None if the action is allowed."""
        assert self._authorizer is not None
        where = f"the authorizer, asked whether {self._may(action)}"
        task = trio.lowlevel.current_task()
        try:
            allowed = cast(object, await self._authorizer(self._principal, action))
            if not isinstance(allowed, bool):
                raise TypeError(f"the authorizer returned {type(allowed).__name__}, expected a bool")
        except BaseException as raised:  # noqa: ASYNC103  # foreign_error raises what is ours
            fault = internal_error(foreign_error(raised, where, logger, task=task), where, logger)
            text = f"{self._may(action, 'not ')}: {fault.message}"
            return Forbidden(text, action=action.method, id=fault.data["id"])  # noqa: ASYNC104
        return None if allowed else self._forbidden(action)

    def _forbidden(self, action: Action) -> Forbidden:
        hint = ""
        if action.method == "run.start" and action.run_id is not None:
            hint = f" with run id {action.run_id!r}; another id, or none, may do"
        return Forbidden(f"{self._may(action, 'not ')}{hint}", action=action.method)

    def _may(self, action: Action, no: str = "") -> str:
        about = "" if action.head is None else f" on run {action.head.id!r}"
        return f"{'you' if self.by is None else self.by} may {no}{action.method}{about}"


def _action(method: str, params: Params) -> Action:
    """Returns an action filled from copies of the params."""

    def given(name: str) -> Any:
        return deepcopy(getattr(params, name, None))

    return Action(
        method=method,
        run_id=given("run_id"),
        agent=given("agent"),
        tool_call_id=given("tool_call_id"),
        decision=given("decision"),
        edited=given("arguments"),
        reason=given("reason"),
        input=given("input"),
        metadata=given("metadata"),
        limits=given("limits"),
    )


def _about(action: Action, head: Head) -> Action:
    """Returns the action with copies of the run's details added."""
    copy = structs.replace(head, metadata=deepcopy(head.metadata))  # everything else in a head is immutable
    return replace(action, run_id=head.id, agent=head.agent, owner=head.owner, metadata=copy.metadata, head=copy)


def _find_call(snapshot: Snapshot, tool_call_id: str) -> tuple[str, dict[str, Any]] | None:
    """Returns tool and arguments of a call, open or done; None if the run has no call with this id."""
    for waiting in snapshot.pending:
        if waiting.tool_call_id == tool_call_id:
            return waiting.tool_name, waiting.input
    for message in reversed(snapshot.messages):
        for call in message.calls if isinstance(message, AssistantMessage) else ():
            if call.id == tool_call_id:
                return call.name, call.arguments
    return None


def _no_call(head: Head, snapshot: Snapshot, wanted: str | None) -> AdjournError:
    """Returns the run's own error for a request that matches no tool call."""
    if snapshot.status in FINAL:
        return RunEnded(f"the run is over: {snapshot.status}", runId=head.id, status=snapshot.status)
    if wanted is not None:
        text = f"call {wanted!r} is not known to this run"
        return NotPending(text, runId=head.id, toolCallId=wanted, reason="unknown")
    if head.gated == 0:
        return NotPending("no call of this run waits for a decision", runId=head.id, reason="notGated")
    waiting = [call.tool_call_id for call in snapshot.pending if call.kind == "decision"]
    return ToolCallIdRequired("the run has had several gated calls: give the id of one", runId=head.id, open=waiting)
