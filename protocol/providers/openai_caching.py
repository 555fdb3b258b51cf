"""Prompt caching in OpenAI's two APIs: the fields of a request, and its breakpoints. Pure.

Caching is always on. A request can set a lifetime, a key that keeps a session's requests together, and, for newer
models, breakpoints, which mark the end of a part to cache. Each API's request module says where breakpoints may stand.

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

_BREAKPOINTS_FROM = (5, 6)  # from this version on, models refuse the older retention field
_RETENTION_FROM = (4, 1)
_MAX_KEY = 64  # characters


def has_breakpoints(model: ModelDescriptor) -> bool:
    """Check whether the model has cache breakpoints."""
    return generation(model) >= _BREAKPOINTS_FROM


def breakpoint_of(lifetime: Lifetime | None) -> dict[str, Any]:
    """Return the field of a content part for a breakpoint with that lifetime; no field for None."""
    if lifetime is None:
        return {}
    return {"prompt_cache_breakpoint": {"mode": "explicit", **({"ttl": "12h"} if lifetime == "long" else {})}}


def cache_wish(options: ModelOptions, messages: Iterable[Message]) -> Lifetime | None:
    """Return the longest cache lifetime in a request: in its options, or in a mark on a message or block."""
    wishes: list[str | None] = [options.cache, options.cache_instructions, options.cache_tools]
    for message in messages:
        blocks = message.blocks if isinstance(message, UserMessage) else message.content
        wishes += [message.cache, *(block.cache for block in blocks if isinstance(block, UserBlock))]
    return longest(*wishes)


def cache_fields(
    model: ModelDescriptor, options: ModelOptions, wish: Lifetime | None, *, keyed: bool
) -> dict[str, Any]:
    """Return a request's fields for caching. `keyed`: include the session's key, if there is a session."""
    if options.cache == "none":  # older models cache anyway; newer ones don't without a breakpoint
        return {"prompt_cache_options": {"mode": "explicit"}} if has_breakpoints(model) else {}
    fields: dict[str, Any] = {}
    if keyed and options.session_id:
        fields["prompt_cache_key"] = cache_key(options.session_id)
    if wish == "long" and _RETENTION_FROM <= generation(model) < _BREAKPOINTS_FROM:
        fields["prompt_cache_retention"] = "24h"
    return fields


def cache_key(text: str) -> str:
    """Return the text, or its digest if it is longer than an API's key may be."""
    return text if len(text) <= _MAX_KEY else codec.digest(text)
