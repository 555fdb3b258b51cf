"""Hand-over between providers: a transcript made with any of them, as the next one takes it. Pure.

Here is what holds for every API. What only one wants (merged messages, a first user message, images outside tool
results) its adapter does. What comes out for a transcript that has grown begins with what came out before; but a
result that comes late takes the place of the synthetic one. So a provider's cache of the beginning stays good.
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
    "longest",
    "opaque_json",
    "text_of_file",
]

GO_ON = "(Go on.)"  # what a user says where somebody has to
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

# What Anthropic and OpenAI both take (their guides to vision, 2026); the first is what people write for the second.
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
    """What a model API takes of a transcript."""

    call_ids: CallIdForm = "safe64"
    unsigned_thinking: bool = False  # it takes back its own thinking without a signature
    thinking_anywhere: bool = False  # thinking may also be the last of a message that has something else
    parts: frozenset[InputPart] = frozenset()  # it takes these beside text and inline images
    file_types: tuple[str, ...] = ("",)  # how the media types of files begin that it takes


def hand_over(messages: Sequence[Message], target: ModelDescriptor, rules: Rules) -> list[Message]:
    """The messages as `target` takes them. Neither these nor what they hold is changed.

    - Assistant messages that failed, were aborted or are empty are gone, with their results.
    - Each call is followed at once by one result, in the order of the calls: its own, if that came before the next
      assistant message, else a synthetic one. Other results are gone. What a user said in between comes after them.
    - Ids and names of calls fit the API, ids are unique, arguments are objects; results go with their calls.
    - What a provider said of a text or a call is left only where it is the target's own.
    - Thinking is left only where it is the target's own, signed (or `unsigned_thinking`), and something follows it in
      its message (or stands in it, with `thinking_anywhere`). Elsewhere it is text, and texts come before calls; what
      can't be read is gone.
    - What a provider did by itself goes back to it. Another gets a note in its place, one for several in a row.
    - Images, files and audio that the target or its API can't take are notes. Nothing is blank: a tool result with
      nothing in it says so.
    - There is at least one message.
    """
    out: list[Message] = []
    ids = CallIds(rules.call_ids)
    unanswered: dict[str, list[int]] = {}  # by id, since the last assistant message: where in `out` the results go
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
    """The longest lifetime of these, of which `none` and None are none."""
    return "long" if "long" in wishes else "short" if "short" in wishes else None


def opaque_json(block: Opaque, never: frozenset[str]) -> list[dict[str, Any]]:
    """The provider's block as it came; nothing where it can't be read, or is of a type that a model doesn't make.

    A client may have written the history: so no block may speak for the system or a person, or be their approval.
    `never` names the types that would, and those that have blocks of their own."""
    try:
        raw = msgspec.json.decode(block.raw)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return []
    fields = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
    is_models_own = bool(block.kind) and fields.get("type") == block.kind and block.kind not in never
    return [fields] if is_models_own and "role" not in fields else []


def text_of_file(file: File) -> str:
    """The text in a file of text. What is no UTF-8 is replaced, and what is no base64 is no text."""
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
                kept = block if same_provider else None if content[-1:] == [_OPAQUE] else _OPAQUE
        if kept is not None:
            content.append(kept)
            followed = followed or not isinstance(kept, Thinking)
    content = [
        _call(each, ids, same_provider=same_provider, own=own) if isinstance(each, ToolCall) else each
        for each in reversed(content)
    ]
    if not own or (_has_thinking(message.content) and not _has_thinking(content)):
        # OpenAI's Responses refuses text between the calls of a message.
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
    """Without what is blank; what can't be taken as notes, several of one kind in a row as one."""
    shown: list[UserBlock] = []
    note = ""  # the last of `shown`, where that is one
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
    """The block as the target takes it; None for one that it can't take, or that is blank."""
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
