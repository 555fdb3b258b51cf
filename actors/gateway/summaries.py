"""Summaries of runs and agents, as lists show them. No I/O."""

from ...protocol.methods import MAX_LISTED_CALLS, AgentInfo, RunSummary, ToolInfo, WaitingCall
from ...protocol.record import FINAL, Call, Head
from ..agent import Agent

__all__ = ["agent_info", "run_summary"]


def run_summary(head: Head, *, stranded: bool, deleted: bool = False) -> RunSummary:
    """Returns the run's summary for lists. `stranded`: the run can't go on in this server."""
    waiting = () if head.status in FINAL else tuple(call for call in head.calls if _waits(call))
    return RunSummary(
        run_id=head.id,
        agent=head.agent,
        status=head.status,
        created_at=head.created_at,
        updated_at=head.updated_at,
        seq=head.seq,
        title=head.title,
        pending=len(waiting),
        calls=tuple(map(_waiting_call, waiting[:MAX_LISTED_CALLS])),
        waiting_since=head.waiting_since,
        due_at=min((call.due_at for call in waiting if call.due_at is not None), default=None),
        expires_at=head.expires_at,
        started_by=head.owner,
        stranded=stranded,
        deleted=deleted,
    )


def agent_info(agent: Agent) -> AgentInfo:
    """Returns what clients need to know about an agent: to start it, and to decide or execute its tool calls."""
    return AgentInfo(
        name=agent.name,
        description=agent.description,
        model=agent.language_model.descriptor.id,
        tools=tuple(
            ToolInfo(
                name=tool.spec.name,
                description=tool.spec.description,
                parameters=tool.spec.parameters,
                decision=tool.spec.decision,
                runs=tool.spec.runs,
                approval=tool.spec.approval,
                editable=tool.spec.editable,
            )
            for tool in agent.tools
        ),
    )


def _waits(call: Call) -> bool:
    return call.phase in ("gated", "offered") or call.claim is not None


def _waiting_call(call: Call) -> WaitingCall:
    return WaitingCall(
        tool_call_id=call.id,
        tool_name=call.name,
        kind="decision" if call.phase == "gated" else "client",
        since=call.since,
        due_at=call.due_at,
    )
