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
from .timeline import TimelineEntry
from .transcript import Snapshot

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
    "Timeline",
    "ToolInfo",
    "WaitingCall",
]

MAX_LISTED_CALLS = 16

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


class RpcDiscover(Params, frozen=True):
    """rpc.discover: describe all methods, as an OpenRPC document."""


class RunStart(Params, frozen=True):
    """run.start: start a run. Safe to retry with a `run_id`: the same agent and input give the same run again."""

    agent: Name  # the agent's name
    input: str | tuple[Message, ...]  # text: one user message
    run_id: RunId | None = None  # None: the server makes an id
    metadata: dict[str, Any] | None = None  # kept with the run, and part of its snapshots
    after: RunId | None = None  # continue the transcript of this run
    limits: RunLimits | None = None  # for this run only; as tight as the agent's limits, or tighter


class RunSubscribe(Params, frozen=True):
    """run.subscribe: watch a run. The stream begins with a snapshot, or with the events after `after`."""

    run_id: RunId
    after: Seq | None = None  # the last `seq` that the client has; 0: none


class RunUnsubscribe(Params, frozen=True):
    """run.unsubscribe: stop watching a run."""

    run_id: RunId


class RunResume(Params, frozen=True):
    """run.resume: decide a gated call."""

    run_id: RunId
    decision: Any  # required; null is valid if the schema allows it
    tool_call_id: Name | None = None  # may be left out while the run has had exactly one gated call
    digest: Name | None = None  # of the arguments that were shown; required with `arguments`
    arguments: dict[str, Any] | None = None  # edited arguments, if the tool allows it; executed in place of the model's


class RunDecline(Params, frozen=True):
    """run.decline: decline a gated call, whatever its schema, or a call that is offered to clients."""

    run_id: RunId
    tool_call_id: Name | None = None  # as in run.resume
    reason: str | None = None  # for the model


class RunClaim(Params, frozen=True):
    """run.claim: claim a client-side call before executing it."""

    run_id: RunId
    tool_call_id: Name
    # A random, secret id of one client. It should survive a reload of the page. With it, a repeated claim returns the
    # same token. Without it, each claim has a new token, and a claim whose reply is lost can't be repeated.
    claimant: Annotated[str, Meta(min_length=16, max_length=256)] | None = None


class RunUnclaim(Params, frozen=True):
    """run.unclaim: give back a claimed call that was not executed. It is offered to all clients again."""

    run_id: RunId
    tool_call_id: Name
    claim_token: Name  # from run.claim


class RunResult(Params, frozen=True):
    """run.result: report the result of a claimed call."""

    run_id: RunId
    tool_call_id: Name
    claim_token: Name  # from run.claim
    result: Any  # content blocks, or any value
    is_error: bool = False  # the call failed, and the result says why


class RunAbort(Params, frozen=True):
    """run.abort: abort the run. The reply comes when the run has ended."""

    run_id: RunId
    reason: str | None = None  # becomes the `reason` of `agent_end`


class RunGet(Params, frozen=True):
    """run.get: read a page of the run's current state. Read page after page, until one has no `next`."""

    run_id: RunId
    from_: Annotated[int, Meta(ge=0)] = msgspec.field(name="from", default=0)  # number of messages to skip


class RunTimeline(Params, frozen=True):
    """run.timeline: read a page of the run's history, one entry a step, oldest first."""

    run_id: RunId
    from_: Annotated[int, Meta(ge=0)] = msgspec.field(name="from", default=0)  # number of entries to skip


class RunList(Params, frozen=True):
    """run.list: read a page of runs, newest first."""

    status: Status | None = None  # only runs with this status
    agent: Name | None = None  # only runs of the agent with this name
    waiting: bool = False  # only runs that wait for a decision
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    after: Name | None = None  # the `after` of the last page


class RunDelete(Params, frozen=True):
    """run.delete: delete the run. Idempotent."""

    run_id: RunId


class RunsWatch(Params, frozen=True):
    """runs.watch: get a notification of every change in the list of runs, from now on."""

    status: Status | None = None  # only runs that have this status, or have just left it
    agent: Name | None = None  # only runs of the agent with this name
    waiting: bool = False  # only runs that wait for a decision, or have just stopped waiting


# Results.


class Empty(Wire, frozen=True):
    """The result of methods that return nothing."""


class ServerDescription(Wire, frozen=True):
    """The result of server.info."""

    name: str
    version: str  # of adjourn
    protocol: tuple[str, ...]  # the WebSocket subprotocols that the server speaks
    limits: dict[str, int]  # name: maximum


class ToolInfo(Wire, frozen=True):
    """A tool, described for clients that decide its calls or execute them."""

    name: str
    description: str
    parameters: dict[str, Any]  # JSON Schema of the arguments
    decision: dict[str, Any] | None = None  # JSON Schema of the decision: the tool is gated
    runs: Literal["server", "client"] = shown("server")  # where its calls execute
    approval: bool = False  # the decision is {approved, reason?}
    editable: bool | tuple[str, ...] = False  # which arguments a decision may change


class AgentInfo(Wire, frozen=True):
    """An agent that can be started."""

    name: str
    description: str
    model: str  # the model's id
    tools: tuple[ToolInfo, ...]


class AgentList(Wire, frozen=True):
    """The result of agents.list."""

    agents: tuple[AgentInfo, ...]


