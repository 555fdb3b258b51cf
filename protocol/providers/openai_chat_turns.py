"""The order of messages in a chat completions request: what stands in whose message. Pure; no words of the wire here.

Tools' results are text: what they hold beside it goes into the next user message. Users' messages in a row are one.
"""

from collections.abc import Sequence
from typing import TypeVar, cast

import msgspec

from ..messages import (
    AssistantMessage,
    Image,
    ImageURL,
    Lifetime,
    Message,
    Text,
    Thinking,
    ToolCall,
    ToolResultMessage,
    UserBlock,
    UserMessage,
)
from .handover import GO_ON, longest

__all__ = ["marked", "turns_of"]

_RESULTS_READ = "(I have read the results.)"

_Block = TypeVar("_Block", bound=UserBlock | Thinking | ToolCall)


def turns_of(messages: Sequence[Message], *, for_mistral: bool) -> list[Message]:
    """The messages in the API's order. Marks of whole messages are on their last block. `for_mistral`: in the order of
    roles that Mistral's servers demand."""
    turns: list[Message] = []
    others: list[UserBlock] = []  # than text, of the tool results just passed
    for message in messages:
        match message:
            case ToolResultMessage():
                others += _others(message)
                texts = [block for block in message.content if isinstance(block, Text)]
                content = tuple(texts) or (Text(text=f"(The {_kind(message)} are in the next user message.)"),)
                turns.append(marked(msgspec.structs.replace(message, content=content), message.cache))
            case UserMessage():
                _say(turns, [*others, *_marked(message.blocks, message.cache)])
                others = []
            case AssistantMessage():
                _say(turns, others)
                others = []
                turns.append(marked(message, message.cache))
    _say(turns, others)
    return _for_mistral(turns) if for_mistral else turns


def _for_mistral(turns: Sequence[Message]) -> list[Message]:
    """No user just after a tool, no assistant at the end.
    github.com/mistralai/mistral-common/issues/169 (as of December 2025)."""
    ordered: list[Message] = []
    for turn in turns:
        if isinstance(turn, UserMessage) and ordered and isinstance(ordered[-1], ToolResultMessage):
            ordered.append(AssistantMessage(content=(Text(text=_RESULTS_READ),)))
        ordered.append(turn)
    if ordered and isinstance(ordered[-1], AssistantMessage):
        ordered.append(UserMessage(content=(Text(text=GO_ON),)))
    return ordered


def _say(turns: list[Message], blocks: Sequence[UserBlock]) -> None:
    if blocks and turns and isinstance(last := turns[-1], UserMessage):
        turns[-1] = UserMessage(content=(*last.blocks, *blocks))
    elif blocks:
        turns.append(UserMessage(content=tuple(blocks)))


def _others(message: ToolResultMessage) -> list[UserBlock]:
    """What a result holds beside text, after a note that says whose it is; nothing, where it holds only text."""
    others = [block for block in message.content if not isinstance(block, Text)]
    whose = f"{_kind(message).capitalize()} that {message.tool_name} ({message.tool_call_id}) gave back:"
    return [Text(text=whose), *others] if others else []


def _kind(message: ToolResultMessage) -> str:
    others = [block for block in message.content if not isinstance(block, Text)]
    return "images" if all(isinstance(block, Image | ImageURL) for block in others) else "files"


def marked(message: Message, mark: Lifetime | None) -> Message:
    """The message with the mark on its last block that can carry it."""
    content = cast("tuple[Text, ...]", message.content)  # for the checker; `_marked` looks for itself
    return msgspec.structs.replace(message, content=tuple(_marked(content, mark)))


def _marked(blocks: Sequence[_Block], mark: Lifetime | None) -> list[_Block]:
    """The blocks, with the mark on the last one that can carry it."""
    marked = list(blocks)
    for index in reversed(range(len(marked) if mark else 0)):
        block = marked[index]
        if isinstance(block, UserBlock):
            marked[index] = msgspec.structs.replace(block, cache=longest(block.cache, mark))
            break
    return marked
