"""Prompt caching as OpenAI's two APIs share it: the fields of a request, and the breakpoints in it. Pure.

Caching is on by itself; what is asked for here is a lifetime, a key that keeps a session's requests together, and, of
models that know them, breakpoints: the ends of what is worth keeping. Which API can carry one where, its request says.

Source: developers.openai.com/api/docs, the guide to prompt caching, and the types of OpenAI's Python SDK 3.54.0 (as of
October 2026).
"""

from collections.abc import Iterable
from typing import Any

from .. import codec
from ..messages import Lifetime, Message, ModelDescriptor, UserBlock, UserMessage
from ..options import ModelOptions
from .handover import longest
from .openai_models import generation

__all__ = ["breakpoint_of", "cache_fields", "cache_key", "cache_wish", "has_breakpoints"]

_BREAKPOINTS_FROM = (5, 6)  # models from here on refuse the older wish for a retention
_RETENTION_FROM = (4, 1)
_MAX_KEY = 64  # characters


def has_breakpoints(model: ModelDescriptor) -> bool:
    """Whether it knows breakpoints of the cache."""
    return generation(model) >= _BREAKPOINTS_FROM


def breakpoint_of(lifetime: Lifetime | None) -> dict[str, Any]:
    """The field of a content part that ends what is to be kept that long; none for None."""
    if lifetime is None:
        return {}
    return {"prompt_cache_breakpoint": {"mode": "explicit", **({"ttl": "12h"} if lifetime == "long" else {})}}


def cache_wish(options: ModelOptions, messages: Iterable[Message]) -> Lifetime | None:
    """The longest that anything in a request is to be kept: by its options, or by a mark on a message or block."""
    wishes: list[str | None] = [options.cache, options.cache_instructions, options.cache_tools]
    for message in messages:
        blocks = message.blocks if isinstance(message, UserMessage) else message.content
        wishes += [message.cache, *(block.cache for block in blocks if isinstance(block, UserBlock))]
    return longest(*wishes)


def cache_fields(
    model: ModelDescriptor, options: ModelOptions, wish: Lifetime | None, *, keyed: bool
) -> dict[str, Any]:
    """What a request says of its caching as a whole. `keyed`: with the session's key, where there is a session."""
    if options.cache == "none":  # older models cache anyway; these don't where there is no breakpoint
        return {"prompt_cache_options": {"mode": "explicit"}} if has_breakpoints(model) else {}
    fields: dict[str, Any] = {}
    if keyed and options.session_id:
        fields["prompt_cache_key"] = cache_key(options.session_id)
    if wish == "long" and _RETENTION_FROM <= generation(model) < _BREAKPOINTS_FROM:
        fields["prompt_cache_retention"] = "24h"
    return fields


def cache_key(text: str) -> str:
    """The text, or its digest where it is longer than the APIs' keys may be."""
    return text if len(text) <= _MAX_KEY else codec.digest(text)
