"""Hand-over between providers: converts a transcript from any provider for the next one. Pure.

This module has the rules for all APIs. An API's own rules (merged messages, a first user message, images outside tool
results) are in its adapter. When a transcript grows, the output for its beginning stays the same, so that the
provider's prompt cache stays valid. One exception: a late result replaces the synthetic one.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from ..calls import error_result
from ..messages import (
    AssistantBlock,
    AssistantMessage,
    Audio,
    File,
    Image,
    ImageURL,
    InputPart,
    Lifetime,
    Message,
    ModelDescriptor,
    Opaque,
    Text,
    Thinking,
    ToolCall,
    ToolResultMessage,
    UserBlock,
    UserMessage,
    user,
)
from .call_ids import CallIdForm, CallIds

__all__ = [
    "AUDIO_FORMATS",
    "AUDIO_NOTE",
    "FILE_NOTE",
    "GO_ON",
    "IMAGE_NOTE",
    "NO_OUTPUT",
    "NO_RESULT",
    "OPAQUE_NOTE",
    "Rules",
    "hand_over",
    "kept_json",
    "kept_object",
    "longest",
    "opaque_json",
    "text_of_file",
]

GO_ON = "(Go on.)"  # the text of a user message that an API requires but the transcript lacks
IMAGE_NOTE = "(Here was an image that this model can't be shown.)"
FILE_NOTE = "(Here was a file that this model can't read.)"
AUDIO_NOTE = "(Here was a recording that this model can't hear.)"
NO_OUTPUT = "(no output)"
OPAQUE_NOTE = "(Here was a step that another provider took by itself.)"
NO_RESULT = "No result was recorded for this call."

AUDIO_FORMATS = {
    **dict.fromkeys(("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"), "wav"),
    **dict.fromkeys(("audio/mpeg", "audio/mp3"), "mp3"),
}
"""What OpenAI's API takes, by media type (the types of its Python SDK 3.54)."""

# Image types that both Anthropic and OpenAI accept (their guides to vision, 2026). People often write image/jpg.
_MEDIA_TYPES = {"image/jpg": "image/jpeg"} | {
    f"image/{kind}": f"image/{kind}" for kind in ("jpeg", "png", "gif", "webp")
}
_OPAQUE = Text(text=OPAQUE_NOTE)
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_ADDRESS = re.compile(r"https?://\S+\Z", re.IGNORECASE)
_NOTES: dict[type[UserBlock], str] = {Image: IMAGE_NOTE, ImageURL: IMAGE_NOTE, File: FILE_NOTE, Audio: AUDIO_NOTE}

_replace = msgspec.structs.replace


@dataclass(frozen=True, slots=True)
class Rules:
    """The parts of a transcript that a model API accepts."""

    call_ids: CallIdForm = "safe64"
    unsigned_thinking: bool = False  # accepts its own thinking back without a signature
    thinking_anywhere: bool = False  # thinking may also be the last block of a message, if not the only one
    parts: frozenset[InputPart] = frozenset()  # accepted besides text and inline images
    file_types: tuple[str, ...] = ("",)  # accepted files: prefixes of their media types
    never_opaque: frozenset[str] | None = None  # see `opaque_json`; None: the adapter checks opaque blocks itself


