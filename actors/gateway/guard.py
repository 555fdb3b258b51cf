"""What one client may do: every request is described to the operator's authorizer before it is carried out.

The guard fails closed: an authorizer that raises, or answers with anything but a bool, forbids. It is given copies, so
it can change neither the request nor the run.

Who may `run.get` a run may see it: is told `forbidden` of what else it may not do there, and has it in its lists. To
everybody else the run doesn't exist: the same error in the same words, and after the same time.
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
from .access import Action, Authorizer, Principal
from .even_answers import answered_evenly, wait_step

__all__ = ["Guard"]

logger = logging.getLogger("adjourn.gateway")

_SEE = "run.get"  # the method that decides whether a principal may know of a run


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

        Raises: Forbidden; RunNotFound, also for runs that the principal may not see; StoreUnavailable if the run can't
            be looked up; RunEnded, NotPending, ToolCallIdRequired if no call of the run is meant.
        """
        if self._authorizer is None:
            return params
        async with answered_evenly(RunNotFound):
            return await self._check(_action(method, params), params)

    async def sees(self, head: Head) -> bool:
        """Whether the principal may know of this run."""
        return self._authorizer is None or await self._ask(_about(Action(method=_SEE), head)) is None

    async def check_taken(self, run_id: str) -> None:
        """What is said of a start whose run id is taken.

        It must not tell that there is a run, where the principal may not see it: the start is forbidden, exactly as by
        an authorizer that forbids this id. (A start can't be silent about it: it succeeds, or it doesn't.)

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
            if params.after is not None:  # it would show what was said in that run
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
            await wait_step()  # as long as a start takes that is forbidden because its id is taken
        raise refusal

    async def _head(self, run_id: str) -> Head:
        """The run's head. Raises: RunNotFound, also where nobody can read who may see the run; StoreUnavailable."""
        try:
            return await self._system.head(run_id)
        except (RecordTooNew, StoreCorrupt) as error:
            logger.info("run %s is kept from clients, for it can't be read: %s", run_id, error)
            raise run_not_found(run_id) from error

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
        """Raises: Forbidden, unless the authorizer allows it; RunNotFound, if the run may not be seen either."""
        refusal = await self._ask(action)
        if refusal is None:
            return
        if action.head is not None and (action.method == _SEE or not await self.sees(action.head)):
            raise run_not_found(action.head.id)
        raise refusal

    async def _ask(self, action: Action) -> Forbidden | None:
        """None if the authorizer allows the action."""
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
