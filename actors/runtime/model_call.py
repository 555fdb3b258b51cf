"""One model call: the stream, with the middleware around it (`chain.py`). Its outcome is always an input for the
machine, never an exception.

A call publishes events ahead of durability, and waits for lossless readers. Without middleware, no chain is built.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import reduce
from sys import getsizeof
from typing import Any, Protocol, TypeVar

import msgspec
import trio

from ...protocol import codec
from ...protocol.calls import argument_fault, call_id
from ...protocol.events import (
    AgentRetry,
    Done,
    Event,
    Failed,
    MessageStart,
    MessageUpdate,
    Start,
    TextDelta,
    TextEnd,
    TextStart,
    ThinkingDelta,
    ThinkingEnd,
    ThinkingStart,
    ToolcallDelta,
    ToolcallEnd,
    ToolcallStart,
    UsageSoFar,
)
from ...protocol.messages import AssistantBlock, AssistantMessage, Message, Text, ToolCall, Usage
from ...protocol.partial import PartialMessage
from ...protocol.record import Head, History
from ...protocol.stored import as_stored
from ...protocol.transitions import ModelDone, ModelRefused
from ...protocol.turns import is_last_turn
from ..agent import Agent
from ..core.faults import foreign_error, internal_error, is_cancelled
from ..middleware.chain import ModelChain, around
from ..middleware.interface import EndRun, Middleware, ModelOutcome
from ..models.language_model import ModelRequest
from ..tools.gates import gate_of
from .weight import CALL, MESSAGE, TEXT, weigh_update

__all__ = ["ModelCall"]

logger = logging.getLogger("adjourn.runs")

T = TypeVar("T")

CHECKPOINT_CHUNKS = 64
MAX_SAID = 1024  # events of a message that are kept before they are folded into it: the run's log has them anyway

_EDGES = frozenset({TextStart, TextEnd, ThinkingStart, ThinkingEnd, ToolcallEnd})  # where a block begins and ends
_UNUSED = Usage()


class Publisher(Protocol):
    """The part of the run's state that a model call uses."""

    async def show(self, events: Sequence[Event], sizes: list[int] | None = None) -> None:
        """Publishes events ahead of durability. `sizes`: as in `EventLog.publish_pieces`."""
        ...


