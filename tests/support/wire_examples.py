"""Examples of everything on the wire, for `protocol/README.md`: methods, notifications, events, errors.

They tell one story: the agent `support` wants to refund order 7, and a person decides. No formatting here.
"""

from typing import Any

from adjourn.protocol import errors, events, messages, methods, timeline, transcript, tree

RUN = "1e9b4c70"
CALL = "call_75ca_2_0"
PLACE = "call_75ca_2_1"
TOKEN = "cdb59a96aa7391dd"
DIGEST = "609c26879265"
AT = 1_795_917_469_950  # ms
DAY = 24 * 3_600_000

ARGUMENTS: dict[str, Any] = {"order_id": 7, "amount": 79.5}
EDITED: dict[str, Any] = {"order_id": 7, "amount": 50}
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"order_id": {"type": "integer"}, "amount": {"type": "number"}},
    "required": ["order_id", "amount"],
}
APPROVAL: dict[str, Any] = {
    "type": "object",
    "properties": {"approved": {"type": "boolean"}, "reason": {"type": "string"}},
    "required": ["approved"],
}
USAGE = messages.Usage(
    input=212, output=31, total_tokens=243, cost=messages.Cost(input=0.0006, output=0.0005, total=0.0011)
)
QUESTION = messages.user("Refund order 7, please.", AT)
WANTS = messages.AssistantMessage(
    content=(messages.ToolCall(id=CALL, name="refund_order", arguments=ARGUMENTS, provider_id="toolu_01A"),),
    api="anthropic-messages",
    provider="anthropic",
    model="claude-sonnet-4-6",
    usage=USAGE,
    stop_reason="toolUse",
    timestamp=AT,
)
EMPTY = messages.AssistantMessage(
    content=(), api="anthropic-messages", provider="anthropic", model="claude-sonnet-4-6", timestamp=AT
)
REFUNDED = (messages.Text(text="Refunded 79.50 for order 7."),)
RESULT = messages.ToolResultMessage(tool_call_id=CALL, tool_name="refund_order", content=REFUNDED, timestamp=AT + 9000)
PENDING = events.ToolDecisionPending(
    tool_call_id=CALL,
    tool_name="refund_order",
    input=ARGUMENTS,
    schema=APPROVAL,
    digest=DIGEST,
    since=AT,
    editable=("amount",),
    approval=True,
    parameters=PARAMETERS,
    description="Pay an order's money back.",
)
SNAPSHOT = methods.RunSnapshot(
    run_id=RUN,
    seq=14,
    snapshot=transcript.Snapshot(
        agent="support",
        status="paused",
        turn=1,
        messages=(QUESTION, WANTS),
        pending=(
            transcript.PendingCall(
                tool_call_id=CALL,
                tool_name="refund_order",
                input=ARGUMENTS,
                kind="decision",
                schema=APPROVAL,
                digest=DIGEST,
                since=AT,
                approval=True,
                description="Pay an order's money back.",
            ),
        ),
        usage=USAGE,
        expires_at=AT + 30 * DAY,
    ),
)
SUMMARY = methods.RunSummary(
    run_id=RUN,
    agent="support",
    status="paused",
    created_at=AT,
    updated_at=AT,
    seq=14,
    title="Refund order 7, please.",
    pending=1,
    calls=(methods.WaitingCall(tool_call_id=CALL, tool_name="refund_order", kind="decision", since=AT),),
    waiting_since=AT,
    expires_at=AT + 30 * DAY,
    started_by="ann",
)
BEHIND = errors.LimitExceeded("too many changes of runs waited; watch again, and list them", limit="maxWaitingChanges")


TOO_BIG = errors.LimitExceeded(
    "a message of 1200000 bytes was to be sent, and this client takes at most 1000000",
    limit="maxMessageBytes",
    maximum=1_000_000,
)


