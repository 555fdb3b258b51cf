"""Turns what a tool returned or raised into an outcome that can be stored. Pure, except for the log.

If a result can't be stored, the outcome still says that the tool was executed.
"""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import msgspec

from ...protocol.codec import CodecError, check_value, from_json, paused_collector, to_json
from ...protocol.events import ToolOutput
from ...protocol.messages import Text, UserBlock, text_of
from ..core.faults import error_text, foreign_error
from .encoding import checked, copied, plain
from .errors import ToolError

__all__ = ["ResultTooLarge", "ToolOutcome", "carried", "failed", "raised", "returned", "returned_copy", "taken"]

MAX_ERROR_CHARS = 4000  # of an exception's message that the model gets
MAX_CHAR_BYTES = 6  # the most that one character takes as JSON
TEXT_BYTES = 100  # the JSON of a result of one text block, without its text
MAX_PATH_CHARS = 200  # of the path to a value that can't be stored

_log = logging.getLogger("adjourn.tools")


class ToolOutcome(NamedTuple):
    """The outcome of a call.

    Attributes:
        content: the result, for the model.
        details: the result, for programs; plain data.
        is_error: True: the tool failed, or never executed.
    """

    content: tuple[UserBlock, ...]
    details: Any
    is_error: bool

    @property
    def text(self) -> str:
        """The texts of all text blocks, joined."""
        return text_of(self.content)


class ResultTooLarge(CodecError):
    """A result's content and details take more bytes of JSON than the run allows."""


def failed(message: str) -> ToolOutcome:
    """Returns an error result with this message, cut to `MAX_ERROR_CHARS`, for the model."""
    return ToolOutcome((Text(text=message[:MAX_ERROR_CHARS].encode("utf-8", "replace").decode()),), None, True)


def returned(value: Any, tool_name: str, max_result_bytes: int) -> ToolOutcome:
    """Returns the outcome of a value that a tool returned; an error outcome if it can't be stored."""
    try:
        if type(value) is str and len(value) * MAX_CHAR_BYTES + TEXT_BYTES <= max_result_bytes:
            check_value(value)
            return ToolOutcome((Text(text=value),), None, False)  # nothing is shared, and it can't be too large
        return _outcome(value, plain, max_result_bytes)
    except BaseException as error:  # noqa: ASYNC103  # encoding calls other people's code, and awaits none
        return _not_carried(error, tool_name)  # noqa: ASYNC104


def taken(value: Any, tool_name: str) -> Any:
    """Returns a private copy of what a tool returned, for `returned_copy`; an error outcome if it can't be copied.

    Must be called on the loop's thread, because it calls the value's own code."""
    try:
        if isinstance(value, ToolOutput):
            return ToolOutput(content=tuple(value.content), details=_details(value.details, copied))
        return tuple(value) if _are_blocks(value) else copied(value)
    except BaseException as error:  # noqa: ASYNC103  # nothing is awaited
        return _not_carried(error, tool_name)  # noqa: ASYNC104


def returned_copy(value: Any, tool_name: str, max_result_bytes: int) -> ToolOutcome:
    """Returns the outcome of a copy that `taken` made, as `returned` does. May be called on any thread."""
    try:
        return _outcome(value, checked, max_result_bytes)
    except BaseException as error:  # noqa: ASYNC103  # nothing is awaited
        return _not_carried(error, tool_name)  # noqa: ASYNC104


def _not_carried(error: BaseException, tool_name: str) -> ToolOutcome:
    reason = _reason(error, tool_name)
    return failed(f"{tool_name} was executed, but its result can't be stored: {reason}")


