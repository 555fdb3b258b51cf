"""Prepares a model's tool calls for the run: ids, faults, and synthetic results. Pure."""

import json
from collections.abc import Mapping

import msgspec

from .codec import MAX_DEPTH, MAX_INT, InvalidValue, check_value
from .messages import AssistantBlock, AssistantMessage, Text, ToolCall, ToolResultMessage
from .record import ToolSpec
from .schema import SchemaInvalid, compile_schema

__all__ = ["argument_fault", "call_id", "cut_fault", "error_result", "with_ids"]

_MAX_DIGITS = 20  # integers with more digits are not parsed


def argument_fault(tools: Mapping[str, ToolSpec], block: ToolCall, is_checked: bool = False) -> str | None:
    """Return why the call's arguments can't be executed, as a text for the model; None if they can.

    `is_checked`: the arguments are known to be in the value domain, as after `with_ids`.
    """
    tool = tools.get(block.name)
    if tool is None:
        known = ", ".join(sorted(tools)) or "none"
        return f"There is no tool {block.name!r}. Known tools: {known}."
    if block.raw_arguments is not None:
        return f"The arguments of {block.name!r} {_raw_fault(block.raw_arguments)}"
    try:
        schema = compile_schema(tool.parameters)
        errors = schema.validate_checked(block.arguments) if is_checked else schema.validate(block.arguments)
    except SchemaInvalid as error:  # an earlier version accepted the schema
        return f"{block.name!r} can't be called: the recorded schema of its parameters can't be used today: {error}"
    if errors:
        lines = "; ".join(f"{error.path or '/'}: {error.message}" for error in errors)
        return f"The arguments of {block.name!r} break its parameters' schema: {lines}"
    return None


def _raw_fault(text: str) -> str:
    """Return why raw arguments, which were kept as text, can't be used, as a text for the model."""
    try:
        # Python's own parser accepts more than our codec. So `check_value` can name the path of the fault.
        check_value(json.loads(text, parse_int=_integer))
    except InvalidValue as error:
        hint = "; send it as text" if "integer" in error.message else ""
        return f"can't be stored: {error.path or '/'}: {error.message}{hint}. Nothing was executed."
    except RecursionError:
        return f"can't be stored: /: expected at most {MAX_DEPTH} levels of nesting. Nothing was executed."
    except ValueError:
        pass
    return "are not a JSON object. Send an object that fits its parameters."


def _integer(digits: str) -> int:
    """Parse an integer. Very long ones become another integer outside the domain: Python may refuse to parse them."""
    return int(digits) if len(digits) < _MAX_DIGITS else MAX_INT + 1


def cut_fault(message: AssistantMessage, block: ToolCall) -> str | None:
    """Return why the last call of a cut-off answer can't be executed, as a text for the model; None if it can.

    Arguments that were cut in the middle are not JSON, and fail anyway. Only if there are no arguments at all can't
    anybody tell whether some were cut off.
    """
    if message.stop_reason != "length" or block is not message.content[-1]:
        return None
    if block.arguments or block.raw_arguments is not None:
        return None
    return (
        f"The answer was cut off at its greatest length before {block.name!r} had any arguments. Nothing was executed."
    )


def error_result(call: ToolCall, text: str, now: int) -> ToolResultMessage:
    """Return a synthetic error result for a call without a result."""
    content = (Text(text=text),)
    return ToolResultMessage(tool_call_id=call.id, tool_name=call.name, content=content, is_error=True, timestamp=now)


def call_id(key: str, index: int) -> str:
    """Return the runtime's id of the call at content index `index` of model call `key`. Globally unique, like `key`."""
    return f"call_{key}_{index}"


def with_ids(message: AssistantMessage, key: str) -> AssistantMessage:
    """Return the model's message with the runtime's ids in its calls, and with arguments in the value domain."""
    prefix = f"call_{key}_"
    content: list[AssistantBlock] | None = None
    for index, block in enumerate(message.content):
        # A partial message already has its ids, because it was streamed to watchers.
        if type(block) is ToolCall and not block.id.startswith(prefix):
            content = list(message.content) if content is None else content
            content[index] = _with_id(block, call_id(key, index))
    return message if content is None else msgspec.structs.replace(message, content=tuple(content))


def _with_id(block: ToolCall, minted: str) -> ToolCall:
    provider_id = block.id or None
    try:
        check_value(block.arguments)
    except InvalidValue as error:
        raw = _as_said(block.arguments, error)
        return msgspec.structs.replace(block, id=minted, provider_id=provider_id, arguments={}, raw_arguments=raw)
    return msgspec.structs.replace(block, id=minted, provider_id=provider_id)


def _as_said(arguments: object, error: InvalidValue) -> str:
    """Return the model's arguments as escaped JSON text, which every wire can carry."""
    try:
        return json.dumps(arguments)
    except (TypeError, ValueError, RecursionError):
        return f"({error})"