TREE = tree.ActorTree(
    at=AT + 60_000,
    root=tree.ActorNode(
        name="root",
        kind="supervisor",
        state="idle",
        restart="temporary",
        started_at=AT - DAY,
        restarts_left=3,
        children=(
            tree.ActorNode(
                name="runs",
                kind="supervisor",
                state="idle",
                restart="temporary",
                started_at=AT - DAY,
                restarts_left=3,
                children=(
                    tree.ActorNode(
                        name=f"{RUN}/1",
                        kind="run",
                        state="idle",
                        restart="temporary",
                        waits_for="a decision on refund_order",
                        started_at=AT,
                        mailbox=tree.ActorMailbox(waiting=0, capacity=64),
                        run=SUMMARY,
                    ),
                ),
            ),
            tree.ActorNode(
                name="crawler",
                kind="supervisor",
                state="idle",
                restart="permanent",
                started_at=AT - DAY,
                restarts_left=2,
                recent=(tree.ActorRestart(name="fetcher", at=AT + 59_000, cause="crashed: ValueError: no title"),),
                children=(
                    tree.ActorNode(
                        name="fetcher",
                        kind="actor",
                        state="busy",
                        restart="transient",
                        waits_for="fetch (crawler.py:31)",
                        started_at=AT + 59_000,
                        restarts=1,
                        mailbox=tree.ActorMailbox(waiting=5, capacity=64),
                    ),
                ),
                more=12,
            ),
        ),
    ),
)


def _told(error: errors.AdjournError) -> methods.ErrorObject:
    return methods.ErrorObject(code=error.code, message=error.message, data=error.wire_data())


METHODS: dict[str, tuple[methods.Params, messages.Wire]] = {
    "server.info": (
        methods.ServerInfo(),
        methods.ServerDescription(
            name="adjourn",
            version="0.1.0",
            protocol=("adjourn.v1+json", "adjourn.v1+msgpack"),
            limits={"maxMessageBytes": 5_000_000, "maxInFlight": 64, "maxSubscriptions": 256},
        ),
    ),
    "agents.list": (
        methods.AgentsList(),
        methods.AgentList(
            agents=(
                methods.AgentInfo(
                    name="support",
                    description="Answers customers of the shop.",
                    model="claude-sonnet-4-6",
                    tools=(
                        methods.ToolInfo(
                            name="refund_order",
                            description="Pay an order's money back.",
                            parameters=PARAMETERS,
                            decision=APPROVAL,
                            approval=True,
                            editable=("amount",),
                        ),
                    ),
                ),
            )
        ),
    ),
    "rpc.discover": (
        methods.RpcDiscover(),
        methods.OpenRPCDocument(
            openrpc="1.3.2", info={"title": "adjourn", "version": "0.1.0"}, methods=(), components={}
        ),
    ),
    "run.start": (
        methods.RunStart(agent="support", input="Refund order 7, please.", run_id=RUN, metadata={"ticket": 4711}),
        methods.Started(run_id=RUN, seq=0),
    ),
    "run.subscribe": (
        methods.RunSubscribe(run_id=RUN, after=14),
        methods.Position(run_id=RUN, status="paused", seq=14),
    ),
    "run.unsubscribe": (
        methods.RunUnsubscribe(run_id=RUN),
        methods.Position(run_id=RUN, status="paused", seq=14),
    ),
    "run.resume": (
        methods.RunResume(run_id=RUN, tool_call_id=CALL, decision={"approved": True}, digest=DIGEST, arguments=EDITED),
        methods.Settled(run_id=RUN, tool_call_id=CALL, seq=18),
    ),
    "run.decline": (
        methods.RunDecline(run_id=RUN, tool_call_id=CALL, reason="The order was refunded last week."),
        methods.Settled(run_id=RUN, tool_call_id=CALL, seq=18),
    ),
    "run.claim": (
        methods.RunClaim(run_id=RUN, tool_call_id=PLACE, claimant="Xk3v9QmT2LrW8bNs"),
        methods.Claimed(claim_token=TOKEN, due_at=AT + 600_000),
    ),
    "run.unclaim": (
        methods.RunUnclaim(run_id=RUN, tool_call_id=PLACE, claim_token=TOKEN),
        methods.ResultTaken(seq=19),
    ),
    "run.result": (
        methods.RunResult(run_id=RUN, tool_call_id=PLACE, claim_token=TOKEN, result={"zone": "Europe/Berlin"}),
        methods.ResultTaken(seq=19),
    ),
    "run.abort": (
        methods.RunAbort(run_id=RUN, reason="The customer called."),
        methods.Aborted(run_id=RUN, status="aborted", seq=23, abandoned=()),
    ),
    "run.get": (methods.RunGet(run_id=RUN), SNAPSHOT),
    "run.timeline": (
        methods.RunTimeline(run_id=RUN),
        methods.Timeline(
            run_id=RUN,
            from_=0,
            entries=(
                timeline.TimelineInput(at=AT, messages=1, text="Refund order 7, please."),
                timeline.TimelineMessage(
                    at=AT,
                    model="claude-sonnet-4-6",
                    stop_reason="toolUse",
                    usage=USAGE,
                    text="",
                    calls=(timeline.TimelineCall(tool_call_id=CALL, tool_name="refund_order"),),
                ),
                timeline.TimelineDecision(
                    at=AT + 9000,
                    tool_call_id=CALL,
                    tool_name="refund_order",
                    outcome="decided",
                    by="bob",
                    decision={"approved": True},
                ),
            ),
        ),
    ),
    "run.list": (methods.RunList(waiting=True, limit=20), methods.RunPage(runs=(SUMMARY,))),
    "run.delete": (methods.RunDelete(run_id=RUN), methods.Empty()),
    "runs.watch": (methods.RunsWatch(agent="support"), methods.Empty()),
    "system.tree": (methods.SystemTree(limit=100), TREE),
    "nodes.list": (
        methods.NodesList(),
        methods.NodeList(nodes=(methods.NodeInfo(url="https://two.example.org"),)),
    ),
}