class OpenRPCDocument(Wire, frozen=True):
    """The result of rpc.discover: all methods, as in https://spec.open-rpc.org."""

    openrpc: str  # version of the OpenRPC specification
    info: dict[str, Any]  # title, version of adjourn
    methods: tuple[dict[str, Any], ...]
    components: dict[str, Any]  # schemas and errors, by name
    notifications: tuple[dict[str, Any], ...] = msgspec.field(name="x-notifications", default=())


class Started(Wire, frozen=True):
    """The result of run.start. The caller is subscribed: the events after `seq` follow."""

    run_id: str
    seq: int  # 0: all events follow, even if the first one has a large `seq`


class Position(Wire, frozen=True):
    """The result of run.subscribe and run.unsubscribe: the run's current position."""

    run_id: str
    status: Status
    seq: int  # of the last event so far
    stranded: str | None = None  # why the run can't go on in this server, for people


class Settled(Wire, frozen=True):
    """The result of run.resume and run.decline: the decision is saved and valid."""

    run_id: str
    tool_call_id: str
    seq: int  # of the last event so far


class Claimed(Wire, frozen=True):
    """The result of run.claim."""

    claim_token: str  # to be sent with run.result
    due_at: int | None = None  # ms since the epoch: when the claim expires; None: when the run ends


class ResultTaken(Wire, frozen=True):
    """The result of run.result and run.unclaim: the change is saved."""

    seq: int  # of the last event so far


class Aborted(Wire, frozen=True):
    """The result of run.abort: how the run ended."""

    run_id: str
    status: Status
    seq: int  # of the last event, agent_end
    abandoned: tuple[str, ...]  # ids of tool calls that did not stop in time


class WaitingCall(Wire, frozen=True):
    """A waiting call, in a list of runs."""

    tool_call_id: str
    tool_name: str
    kind: Literal["decision", "client"]  # waits for a decision, or for a client that executes it
    since: int | None = None  # ms since the epoch
    due_at: int | None = None  # ms since the epoch: when the wait or the claim expires; None: when the run ends


class RunSummary(Wire, frozen=True):
    """A run in a list. Also the params of run.changed, where `deleted` may be set."""

    run_id: str
    agent: str
    status: Status
    created_at: int  # ms since the epoch
    updated_at: int  # ms since the epoch
    seq: int  # of the last saved event
    title: str | None = None  # first words of the last user message, one line of at most 100 characters
    pending: int = shown(0)  # calls that wait for a decision or a client
    calls: tuple[WaitingCall, ...] = ()  # the first pending calls, at most MAX_LISTED_CALLS
    waiting_since: int | None = None  # ms since the epoch: start of the longest wait for a decision
    due_at: int | None = None  # ms since the epoch: when the first wait or claim expires
    expires_at: int | None = None  # ms since the epoch: when a paused run is aborted, an ended one deleted; None: never
    started_by: str | None = None  # the principal that started the run; None: unknown
    stranded: bool = shown(False)  # the server has not loaded the code that the run needs
    deleted: bool = False  # the run was deleted


class RunPage(Wire, frozen=True):
    """The result of run.list."""

    runs: tuple[RunSummary, ...]
    after: str | None = None  # cursor of the next page; absent: this is the last


class RunSnapshot(Wire, frozen=True):
    """The result of run.get, and the params of run.snapshot: the state after event `seq`, or a part of a long state.

    The parts of a run.snapshot come one after another, without other notifications of that run between them. A client
    joins their `messages`, `pending` and `tools` until a part has no `next`. The first part has all other fields.
    The pages of run.get may differ in `seq`. A client joins their `messages`, which only grow, and takes all other
    fields from the last page.
    """

    run_id: str
    seq: int
    snapshot: Snapshot
    from_: int = msgspec.field(name="from", default=0)  # number of messages before this part
    next: int | None = None  # `from` of the next part or page; absent: this is the last
    stranded: str | None = None  # only in run.get: why the run can't go on in this server, for people

    @property
    def status(self) -> Status:
        """The status of the run after event `seq`."""
        return self.snapshot.status


class Timeline(Wire, frozen=True):
    """The result of run.timeline: a page of entries. Later entries are added, and existing ones never change."""

    run_id: str
    entries: tuple[TimelineEntry, ...]
    from_: int = msgspec.field(name="from")  # number of entries before this page
    next: int | None = None  # `from` of the next page; absent: this is the last


class ErrorObject(Wire, frozen=True):
    """JSON-RPC's error member."""

    code: int  # JSON-RPC's own code, or one of `errors`
    message: str  # for a person
    data: dict[str, Any] | None = None  # for a program: `type`, and the error's other fields


class RunUnsubscribed(Wire, frozen=True):
    """The params of run.unsubscribed: the server has ended a subscription. The run itself goes on."""

    run_id: str
    error: ErrorObject  # why


class RunsUnwatched(Wire, frozen=True):
    """The params of runs.unwatched: the server has ended `runs.watch`. Watch again, and read the list of runs again."""

    error: ErrorObject  # why


@dataclass(frozen=True, slots=True)
class Method:
    """The types of a method's params and result."""

    params: type[Params]
    result: type[Wire]
    changes: bool = False  # changes state; no JSON-RPC notification, since the caller would get no error


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
}

NOTIFICATIONS: dict[str, type[Wire]] = {
    "run.event": Envelope,
    "run.snapshot": RunSnapshot,
    "run.unsubscribed": RunUnsubscribed,
    "run.changed": RunSummary,
    "runs.unwatched": RunsUnwatched,
}
