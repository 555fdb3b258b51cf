"""What can be asked of a gateway, and what it says unasked: params and results of each method. Data only.

`rpc` puts it into frames.
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
Name = Annotated[str, Meta(max_length=1024)]  # of something that has one: an id, a digest, a token, a cursor too


class Params(Wire, frozen=True, forbid_unknown_fields=True):
    """The base of all params: a misspelt name is an error, never passed over."""


# Params, named like their methods.


class ServerInfo(Params, frozen=True):
    """server.info: what is this server?"""


class AgentsList(Params, frozen=True):
    """agents.list: what can run here?"""


class RpcDiscover(Params, frozen=True):
    """rpc.discover: describe all of this, for programs."""


class RunStart(Params, frozen=True):
    """run.start: begin a run. With a known `run_id` and the same agent and input it gives that run: safe to retry."""

    agent: Name  # its name
    input: str | tuple[Message, ...]  # text: one user message
    run_id: RunId | None = None  # None: the server makes one
    metadata: dict[str, Any] | None = None  # comes back in snapshots
    after: RunId | None = None  # a run whose transcript this one goes on from
    limits: RunLimits | None = None  # of this run alone, as tight as its agent's or tighter


class RunSubscribe(Params, frozen=True):
    """run.subscribe: watch a run, from a snapshot on, or from the events behind `after`."""

    run_id: RunId
    after: Seq | None = None  # the last seq that the client has; 0: none


class RunUnsubscribe(Params, frozen=True):
    """run.unsubscribe: watch it no longer."""

    run_id: RunId


class RunResume(Params, frozen=True):
    """run.resume: decide a gated call."""

    run_id: RunId
    decision: Any  # required; null is a decision too, if the schema says so
    tool_call_id: Name | None = None  # may be left out while the run has had exactly one gated call
    digest: Name | None = None  # of the input that the decider saw; required with `arguments`
    arguments: dict[str, Any] | None = None  # edited: executed in place of the model's, where the tool allows it


class RunDecline(Params, frozen=True):
    """run.decline: say no to a gated call, under any schema, or take back a call that is offered to clients."""

    run_id: RunId
    tool_call_id: Name | None = None  # as in run.resume
    reason: str | None = None  # for the model


class RunClaim(Params, frozen=True):
    """run.claim: take a client-side call, before executing it."""

    run_id: RunId
    tool_call_id: Name
    # A random id of one client, kept secret: it survives a reload and isn't shared by two. The client that claimed a
    # call gets its token again. Without it each claim has a token of its own, which is lost with the reply.
    claimant: Annotated[str, Meta(min_length=16, max_length=256)] | None = None


class RunUnclaim(Params, frozen=True):
    """run.unclaim: give a claimed call back, not executed; it is offered to all clients again."""

    run_id: RunId
    tool_call_id: Name
    claim_token: Name  # that run.claim gave


class RunResult(Params, frozen=True):
    """run.result: what the client-side call gave."""

    run_id: RunId
    tool_call_id: Name
    claim_token: Name  # that run.claim gave
    result: Any  # content blocks, or any value
    is_error: bool = False  # the result says what went wrong


class RunAbort(Params, frozen=True):
    """run.abort: end the run. The reply comes when it is over."""

    run_id: RunId
    reason: str | None = None  # becomes that of the run's end


class RunGet(Params, frozen=True):
    """run.get: a page of the run as it is now. Ask for the pages one by one, until one has no `next`."""

    run_id: RunId
    from_: Annotated[int, Meta(ge=0)] = msgspec.field(name="from", default=0)  # messages before the page's first one


class RunTimeline(Params, frozen=True):
    """run.timeline: a page of what happened in the run, a step an entry, oldest first."""

    run_id: RunId
    from_: Annotated[int, Meta(ge=0)] = msgspec.field(name="from", default=0)  # entries before the page's first one


class RunList(Params, frozen=True):
    """run.list: a page of runs, newest first."""

    status: Status | None = None  # only runs in it
    agent: Name | None = None  # only runs of it, by name
    waiting: bool = False  # only runs that wait for somebody's decision
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    after: Name | None = None  # `after` of the page before


class RunDelete(Params, frozen=True):
    """run.delete: forget the run. Idempotent."""

    run_id: RunId


class RunsWatch(Params, frozen=True):
    """runs.watch: be told of every change in the list of runs, from now on."""

    status: Status | None = None  # only of runs in it, or that leave it
    agent: Name | None = None  # only of runs of it, by name
    waiting: bool = False  # only of runs that wait for somebody's decision, or cease to


# Results.


class Empty(Wire, frozen=True):
    """Done; there is nothing to say."""


class ServerDescription(Wire, frozen=True):
    """Of server.info."""

    name: str
    version: str  # of adjourn
    protocol: tuple[str, ...]  # the subprotocols
    limits: dict[str, int]  # name: maximum


class ToolInfo(Wire, frozen=True):
    """A tool, as whoever decides or executes for it must know it."""

    name: str
    description: str
    parameters: dict[str, Any]  # JSON Schema of the arguments
    decision: dict[str, Any] | None = None  # JSON Schema of the decision: the tool is gated
    runs: Literal["server", "client"] = shown("server")  # who executes it
    approval: bool = False  # the decision is {approved, reason?}
    editable: bool | tuple[str, ...] = False  # which arguments a decision may change


class AgentInfo(Wire, frozen=True):
    """An agent that can be started."""

    name: str
    description: str
    model: str  # its id
    tools: tuple[ToolInfo, ...]


class AgentList(Wire, frozen=True):
    """Of agents.list."""

    agents: tuple[AgentInfo, ...]


class OpenRPCDocument(Wire, frozen=True):
    """Of rpc.discover: what can be asked here, in the terms of OpenRPC, https://spec.open-rpc.org."""

    openrpc: str  # the version of that specification
    info: dict[str, Any]  # title, version of adjourn
    methods: tuple[dict[str, Any], ...]
    components: dict[str, Any]  # schemas and errors, by name
    notifications: tuple[dict[str, Any], ...] = msgspec.field(name="x-notifications", default=())