class ModelCall:
    """One model call. With middleware it may take several attempts."""

    # An attribute gets a value of its own only when it changes, as most never do.
    _attempts = 0  # counted only with middleware
    _announced = False  # agent_retry was sent after the latest attempt
    # Of the latest attempt:
    _begun = False  # message_start was sent
    _shown = False  # message_update was sent
    _final: AssistantMessage | None = None  # the model's final message
    _failure: Failed | None = None
    _ended: AssistantMessage | None = None  # the final message as it can be stored
    _partial: PartialMessage | None = None
    _usage = _UNUSED  # as reported so far

    def __init__(self, agent: Agent, head: Head, history: History, key: str, now: int, publisher: Publisher) -> None:
        model = history.spec.model
        self._agent, self._head, self._history, self._key, self._publisher = agent, head, history, key, publisher
        self._opening = AssistantMessage(
            content=(), api=model.api, provider=model.provider, model=model.id, usage=_UNUSED, timestamp=now
        )
        self._spent: tuple[Usage, ...] = ()  # the usage of each ended attempt
        self._said: list[Event] = []  # published events of the latest attempt that are not in `_partial` yet

    def _fold(self) -> PartialMessage:
        """Folds what was published into the message so far, and returns that.

        It is done only when needed: a call that ends well needs it only for a long message.
        """
        partial, said = self._partial or PartialMessage(self._opening), self._said
        self._partial, self._said = partial, []
        for event in said:
            if type(event) is MessageUpdate:
                partial.apply(event.assistant_message_event)
        return partial

    def cut_short(self) -> AssistantMessage:
        """Returns the message to keep when the call is cancelled: the latest attempt's content without incomplete tool
        calls, and the usage reported so far by all attempts."""
        if self._ended is None:
            message = self._message_so_far()
            if not self._spent:
                return message
            return msgspec.structs.replace(message, usage=reduce(Usage.plus, self._spent, message.usage))
        ended = msgspec.structs.replace(self._ended, error_message=None, error_kind=None)
        return self._counted(PartialMessage(ended).message(keep_incomplete_calls=False))

    def _message_so_far(self) -> AssistantMessage:
        """Returns what the latest attempt has said, without incomplete tool calls; nothing if no store can keep it."""
        content = self._fold().content(keep_incomplete_calls=False)
        said = msgspec.structs.replace(self._opening, content=content, usage=self._usage)
        if self._usage is _UNUSED and _is_ascii_text(content):
            return said
        try:
            return self._checked(said)
        except codec.CodecError:
            return self._opening

    def _counted(self, message: AssistantMessage) -> AssistantMessage:
        """Returns the message with the usage of the other attempts added.

        A message with the usage of an attempt comes from that attempt; one without usage comes from none.
        """
        others = list(self._spent)
        if message.usage in others:
            others.remove(message.usage)
        elif others and message.usage != Usage():  # middleware changed the usage: most likely of the latest attempt
            others.pop()
        if not others:
            return message
        return msgspec.structs.replace(message, usage=reduce(Usage.plus, others, message.usage))

    def run(self) -> Awaitable[ModelDone | ModelRefused]:
        """Streams the answer to its end, publishing it as it comes. Middleware may retry or end the run."""
        given = self._agent.middleware
        middleware = around(given, "model_call") if given else given
        if not middleware:
            return self._stream(self._request(self._history.messages), ModelCall._done)
        return self._run_chain(middleware)

    async def _run_chain(self, middleware: Sequence[Middleware]) -> ModelDone | ModelRefused:
        chain = ModelChain(
            middleware,
            self._ask,
            self._publisher.show,
            announce=self._announce,
            check=self._taken,
            so_far=self._so_far,
        )
        try:
            outcome = await chain.run(self._request(tuple(self._history.messages)))
        except EndRun as end:
            answer = chain.answer and self._counted(chain.answer.message)
            spent = Usage() if answer else reduce(Usage.plus, self._spent, Usage())
            return ModelRefused(key=self._key, reason=end.reason, message=end.message, answer=answer, usage=spent)
        return self._done(self._counted(outcome.message))

    def _done(self, message: AssistantMessage) -> ModelDone:
        return ModelDone(key=self._key, message=message, gates=self._gates(message))

    def _request(self, messages: Sequence[Message]) -> ModelRequest:
        spec, head, headers = self._history.spec, self._head, self._agent.options.headers
        options = spec.options.for_turn(head.turn)
        if headers:
            options = msgspec.structs.replace(options, headers=headers)
        if is_last_turn(head, self._history):
            options = msgspec.structs.replace(options, tool_choice="none")
        return ModelRequest(
            model=spec.model,
            instructions=spec.instructions,
            messages=messages,
            tools=spec.tools,
            run_id=head.id,
            options=options,
            call_id=self._key,
            agent=head.agent,
            turn=head.turn,
            usage=head.usage,
        )

    async def _ask(self, request: ModelRequest) -> ModelOutcome:
        """Makes one attempt. Discards what an earlier attempt has streamed."""
        if self._attempts > 0:
            await self._announce(0.0)
            self._begun = self._shown = False
            self._final = self._failure = self._ended = self._partial = None
            self._said.clear()
            self._usage = _UNUSED
            self._announced = False
        self._attempts += 1
        return await self._stream(request, ModelCall._attempted)

    def _attempted(self, message: AssistantMessage) -> ModelOutcome:
        """Counts the usage of an attempt that has ended, and returns its outcome."""
        self._spent += (message.usage,)
        return self._so_far()

    async def _announce(self, wait_s: float) -> None:
        """Publishes agent_retry with its reason, once for each attempt."""
        if self._announced:
            return
        self._announced = True
        ended = self._ended
        reason = "it was cut short" if ended is None else ended.error_message or "middleware asked again"
        await self._publisher.show((AgentRetry(attempt=self._attempts, wait_s=wait_s, reason=reason),))

    def _so_far(self) -> ModelOutcome:
        """Returns the latest attempt's outcome so far."""
        message = self._ended or self._message_so_far()
        if message.stop_reason != "error" and message.stop_reason != "aborted":
            return ModelOutcome(message, None, self._shown)
        failure = self._failure or Failed(reason=message.stop_reason, error=message)
        return ModelOutcome(message, msgspec.structs.replace(failure, error=message), self._shown)

    async def _stream(self, request: ModelRequest, finish: "Callable[[ModelCall, AssistantMessage], T]") -> T:
        """Streams one answer to its end, and returns what `finish` makes of the message."""
        task = trio.lowlevel.current_task()
        try:
            stream = self._agent.language_model.stream(request)
            try:
                chunks = 0
                async for chunk in stream:
                    events, sizes = self._read(chunk)
                    if events:
                        await self._publisher.show(events, sizes)
                    del chunk, events, sizes  # a stream that waits must not keep them in memory
                    chunks += 1
                    if chunks % CHECKPOINT_CHUNKS == 0:  # a model that never waits must not block the loop
                        await trio.lowlevel.checkpoint()
            finally:
                await stream.aclose()  # noqa: ASYNC102  # cleanup that awaits is shielded inside: see `LanguageModel`
            ended = self._final or self._failed("the model's stream ended before its message did")
            message = self._checked(ended)
        except BaseException as raised:  # noqa: ASYNC103  # foreign_error raises trio's own cancellation
            if type(raised) is trio.Cancelled and is_cancelled(task):
                raise  # the usual case, kept short: aborts come here
            where = f"the model of run {self._head.id}"
            error = foreign_error(raised, where, logger, task=task)
            told = internal_error(error, where, logger)
            message = self._failed(f"the model raised: {told}")
        self._ended = message
        return finish(self, message)

    def _read(self, chunk: Sequence[Any]) -> tuple[list[Event], list[int]]:
        """Handles a chunk of the stream. Returns the events to publish, and for each the bytes to book.

        Foreign code may yield anything, so checks types. Raises: TypeError, AttributeError for values that are no
        `StreamEvent`.
        """
        events: list[Event] = []
        sizes: list[int] = []
        takes_text = self._begun and self._final is None
        # By exact type: a failing isinstance check takes seven times as long.
        for event in chunk:
            kind: Any = type(event)  # pyright: ignore[reportUnknownVariableType]
            if takes_text and (kind is TextDelta or kind is ToolcallDelta or kind is ThinkingDelta):  # nearly all
                text = event.delta
                if type(text) is not str or type(event.content_index) is not int:
                    raise TypeError(f"no event of a model's stream: {event!r}")  # here, as folding comes later
                sizes.append(TEXT + len(text) if text.isascii() else getsizeof(text))
                events.append(MessageUpdate(assistant_message_event=event))
            elif takes_text and kind in _EDGES:
                if type(event.content_index) is not int:
                    raise TypeError(f"no event of a model's stream: {event!r}")
                sizes.append(CALL)
                events.append(MessageUpdate(assistant_message_event=event))
            elif kind is UsageSoFar:
                self._usage = event.usage
            elif kind is Done:
                self._final = event.message
                takes_text = False
            elif kind is Failed:
                takes_text = False
                self._failure = event
                self._final = msgspec.structs.replace(event.error, stop_reason=event.reason)
            elif self._final is None:
                if not self._begun:
                    self._begun = takes_text = True
                    events.append(MessageStart(message=self._opening))
                    sizes.append(MESSAGE)
                if kind is Start:
                    continue
                if type(event.content_index) is not int or type(getattr(event, "delta", "")) is not str:
                    raise TypeError(f"no event of a model's stream: {event!r}")
                if kind is ToolcallStart:
                    minted = call_id(self._key, event.content_index)
                    event = msgspec.structs.replace(event, id=minted, provider_id=event.id)
                update = MessageUpdate(assistant_message_event=event)
                sizes.append(weigh_update(update))
                events.append(update)
        if events:
            said = self._said
            said += events
            if not self._shown:
                self._shown = type(events[-1]) is MessageUpdate
            if len(said) >= MAX_SAID:
                self._fold()
        return events, sizes

    def _failed(self, text: str) -> AssistantMessage:
        return msgspec.structs.replace(
            self._message_so_far(), stop_reason="error", error_message=text, error_kind="terminal"
        )

    def _checked(self, message: AssistantMessage) -> AssistantMessage:
        """Returns the message as a store gives it back, with missing api, provider, model and timestamp filled in.

        Raises: CodecError if it can't be stored.
        """
        return as_stored(message, self._key, self._opening)

    def _taken(self, message: AssistantMessage) -> AssistantMessage:
        """Returns a middleware's message, checked like the model's. Its tool calls get ids by their place in it."""
        content = tuple([self._as_given(block) for block in message.content])
        return self._checked(msgspec.structs.replace(message, content=content))

    def _as_given(self, block: AssistantBlock) -> AssistantBlock:
        if isinstance(block, ToolCall) and block.id.startswith(f"call_{self._key}_"):
            return msgspec.structs.replace(block, id=block.provider_id or "", provider_id=None)
        return block

    def _gates(self, message: AssistantMessage) -> dict[int, bool]:
        """Returns which calls are gated, by content index, for tools with `decision_when`."""
        gates: dict[int, bool] = {}
        for index, block in enumerate(message.content):
            tool = self._agent.tool(block.name) if type(block) is ToolCall else None
            if tool is None or tool.decision_when is None or type(block) is not ToolCall:
                continue
            if argument_fault(self._history.tools, block) is None:
                gates[index] = gate_of(tool, block.arguments)
        return gates


def _is_ascii_text(content: Sequence[AssistantBlock]) -> bool:
    """Whether the blocks are texts of ASCII, as in most unfinished answers: any store gives these back as they are."""
    for block in content:
        if type(block) is not Text or not block.text.isascii() or block.signature is not None or block.citations:
            return False
    return True
