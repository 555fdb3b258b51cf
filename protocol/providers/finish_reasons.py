"""Why a model stopped, in the words of all wires. A word that is not known is no good end. Pure."""

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
    {"contextlength", "contextlengthexceeded", "length", "maxlength", "maxoutputtokens", "maxtokens"}
    | {"modelcontextwindowexceeded", "modellength", "tokenlimit"}
)
# OpenAI's, Gemini's and z.ai's words, and parts of words by which the reason is clear.
_FILTERED = re.compile(r"contentfilter|safety|recitation|blocklist|prohibited|spii|sensitive|refusal|policy|guardrail")


def stop_reason(word: str) -> StopReason:
    """`stop` or `length`, in the server's spelling. Raises: WireError for any other word."""
    plain = _NO_LETTER.sub("", word.lower())
    if plain in _GOOD:
        return "stop"
    if plain in _CUT_OFF:
        return "length"
    if _FILTERED.search(plain):
        raise WireError(f"the provider's content filter has cut the answer off ({word[:100]})")
    raise WireError(f"the provider broke the answer off ({word[:100]})", "transient")
