"""Checks what callers give to a run: inputs, metadata, options, limits, decisions, results. Keeps nothing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec

from ...protocol import codec
from ...protocol.bounds import Bounds
from ...protocol.errors import InvalidParams, LimitExceeded
from ...protocol.limits import RunLimits, looser
from ...protocol.messages import AssistantMessage, Message, Text, ToolResultMessage, UserBlock, UserMessage
from ...protocol.options import ModelOptions, merge_options
from ...protocol.record import Spec
from ...protocol.transitions import Abort, Decide, Decline, Input
from ..agent import Agent
from ..models.prices import unpriced
from .records import RUN_ID

__all__ = ["check_given", "check_history", "check_limits", "check_result", "check_start", "messages_of", "spec_of"]


def messages_of(given: str | Sequence[Message], now: int) -> tuple[Message, ...]:
    """Returns a run's input as messages; a text is one user message. Raises: InvalidParams."""
    if isinstance(given, str):
        return (UserMessage(content=given, timestamp=now),)
    messages: tuple[Any, ...] = tuple(given)
    if not messages or not all(isinstance(m, UserMessage | AssistantMessage | ToolResultMessage) for m in messages):
        raise InvalidParams("input: expected text, or at least one message")
    return messages


def check_given(given: Input, bounds: Bounds) -> None:
    """Checks the size of a caller's decision, edited arguments or reason. Raises: LimitExceeded."""
    if type(given) is Decide:
        bounds.check("decision", _size(given.decision))
        if given.arguments is not None:
            bounds.check("arguments", _size(given.arguments))
    elif (type(given) is Abort or type(given) is Decline) and not _is_short(given.reason, bounds):
        bounds.check("reason", _size(given.reason))


def _is_short(text: str | None, bounds: Bounds) -> bool:
    """Whether the text is within all bounds even if JSON takes six bytes for each character, and the quotes."""
    return type(text) is str and 6 * len(text) + 2 <= bounds.least


def _size(value: Any) -> int:
    """Returns the bytes of the value's JSON. 0 if JSON can't carry it: the run refuses it later, naming the place."""
    try:
        return len(codec.to_json(value))
    except codec.CodecError:
        return 0


def check_result(result: Any, max_bytes: int) -> tuple[tuple[UserBlock, ...], Any]:
    """Returns a client's result as content blocks and details. Raises: InvalidParams, LimitExceeded."""
    try:
        content, details = _content_of(result)
        size = len(codec.to_json([content, details]))
    except codec.CodecError as error:
        raise InvalidParams(f"result: {error}") from error
    if size > max_bytes:
        text = f"the result takes {size} bytes, and at most {max_bytes} are allowed"
        raise LimitExceeded(text, limit="maxResultBytes", maximum=max_bytes)
    return content, details


def _content_of(result: Any) -> tuple[tuple[UserBlock, ...], Any]:
    if isinstance(result, str):
        return (Text(text=result),), None
    try:
        blocks = msgspec.convert(result, tuple[UserBlock, ...], strict=True) if result else ()
    except msgspec.ValidationError:
        blocks = ()
    if blocks:
        return blocks, None
    codec.check_value(result)
    return (Text(text=codec.to_json(result).decode()),), result


def check_history(messages: Iterable[Message], max_bytes: int) -> None:
    """Checks that a transcript is small enough for another run to continue from it. Raises: LimitExceeded."""
    size = 0
    for message in messages:
        size += len(codec.to_json(message))
        if size > max_bytes:
            text = f"the transcript to continue from takes more than {max_bytes} bytes"
            raise LimitExceeded(text, limit="maxHistoryBytes", maximum=max_bytes)


def check_limits(agent: Agent, limits: RunLimits | None) -> None:
    """Checks that a run of the agent may have these limits. Raises: InvalidParams."""
    if limits is None:
        return
    try:
        msgspec.convert(msgspec.to_builtins(limits), RunLimits)
        codec.check_value(msgspec.to_builtins(limits))
    except (msgspec.ValidationError, codec.CodecError, TypeError) as error:
        raise InvalidParams(f"limits: {error}") from error
    for name, allowed in looser(agent.limits, limits).items():
        text = f"expected at most {allowed:g}, the limit of agent {agent.name!r}: a run's own limits only tighten it"
        raise _about_limit(name, text)
    if limits.max_cost is not None and (fault := unpriced(agent.language_model.descriptor)):
        raise _about_limit("max_cost", fault)


def _about_limit(name: str, text: str) -> InvalidParams:
    [wire_name] = [field.encode_name for field in msgspec.structs.fields(RunLimits) if field.name == name]
    path = f"/limits/{wire_name}"
    return InvalidParams(f"{text} (at {path})", errors=[{"path": path, "message": text}])


def check_start(
    agent: Agent,
    given: str | Sequence[Message],
    messages: tuple[Message, ...],
    metadata: Mapping[str, Any],
    run_id: str | None,
    by: str | None,
    after: str | None,
    options: ModelOptions | None,
    limits: RunLimits | None,
    bounds: Bounds,
) -> str:
    """Checks a start and returns its digest; an empty one without a run id. Raises: InvalidParams, LimitExceeded."""
    if run_id is not None and not RUN_ID.match(run_id):
        raise InvalidParams(f"runId: expected 1 to 128 of A-Z a-z 0-9 _ -, got {run_id!r}")
    try:
        plain = given if isinstance(given, str) else msgspec.to_builtins(messages)
        codec.check_value(plain)
        if metadata:
            codec.check_value(dict(metadata))
            bounds.check("metadata", _size(metadata))
        size = len(codec.to_json([plain, metadata]))
    except (codec.CodecError, TypeError) as error:
        raise InvalidParams(f"input or metadata: {error}") from error
    maximum = agent.limits.max_input_bytes
    if size > maximum:
        text = f"the input takes {size} bytes, and at most {maximum} are allowed"
        raise LimitExceeded(text, limit="maxInputBytes", maximum=maximum)
    if run_id is None:
        return ""
    told = [] if options is None else [msgspec.to_builtins(options)]
    if limits is not None:
        told.append({"limits": msgspec.to_builtins(limits)})
    return codec.digest([by, agent.name, plain, *([] if after is None and not told else [after]), *told])


def spec_of(agent: Agent, options: ModelOptions | None) -> tuple[Spec, str]:
    """Returns the spec that a run with these options records, and its digest. Raises: InvalidParams."""
    if options is None:
        return agent.spec(), agent.spec_digest
    if not isinstance(cast(Any, options), ModelOptions):
        raise InvalidParams(f"options: expected ModelOptions, got {type(options).__name__}")
    if options.headers:
        raise InvalidParams("options: headers are never recorded; they belong to the agent's options")
    merged = merge_options(agent.options, options)
    try:
        agent.check_options(merged)
    except (TypeError, ValueError) as error:
        raise InvalidParams(f"options: {error}") from error
    return agent.spec_with(merged)
