"""The `reasoning_details` and `thinking_blocks` of gateways that speak chat completions: joined as they stream in, and
given back. Pure.

A detail is text, a summary or encrypted reasoning. A gateway refuses the second request of a tool loop where a model
wants its reasoning back and doesn't get it. So the details go into the signature of a thinking block, as JSON.

Sources: OpenRouter's guide "Reasoning tokens", section "Preserving reasoning", and the documentation of Vercel's AI
Gateway, which has the same field; LiteLLM's "Reasoning Content" (as of November 2026).
"""

from typing import Any, cast

import msgspec

from .decoding import json_text

__all__ = ["BLOCKS", "FIELD", "ReasoningDetails", "details_in"]

FIELD = "reasoning_details"  # OpenRouter's and Vercel's
BLOCKS = "thinking_blocks"  # LiteLLM's, for models of Anthropic: no index; a signature ends each block

_Detail = dict[str, Any]
_GROWING = ("text", "summary", "thinking")  # members that come in pieces
_KEPT = ("signature", "data")  # a detail with one of these must come back


class ReasoningDetails:
    """The details of one message, in the order in which they began."""

    def __init__(self) -> None:
        self.chars = 0  # of the pieces so far, about
        self._details: dict[str, list[_Detail]] = {}  # by the field that they came in
        self._growing: dict[Any, _Detail] = {}  # those with text, by field, index and type

    def add(self, field: str, pieces: list[Any]) -> str:
        """Take in the pieces that one chunk has in this field; gives the text to show."""
        shown = ""
        for piece in pieces:
            if isinstance(piece, dict):
                shown += self._add(field, cast(_Detail, piece))
        return shown

    @property
    def must_return(self) -> bool:
        """Whether the model wants them back: text alone it may get in any field."""
        return any(detail.get(name) for details in self._details.values() for detail in details for name in _KEPT)

    def signature(self, field: str) -> str:
        """What `details_in` reads. `field` is the one that the text came in."""
        return json_text({"field": field, **self._details})

    def _add(self, field: str, piece: _Detail) -> str:
        text = "".join(value for name in _GROWING if isinstance(value := piece.get(name), str))
        self.chars += sum(len(value) for value in piece.values() if isinstance(value, str))
        key = str((field, piece.get("index"), piece.get("type")))
        detail = None if piece.get("data") else self._growing.get(key)
        details = self._details.setdefault(field, [])
        if detail is None:
            if piece not in details[-1:]:
                details.append(dict(piece))
                self._growing[key] = details[-1]
        else:
            _join(detail, piece)
        if piece.get("index") is None and piece.get("signature"):
            self._growing.pop(key, None)  # the next piece begins another detail
        return text


def _join(detail: _Detail, piece: _Detail) -> None:
    """Add a piece to the detail that it belongs to."""
    for name, value in piece.items():
        if name in _GROWING and isinstance(value, str):
            before = detail.get(name)
            detail[name] = f"{before if isinstance(before, str) else ''}{value}"
        elif value is not None:
            detail[name] = value


class _Kept(msgspec.Struct, frozen=True):
    field: str = ""
    reasoning_details: list[Any] = []
    thinking_blocks: list[Any] = []


_KEPT_JSON = msgspec.json.Decoder(_Kept)


def details_in(signature: str | None) -> tuple[str, dict[str, list[Any]]]:
    """The field that a thinking block's text came in, and the details that its signature holds, if any, by field."""
    if not signature or not signature.startswith("{"):
        return signature or "", {}
    try:
        kept = _KEPT_JSON.decode(signature)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return "", {}
    details = {FIELD: kept.reasoning_details, BLOCKS: kept.thinking_blocks}
    return kept.field, {name: each for name, each in details.items() if each}