class Started(Wire, frozen=True):
    """Of run.start. The caller is subscribed: events behind `seq` follow."""

    run_id: str
    seq: int  # 0: all events follow, whatever the number of the first


class Position(Wire, frozen=True):
    """Of run.subscribe and run.unsubscribe: where the run is."""

    run_id: str
    status: Status
    seq: int  # of the last event so far
    stranded: str | None = None  # why the run can't go on in this server, for people


class Settled(Wire, frozen=True):
    """Of run.resume and run.decline: the decision is saved, and counts."""

    run_id: str
    tool_call_id: str
    seq: int  # of the last event so far


class Claimed(Wire, frozen=True):
    """Of run.claim."""

    claim_token: str  # comes back with the result
    due_at: int | None = None  # ms since the epoch: when the claim ends without a result; None: with the run


class ResultTaken(Wire, frozen=True):
    """Of run.result and run.unclaim: it is saved."""

    seq: int  # of the last event so far


class Aborted(Wire, frozen=True):
    """Of run.abort: how the run ended."""

    run_id: str
    status: Status
    seq: int  # of the last event, agent_end
    abandoned: tuple[str, ...]  # tool calls that would not stop in time


class WaitingCall(Wire, frozen=True):
    """A call that waits, in a list of runs."""

    tool_call_id: str
    tool_name: str
    kind: Literal["decision", "client"]  # what for: somebody's decision, or a client that executes it
    since: int | None = None  # ms since the epoch
    due_at: int | None = None  # ms since the epoch: when the wait, or the claim, expires; None: with the run


class RunSummary(Wire, frozen=True):
    """A run in a list. Also the params of run.changed, where `deleted` may be set."""

    run_id: str
    agent: str
    status: Status
    created_at: int  # ms since the epoch
    updated_at: int  # ms since the epoch
    seq: int  # of the last event that is saved
    title: str | None = None  # first words of the last user message, one line of at most 100 characters
    pending: int = shown(0)  # calls that wait for a decision or a client
    calls: tuple[WaitingCall, ...] = ()  # the first of them, at most MAX_LISTED_CALLS
    waiting_since: int | None = None  # ms since the epoch: since when a call has waited for a decision
    due_at: int | None = None  # ms since the epoch: when the first of these waits expires
    expires_at: int | None = None  # ms since the epoch: when a paused run is aborted, an ended one deleted; None: never
    started_by: str | None = None  # who started it, where that is known
    stranded: bool = shown(False)  # the code it needs is not loaded
    deleted: bool = False  # it is in no list any more


class RunPage(Wire, frozen=True):
    """Of run.list."""

    runs: tuple[RunSummary, ...]
    after: str | None = None  # absent: no more


class RunSnapshot(Wire, frozen=True):
    """Of run.get, and the params of run.snapshot: the state after event `seq`, or a part of it, where it is long.

    The parts of run.snapshot follow each other, with nothing else of that run in between; a client joins their
    `messages`, `pending` and `tools` until one has no `next`. All else is in the first. The pages of run.get may differ
    in `seq`: a client joins their `messages`, which are only ever added to, and takes all else from the last page.
    """

    run_id: str
    seq: int
    snapshot: Snapshot
    from_: int = msgspec.field(name="from", default=0)  # messages before the first one in it
    next: int | None = None  # `from` of the part or page that follows; absent: the last
    stranded: str | None = None  # of run.get: why the run can't go on in this server, for people

    @property
    def status(self) -> Status:
        """The status of the run after event `seq`."""
        return self.snapshot.status


class Timeline(Wire, frozen=True):
    """Of run.timeline: a page of entries. They are only ever added to."""

    run_id: str
    entries: tuple[TimelineEntry, ...]
    from_: int = msgspec.field(name="from")  # entries before the first one in it
    next: int | None = None  # `from` of the page that follows; absent: the last


class ErrorObject(Wire, frozen=True):
    """JSON-RPC's error member."""

    code: int  # JSON-RPC's own, or as in `errors`
    message: str  # for a person
    data: dict[str, Any] | None = None  # for a program: `type`, and what that error carries


class RunUnsubscribed(Wire, frozen=True):
    """The params of run.unsubscribed: the server has ended a subscription, whose run goes on."""

    run_id: str
    error: ErrorObject  # why


class RunsUnwatched(Wire, frozen=True):
    """The params of runs.unwatched: the server has ended `runs.watch`. Watch again, and list the runs anew."""

    error: ErrorObject  # why


@dataclass(frozen=True, slots=True)
class Method:
    """What a method takes and gives."""

    params: type[Params]
    result: type[Wire]
    changes: bool = False  # state: never as a JSON-RPC notification, for the caller would not hear of a refusal


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
