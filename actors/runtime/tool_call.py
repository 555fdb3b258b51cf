"""One tool call: the tool, with the middleware around it (`chain.py`). Its outcome is an input for the machine; what
foreign code raises becomes an error result."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from ...protocol.codec import digest_checked
from ...protocol.events import ToolExecutionUpdate
from ...protocol.messages import Text
from ...protocol.record import Call, DecisionEntry, Head, History
from ...protocol.transitions import ToolDone
from ..agent import Agent
from ..middleware.chain import Show, ToolChain, around
from ..middleware.interface import Middleware, ToolRequest
from ..tools.execution import ToolContext, ToolOutcome, execute
from .run_state import RunState

__all__ = ["call_tool"]

CHANGED = "This call was not executed: its arguments or its decision are not those that were decided on."


async def call_tool(agent: Agent, state: RunState, call_id: str) -> ToolDone:
    """Executes an open call of the run, with its middleware, and returns its result."""
    head, history, show = state.head, state.history, state.show
    call = _open_call(head, call_id)
    tool = agent.tool(call.name)
    if tool is None:
        raise LookupError(f"tool {call.name!r} of agent {head.agent!r} is not loaded")
    max_result_bytes = history.spec.limits.max_result_bytes
    entry, arguments = history.decisions.get(call_id), history.arguments(call)
    if entry is not None and not _is_as_decided(entry, arguments):
        return ToolDone(tool_call_id=call_id, content=(Text(text=CHANGED),), is_error=True)

    async def publish(partial_result: object) -> None:
        await show((ToolExecutionUpdate(tool_call_id=call_id, tool_name=call.name, partial_result=partial_result),))

    context: ToolContext[Any] = ToolContext(
        run_id=head.id,
        tool_call_id=call_id,
        tool_name=call.name,
        metadata=msgspec.to_builtins(head.metadata),  # a copy, like all that a tool gets: the tool may change it
        publish=publish,
        started_by=head.owner,
        decided_by=entry.by if entry else None,
        epoch=head.epoch,
    )
    decision = entry.decision if entry else None
    dependencies = None if tool.deps is None else state.dependencies
    services = state.services

    async def carry_out(arguments: dict[str, Any]) -> ToolOutcome:
        filled = context if dependencies is None else await dependencies.given_to(context)
        if isinstance(filled, ToolOutcome):
            return filled
        return await execute(
            tool,
            arguments,
            decision,
            filled,
            max_result_bytes=max_result_bytes,
            threads=services.threads,
            host_loop=services.host_loop,
        )

    middleware = around(agent.middleware, "tool_call") if agent.middleware else agent.middleware
    if middleware:
        outcome = await _chained(middleware, carry_out, head, history, call, show)
    else:
        outcome = await carry_out(arguments)
    return ToolDone(tool_call_id=call_id, content=outcome.content, details=outcome.details, is_error=outcome.is_error)


def _open_call(head: Head, call_id: str) -> Call:
    for call in head.calls:
        if call.id == call_id:
            return call
    raise LookupError(f"run {head.id} has no open call {call_id}")


def _is_as_decided(entry: DecisionEntry, arguments: dict[str, Any]) -> bool:
    """Whether arguments and decision still have the recorded digests: shared data may have been changed by mistake."""
    shown = entry.arguments_digest or entry.args_digest
    try:
        return digest_checked(arguments) == shown and digest_checked(entry.decision) == entry.digest
    except Exception:  # they were changed to what no record can carry
        return False


async def _chained(
    middleware: Sequence[Middleware],
    carry_out: Callable[[dict[str, Any]], Awaitable[ToolOutcome]],
    head: Head,
    history: History,
    call: Call,
    show: Show,
) -> ToolOutcome:
    block, entry = history.tool_call(call), history.decisions.get(call.id)
    chain = ToolChain(
        middleware,
        carry_out,
        show,
        block=block,
        is_settled=entry is not None,
        max_result_bytes=history.spec.limits.max_result_bytes,
    )
    request = ToolRequest(
        run_id=head.id,
        agent=head.agent,
        tool=history.tools[call.name],
        tool_call_id=call.id,
        arguments=history.arguments(call),
        decision=entry.decision if entry else None,
        metadata=head.metadata,
    )
    return await chain.run(request)
