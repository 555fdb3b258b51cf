"""The gateway's methods, carried out on the actor system for one principal. No sockets, no frames.

The guard has allowed each request before it comes here. `requests.py` does the watching; `log` returns what to watch.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import trio
from msgspec import structs

from ...protocol import codec
from ...protocol.bounds import Bounds
from ...protocol.errors import (
    AdjournError,
    Forbidden,
    RecordTooNew,
    RunElsewhere,
    RunIdConflict,
    RunNotFound,
    StoreCorrupt,
)
from ...protocol.messages import Wire
from ...protocol.methods import (
    Aborted,
    AgentList,
    AgentsList,
    Claimed,
    Empty,
    NodeInfo,
    NodeList,
    NodesList,
    Params,
    Position,
    ResultTaken,
    RpcDiscover,
    RunAbort,
    RunClaim,
    RunDecline,
    RunDelete,
    RunGet,
    RunList,
    RunPage,
    RunResult,
    RunResume,
    RunSnapshot,
    RunStart,
    RunSummary,
    RunTimeline,
    RunUnclaim,
    ServerDescription,
    ServerInfo,
    Settled,
    SystemTree,
    Timeline,
)
from ...protocol.openrpc import openrpc_document
from ...protocol.parts import PART_BYTES
from ...protocol.record import FINAL, Head
from ...protocol.summary import run_summary
from ...protocol.transitions import Decide, Decline, Reply
from ...protocol.tree import ActorTree
from ..runtime.eventlog import EventLog
from ..runtime.system import ActorSystem
from .agent_info import agent_info
from .cursors import SealedCursors
from .even_answers import answered_evenly
from .guard import Guard
from .nodes import Nodes
from .peers import PAUSE_S, Peers
from .visible_tree import visible_tree

__all__ = ["Procedures"]

LISTED = 100  # runs read at once: a head may be far larger than its summary


class Procedures:
    """The methods of one principal; ask its `guard` before each. `cursors`: None if no run is hidden from the
    principal. `only_own_runs`: refuse to watch runs that other nodes execute. For clients that are nodes.
    """

    def __init__(
        self,
        system: ActorSystem,
        description: ServerDescription,
        guard: Guard,
        cursors: SealedCursors | None,
        nodes: Nodes,
        peers: Peers | None = None,
        *,
        only_own_runs: bool = False,
    ) -> None:
        self.guard = guard
        self._nodes, self._peers, self._only_own_runs = nodes, peers, only_own_runs
        self._cursors = cursors
        self._system = system
        self._description = description
        self._by = guard.by
        self._table: dict[type[Params], Callable[[Any], Awaitable[Wire]]] = {
            ServerInfo: self._server_info,
            RpcDiscover: self._discover,
            AgentsList: self._agents_list,
            NodesList: self._nodes_list,
            SystemTree: self._tree,
            RunResume: self._resume,
            RunDecline: self._decline,
            RunClaim: self._claim,
            RunUnclaim: self._unclaim,
            RunResult: self._result,
            RunAbort: self._abort,
            RunTimeline: self.timeline,
            RunList: self._list,
            RunDelete: self._delete,
        }

    @property
    def bounds(self) -> Bounds:
        """Size limits of the values in a request."""
        return self._system.bounds

    async def carry_out(self, params: Params) -> Wire:
        """Carries out a method that neither watches nor returns pages of a run; returns its result.

        Asks the node that owns the run, if that is another one. If it does not answer, tries again for a while: after
        its lease this node may own the run.

        Raises: any AdjournError; CodecError for a value that the wire can't carry.
        """
        patience: float | None = None
        while True:
            try:
                return await self._table[type(params)](params)
            except RunElsewhere as error:
                elsewhere = error
            if self._peers is None:
                raise elsewhere
            try:
                return await self._peers.ask(elsewhere, params, self._by)
            except RunElsewhere:
                patience = patience or trio.current_time() + self._peers.patience_s
                if trio.current_time() >= patience:
                    raise
            await trio.sleep(PAUSE_S)

    async def start(self, params: RunStart) -> EventLog:
        """Starts a run, or finds the same run if it was started before; returns its log.

        Raises: as `ActorSystem.start`, but Forbidden if the id belongs to a run hidden from the principal.
        """
        async with answered_evenly(Forbidden):
            return await self._start(params)

    async def _start(self, params: RunStart) -> EventLog:
        try:
            run = await self._system.start(
                params.agent,
                params.input,
                run_id=params.run_id,
                metadata=params.metadata,
                by=self._by,
                after=params.after,
                limits=params.limits,
            )
            return await self._system.log(run.id)
        except (RunIdConflict, RecordTooNew, StoreCorrupt) as error:
            taken = error
        if params.run_id is not None:
            await self.guard.check_taken(params.run_id)
        raise taken

    async def get(self, params: RunGet) -> RunSnapshot:
        """Returns the whole run as it is now. Raises: as `ActorSystem.get`."""
        log = await self._system.log(params.run_id)
        with log.watch():  # keeps the log of an ended run for the next page
            return await self._system.get(params.run_id)

    async def timeline(self, params: RunTimeline, max_bytes: int = PART_BYTES) -> Timeline:
        """Returns a page of a run's timeline. Raises: as `ActorSystem.timeline`."""
        return await self._system.timeline(params.run_id, params.from_, max_bytes=min(max_bytes, PART_BYTES))

    async def log(self, run_id: str) -> EventLog:
        """Returns a run's log. Watch it without an await in between. Raises: as `ActorSystem.log`; RunElsewhere."""
        log = await self._system.log(run_id)
        if self._only_own_runs and log.status not in FINAL and not self._system.is_active(run_id):
            raise RunElsewhere(f"this node does not own run {run_id}", runId=run_id)
        return log

    def watch_changes(self, watcher: Callable[[Head, bool], None], missed: Callable[[], None]) -> Callable[[], None]:
        """Calls `watcher(head, deleted)` after each save of any run on any node, and `missed` when some could not be
        told; returns a function that stops this.
        """
        return self._system.watch_changes(watcher, missed)

    async def summary(self, head: Head, *, deleted: bool = False) -> RunSummary:
        """Returns the run's summary, as lists show it. Raises: RecordTooNew, StoreUnavailable."""
        stranded = False
        with suppress(RunNotFound):  # it was deleted meanwhile
            stranded = not deleted and await self._system.stranded(head) is not None
        return run_summary(head, stranded=stranded, deleted=deleted)

    async def position(self, log: EventLog) -> Position:
        """Returns the current position of a watched run."""
        stranded = None
        with suppress(RunNotFound):
            stranded = None if log.status in FINAL else await self._system.run(log.run_id).stranded()
        return Position(run_id=log.run_id, status=log.status, seq=log.seq, stranded=stranded)

    async def _server_info(self, params: ServerInfo) -> ServerDescription:
        return structs.replace(self._description, url=self._system.web_url)

    async def _discover(self, params: RpcDiscover) -> Wire:
        return openrpc_document(self._description.version)

    async def _agents_list(self, params: AgentsList) -> AgentList:
        return AgentList(agents=tuple(map(agent_info, self._system.agents.values())))

    async def _nodes_list(self, params: NodesList) -> NodeList:
        return NodeList(nodes=tuple(map(NodeInfo, await self._nodes.urls(self._by))))

    async def _tree(self, params: SystemTree) -> ActorTree:
        tree = self._system.observe(limit=params.limit, depth=params.depth)
        return tree if self._cursors is None else await visible_tree(tree, self._sees)

    async def _sees(self, run: RunSummary) -> bool:
        """Whether the principal may know that the run exists. A run that can't be read or was replaced stays hidden."""
        with suppress(AdjournError):
            head = await self._system.head(run.run_id)
            return head.created_at == run.created_at and await self.guard.sees(head)
        return False

    async def _resume(self, params: RunResume) -> Settled:
        decide = Decide(
            decision=params.decision,
            tool_call_id=params.tool_call_id,
            by=self._by,
            digest=params.digest,
            arguments=params.arguments,
        )
        return _settled(params.run_id, await self._system.run(params.run_id).give(decide))

    async def _decline(self, params: RunDecline) -> Settled:
        decline = Decline(tool_call_id=params.tool_call_id, by=self._by, reason=params.reason)
        return _settled(params.run_id, await self._system.run(params.run_id).give(decline))

    async def _claim(self, params: RunClaim) -> Claimed:
        run, call_id = self._system.run(params.run_id), params.tool_call_id
        token = await run.claim(call_id, claimant=params.claimant, by=self._by)
        due = [call.due_at for call in (await run.head()).calls if call.id == call_id]
        return Claimed(claim_token=token, due_at=due[0] if due else None)

    async def _unclaim(self, params: RunUnclaim) -> ResultTaken:
        run = self._system.run(params.run_id)
        return ResultTaken(seq=(await run.unclaim(params.tool_call_id, params.claim_token, by=self._by)).seq)

    async def _result(self, params: RunResult) -> ResultTaken:
        reply = await self._system.run(params.run_id).result(
            params.tool_call_id, params.claim_token, params.result, is_error=params.is_error, by=self._by
        )
        return ResultTaken(seq=reply.seq)

    async def _abort(self, params: RunAbort) -> Aborted:
        return await self._system.abort(params.run_id, params.reason or "aborted", by=self._by)

    async def _list(self, params: RunList) -> RunPage:
        runs: list[RunSummary] = []
        size, left, after = 0, params.limit, self._opened(params.after)
        while True:
            page = await self._system.list(
                status=params.status,
                agent=params.agent,
                waiting=params.waiting,
                limit=min(LISTED, left),
                after=after,
            )
            left, after = left - len(page.heads), page.after
            found = [await self.summary(head) for head in page.heads if await self.guard.sees(head)]
            runs += found
            size += len(codec.to_json(found))
            if after is None or left <= 0 or size >= PART_BYTES:
                return RunPage(runs=tuple(runs), after=self._sealed(after))

    def _opened(self, after: str | None) -> str | None:
        return after if after is None or self._cursors is None else self._cursors.open(after)

    def _sealed(self, after: str | None) -> str | None:
        return after if after is None or self._cursors is None else self._cursors.seal(after)

    async def _delete(self, params: RunDelete) -> Empty:
        with suppress(RunNotFound):
            await self._system.delete(params.run_id)
        return Empty()


def _settled(run_id: str, reply: Reply) -> Settled:
    assert reply.tool_call_id is not None
    return Settled(run_id=run_id, tool_call_id=reply.tool_call_id, seq=reply.seq)