NOTIFICATIONS: dict[str, messages.Wire] = {
    "run.event": events.Envelope(run_id=RUN, seq=2, time=AT, event=events.TurnStart(turn=1)),
    "run.snapshot": SNAPSHOT,
    "run.unsubscribed": methods.RunUnsubscribed(run_id=RUN, error=_told(TOO_BIG)),
    "run.changed": SUMMARY,
    "runs.unwatched": methods.RunsUnwatched(error=_told(BEHIND)),
}

EVENTS: tuple[Any, ...] = (
    events.AgentStart(agent="support", input=(QUESTION,), by="ann"),
    events.TurnStart(turn=1),
    events.MessageStart(message=EMPTY),
    events.MessageUpdate(assistant_message_event=events.TextDelta(content_index=0, delta="I will ")),
    events.MessageEnd(message=WANTS),
    PENDING,
    events.AgentPaused(tool_call_ids=(CALL,), expires_at=AT + 30 * DAY),
    events.ToolDecisionResolved(tool_call_id=CALL, outcome="decided", by="bob", decision={"approved": True}),
    events.AgentResume(reason="decided"),
    events.ToolExecutionStart(tool_call_id=CALL, tool_name="refund_order", args=ARGUMENTS),
    events.ToolExecutionUpdate(tool_call_id=CALL, tool_name="refund_order", partial_result="Asking the bank"),
    events.ToolExecutionEnd(
        tool_call_id=CALL, tool_name="refund_order", result=events.ToolOutput(content=REFUNDED), is_error=False
    ),
    events.TurnEnd(message=WANTS, tool_results=(RESULT,)),
    events.AgentEnd(status="completed", reason="stop", usage=USAGE, expires_at=AT + 30 * DAY),
    events.ToolClientExecutePending(tool_call_id=PLACE, tool_name="time_zone", input={}, since=AT),
    events.ToolClientClaimed(tool_call_id=PLACE, by="ann", due_at=AT + 600_000),
    events.AgentRetry(attempt=1, reason="529 overloaded", wait_s=0.8),
    events.MiddlewareError(
        middleware="Audit",
        where="tool",
        error=events.ErrorInfo(type="internal", message="internal error 3f2a; the log has its cause", id="3f2a"),
        call_id=CALL,
    ),
)

