"""The methods and notifications of a gateway: their params and results. Data only.

`rpc` encodes them as frames.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from .codec import MAX_INT
from .events import Envelope, Status
from .limits import RunLimits
from .messages import Message, Wire, shown
from .summary import MAX_LISTED_CALLS, RunSummary, WaitingCall
from .timeline import TimelineEntry
from .transcript import Snapshot
from .tree import ActorTree

__all__ = [
    "MAX_LISTED_CALLS",
    "METHODS",
    "NOTIFICATIONS",
    "RUN_ID_EXPECTED",
    "RUN_ID_PATTERN",
    "Aborted",
    "AgentInfo",
    "AgentList",
    "AgentsList",
    "Claimed",
    "Empty",
    "ErrorObject",
    "Method",
    "Name",
    "NodeInfo",
    "NodeList",
    "NodesList",
    "OpenRPCDocument",
    "Params",
    "Position",
    "ResultTaken",
    "RpcDiscover",
    "RunAbort",
    "RunClaim",
    "RunDecline",
    "RunDelete",
    "RunGet",
    "RunId",
    "RunList",
    "RunPage",
    "RunResult",
    "RunResume",
    "RunSnapshot",
    "RunStart",
    "RunSubscribe",
    "RunSummary",
    "RunTimeline",
    "RunUnclaim",
    "RunUnsubscribe",
    "RunUnsubscribed",
    "RunsUnwatched",
    "RunsWatch",
    "ServerDescription",
    "ServerInfo",
    "Settled",
    "Started",
    "SystemTree",
    "Timeline",
    "ToolInfo",
    "WaitingCall",
]

RUN_ID_PATTERN = r"^[A-Za-z0-9_-]{1,128}\Z"
RUN_ID_EXPECTED = "expected a run's id: 1 to 128 of A-Z a-z 0-9 _ -"
RunId = Annotated[str, Meta(pattern=RUN_ID_PATTERN)]
Seq = Annotated[int, Meta(ge=0, le=MAX_INT)]
Name = Annotated[str, Meta(max_length=1024)]  # also for ids, digests, tokens and cursors


class Params(Wire, frozen=True, forbid_unknown_fields=True):
    """The base of all params. An unknown parameter is an error."""


# Params, named like their methods.


class ServerInfo(Params, frozen=True):
    """server.info: describe the server."""


class AgentsList(Params, frozen=True):
    """agents.list: list the agents that can be started."""


class NodesList(Params, frozen=True):
    """nodes.list: list the other servers that share the store, to use one of them when this one is lost."""


class RpcDiscover(Params, frozen=True):
    """rpc.discover: describe all methods, as an OpenRPC document."""


class RunStart(Params, frozen=True):
    """run.start: start a run. Safe to retry with a `run_id`: the same agent and input give the same run again.

    Attributes:
        agent: the agent's name.
        input: text, which becomes one user message, or messages.
        run_id: the new run's id, chosen by the caller. None: the server makes one.
        metadata: the caller's own data. Snapshots have it.
        after: the id of a run whose transcript this run goes on from.
        limits: limits of this run alone, each as tight as its agent's or tighter.
    """

    agent: Name
    input: str | tuple[Message, ...]
    run_id: RunId | None = None
    metadata: dict[str, Any] | None = None
    after: RunId | None = None
    limits: RunLimits | None = None


class RunSubscribe(Params, frozen=True):
    """run.subscribe: watch a run. The stream begins with a snapshot, or with the events after `after`.

    Attributes:
        run_id: the run's id.
        after: the last `seq` that the client has; 0: none. None: a snapshot comes first.
    """

    run_id: RunId
    after: Seq | None = None


class RunUnsubscribe(Params, frozen=True):
    """run.unsubscribe: stop watching a run.

    Attributes:
        run_id: the run's id.
    """

    run_id: RunId


class RunResume(Params, frozen=True):
    """run.resume: decide a gated call.

    Attributes:
        run_id: the run's id.
        decision: the decision. Required: null counts as a decision where the schema allows it.
        tool_call_id: the gated call's id. It may be left out while the run has had exactly one gated call.
        digest: the digest of the arguments that the decider saw. Required with `arguments`.
        arguments: edited arguments, executed in place of the model's, where the tool allows that.
    """

    run_id: RunId
    decision: Any
    tool_call_id: Name | None = None
    digest: Name | None = None
    arguments: dict[str, Any] | None = None


class RunDecline(Params, frozen=True):
    """run.decline: decline a gated call, whatever its schema, or a call that is offered to clients.

    Attributes:
        run_id: the run's id.
        tool_call_id: the call's id. It may be left out while the run has had exactly one gated call.
        reason: why, for the model.
    """

    run_id: RunId
    tool_call_id: Name | None = None
    reason: str | None = None


class RunClaim(Params, frozen=True):
    """run.claim: claim a client-side call before executing it.

    Attributes:
        run_id: the run's id.
        tool_call_id: the tool call's id.
        claimant: a random id of one client, kept secret: the client keeps it over a reload, and no two clients
            share it. A client that claims its call again gets the same token. None: each claim has a token of its
            own, which is lost if the reply is lost.
    """

    run_id: RunId
    tool_call_id: Name
    claimant: Annotated[str, Meta(min_length=16, max_length=256)] | None = None


class RunUnclaim(Params, frozen=True):
    """run.unclaim: give back a claimed call that was not executed. It is offered to all clients again.

    Attributes:
        run_id: the run's id.
        tool_call_id: the tool call's id.
        claim_token: the token that `run.claim` gave.
    """

    run_id: RunId
    tool_call_id: Name
    claim_token: Name


class RunResult(Params, frozen=True):
    """run.result: report the result of a claimed call.

    Attributes:
        run_id: the run's id.
        tool_call_id: the tool call's id.
        claim_token: the token that `run.claim` gave.
        result: content blocks, or any value.
        is_error: True: the call failed, and the result says why.
    """

    run_id: RunId
    tool_call_id: Name
    claim_token: Name
    result: Any
    is_error: bool = False


class RunAbort(Params, frozen=True):
    """run.abort: abort the run. The reply comes when the run has ended.

    Attributes:
        run_id: the run's id.
        reason: why. It becomes the `reason` of the run's end.
    """

    run_id: RunId
    reason: str | None = None


class RunGet(Params, frozen=True):
    """run.get: read a page of the run's current state. Read page after page, until one has no `next`.

    Attributes:
        run_id: the run's id.
        from_: how many messages to skip: those before the page's first one.
    """

    run_id: RunId
    from_: Annotated[int, Meta(ge=0)] = msgspec.field(name="from", default=0)


class RunTimeline(Params, frozen=True):
    """run.timeline: read a page of the run's history, one entry a step, oldest first.

    Attributes:
        run_id: the run's id.
        from_: how many entries to skip: those before the page's first one.
    """

    run_id: RunId
    from_: Annotated[int, Meta(ge=0)] = msgspec.field(name="from", default=0)


class RunList(Params, frozen=True):
    """run.list: read a page of runs, newest first.

    Attributes:
        status: only runs in this status.
        agent: only runs of the agent with this name.
        waiting: True: only runs that wait for a decision.
        limit: runs a page, at most.
        after: the `after` of the page before. None: the first page.
    """

    status: Status | None = None
    agent: Name | None = None
    waiting: bool = False
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    after: Name | None = None


class RunDelete(Params, frozen=True):
    """run.delete: delete the run. Idempotent.

    Attributes:
        run_id: the run's id.
    """

    run_id: RunId


class RunsWatch(Params, frozen=True):
    """runs.watch: get a notification of every change in the list of runs, from now on.

    Attributes:
        status: only runs that are in this status, or leave it.
        agent: only runs of the agent with this name.
        waiting: True: only runs that wait for a decision, or no longer do.
    """

    status: Status | None = None
    agent: Name | None = None
    waiting: bool = False


class SystemTree(Params, frozen=True):
    """system.tree: read the living tree of actors, with the runs in memory. Ask again to follow it.

    Attributes:
        limit: actors and supervisors in the answer, at most. Those near the root come first.
        depth: levels below the root, at most.
    """

    limit: Annotated[int, Meta(ge=1, le=1000)] = 300
    depth: Annotated[int, Meta(ge=0, le=24)] = 16


# Results.


class Empty(Wire, frozen=True):
    """The result of methods that return nothing."""


class ServerDescription(Wire, frozen=True):
    """The result of server.info.

    Attributes:
        name: the server's name.
        version: the version of adjourn.
        protocol: the WebSocket subprotocols that it speaks.
        limits: its limits, by name.
        url: where browsers reach it, as `https://runs.example.org`. Only a server that shares its store has one.
    """

    name: str
    version: str
    protocol: tuple[str, ...]
    limits: dict[str, int]
    url: str | None = None


class NodeInfo(Wire, frozen=True):
    """Another server that shares the store.

    Attributes:
        url: where browsers reach it, as `https://runs.example.org`: its page is there.
    """

    url: str


class NodeList(Wire, frozen=True):
    """The result of nodes.list.

    Attributes:
        nodes: the servers that are alive, answer this one, and have a URL for browsers.
    """

    nodes: tuple[NodeInfo, ...]


class ToolInfo(Wire, frozen=True):
    """A tool, described for clients that decide its calls or execute them.

    Attributes:
        name: the tool's name.
        description: what it does.
        parameters: JSON Schema of the arguments.
        decision: JSON Schema of the decision. None: the tool is not gated.
        runs: where it executes: `server`, or `client`: in a client that claims the call.
        approval: True: the decision is `{approved, reason?}`.
        editable: the arguments that a decision may change, by name. True: all; False: none.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    decision: dict[str, Any] | None = None
    runs: Literal["server", "client"] = shown("server")
    approval: bool = False
    editable: bool | tuple[str, ...] = False


