"""Puts a transcript's messages into the order that a chat completions request needs. Pure; no wire format here.

A tool's result may only have text. Its images and files go into the next user message. Successive user messages become
one message.
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
    """Return the messages in the API's order. A cache mark of a whole message moves to its last block. `for_mistral`:
    keep the order of roles that Mistral's servers require."""
    turns: list[Message] = []
    others: list[UserBlock] = []  # images and files of the preceding tool results
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
    """Return the messages with fillers, so that no user message follows a tool message and the last message isn't an
    assistant's. github.com/mistralai/mistral-common/issues/169 (as of December 2025)."""
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
    """Return a result's images and files, after a note that names the tool call. [] if the result has only text."""
    others = [block for block in message.content if not isinstance(block, Text)]
    whose = f"{_kind(message).capitalize()} that {message.tool_name} ({message.tool_call_id}) gave back:"
    return [Text(text=whose), *others] if others else []


def _kind(message: ToolResultMessage) -> str:
    others = [block for block in message.content if not isinstance(block, Text)]
    return "images" if all(isinstance(block, Image | ImageURL) for block in others) else "files"


def marked(message: Message, mark: Lifetime | None) -> Message:
    """Return the message with the cache mark on the last block that can carry one."""
    content = cast("tuple[Text, ...]", message.content)  # for the type checker; `_marked` checks each block
    return msgspec.structs.replace(message, content=tuple(_marked(content, mark)))


def _marked(blocks: Sequence[_Block], mark: Lifetime | None) -> list[_Block]:
    """Return the blocks, with the cache mark on the last one that can carry it."""
    marked = list(blocks)
    for index in reversed(range(len(marked) if mark else 0)):
        block = marked[index]
        if isinstance(block, UserBlock):
            marked[index] = msgspec.structs.replace(block, cache=longest(block.cache, mark))
            break
    return marked