def hand_over(messages: Sequence[Message], target: ModelDescriptor, rules: Rules) -> list[Message]:
    """Return the messages in the form that `target` accepts. The input isn't changed.

    - Failed, aborted and empty assistant messages are removed, with their results.
    - Each call is directly followed by one result, in the order of the calls: its own, if that came before the next
      assistant message, else a synthetic one. Other results are removed. User messages in between follow the results.
    - Ids and names of calls fit the API, ids are unique, and arguments are objects. Results have their calls' ids.
    - Signatures of texts and calls are kept only if they are the target's own.
    - Thinking is kept only if it is the target's own, is signed (or `unsigned_thinking`), and another block follows in
      its message (with `thinking_anywhere`: or precedes). Other thinking becomes text, before the calls; unreadable
      thinking is removed.
    - A provider's own blocks go back to that provider, if it accepts them. Others get a note, one for several blocks in
      a row.
    - Images, files and audio that the target or its API doesn't accept become notes. No content is blank: an empty tool
      result gets a text that says so.
    - There is at least one message.
    """
    out: list[Message] = []
    ids = CallIds(rules.call_ids)
    unanswered: dict[str, list[int]] = {}  # by call id: indexes in `out` for results of the last assistant message
    for message in messages:
        match message:
            case UserMessage():
                if (said := _user(message, target, rules)) is not None:
                    out.append(said)
            case AssistantMessage():
                if (kept := _assistant(message, target, rules, ids)) is None:
                    unanswered |= {call.id: [] for call in message.calls}
                    continue
                out.append(kept)
                unanswered = {}
                for call, known_as in zip(message.calls, kept.calls, strict=True):
                    unanswered.setdefault(call.id, []).append(len(out))
                    out.append(error_result(known_as, NO_RESULT, message.timestamp))
            case ToolResultMessage():
                if places := unanswered.get(message.tool_call_id):
                    place = places.pop(0)
                    out[place] = _result(message, out[place], target, rules)
    return out or [user(GO_ON)]


def longest(*wishes: str | None) -> Lifetime | None:
    """Return the longest of these lifetimes; `none` and None don't count."""
    return "long" if "long" in wishes else "short" if "short" in wishes else None


def opaque_json(block: Opaque, never: frozenset[str]) -> list[dict[str, Any]]:
    """Return a list with the provider's block; empty if it can't be read, or if a model never makes its type.

    A client may have written the history. So no block may stand for the system, a person, or a person's approval.
    `never` names those types, and the types that have their own structs."""
    fields = kept_object(block.raw)
    is_models_own = bool(block.kind) and fields.get("type") == block.kind and block.kind not in never
    return [fields] if is_models_own and "role" not in fields else []


def kept_json(text: str | None) -> Any:
    """Return the JSON value that a block keeps as text; None if a request can't carry it.

    A client may have written the text."""
    try:
        return msgspec.json.decode(text or "null")
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None


def kept_object(text: str | None) -> dict[str, Any]:
    """Return the JSON object that a block keeps as text; {} for any other text."""
    value = kept_json(text)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def text_of_file(file: File) -> str:
    """Return the content of a text file, with invalid UTF-8 replaced; `NO_OUTPUT` for blank or invalid data."""
    try:
        text = base64.b64decode(file.data).decode("utf-8", "replace")
    except ValueError:
        return NO_OUTPUT
    return NO_OUTPUT if _blank(text) else text


def _user(message: UserMessage, target: ModelDescriptor, rules: Rules) -> UserMessage | None:
    if isinstance(message.content, str):
        return None if _blank(message.content) else message
    content = _shown(message.content, target, rules)
    return _replace(message, content=content) if content else None


def _assistant(
    message: AssistantMessage, target: ModelDescriptor, rules: Rules, ids: CallIds
) -> AssistantMessage | None:
    if message.stop_reason in ("error", "aborted"):
        return None
    same_provider = (message.api, message.provider) == (target.api, target.provider)
    own = same_provider and message.model == target.id
    content: list[AssistantBlock] = []
    # Anthropic refuses a message that ends with thinking, OpenAI reasoning with no item after it.
    followed = rules.thinking_anywhere and any(_says_something(each) for each in message.content)
    for block in reversed(message.content):
        match block:
            case Text():
                kept = None if _blank(block.text) else _own_words(block, own, same_provider)
            case Thinking():
                kept = block if own and followed and _taken_back(block, rules) else _as_text(block)
            case ToolCall():
                kept = block
            case Opaque():
                returns = same_provider and block.api == target.api and _can_return(block, rules)
                kept = block if returns else None if content[-1:] == [_OPAQUE] else _OPAQUE
        if kept is not None:
            content.append(kept)
            followed = followed or not isinstance(kept, Thinking)
    content = [
        _call(each, ids, same_provider=same_provider, own=own) if isinstance(each, ToolCall) else each
        for each in reversed(content)
    ]
    if not own or (_has_thinking(message.content) and not _has_thinking(content)):
        # OpenAI's Responses API refuses text between the calls of a message.
        content.sort(key=lambda block: isinstance(block, ToolCall))
    return _replace(message, content=tuple(content)) if content else None