class AgentInfo(Wire, frozen=True):
    """An agent that can be started.

    Attributes:
        name: the agent's name.
        description: what it does, for people.
        model: the model's id.
        tools: its tools.
    """

    name: str
    description: str
    model: str
    tools: tuple[ToolInfo, ...]


class AgentList(Wire, frozen=True):
    """The result of agents.list.

    Attributes:
        agents: the agents.
    """

    agents: tuple[AgentInfo, ...]


class OpenRPCDocument(Wire, frozen=True):
    """The result of rpc.discover: all methods, as in https://spec.open-rpc.org.

    Attributes:
        openrpc: the version of that specification.
        info: title, and version of adjourn.
        methods: the methods.
        components: schemas and errors, by name.
        notifications: the notifications, each with the schema of its params.
    """

    openrpc: str
    info: dict[str, Any]
    methods: tuple[dict[str, Any], ...]
    components: dict[str, Any]
    notifications: tuple[dict[str, Any], ...] = msgspec.field(name="x-notifications", default=())


class Started(Wire, frozen=True):
    """The result of run.start. The caller is subscribed: the events after `seq` follow.

    Attributes:
        run_id: the run's id.
        seq: the caller gets the events after this one. 0: all events.
    """

    run_id: str
    seq: int


class Position(Wire, frozen=True):
    """The result of run.subscribe and run.unsubscribe: the run's current position.

    Attributes:
        run_id: the run's id.
        status: the run's status.
        seq: the number of the run's last event so far.
        stranded: why the run can't go on in this server, for people. None: it can.
    """

    run_id: str
    status: Status
    seq: int
    stranded: str | None = None


