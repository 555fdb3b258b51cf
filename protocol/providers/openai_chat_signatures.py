"""Signatures of calls and texts in chat completions: the fields that have them, as the text that a block keeps. Pure.

Servers with Google's models put a thought signature into different fields, and want it back in the same one. So a
block's signature is JSON with those fields.

Sources: Google's guide to thought signatures, "OpenAI compatibility"; LiteLLM's documentation, "Thought signatures"
(`provider_specific_fields`); GitHub Copilot's API as the editor Zed uses it (`function.thought_signature`,
`reasoning_opaque`); all as of November 2026.
"""

import re
from typing import Any, cast

from .decoding import json_text
from .handover import kept_object
from .openai_chat_wire import CallDelta, Delta, Function

__all__ = ["signature_of", "signed_fields", "signed_function"]

_JSON = dict[str, Any]
_FIELDS = ("extra_content", "provider_specific_fields", "reasoning_opaque", "thought_signature", "thoughtSignature")
_SIGNED = re.compile(r'"(thought_?signature|reasoning_opaque)', re.IGNORECASE)  # the fields may have other data instead


def signature_of(delta: Delta | CallDelta) -> str | None:
    """Return the signature in a message's or a call's delta; None if it has none."""
    found = _found(delta)
    if isinstance(delta, CallDelta) and delta.function is not None and (inner := _found(delta.function)):
        found["function"] = inner
    text = json_text(found) if found else ""
    return text if _SIGNED.search(text) else None


def signed_fields(signature: str | None) -> _JSON:
    """Return the fields of a call or message that its signature has, as they were received."""
    return _known(kept_object(signature))


def signed_function(signature: str | None) -> _JSON:
    """Return the fields of a call's function that the call's signature has."""
    return _known(kept_object(signature).get("function"))


def _found(delta: Delta | CallDelta | Function) -> _JSON:
    return {name: value for name in _FIELDS if (value := getattr(delta, name, None))}


def _known(fields: Any) -> _JSON:
    """Return the fields that may have a signature. A client may have written the rest."""
    known = cast(_JSON, fields) if isinstance(fields, dict) else {}
    return {name: known[name] for name in _FIELDS if isinstance(known.get(name), str | dict)}
