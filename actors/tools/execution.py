"""A tool at work: what it is, what it may know of a call, and how one call is carried out. Declaring lives in tools.py;
when to call is the run's business."""

import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, cast

import msgspec
import trio

from ...protocol.codec import CodecError, check_value, from_json, to_json
from ...protocol.errors import ProgramError
from ...protocol.events import ToolOutput
from ...protocol.messages import Image, Text, UserBlock, text_of
from ...protocol.record import ToolSpec
from ..core.faults import bare_error
from .threads import Threads

__all__ = ["Tool", "ToolContext", "ToolError", "ToolOutcome", "carried", "execute"]

MAX_ERROR_CHARS = 4000  # of an exception's message, towards the model

_log = logging.getLogger("adjourn.tools")


class ToolError(ProgramError):
    """Raised by a tool on purpose: the model gets the message alone, as an error result. Nothing is logged."""

    def __init__(self, message: str, details: Any = None) -> None:
        super().__init__(message)
        self.details = details  # for programs; of the value domain


class ToolContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool may know of the call that it is carrying out. A tool gets it by a parameter annotated with it."""

    run_id: str
    tool_call_id: str  # unique for ever: the idempotency key for the outside
    tool_name: str
    metadata: dict[str, Any]  # of the run
    publish: Callable[[Any], Awaitable[None]]  # the run's end of `update`
    decision: Any = None  # decoded; None where the call was not gated

    async def update(self, partial: Any) -> None:
        """Show `partial` (what msgspec can encode) to whoever watches, in place of what was shown before. Waits for
        the slowest lossless reader. A sync tool calls it by `trio.from_thread.run(context.update, partial)`.

        Raises: CodecError, TypeError for what events can't carry."""
        await self.publish(_plain(partial))


class ToolOutcome(NamedTuple):
    """What came of a call."""

    content: tuple[UserBlock, ...]  # for the model
    details: Any  # for programs; plain data
    is_error: bool

    @property
    def text(self) -> str:
        """All its text blocks, joined."""
        return text_of(self.content)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tool:
    """A tool, declared. Make one with `tool`, `make_tool` or `client_tool`; calling it calls the function."""

    spec: ToolSpec
    function: Callable[..., Any] | None  # None: clients execute it
    bind: Callable[[dict[str, Any], ToolContext], Callable[[], Any]]  # plain arguments to a call without any
    threaded: bool  # the function blocks: it runs in a worker thread
    decode_decision: Callable[[Any], Any]
    decision_when: Callable[[dict[str, Any]], bool] | None = None
    timeout_s: float | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function itself, as if it had not been declared a tool."""
        if self.function is None:
            raise TypeError(f"tool {self.spec.name} is executed by clients: there is nothing to call")
        return self.function(*args, **kwargs)


async def execute(
    tool: Tool,
    arguments: dict[str, Any],
    decision: Any,
    context: ToolContext,
    *,
    max_result_bytes: int,
    threads: Threads | None = None,
) -> ToolOutcome:
    """Carry out one call, with arguments and decision that are valid under the tool's schemas.

    Whatever goes wrong is an outcome with `is_error`: an exception of the tool (logged, with the call's id, but for a
    `ToolError`), `timeout_s`, a result outside the value domain or above `max_result_bytes` (of content and details, as
    JSON). Only cancellation, and what is no `Exception`, goes through.

    A sync function runs in one of `threads`. Cancellation does not wait for it: it goes on alone.
    """
    try:
        if decision is not None:
            context = msgspec.structs.replace(context, decision=tool.decode_decision(decision))
        call = tool.bind(arguments, context)
    except Exception as error:
        return _failed(f"the call can't be decoded: {error}")
    if tool.threaded:
        threads = threads or Threads(trio.to_thread.current_default_thread_limiter())
        call = partial(threads.run, call, context.tool_call_id)
    try:
        if tool.timeout_s is None:
            return _outcome(await _value(call), max_result_bytes)
        with trio.move_on_after(tool.timeout_s):
            return _outcome(await _value(call), max_result_bytes)
        return _failed(
            f"{context.tool_name} did not finish within {tool.timeout_s:g} seconds and may have taken effect"
        )
    except Exception as error:
        return _raised(error, context, max_result_bytes)


def carried(outcome: ToolOutcome, max_result_bytes: int) -> ToolOutcome:
    """Somebody else's outcome as it is stored, under the bounds of a tool's own; too large a one is an error instead.

    Raises: CodecError, TypeError for what can't be stored.
    """
    output = ToolOutput(content=tuple(outcome.content), details=_plain(outcome.details))
    return _checked(output, max_result_bytes, is_error=bool(outcome.is_error))


async def _value(call: Callable[[], Any]) -> Any:
    value = call()
    while inspect.isawaitable(value):  # a sync wrapper around an async function gives one only now
        value = await value
    return value


def _outcome(value: Any, max_result_bytes: int) -> ToolOutcome:
    try:
        return _checked(_output(value), max_result_bytes)
    except (CodecError, TypeError) as error:
        return _failed(f"the tool's result can't be carried: {error}")


def _output(value: Any) -> ToolOutput:
    if value is None:
        return ToolOutput(content=(Text(text="done"),))
    if isinstance(value, ToolOutput):
        return ToolOutput(content=tuple(value.content), details=_plain(value.details))
    if isinstance(value, Text | Image):
        return ToolOutput(content=(value,))
    if isinstance(value, list | tuple) and value and all(isinstance(item, Text | Image) for item in cast(Any, value)):
        return ToolOutput(content=tuple(cast(list[UserBlock], value)))
    plain = _plain(value)
    if type(plain) is str:
        return ToolOutput(content=(Text(text=plain),))
    return ToolOutput(content=(Text(text=to_json(plain).decode()),), details=plain)


def _plain(value: Any) -> Any:
    plain = value if type(value) is str else msgspec.to_builtins(value, str_keys=True)
    check_value(plain)
    return plain


def _checked(output: ToolOutput, max_result_bytes: int, is_error: bool = False) -> ToolOutcome:
    # Through JSON and back: what is measured is what is stored, blocks are what they say, and nothing is shared with
    # the tool any more.
    encoded = to_json(output)
    if len(encoded) > max_result_bytes:
        return _failed(f"the tool's result takes {len(encoded)} bytes, and at most {max_result_bytes} are allowed")
    own = from_json(encoded, ToolOutput)
    return ToolOutcome(own.content, own.details, is_error)


def _raised(error: Exception, context: ToolContext, max_result_bytes: int) -> ToolOutcome:
    error = bare_error(error)  # out of a nursery of the tool's own
    if isinstance(error, ToolError):
        try:
            content = (Text(text=_clean(str(error))),)
            return _checked(ToolOutput(content=content, details=_plain(error.details)), max_result_bytes, is_error=True)
        except (CodecError, TypeError) as fault:
            return _failed(f"{error} (its details can't be carried: {fault})")
    _log.error("tool %s raised (call %s)", context.tool_name, context.tool_call_id, exc_info=error)
    try:
        return _failed(f"{type(error).__name__}: {error}")
    except Exception:  # its __str__ raises too
        return _failed(type(error).__name__)


def _failed(message: str) -> ToolOutcome:
    return ToolOutcome((Text(text=_clean(message)),), None, True)


def _clean(message: str) -> str:
    return message[:MAX_ERROR_CHARS].encode("utf-8", "replace").decode()