class Settled(Wire, frozen=True):
    """The result of run.resume and run.decline: the decision is saved and valid.

    Attributes:
        run_id: the run's id.
        tool_call_id: the tool call's id.
        seq: the number of the run's last event so far.
    """

    run_id: str
    tool_call_id: str
    seq: int


class Claimed(Wire, frozen=True):
    """The result of run.claim.

    Attributes:
        claim_token: the token that must come with the result.
        due_at: when the claim expires, in milliseconds since the epoch. None: with the run.
    """

    claim_token: str
    due_at: int | None = None


class ResultTaken(Wire, frozen=True):
    """The result of run.result and run.unclaim: the change is saved.

    Attributes:
        seq: the number of the run's last event so far.
    """

    seq: int


class Aborted(Wire, frozen=True):
    """The result of run.abort: how the run ended.

    Attributes:
        run_id: the run's id.
        status: the status that the run ended in.
        seq: the number of the run's last event, `agent_end`.
        abandoned: ids of the tool calls that did not stop in time.
    """

    run_id: str
    status: Status
    seq: int
    abandoned: tuple[str, ...]


class RunPage(Wire, frozen=True):
    """The result of run.list.

    Attributes:
        runs: the runs.
        after: the cursor of the next page. None: this is the last page.
    """

    runs: tuple[RunSummary, ...]
    after: str | None = None


