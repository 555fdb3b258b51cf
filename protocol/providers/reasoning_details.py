"""Collects `reasoning_details` and `thinking_blocks`, which some gateways add to chat completions, so that they can be
sent back. Pure.

A detail is text, a summary or encrypted reasoning. If a model requires its reasoning back and a request lacks it, the
gateway refuses the second request of a tool loop. So the details are kept as JSON in the signature of a thinking block.

Sources: OpenRouter's guide "Reasoning tokens", section "Preserving reasoning", and the documentation of Vercel's AI
Gateway, which has the same field; LiteLLM's "Reasoning Content" (as of November 2026).
"""

from typing import Any, cast

import msgspec

from .decoding import json_text

__all__ = ["BLOCKS", "FIELD", "SUMMARY", "ReasoningDetails", "details_in"]

FIELD = "reasoning_details"  # OpenRouter, Vercel
BLOCKS = "thinking_blocks"  # LiteLLM, for Anthropic's models. No index: a signature ends each block
SUMMARY = "summary"  # Databricks, for Anthropic's models: of a part of the content whose type is `reasoning`

_Detail = dict[str, Any]
_GROWING = ("text", "summary", "thinking")  # members that arrive in pieces
_KEPT = ("signature", "data")  # a detail with one of these members must be sent back


class ReasoningDetails:
    """Collects the details of one message, in the order in which they began."""

    def __init__(self) -> None:
        self.chars = 0  # received so far, roughly
        self._details: dict[str, list[_Detail]] = {}  # by field
        self._growing: dict[Any, _Detail] = {}  # details that may get more text, by field, index and type

    def add(self, field: str, pieces: list[Any]) -> str:
        """Add the pieces that one chunk has in this field. Return their readable text."""
        shown = ""
        for piece in pieces:
            if isinstance(piece, dict):
                shown += self._add(field, cast(_Detail, piece))
        return shown

    @property
    def must_return(self) -> bool:
        """Whether these details must be sent back as they are. Plain text may be sent back in any field."""
        return any(detail.get(name) for details in self._details.values() for detail in details for name in _KEPT)

    def signature(self, field: str) -> str:
        """Return the details as a signature, which `details_in` reads. `field`: the field that the text arrived in."""
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
    """Add a piece to its detail."""
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
    summary: list[Any] = []


_KEPT_JSON = msgspec.json.Decoder(_Kept)


def details_in(signature: str | None) -> tuple[str, dict[str, list[Any]]]:
    """Return the field that a thinking block's text arrived in, and the details in its signature by field, if any."""
    if not signature or not signature.startswith("{"):
        return signature or "", {}
    try:
        kept = _KEPT_JSON.decode(signature)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return "", {}
    details = {FIELD: kept.reasoning_details, BLOCKS: kept.thinking_blocks, SUMMARY: kept.summary}
    return kept.field, {name: each for name, each in details.items() if each}