def _has_thinking(content: Iterable[AssistantBlock]) -> bool:
    return any(isinstance(block, Thinking) for block in content)


def _says_something(block: AssistantBlock) -> bool:
    return not isinstance(block, Thinking) and not (isinstance(block, Text) and _blank(block.text))


def _own_words(block: Text, own: bool, same_provider: bool) -> Text:
    citations = block.citations if same_provider else ()
    return _replace(block, signature=block.signature if own else None, citations=citations)


def _taken_back(block: Thinking, rules: Rules) -> bool:
    readable = not block.redacted and not _blank(block.thinking)
    return bool(block.signature) or (rules.unsigned_thinking and readable)


def _can_return(block: Opaque, rules: Rules) -> bool:
    return rules.never_opaque is None or bool(opaque_json(block, rules.never_opaque))


def _as_text(block: Thinking) -> Text | None:
    return None if block.redacted or _blank(block.thinking) else Text(text=block.thinking)


def _call(call: ToolCall, ids: CallIds, *, same_provider: bool, own: bool) -> ToolCall:
    wanted = (call.provider_id, call.id) if same_provider and call.provider_id else (call.id,)
    return ToolCall(
        id=ids.give(*wanted),
        name=_UNSAFE.sub("_", call.name)[:64] or "_",
        arguments={} if call.raw_arguments is not None else call.arguments,
        signature=call.signature if own else None,
    )


def _result(
    message: ToolResultMessage, placeholder: Message, target: ModelDescriptor, rules: Rules
) -> ToolResultMessage:
    assert isinstance(placeholder, ToolResultMessage)
    content = _shown(message.content, target, rules) or (Text(text=NO_OUTPUT),)
    return _replace(message, tool_call_id=placeholder.tool_call_id, tool_name=placeholder.tool_name, content=content)


def _shown(content: tuple[UserBlock, ...], target: ModelDescriptor, rules: Rules) -> tuple[UserBlock, ...]:
    """Return the blocks without blank ones. Blocks that aren't accepted become notes, one for several in a row."""
    shown: list[UserBlock] = []
    note = ""  # the last note, if the last block is one
    for block in content:
        kept = _taken(block, target, rules)
        if kept is not None:
            shown.append(kept)
            note = ""
        elif not isinstance(block, Text):
            cache = block.cache
            if note == _NOTES[type(block)]:
                cache = longest(shown.pop().cache, cache)
            note = _NOTES[type(block)]
            shown.append(Text(text=note, cache=cache))
    return tuple(shown)


def _taken(block: UserBlock, target: ModelDescriptor, rules: Rules) -> UserBlock | None:
    """Return the block in the form that the target accepts; None if it is blank or not accepted."""
    match block:
        case Text():
            return None if _blank(block.text) else block
        case Image():
            takes = "image" in target.input and block.data and block.mime_type in _MEDIA_TYPES
            return _replace(block, mime_type=_MEDIA_TYPES[block.mime_type]) if takes else None
        case ImageURL():
            takes = "image" in target.input and "imageUrl" in rules.parts and _ADDRESS.match(block.url)
        case File(data=""):
            takes = "file" in target.input and "fileUrl" in rules.parts and _ADDRESS.match(block.url)
            takes = takes and block.mime_type == "application/pdf"
        case File():
            takes = "file" in target.input and "file" in rules.parts and block.mime_type.startswith(rules.file_types)
        case Audio():
            takes = "audio" in target.input and "audio" in rules.parts and block.data
            takes = takes and block.mime_type in AUDIO_FORMATS
    return block if takes else None


def _blank(text: str) -> bool:
    return not text or text.isspace()