class RunSnapshot(Wire, frozen=True):
    """The result of run.get, and the params of run.snapshot: the state after event `seq`, or a part of a long state.

    The parts of a run.snapshot come one after another, without other notifications of that run between them. A client
    joins their `messages`, `pending` and `tools` until a part has no `next`. The first part has all other fields.
    The pages of run.get may differ in `seq`. A client joins their `messages`, which only grow, and takes all other
    fields from the last page.

    Attributes:
        run_id: the run's id.
        seq: the number of the last event that the snapshot includes.
        snapshot: the state of the run.
        from_: how many messages come before the first one here.
        next: the `from` of the next part or page. None: this is the last one.
        stranded: of `run.get`: why the run can't go on in this server, for people. None: it can.
    """

    run_id: str
    seq: int
    snapshot: Snapshot
    from_: int = msgspec.field(name="from", default=0)
    next: int | None = None
    stranded: str | None = None

    @property
    def status(self) -> Status:
        """The status of the run after event `seq`."""
        return self.snapshot.status


class Timeline(Wire, frozen=True):
    """The result of run.timeline: a page of entries. Later entries are added, and existing ones never change.

    Attributes:
        run_id: the run's id.
        entries: the entries, oldest first.
        from_: how many entries come before the first one here.
        next: the `from` of the next page. None: this is the last page.
    """

    run_id: str
    entries: tuple[TimelineEntry, ...]
    from_: int = msgspec.field(name="from")
    next: int | None = None


class ErrorObject(Wire, frozen=True):
    """JSON-RPC's error member.

    Attributes:
        code: JSON-RPC's own code, or one of adjourn's.
        message: what happened, for a person.
        data: for a program: `type`, and what an error of that type carries.
    """

    code: int
    message: str
    data: dict[str, Any] | None = None


class RunUnsubscribed(Wire, frozen=True):
    """The params of run.unsubscribed: the server has ended a subscription. The run itself goes on.

    Attributes:
        run_id: the run's id.
        error: why.
    """

    run_id: str
    error: ErrorObject


class RunsUnwatched(Wire, frozen=True):
    """The params of runs.unwatched: the server has ended `runs.watch`. Watch again, and read the list of runs again.

    Attributes:
        error: why.
    """

    error: ErrorObject


@dataclass(frozen=True, slots=True)
class Method:
    """The types of a method's params and result.

    Attributes:
        params: the struct of its params.
        result: the struct of its result.
        changes: True: it changes state. It is then refused as a notification, because the caller would not hear of
            an error.
    """

    params: type[Params]
    result: type[Wire]
    changes: bool = False


METHODS: dict[str, Method] = {
    "server.info": Method(ServerInfo, ServerDescription),
    "agents.list": Method(AgentsList, AgentList),
    "rpc.discover": Method(RpcDiscover, OpenRPCDocument),
    "run.start": Method(RunStart, Started, changes=True),
    "run.subscribe": Method(RunSubscribe, Position),
    "run.unsubscribe": Method(RunUnsubscribe, Position),
    "run.resume": Method(RunResume, Settled, changes=True),
    "run.decline": Method(RunDecline, Settled, changes=True),
    "run.claim": Method(RunClaim, Claimed, changes=True),
    "run.unclaim": Method(RunUnclaim, ResultTaken, changes=True),
    "run.result": Method(RunResult, ResultTaken, changes=True),
    "run.abort": Method(RunAbort, Aborted, changes=True),
    "run.get": Method(RunGet, RunSnapshot),
    "run.timeline": Method(RunTimeline, Timeline),
    "run.list": Method(RunList, RunPage),
    "run.delete": Method(RunDelete, Empty, changes=True),
    "runs.watch": Method(RunsWatch, Empty),
    "system.tree": Method(SystemTree, ActorTree),
    "nodes.list": Method(NodesList, NodeList),
}

NOTIFICATIONS: dict[str, type[Wire]] = {
    "run.event": Envelope,
    "run.snapshot": RunSnapshot,
    "run.unsubscribed": RunUnsubscribed,
    "run.changed": RunSummary,
    "runs.unwatched": RunsUnwatched,
}
