"""Translates the finish reasons of all APIs. An unknown reason fails the call. Pure."""

import re

from ..messages import StopReason
from .message_writer import WireError

__all__ = ["stop_reason"]

_NO_LETTER = re.compile(r"[^a-z]")
_GOOD = frozenset(
    {"complete", "completed", "endturn", "eos", "eosfound", "eostoken", "functioncall", "pauseturn", "stop"}
    | {"stopsequence", "toolcall", "toolcalls", "tooluse"}
)
_CUT_OFF = frozenset(
    {"contextlength", "contextlengthexceeded", "length", "maxcompletiontokens", "maxlength", "maxoutputtokens"}
    | {"maxtokens", "modelcontextwindowexceeded", "modellength", "tokenlimit"}
)
# Reasons of OpenAI, Gemini and z.ai, and parts of reasons that are unambiguous.
_FILTERED = re.compile(r"contentfilter|safety|recitation|blocklist|prohibited|spii|sensitive|refusal|policy|guardrail")


def stop_reason(word: str) -> StopReason:
    """Return `stop` or `length` for a server's finish reason. Raises: WireError for any other reason."""
    plain = _NO_LETTER.sub("", word.lower())
    if plain in _GOOD:
        return "stop"
    if plain in _CUT_OFF:
        return "length"
    if _FILTERED.search(plain):
        raise WireError(f"the provider's content filter has cut the answer off ({word[:100]})")
    raise WireError(f"the provider broke the answer off ({word[:100]})", "transient")
