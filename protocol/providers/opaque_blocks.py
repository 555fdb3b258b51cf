"""Collects a provider's own blocks from a stream. They are sent back unchanged in later requests. Pure."""

from collections.abc import Iterable
from typing import Any, cast

from .. import codec
from .decoding import json_text
from .loose import read_or_none

__all__ = ["OpaqueBlock", "carried"]


class OpaqueBlock:
    """A block of Anthropic's own server tools. Texts and lists in deltas are appended to the fields of their names."""

    def __init__(self, event: Any) -> None:
        self._block = _field(event, "content_block")
        self._input: list[str] = []  # pieces of JSON text
        self._grown: dict[str, list[str]] = {}

    @property
    def kind(self) -> str:
        """The provider's type of the block; empty if it sent none."""
        kind = self._block.get("type")
        return kind if isinstance(kind, str) else ""

    def grow(self, event: Any) -> None:
        """Apply the delta of an event."""
        for name, value in _field(event, "delta").items():
            if name == "type":
                continue
            if name == "partial_json" and isinstance(value, str):
                self._input.append(value)
            elif isinstance(value, str):
                self._grown.setdefault(name, []).append(value)
            elif name == "citation":
                self._extend("citations", [value])
            elif isinstance(value, list):
                self._extend(name, cast("list[Any]", value))

    def _extend(self, name: str, values: list[Any]) -> None:
        begun = self._block.get(name)
        if isinstance(begun, list):
            cast("list[Any]", begun).extend(values)
        else:
            self._block[name] = values

    def raw(self) -> str:
        """Return the whole block as JSON text."""
        block = dict(self._block)
        for name, pieces in self._grown.items():
            begun = block.get(name)
            block[name] = "".join([begun if isinstance(begun, str) else "", *pieces])
        if self._input:
            block["input"] = read_or_none("".join(self._input)) or {}
        return json_text(block)


def _field(event: Any, name: str) -> dict[str, Any]:
    value = cast("dict[str, Any]", event).get(name) if isinstance(event, dict) else None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def carried(values: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Return the citations that are in the value domain."""
    return tuple([value for value in values if _is_carried(value)])


def _is_carried(value: Any) -> bool:
    try:
        codec.check_value(value)
    except codec.CodecError:
        return False
    return True
