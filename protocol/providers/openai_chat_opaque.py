"""Collects the opaque blocks of a chat completion: images, recordings, and what the server's own tools did. Pure.

A block's kind is the name of the field that the data came in. Its raw JSON is that field's value, all pieces joined.

Sources: the types of OpenAI's Python SDK 3.57 (audio), OpenRouter's 1.3.84 (images) and Groq's 1.7.0 (executed tools);
LiteLLM's documentation, "Image Generation in Chat Completions" (all as of November 2026). No server is known to send an
image in pieces.
"""

import base64
import re
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from ..messages import AssistantMessage, ModelDescriptor, Opaque
from .decoding import json_text
from .handover import kept_json
from .message_writer import MAX_BLOCKS, WireError
from .openai_models import at_openai

__all__ = ["AUDIO", "CONTENT", "IMAGES", "TOOLS", "OpaqueFields", "returned_fields"]

IMAGES = "images"  # OpenRouter, LiteLLM, Vercel
AUDIO = "audio"  # OpenAI
TOOLS = "executed_tools"  # Groq
CONTENT = "content"  # parts of other types than text and thinking, such as Mistral's references

_JSON = dict[str, Any]
_PADDED = re.compile(r"[^=]+=*")  # base64 up to its padding


class OpaqueFields:
    """Collects the opaque blocks of one message."""

    def __init__(self) -> None:
        self.chars = 0  # received so far
        self._lists: dict[str, list[Any]] = {}  # by field
        self._recordings: list[_Recording] = []

    def add(self, field: str, parts: list[Any]) -> None:
        """Add the parts that one delta has in a field. A part that is already there is ignored: some servers send all
        parts again at the end.

        Raises: WireError when there are more than `MAX_BLOCKS`."""
        known = self._lists.setdefault(field, [])
        for part in parts:
            self.chars += len(json_text(part))
            if part and part not in known and not (field == TOOLS and _progress(known, part)):
                _check_room(known)
                known.append(part)

    def add_audio(self, piece: _JSON) -> None:
        """Add a piece of a recording. It belongs to the latest recording, unless it has another id.

        Raises: WireError when there are more than `MAX_BLOCKS` recordings."""
        self.chars += len(json_text(piece))
        if not self._recordings or not self._recordings[-1].takes(piece):
            _check_room(self._recordings)
            self._recordings.append(_Recording())
        self._recordings[-1].add(piece)

    def blocks(self) -> Iterator[tuple[str, str]]:
        """Yield the kind and the raw JSON of each block."""
        for field, parts in self._lists.items():
            if parts:
                yield field, json_text(parts)
        for recording in self._recordings:
            yield AUDIO, json_text(recording.whole())


class _Recording:
    """A recording whose data and transcript come in pieces."""

    def __init__(self) -> None:
        self._fields: _JSON = {}
        self._texts: dict[str, list[str]] = {"data": [], "transcript": []}  # pieces

    def takes(self, piece: _JSON) -> bool:
        """Check whether a piece belongs to this recording."""
        return not piece.get("id") or self._fields.get("id") in (None, piece["id"])

    def add(self, piece: _JSON) -> None:
        for name, value in piece.items():
            if name in self._texts and isinstance(value, str):
                self._texts[name].append(value)
            elif value:
                self._fields[name] = value

    def whole(self) -> _JSON:
        texts = {name: text for name, pieces in self._texts.items() if (text := "".join(pieces))}
        if "data" in texts:
            texts["data"] = _joined(texts["data"])
        return self._fields | texts


def returned_fields(message: AssistantMessage, model: ModelDescriptor, now_ms: int) -> _JSON:
    """Return the fields of an assistant message that give its opaque blocks back to the server that made them.

    Images go to the model that made them, or to one that accepts images. A recording goes to OpenAI's and Azure's
    model that made it, as its id, until it expires there. Groq refuses `executed_tools` in a request.

    Args:
        now_ms: the current time, in milliseconds since the epoch; 0: unknown, so recordings count as expired.
    """
    own = message.model == model.id
    fields: _JSON = {}
    images = [part for parts in _values(message, IMAGES) for part in _images(parts)]
    if images and (own or "image" in model.input):
        fields[IMAGES] = images
    recordings = _values(message, AUDIO)
    if own and len(recordings) == 1 and (at_openai(model) or model.provider == "azure"):
        fields |= _reference(recordings[0], now_ms)
    return fields


def _values(message: AssistantMessage, kind: str) -> list[Any]:
    """Return the values of the message's blocks of this kind; None for text that isn't JSON."""
    raws = [block.raw for block in message.content if isinstance(block, Opaque) and block.kind == kind]
    return [kept_json(raw) for raw in raws]


def _images(parts: Any) -> list[_JSON]:
    known = cast("list[Any]", parts) if isinstance(parts, list) else []
    return [part for part in known if isinstance(part, dict) and cast(_JSON, part).get("type") == "image_url"]


class _Reference(msgspec.Struct, frozen=True):
    id: str
    expires_at: float  # in seconds since the epoch


def _reference(recording: Any, now_ms: int) -> _JSON:
    try:
        reference = msgspec.convert(recording, _Reference)
    except msgspec.ValidationError:
        return {}
    return {AUDIO: {"id": reference.id}} if 0 < now_ms < reference.expires_at * 1000 else {}


def _check_room(parts: list[Any]) -> None:
    if len(parts) >= MAX_BLOCKS:
        raise WireError(f"the model's message has more than {MAX_BLOCKS} content blocks")


def _progress(tools: list[Any], later: Any) -> bool:
    """Add a tool's output to the tool. Return False if the tool isn't known yet.

    Groq sends a tool when it starts, and again with its output."""
    for tool in tools:
        if isinstance(tool, dict) and isinstance(later, dict) and _same_tool(cast(_JSON, tool), cast(_JSON, later)):
            cast(_JSON, tool).update({name: value for name, value in cast(_JSON, later).items() if value is not None})
            return True
    return False


def _same_tool(tool: _JSON, later: _JSON) -> bool:
    return all(tool.get(name) == later.get(name) for name in ("index", "type", "arguments"))


def _joined(data: str) -> str:
    """Return base64 whose pieces may each have their own padding as one piece. Other text is unchanged."""
    pieces = _PADDED.findall(data)
    if len(pieces) < 2:
        return data
    try:
        return base64.b64encode(b"".join([base64.b64decode(piece) for piece in pieces])).decode()
    except ValueError:
        return data
