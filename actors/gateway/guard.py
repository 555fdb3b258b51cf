"""What one client may do: every request is described to the operator's authorizer before it is carried out.

The guard fails closed: an authorizer that raises, or answers with anything but a bool, forbids. It is given copies, so
it can change neither the request nor the run.
"""

import logging
from copy import deepcopy
from dataclasses import replace
from typing import Any, cast

import trio
from msgspec import structs

from ...protocol.errors import AdjournError, Forbidden, NotPending, RunEnded, ToolCallIdRequired
from ...protocol.messages import AssistantMessage
from ...protocol.methods import Params, RunStart
from ...protocol.record import FINAL, Head
from ...protocol.transcript import Snapshot
from ..core.faults import foreign_error, internal_error
from ..runtime.system import ActorSystem
from .access import Action, Authorizer, Principal

__all__ = ["Guard"]

logger = logging.getLogger("adjourn.gateway")


class Guard:
    """The authorizer's answers for one principal. Without an authorizer everything is allowed."""

    def __init__(self, system: ActorSystem, principal: Principal | None, authorizer: Authorizer | None) -> None:
        self._system = system
        self._principal = principal
        self._authorizer = authorizer

    @property
    def by(self) -> str | None:
        """The principal's name, for the records of what it does; None: anonymous."""
        return None if self._principal is None else self._principal.name

    async def check(self, method: str, params: Params) -> Params:
        """The params to carry out. They name the call that was authorized, also where the client left out which.

        Raises: Forbidden; RunNotFound, RecordTooNew, StoreUnavailable if the run can't be looked up; RunEnded,
            NotPending, ToolCallIdRequired if no call of the run is meant.
        """
        if self._authorizer is None:
            return params
        action = _action(method, params)
        if isinstance(params, RunStart) and params.after is not None:  # it would show what was said in that run
            await self._demand(_about(Action(method="run.get"), await self._system.head(params.after)))
        if action.run_id is None or isinstance(params, RunStart):
            await self._demand(action)
            return params
        head = await self._system.head(action.run_id)
        action = _about(action, head)
        if "tool_call_id" in params.__struct_fields__:
            return structs.replace(params, tool_call_id=await self._check_call(action, head))
        await self._demand(action)
        return params

    async def allows(self, method: str, head: Head) -> bool:
        """Whether a list may show this run."""
        if self._authorizer is None:
            return True
        try:
            await self._demand(_about(Action(method=method), head))
        except Forbidden:
            return False
        return True

    async def _check_call(self, action: Action, head: Head) -> str:
        """The id of the call that the authorizer was shown and has allowed this action on. Raises: as `check`."""
        log = await self._system.log(head.id)  # after the head, so the snapshot has every call that the head knows
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
            # Not for the run to answer: while the authorizer was asked, a call that it wasn't shown may have come.
            raise _no_call(head, snapshot, wanted)
        return wanted

    async def _demand(self, action: Action) -> None:
        """Raises: Forbidden, unless the authorizer allows the action."""
        assert self._authorizer is not None
        who = "you" if self.by is None else self.by
        what = action.method if action.head is None else f"{action.method} on run {action.head.id!r}"
        where, task = f"the authorizer, asked whether {who} may {what}", trio.lowlevel.current_task()
        try:
            allowed = cast(object, await self._authorizer(self._principal, action))
            if not isinstance(allowed, bool):
                raise TypeError(f"the authorizer returned {type(allowed).__name__}, expected a bool")
        except BaseException as raised:
            error = foreign_error(raised, where, logger, task=task)
            fault = internal_error(error, where, logger)
            text = f"{who} may not {what}: {fault.message}"
            raise Forbidden(text, action=action.method, id=fault.data["id"]) from error  # noqa: ASYNC104
        if not allowed:
            raise Forbidden(f"{who} may not {what}", action=action.method)


def _action(method: str, params: Params) -> Action:
    """What the params say of an action, as copies."""

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
    )


def _about(action: Action, head: Head) -> Action:
    """The action, with what is known of its run, as copies."""
    copy = structs.replace(head, metadata=deepcopy(head.metadata))  # all else in a head is immutable
    return replace(action, run_id=head.id, agent=head.agent, owner=head.owner, metadata=copy.metadata, head=copy)


def _find_call(snapshot: Snapshot, tool_call_id: str) -> tuple[str, dict[str, Any]] | None:
    """Tool and arguments of a call, open or done; None if the run has no call of that id."""
    for waiting in snapshot.pending:
        if waiting.tool_call_id == tool_call_id:
            return waiting.tool_name, waiting.input
    for message in reversed(snapshot.messages):
        for call in message.calls if isinstance(message, AssistantMessage) else ():
            if call.id == tool_call_id:
                return call.name, call.arguments
    return None


def _no_call(head: Head, snapshot: Snapshot, wanted: str | None) -> AdjournError:
    """Why no call of the run is meant, as the run itself would say it."""
    if snapshot.status in FINAL:
        return RunEnded(f"the run is over: {snapshot.status}", runId=head.id, status=snapshot.status)
    if wanted is not None:
        text = f"call {wanted!r} is not known to this run"
        return NotPending(text, runId=head.id, toolCallId=wanted, reason="unknown")
    if head.gated == 0:
        return NotPending("no call of this run waits for a decision", runId=head.id, reason="notGated")
    waiting = [call.tool_call_id for call in snapshot.pending if call.kind == "decision"]
    return ToolCallIdRequired("the run has had several gated calls: say which", runId=head.id, open=waiting)
