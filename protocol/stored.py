"""A model's message as the run keeps it: with the runtime's ids, and as a store gives it back. Pure.

Most messages come back from a store as they are. Looking at their types shows this in half the time that encoding and
decoding takes.
"""

from math import isfinite

from msgspec.structs import replace

from .calls import call_id, with_ids
from .codec import MAX_INT, CodecError, copied, from_json, is_text, to_json
from .messages import AssistantBlock, AssistantMessage, Cost, Text, Thinking, ToolCall, Usage

__all__ = ["as_stored"]

_UNPRICED = Usage().cost  # of every usage that was made without a cost
_REASONS = frozenset({"stop", "toolUse", "length"})


def as_stored(message: AssistantMessage, key: str, opening: AssistantMessage) -> AssistantMessage:
    """Return the message of model call `key` as a store gives it back, with its calls as in `with_ids`.

    A missing api, provider, model and timestamp come from `opening`. The result shares no data with `message` that can
    still change. Raises: CodecError if the message can't be stored.
    """
    own = _own_content(message.content, key) if _is_plain(message) else None
    content = with_ids(message, key).content if own is None else own
    signed = replace(
        message,
        content=content,
        api=message.api or opening.api,
        provider=message.provider or opening.provider,
        model=message.model or opening.model,
        timestamp=message.timestamp or opening.timestamp,
    )
    return from_json(to_json(signed), AssistantMessage) if own is None else signed


def _own_content(content: tuple[AssistantBlock, ...], key: str) -> tuple[AssistantBlock, ...] | None:
    """Return the content with the runtime's ids and copies of the arguments; None if a store may change a block."""
    own: list[AssistantBlock] = []
    for index, block in enumerate(content):
        if type(block) is ToolCall and _is_plain_call(block):
            try:
                arguments = copied(block.arguments)
            except CodecError:
                return None
            if block.id.startswith(f"call_{key}_"):
                own.append(replace(block, arguments=arguments))
            else:
                minted, provider_id = call_id(key, index), block.id or None
                own.append(replace(block, id=minted, provider_id=provider_id, arguments=arguments))
        elif _is_plain_block(block):
            own.append(block)
        else:
            return None
    return tuple(own)


def _is_plain(message: AssistantMessage) -> bool:
    """Check whether a message without its content comes back as it is. May say no for what is rare."""
    return (
        type(message) is AssistantMessage
        and type(message.content) is tuple
        and (not message.api or is_text(message.api))
        and (not message.provider or is_text(message.provider))
        and (not message.model or is_text(message.model))
        and type(message.stop_reason) is str
        and message.stop_reason in _REASONS
        and message.error_message is message.error_kind is message.cache is None
        and (message.response_id is None or is_text(message.response_id))
        and type(message.timestamp) is int
        and 0 <= message.timestamp <= MAX_INT
        and _is_plain_usage(message.usage)
    )


def _is_plain_block(block: AssistantBlock) -> bool:
    if type(block) is Text:
        has_sources = type(block.citations) is not tuple or block.citations
        is_plain = is_text(block.text) and not has_sources and block.cache is None
    elif type(block) is Thinking:
        is_plain = is_text(block.thinking) and type(block.redacted) is bool
    else:
        return False
    return is_plain and (block.signature is None or is_text(block.signature))


def _is_plain_call(call: ToolCall) -> bool:
    return (
        is_text(call.id)
        and is_text(call.name)
        and type(call.arguments) is dict
        and call.raw_arguments is None
        and (call.provider_id is None or is_text(call.provider_id))
        and (call.signature is None or is_text(call.signature))
    )


def _is_plain_usage(usage: Usage) -> bool:
    if type(usage) is not Usage or type(usage.cost) is not Cost or usage.provider_cost is not None:
        return False
    a, b, c, d = usage.input, usage.output, usage.cache_read, usage.cache_write
    e, f = usage.total_tokens, usage.reasoning
    if not type(a) is type(b) is type(c) is type(d) is type(e) is type(f) is int:
        return False
    # The bitwise OR has every bit that a number has, and is negative if a number is.
    if not 0 <= a | b | c | d | e | f <= MAX_INT:
        return False
    cost = usage.cost
    if cost is _UNPRICED:
        return True
    v, w, x, y, z = cost.input, cost.output, cost.cache_read, cost.cache_write, cost.total
    # The sum is finite only if every number is.
    return type(v) is type(w) is type(x) is type(y) is type(z) is float and isfinite(v + w + x + y + z)
