"""Gives tool calls ids that a model API accepts. Ids are unique in a transcript, and depend only on earlier ones.

So when a transcript grows, its earlier ids stay the same, and the provider's prompt cache stays valid.
"""

import hashlib
import re
from collections.abc import Iterator
from itertools import count
from typing import Literal

__all__ = ["CallIdForm", "CallIds"]

# safe64: Anthropic's `tool_use.id` (letters, digits, _ and -), and the `call_id` of OpenAI's Responses (64 at most).
# openai40: `tool_calls[].id` of OpenAI's chat completions, which refuses more than 40 characters.
# mistral9: Mistral's API refuses all but nine letters and digits.
# passthrough: for servers that accept any id. Source: the errors of these APIs, as reported from 2024 to 2026.
CallIdForm = Literal["passthrough", "safe64", "openai40", "mistral9"]

_FITS: dict[CallIdForm, re.Pattern[str]] = {
    "passthrough": re.compile(r".+", re.DOTALL),
    "safe64": re.compile(r"[A-Za-z0-9_-]{1,64}"),
    "openai40": re.compile(r"[A-Za-z0-9_-]{1,40}"),
    "mistral9": re.compile(r"[A-Za-z0-9]{9}"),
}
_STEMS: dict[CallIdForm, int] = {"safe64": 51, "openai40": 27}  # what a digest and its underscore leave
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class CallIds:
    """Makes the ids of one transcript, in its order."""

    def __init__(self, form: CallIdForm) -> None:
        self.form: CallIdForm = form
        self._taken: set[str] = set()

    def give(self, *wanted: str) -> str:
        """Return the first candidate that fits and is free; else an id made from the last candidate."""
        chosen = next(candidate for candidate in self._candidates(wanted) if candidate not in self._taken)
        self._taken.add(chosen)
        return chosen

    def _candidates(self, wanted: tuple[str, ...]) -> Iterator[str]:
        yield from filter(_FITS[self.form].fullmatch, wanted)
        yield self._made(wanted[-1], "")
        for salt in count(len(self._taken)):
            yield self._made(wanted[-1], str(salt))

    def _made(self, given: str, salt: str) -> str:
        digest = hashlib.sha256(f"{salt}\0{given}".encode("utf-8", "surrogatepass"))
        if self.form == "mistral9":
            return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest.digest()[:9])
        stem = given if self.form == "passthrough" else _UNSAFE.sub("_", given)[: _STEMS[self.form]]
        return f"{stem or 'call'}_{digest.hexdigest()[:12]}"
