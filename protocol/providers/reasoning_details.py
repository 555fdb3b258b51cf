"""The `reasoning_details` of gateways that speak chat completions: joined as they stream in, and given back. Pure.

A detail is text, a summary or encrypted reasoning. A gateway refuses the second request of a tool loop where a model
wants its reasoning back and doesn't get it. So the details go into the signature of a thinking block, as JSON.

Sources: OpenRouter's guide "Reasoning tokens", section "Preserving reasoning", and the documentation of Vercel's AI
Gateway, which has the same field (as of November 2026).
"""

from typing import Any, cast

import msgspec

from .decoding import json_text

__all__ = ["FIELD", "ReasoningDetails", "details_in"]

FIELD = "reasoning_details"

_Detail = dict[str, Any]
_GROWING = ("text", "summary")  # fields that come in pieces
_KEPT = ("signature", "data")  # a detail with one of these must come back


class ReasoningDetails:
    """The details of one message, in the order in which they began."""

    def __init__(self) -> None:
        self.chars = 0  # of the pieces so far, about
        self._details: list[_Detail] = []
        self._growing: dict[Any, _Detail] = {}  # those with text, by index and type

    def add(self, pieces: list[Any]) -> str:
        """Take in the pieces of one chunk; gives the text to show."""
        shown = ""
        for piece in pieces:
            if isinstance(piece, dict):
                shown += self._add(cast(_Detail, piece))
        return shown

    @property
    def must_return(self) -> bool:
        """Whether the model wants them back: text alone it may get in any field."""
        return any(detail.get(name) for detail in self._details for name in _KEPT)

    def signature(self, field: str) -> str:
        """What `details_in` reads. `field` is the one that the text came in."""
        return json_text({"field": field, FIELD: self._details})

    def _add(self, piece: _Detail) -> str:
        text = "".join(value for name in _GROWING if isinstance(value := piece.get(name), str))
        self.chars += sum(len(value) for value in piece.values() if isinstance(value, str))
        key = str((piece.get("index"), piece.get("type")))
        detail = None if piece.get("data") else self._growing.get(key)
        if detail is None:
            if piece not in self._details[-1:]:
                self._details.append(dict(piece))
                self._growing[key] = self._details[-1]
            return text
        for name, value in piece.items():
            if name in _GROWING and isinstance(value, str):
                before = detail.get(name)
                detail[name] = f"{before if isinstance(before, str) else ''}{value}"
            elif value is not None:
                detail[name] = value
        return text


class _Kept(msgspec.Struct, frozen=True):
    field: str = ""
    reasoning_details: list[Any] = []


_KEPT_JSON = msgspec.json.Decoder(_Kept)


def details_in(signature: str | None) -> tuple[str, list[Any]]:
    """The field that a thinking block's text came in, and the details that its signature holds, if any."""
    if not signature or not signature.startswith("{"):
        return signature or "", []
    try:
        kept = _KEPT_JSON.decode(signature)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return "", []
    return kept.field, kept.reasoning_details
