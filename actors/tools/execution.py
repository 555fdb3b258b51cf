"""Executes one call of a tool. The run decides when; `results.py` turns values and errors into outcomes."""

import inspect
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
import trio

from ..core.faults import error_text, foreign_error
from .context import Progress, ToolContext
from .declared import Tool
from .encoding import is_large
from .errors import ToolError
from .gates import refusal
from .hostloop import HostLoop
from .results import ToolOutcome, carried, failed, raised, returned, returned_copy, taken
from .threads import NotStarted, RaisedInThread, ThreadCall, Threads

__all__ = ["Tool", "ToolContext", "ToolError", "ToolOutcome", "carried", "execute"]

_log = logging.getLogger("adjourn.tools")


async def execute(
    tool: Tool,
    arguments: dict[str, Any],
    decision: Any,
    context: ToolContext[Any],
    *,
    max_result_bytes: int,
    threads: Threads | None = None,
    host_loop: HostLoop | None = None,
) -> ToolOutcome:
    """Executes one call and returns its outcome. Arguments and decision must be valid under the tool's schemas;
    the tool gets copies of them.

    Every failure is an outcome with `is_error`: any exception of the tool, even `SystemExit` (logged with the call's
    id, except a `ToolError`), a timeout, and a result outside the value domain or above `max_result_bytes` (content and
    details, as JSON). A declined `approval`, or a missing decision, is one too; then nothing is executed. Raises only
    trio's own cancellation and Ctrl-C.

    A sync function runs in one of `threads`; `timeout_s` begins when its thread does. Cancellation and timeout leave
    the thread behind. A function for asyncio runs in `host_loop`; cancellation and timeout wait until it has ended.
    Once this returns or raises, the tool's context can't publish any more.
    """
    refused = refusal(tool, decision)
    if refused is not None:
        return failed(refused)
    progress = Progress(context, max_result_bytes)
    threads = threads or Threads(trio.to_thread.current_default_thread_limiter())
    try:
        publish = progress.publish
        if tool.loop is not None:
            if host_loop is None:
                return failed(f"{context.tool_name} was not executed: it needs an asyncio loop, and there is none")
            publish = host_loop.carried(publish)
        call = _bound(tool, arguments, decision, context, publish)
        if isinstance(call, ToolOutcome):
            return call
        if tool.loop is not None and host_loop is not None:
            call = partial(host_loop.run, call)
        if tool.threaded:
            return await _in_thread(tool, call, context, max_result_bytes, threads)
        if tool.timeout_s is None:
            return await _outcome(call, context, max_result_bytes, threads)
        with trio.move_on_after(tool.timeout_s):
            return await _outcome(call, context, max_result_bytes, threads)
        return _late(tool, has_begun=True)
    finally:
        progress.close()


def _bound(
    tool: Tool,
    arguments: dict[str, Any],
    decision: Any,
    context: ToolContext,
    publish: Callable[[Any], Awaitable[None]],
) -> Callable[[], Any] | ToolOutcome:
    """Returns the bound call of the tool's function; an error outcome if its types refuse the arguments."""
    try:
        decoded = context.decision if decision is None else tool.decode_decision(decision)
        return tool.bind(arguments, msgspec.structs.replace(context, publish=publish, decision=decoded))
    except BaseException as error:  # noqa: ASYNC103  # types have code of their own; it is not awaited
        fault = foreign_error(error, f"the arguments of tool {context.tool_name}", _log)
        if not isinstance(fault, ValueError | TypeError):
            _log.error("tool %s can't be called (call %s)", context.tool_name, context.tool_call_id, exc_info=fault)
        words = str(fault) if type(fault) in (ValueError, msgspec.ValidationError) else error_text(fault)
        return failed(f"{context.tool_name} was not executed: the call can't be decoded: {words}")  # noqa: ASYNC104


async def _in_thread(
    tool: Tool, call: Callable[[], Any], context: ToolContext[Any], max_result_bytes: int, threads: Threads
) -> ToolOutcome:
    job = ThreadCall(call, context.tool_call_id, context.tool_name)
    if tool.timeout_s is None:
        return await _outcome(lambda: threads.run(job), context, max_result_bytes, threads)
    timeout_s = tool.timeout_s
    with trio.CancelScope() as scope:

        def start_clock() -> None:
            scope.deadline = trio.current_time() + timeout_s

        return await _outcome(lambda: threads.run(job, on_start=start_clock), context, max_result_bytes, threads)
    return _late(tool, has_begun=job.has_begun)


async def _outcome(
    call: Callable[[], Any], context: ToolContext[Any], max_result_bytes: int, threads: Threads
) -> ToolOutcome:
    """Makes the call, and returns its outcome. Raises only trio's own cancellation and Ctrl-C."""
    name, call_id = context.tool_name, context.tool_call_id
    task = trio.lowlevel.current_task()
    try:
        value = call()
        while type(value) is not str and inspect.isawaitable(value):  # an awaited value may be awaitable too
            value = await value
    except NotStarted as refused:
        return failed(f"{name} was not started: {refused}")
    except BaseException as error:  # noqa: ASYNC103  # foreign_error raises what must pass
        fault = foreign_error(error, f"tool {name} (call {call_id})", _log, task=task)
        fault = fault.error if isinstance(fault, RaisedInThread) else fault
        return raised(fault, name, call_id, max_result_bytes)  # noqa: ASYNC104
    if not is_large(value):
        return returned(value, name, max_result_bytes)
    copy = taken(value, name)
    if isinstance(copy, ToolOutcome):
        return copy
    return await threads.compute(partial(returned_copy, copy, name, max_result_bytes))


def _late(tool: Tool, *, has_begun: bool) -> ToolOutcome:
    name, within = tool.spec.name, f"within {tool.timeout_s:g} seconds"
    if has_begun:
        return failed(f"{name} did not finish {within} and may have taken effect")
    return failed(f"{name} was not started: its thread did not begin {within}")
