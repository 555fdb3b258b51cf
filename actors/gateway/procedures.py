"""What the gateway's methods do, each on the actor system, for one principal. No sockets, no frames.

Each request was allowed by the guard before it comes here. Watching is not done here; `log` gives what to watch.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from ...protocol.errors import RunNotFound
from ...protocol.messages import Wire
from ...protocol.methods import (
    Aborted,
    AgentInfo,
    AgentList,
    AgentsList,
    Claimed,
    Empty,
    Params,
    ResultTaken,
    RunAbort,
    RunClaim,
    RunDecline,
    RunDelete,
    RunGet,
    RunList,
    RunPage,
    RunResult,
    RunResume,
    RunStart,
    RunSummary,
    ServerDescription,
    ServerInfo,
    Settled,
    ToolInfo,
)
from ...protocol.record import FINAL, Head
from ..agent import Agent
from ..runtime.eventlog import EventLog
from ..runtime.system import ActorSystem
from .guard import Guard

__all__ = ["Procedures"]


class Procedures:
    """The methods of one principal, whose `guard` is to be asked first."""

    def __init__(
        self,
        system: ActorSystem,
        description: ServerDescription,
        guard: Guard,
    ) -> None:
        self.guard = guard
        self._system = system
        self._description = description
        self._by = guard.by
        self._table: dict[type[Params], Callable[[Any], Awaitable[Wire]]] = {
            ServerInfo: self._server_info,
            AgentsList: self._agents_list,
            RunResume: self._resume,
            RunDecline: self._decline,
            RunClaim: self._claim,
            RunResult: self._result,
            RunAbort: self._abort,
            RunGet: self._get,
            RunList: self._list,
            RunDelete: self._delete,
        }

    async def carry_out(self, params: Params) -> Wire:
        """The result of a method that doesn't watch.

        Raises: any AdjournError; CodecError for a value that the wire does not carry.
        """
        return await self._table[type(params)](params)

    async def start(self, params: RunStart) -> EventLog:
        """The log of a run that was begun, or of the same run begun before. Raises: as `ActorSystem.start`."""
        run = await self._system.start(
            params.agent, params.input, run_id=params.run_id, metadata=params.metadata, by=self._by
        )
        return await self._system.log(run.id)

    async def log(self, run_id: str) -> EventLog:
        """A run's log. Watch it at once, without an await in between. Raises: as `ActorSystem.log`."""
        return await self._system.log(run_id)

    def watch_changes(self, watcher: Callable[[Head, bool], None]) -> Callable[[], None]:
        """Call `watcher(head, deleted)` after each save of any run; returns what ends it."""
        return self._system.watch_changes(watcher)

    def summary(self, head: Head, *, deleted: bool = False) -> RunSummary:
        """The run as lists show it."""
        waiting = [
            call for call in head.calls if call.phase in ("gated", "offered") or (call.claim and call.phase != "done")
        ]
        return RunSummary(
            run_id=head.id,
            agent=head.agent,
            status=head.status,
            created_at=head.created_at,
            updated_at=head.updated_at,
            seq=head.seq,
            pending=0 if head.status in FINAL else len(waiting),
            stranded=self._system.is_stranded(head),
            metadata=head.metadata,
            deleted=deleted,
        )

    async def _server_info(self, params: ServerInfo) -> ServerDescription:
        return self._description

    async def _agents_list(self, params: AgentsList) -> AgentList:
        return AgentList(agents=tuple(_agent_info(agent) for agent in self._system.agents.values()))

    async def _resume(self, params: RunResume) -> Settled:
        reply = await self._system.resume(
            params.run_id, params.decision, params.tool_call_id, by=self._by, digest=params.digest
        )
        assert reply.tool_call_id is not None
        return Settled(run_id=params.run_id, tool_call_id=reply.tool_call_id, seq=reply.seq)

    async def _decline(self, params: RunDecline) -> Settled:
        reply = await self._system.decline(params.run_id, params.tool_call_id, reason=params.reason, by=self._by)
        assert reply.tool_call_id is not None
        return Settled(run_id=params.run_id, tool_call_id=reply.tool_call_id, seq=reply.seq)

    async def _claim(self, params: RunClaim) -> Claimed:
        return Claimed(claim_token=await self._system.claim(params.run_id, params.tool_call_id, by=self._by))

    async def _result(self, params: RunResult) -> ResultTaken:
        reply = await self._system.result(
            params.run_id,
            params.tool_call_id,
            params.claim_token,
            params.result,
            is_error=params.is_error,
            by=self._by,
        )
        return ResultTaken(seq=reply.seq)

    async def _abort(self, params: RunAbort) -> Aborted:
        return await self._system.abort(params.run_id, params.reason or "aborted", by=self._by)

    async def _get(self, params: RunGet) -> Wire:
        return await self._system.get(params.run_id)

    async def _list(self, params: RunList) -> RunPage:
        page = await self._system.list(status=params.status, limit=params.limit, after=params.after)
        heads = [head for head in page.heads if await self.guard.allows("run.list", head)]
        return RunPage(runs=tuple(self.summary(head) for head in heads), after=page.after)

    async def _delete(self, params: RunDelete) -> Empty:
        with suppress(RunNotFound):
            await self._system.delete(params.run_id)
        return Empty()


def _agent_info(agent: Agent) -> AgentInfo:
    tools = tuple(
        ToolInfo(
            name=tool.spec.name,
            description=tool.spec.description,
            parameters=tool.spec.parameters,
            decision=tool.spec.decision,
            runs=tool.spec.runs,
        )
        for tool in agent.tools
    )
    return AgentInfo(
        name=agent.name, description=agent.description, model=agent.language_model.descriptor.id, tools=tools
    )