def raised(error: BaseException, tool_name: str, call_id: str, max_result_bytes: int) -> ToolOutcome:
    """Returns the error outcome for what a tool raised. Logs it with its traceback, unless it is a `ToolError`."""
    if not isinstance(error, ToolError):
        _log.error("tool %s raised (call %s)", tool_name, call_id, exc_info=error)
        return failed(error_text(error))
    message = _words(error)
    if error.details is None:
        return failed(message)
    content = failed(message).content
    try:
        return _checked(ToolOutput(content=content, details=plain(error.details)), max_result_bytes, is_error=True)
    except BaseException as fault:  # noqa: ASYNC103  # nothing is awaited
        reason = _reason(fault, tool_name)
        return failed(f"{message[: MAX_ERROR_CHARS // 2]} (its details can't be stored: {reason})")  # noqa: ASYNC104


def carried(outcome: ToolOutcome, max_result_bytes: int) -> ToolOutcome:
    """Returns a middleware's outcome as it is stored, under the same bounds as a tool's.

    Raises: CodecError, TypeError for what can't be stored; ResultTooLarge, a CodecError.
    """
    output = ToolOutput(content=tuple(outcome.content), details=plain(outcome.details))
    return _checked(output, max_result_bytes, is_error=bool(outcome.is_error))


def _outcome(value: Any, as_data: Callable[[Any], Any], max_result_bytes: int) -> ToolOutcome:
    if value is None:
        return ToolOutcome((Text(text="done"),), None, False)
    if isinstance(value, ToolOutput):
        output = ToolOutput(content=tuple(value.content), details=_details(value.details, as_data))
        return _checked(output, max_result_bytes)
    if isinstance(value, UserBlock):
        return _checked(ToolOutput(content=(value,)), max_result_bytes)
    if _are_blocks(value):
        return _checked(ToolOutput(content=tuple(cast(list[UserBlock], value))), max_result_bytes)
    return _outcome_of_data(as_data(value), max_result_bytes)


def _outcome_of_data(data: Any, max_result_bytes: int) -> ToolOutcome:
    """Returns the outcome of checked, private data. Encodes the data once, for the model and for programs."""
    if type(data) is str:
        content, details, encoded = (Text(text=data),), None, None
    else:
        encoded = to_json(data)
        with paused_collector():
            content, details = (Text(text=encoded.decode()),), from_json(encoded, Any)  # turns tuples into lists
    stored = to_json(ToolOutput(content=content, details=encoded and msgspec.Raw(encoded)))
    _check_size(len(stored), max_result_bytes)
    return ToolOutcome(content, details, False)


def _are_blocks(value: Any) -> bool:
    items = cast(Any, value) if isinstance(value, list | tuple) else ()
    return len(items) > 0 and all(isinstance(item, UserBlock) for item in items)


def _details(value: Any, as_data: Callable[[Any], Any]) -> Any:
    try:
        return as_data(value)
    except CodecError as error:
        raise CodecError(f"/details{error.path}", error.message) from error


def _checked(output: ToolOutput, max_result_bytes: int, is_error: bool = False) -> ToolOutcome:
    # Through JSON and back: measures what is stored, checks the blocks, and shares nothing with the tool.
    try:
        encoded = to_json(output)
    except CodecError:
        check_value(msgspec.to_builtins(output))  # finds the path
        raise
    _check_size(len(encoded), max_result_bytes)
    own = from_json(encoded, ToolOutput)
    return ToolOutcome(own.content, own.details, is_error)


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise ResultTooLarge("", f"it takes {size} bytes, and at most {most} are allowed")


def _reason(error: BaseException, tool_name: str) -> str:
    error = foreign_error(error, f"the result of tool {tool_name}", _log)
    if isinstance(error, ResultTooLarge):
        return error.message
    if isinstance(error, CodecError):
        path = error.path if len(error.path) <= MAX_PATH_CHARS else f"{error.path[:MAX_PATH_CHARS]}…"
        return f"{path or '/'}: {error.message}"
    if type(error) is TypeError:
        return str(error)
    _log.error("the result of tool %s can't be encoded", tool_name, exc_info=error)
    return error_text(error)


def _words(error: ToolError) -> str:
    try:
        return str(error)
    except BaseException:  # noqa: ASYNC103  # nothing was awaited
        return type(error).__name__  # noqa: ASYNC104
