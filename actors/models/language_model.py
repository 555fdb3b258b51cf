"""The interface to language models: a run's request, and how the answer streams back. No provider here.

A model is any object with a `descriptor` and a `stream`. `LanguageModel` says what `stream` must do.
"""

import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Protocol

import msgspec

from ...protocol.codec import to_json
from ...protocol.events import (
    Done,
    Failed,
    OpaqueBlock,
    Start,
    StreamEvent,
    TextDelta,
    TextEnd,
    TextStart,
    ThinkingDelta,
    ThinkingEnd,
    ThinkingStart,
    ToolcallDelta,
    ToolcallEnd,
    ToolcallStart,
)
from ...protocol.messages import (
    AssistantBlock,
    AssistantMessage,
    Message,
    ModelDescriptor,
    Opaque,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from ...protocol.options import ModelOptions
from ...protocol.record import ToolSpec

__all__ = ["LanguageModel", "ModelRequest", "events_of"]


class ModelRequest(msgspec.Struct, frozen=True):
    """One model call. To change it, make a copy with `msgspec.structs.replace`.

    Attributes:
        model: the model as recorded at the run's begin, without headers.
        instructions: the system prompt.
        messages: the whole context. Do not change it.
        tools: the tools that the model may call.
        run_id: the run's id, for logs and caches on the provider's side.
        options: temperature, tool choice and other settings of the call.
        call_id: the id of this model call, the same for all attempts; never reused.
        agent: the agent's name.
        turn: the number of model calls so far, including this one.
        usage: the run's usage before this call.
    """

    model: ModelDescriptor
    instructions: str
    messages: Sequence[Message]
    tools: Sequence[ToolSpec]
    run_id: str
    options: ModelOptions = ModelOptions()
    call_id: str = ""
    agent: str = ""
    turn: int = 0
    usage: Usage = Usage()


class LanguageModel(Protocol):
    """Answers `ModelRequest`s. One object serves any number of runs at once.

    A model may also have a method `opened()` that returns an async context manager. An actor system enters it once for
    each model of its agents, and leaves it when the system closes. A model can keep shared connections there.
    """

    @property
    def descriptor(self) -> ModelDescriptor:
        """Describes the model. A run records it at its begin, without headers."""
        ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
        """Streams the answer: yields one list of events for each network chunk, with one checkpoint before each list.

        The order of events: `Start`, then the blocks (start, deltas, end; `content_index` counts up from 0), then
        exactly one `Done` or `Failed` with the whole message. `UsageSoFar` may come in between; the latest one counts
        if the call is aborted. Errors of the provider and the network are data: a `Failed` with `errorMessage` and the
        message so far. An exception is a defect and fails the run.

        Tool calls have the provider's ids, unique within the message. The run gives each call its own id and keeps the
        provider's as `providerId`. A timestamp of 0 is replaced by the run's clock.

        The run always closes the generator (`aclose`), also under cancellation. Cleanup that awaits must be shielded
        and bounded inside the generator: a shield around `aclose` does not reach it.
        """
        ...


def events_of(message: AssistantMessage) -> list[StreamEvent]:
    """Returns a whole message as the events of a stream, word by word. For models that are plain functions.

    A message whose `stopReason` is `error` or `aborted` ends with `Failed`.
    """
    reason = message.stop_reason
    if reason == "error" or reason == "aborted":
        return [Start(), *_deltas(message), Failed(reason=reason, error=message)]
    return [Start(), *_deltas(message), Done(reason=reason, message=message)]


def _deltas(message: AssistantMessage) -> Iterator[StreamEvent]:
    for index, block in enumerate(message.content):
        yield from _block(index, block)


def _block(index: int, block: AssistantBlock) -> Iterator[StreamEvent]:
    match block:
        case Text():
            yield TextStart(content_index=index)
            yield from (TextDelta(content_index=index, delta=word) for word in _words(block.text))
            yield TextEnd(content_index=index, signature=block.signature, citations=block.citations)
        case Thinking():
            yield ThinkingStart(content_index=index)
            yield from (ThinkingDelta(content_index=index, delta=word) for word in _words(block.thinking))
            yield ThinkingEnd(content_index=index, signature=block.signature, redacted=block.redacted)
        case Opaque():
            yield OpaqueBlock(content_index=index, block=block)
        case ToolCall():
            raw = to_json(block.arguments).decode() if block.raw_arguments is None else block.raw_arguments
            yield ToolcallStart(content_index=index, id=block.id, name=block.name)
            yield from (ToolcallDelta(content_index=index, delta=part) for part in _pieces(raw))
            yield ToolcallEnd(content_index=index, signature=block.signature)


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+|\s+$", text)


def _pieces(text: str, size: int = 16) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]