DELTAS: tuple[Any, ...] = (
    events.Start(),
    events.TextStart(content_index=0),
    events.TextDelta(content_index=0, delta="I will "),
    events.TextEnd(content_index=0),
    events.ThinkingStart(content_index=0),
    events.ThinkingDelta(content_index=0, delta="The order "),
    events.ThinkingEnd(content_index=0, signature="EqQBCkYI"),
    events.ToolcallStart(content_index=1, id=CALL, name="refund_order", provider_id="toolu_01A"),
    events.ToolcallDelta(content_index=1, delta='{"order_id":7,'),
    events.ToolcallEnd(content_index=1),
    events.OpaqueBlock(
        content_index=2,
        block=messages.Opaque(
            api="anthropic-messages", kind="server_tool_use", raw='{"type":"server_tool_use","id":"srvtoolu_01"}'
        ),
    ),
)

_ABOUT = {"runId": RUN, "toolCallId": CALL}
ERRORS: tuple[errors.AdjournError, ...] = (
    errors.RunNotFound("there is no run '1e9b4c70'", runId=RUN),
    errors.AgentNotFound("there is no agent 'suport' here; known: support", agent="suport"),
    errors.DecisionInvalid(
        'the decision can\'t be taken: /approved: expected boolean, got "yes"',
        errors=[{"path": "/approved", "message": 'expected boolean, got "yes"'}],
        **_ABOUT,
    ),
    errors.DecisionConflict("the call was decided already", reason="decided", **_ABOUT),
    errors.NotPending("call 'call_1' is not known to this run", runId=RUN, toolCallId="call_1", reason="unknown"),
    errors.ToolCallIdRequired("the run has had several gated calls: give the id of one", runId=RUN, open=[CALL, PLACE]),
    errors.RunEnded("the run is over: aborted", runId=RUN, status="aborted"),
    errors.RunIdConflict("run id '1e9b4c70' is taken by a run with another agent, input or principal", runId=RUN),
    errors.ClaimTaken("another client has claimed that call", runId=RUN, toolCallId=PLACE),
    errors.Unauthorized("expected a token that is known here, as Authorization: Bearer or as a subprotocol"),
    errors.Forbidden("ann may not run.resume on run '1e9b4c70'", action="run.resume"),
    errors.LimitExceeded("at most 64 requests may be in flight on a connection", limit="maxInFlight", maximum=64),
    errors.StoreUnavailable("the store does not answer; the run waits for it", runId=RUN),
    errors.RunElsewhere("another node of the store owns run 1e9b4c70", runId=RUN),
    errors.ShuttingDown("the process shuts down; the run continues after the restart", runId=RUN),
    errors.Stranded("tool 'refund_order' is not loaded in this process", **_ABOUT),
    errors.RecordTooNew("the record has schema version 9; this adjourn reads up to 4"),
    errors.ConnectionLost("lost the connection to ws://127.0.0.1:8765: it was closed"),
    errors.VersionConflict("run 1e9b4c70: expected version 3, stored is 4"),
    errors.StaleEpoch("the store has a new owner: this process can't read or change its runs any more"),
    errors.StoreInUse("runs.db is open already, in process 4711", path="runs.db"),
    errors.StoreCorrupt("a run's head can't be read"),
    errors.StoreTooNew("runs.db has layout 9; this adjourn reads up to 3", path="runs.db"),
    errors.InvalidParams(
        "invalid params of run.start: Object contains unknown field `agnt`",
        errors=[{"path": "", "message": "Object contains unknown field `agnt`"}],
    ),
    errors.InternalError("internal error 3f2a; the log has its cause", id="3f2a"),
)
