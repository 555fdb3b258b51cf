"""One model call: the stream, with the middleware around it. What comes of it is an input for the machine, never an
exception.

`show` publishes events ahead of durability and waits for whoever must keep up. How middleware is called is `chain.py`'s
business; where there is none, nothing of it is in the way.
"""

import logging
from collections.abc import Sequence
from functools import reduce
from sys import getsizeof
from typing import Any, Protocol

import msgspec
import trio

from ...protocol import codec
from ...protocol.calls import argument_fault, call_id, with_ids
from ...protocol.events import (
    AgentRetry,
    Done,
    Event,
    Failed,
    MessageStart,
    MessageUpdate,
    Start,
    StreamDelta,
    TextDelta,
    ThinkingDelta,
    ToolcallDelta,
    ToolcallStart,
    UsageSoFar,
)
from ...protocol.messages import AssistantBlock, AssistantMessage, Message, ToolCall, Usage
from ...protocol.partial import PartialMessage
from ...protocol.record import Head, History
from ...protocol.transitions import ModelDone, ModelRefused
from ...protocol.turns import is_last_turn
from ..agent import Agent
from ..core.faults import foreign_error, internal_error
from ..middleware.chain import ModelChain, around
from ..middleware.interface import EndRun, ModelOutcome
from ..models.language_model import ModelRequest
from ..tools.gates import gate_of
from .weight import EVENT, MESSAGE, TEXT, weigh_update

__all__ = ["ModelCall"]

logger = logging.getLogger("adjourn.runs")

CHECKPOINT_CHUNKS = 64
MAX_SAID = 256  # events of a message that wait to be put together

_TEXTS = frozenset({TextDelta, ThinkingDelta, ToolcallDelta})


class ShowPieces(Protocol):
    """Publishes events ahead of durability; `sizes` is what the run's log books for each, where that is known."""

    async def __call__(self, events: Sequence[Event], sizes: list[int] | None = None) -> None:
        """Publish them."""
        ...


class ModelCall:
    """One model call."""

    def __init__(self, agent: Agent, head: Head, history: History, key: str, now: int, show: ShowPieces) -> None:
        model = history.spec.model
        self._agent, self._head, self._history, self._key, self._show = agent, head, history, key, show
        self._opening = AssistantMessage(
            content=(), api=model.api, provider=model.provider, model=model.id, timestamp=now
        )
        self._attempts = 0  # with middleware
        self._announced = False  # that another one follows the latest
        self._spent: list[Usage] = []  # by each attempt that has ended
        # Of the latest attempt:
        self._begun = False  # shown to have
        self._shown = False  # also some of what was said
        self._final: AssistantMessage | None = None  # the model's own
        self._failure: Failed | None = None
        self._ended: AssistantMessage | None = None  # as it can be stored
        self._partial: PartialMessage | None = None
        self._usage = Usage()  # as far as the model has told
        self._said: list[StreamDelta] = []  # what is not in it yet

    @property
    def partial(self) -> PartialMessage:
        """What has been said so far, also when it was cancelled. Nobody wants it of a call that ends well, so it is put
        together late: that saves such a call 10 of 25 µs."""
        if self._partial is None:
            self._partial = PartialMessage(self._opening)
        said, self._said = self._said, []
        for event in said:
            self._partial.apply(event)
        return self._partial

    def cut_short(self) -> AssistantMessage:
        """What is kept of the latest attempt when the call is cancelled: what it said, without incomplete calls, and
        the usage, if that was known already."""
        if self._ended is None:
            message = self._message_so_far()
            return msgspec.structs.replace(message, usage=reduce(Usage.plus, self._spent, message.usage))
        ended = msgspec.structs.replace(self._ended, error_message=None, error_kind=None)
        return self._counted(PartialMessage(ended).message(keep_incomplete_calls=False))

    def _message_so_far(self) -> AssistantMessage:
        return msgspec.structs.replace(self.partial.message(keep_incomplete_calls=False), usage=self._usage)

    def _counted(self, message: AssistantMessage) -> AssistantMessage:
        """With what the other attempts have cost. Its own usage is that of the attempt which it came of; one that has
        none came of no attempt."""
        others = list(self._spent)
        if message.usage in others:
            others.remove(message.usage)
        elif others and message.usage != Usage():  # middleware has changed it: the latest, most likely
            others.pop()
        if not others:
            return message
        return msgspec.structs.replace(message, usage=reduce(Usage.plus, others, message.usage))

    async def run(self) -> ModelDone | ModelRefused:
        """Stream the answer to its end, showing it as it comes. What stands around it may ask again, or refuse."""
        given = self._agent.middleware
        middleware = around(given, "model_call") if given else given
        if not middleware:
            return self._done(await self._stream(self._request(self._history.messages)))
        chain = ModelChain(
            middleware,
            self._ask,
            self._show,
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
        """One attempt. Another one begins by voiding what was said in the one before."""
        if self._attempts > 0:
            await self._announce(0.0)
            self._begun = self._shown = False
            self._final = self._failure = self._ended = self._partial = None
            self._said.clear()
            self._usage = Usage()
            self._announced = False
        self._attempts += 1
        self._spent.append((await self._stream(request)).usage)
        return self._so_far()

    async def _announce(self, wait_s: float) -> None:
        """Tell that there will be another attempt, and why; once."""
        if self._announced:
            return
        self._announced = True
        ended = self._ended
        reason = "it was cut short" if ended is None else ended.error_message or "middleware asked again"
        await self._show((AgentRetry(attempt=self._attempts, wait_s=wait_s, reason=reason),))

    def _so_far(self) -> ModelOutcome:
        """What has come of the latest attempt."""
        message = self._ended or self._message_so_far()
        if message.stop_reason != "error" and message.stop_reason != "aborted":
            return ModelOutcome(message, None, self._shown)
        failure = self._failure or Failed(reason=message.stop_reason, error=message)
        return ModelOutcome(message, msgspec.structs.replace(failure, error=message), self._shown)

    async def _stream(self, request: ModelRequest) -> AssistantMessage:
        task = trio.lowlevel.current_task()
        where = f"the model of run {self._head.id}"
        try:
            stream = self._agent.language_model.stream(request)
            try:
                chunks = 0
                async for chunk in stream:
                    await self._take(chunk)
                    chunks += 1
                    if chunks % CHECKPOINT_CHUNKS == 0:  # a model that never waits must not stop the process
                        await trio.lowlevel.checkpoint()
            finally:
                await stream.aclose()  # noqa: ASYNC102  # cleanup that awaits is shielded inside: see `LanguageModel`
            ended = self._final or self._failed("the model's stream ended before its message did")
            message = self._checked(ended)
        except BaseException as raised:  # noqa: ASYNC103  # foreign_error raises what is ours
            error = foreign_error(raised, where, logger, task=task)
            told = internal_error(error, where, logger)
            message = self._failed(f"the model raised: {told}")
        self._ended = message
        return message

    async def _take(self, chunk: Sequence[Any]) -> None:
        """Take in a chunk of the stream. It should hold `StreamEvent`s; other people's code may give anything."""
        events: list[Event] = []
        sizes: list[int] = []
        # By exact type: an isinstance check that fails takes seven times as long.
        for event in chunk:
            kind: Any = type(event)  # pyright: ignore[reportUnknownVariableType]
            if kind in _TEXTS and self._begun and self._final is None:  # nearly all of them
                text = event.delta
                if type(text) is not str or type(event.content_index) is not int:
                    raise TypeError(f"no event of a model's stream: {event!r}")  # found here, not when it is folded
                sizes.append(EVENT + (TEXT + len(text) if text.isascii() else getsizeof(text)))
                self._said.append(event)
                events.append(MessageUpdate(assistant_message_event=event))
            elif kind is UsageSoFar:
                self._usage = event.usage
            elif kind is Done:
                self._final = event.message
            elif kind is Failed:
                self._failure = event
                self._final = msgspec.structs.replace(event.error, stop_reason=event.reason)
            elif self._final is None:
                if not self._begun:
                    self._begun = True
                    events.append(MessageStart(message=self._opening))
                    sizes.append(EVENT + MESSAGE)
                if kind is Start:
                    continue
                if type(event.content_index) is not int or type(getattr(event, "delta", "")) is not str:
                    raise TypeError(f"no event of a model's stream: {event!r}")
                if kind is ToolcallStart:
                    minted = call_id(self._key, event.content_index)
                    event = msgspec.structs.replace(event, id=minted, provider_id=event.id)
                update = MessageUpdate(assistant_message_event=event)
                sizes.append(EVENT + weigh_update(update))
                self._said.append(event)
                events.append(update)
        if self._said:
            self._shown = True
            if len(self._said) >= MAX_SAID:
                _ = self.partial
        if events:
            await self._show(events, sizes)

    def _failed(self, text: str) -> AssistantMessage:
        return msgspec.structs.replace(
            self._message_so_far(), stop_reason="error", error_message=text, error_kind="terminal"
        )

    def _checked(self, message: AssistantMessage) -> AssistantMessage:
        """The message as any store will give it back, with api, provider, model and time where the model left them out.

        Raises: CodecError where it can't be stored, or is no such message.
        """
        opening = self._opening
        signed = msgspec.structs.replace(
            with_ids(message, self._key),
            api=message.api or opening.api,
            provider=message.provider or opening.provider,
            model=message.model or opening.model,
            timestamp=message.timestamp or opening.timestamp,
        )
        return codec.from_json(codec.to_json(signed), AssistantMessage)

    def _taken(self, message: AssistantMessage) -> AssistantMessage:
        """A middleware's message, checked as the model's own. Its calls get the ids of the places where they are."""
        content = tuple([self._as_given(block) for block in message.content])
        return self._checked(msgspec.structs.replace(message, content=content))

    def _as_given(self, block: AssistantBlock) -> AssistantBlock:
        if isinstance(block, ToolCall) and block.id.startswith(f"call_{self._key}_"):
            return msgspec.structs.replace(block, id=block.provider_id or "", provider_id=None)
        return block

    def _gates(self, message: AssistantMessage) -> dict[int, bool]:
        """Which calls are gated, of the tools that decide it per call."""
        gates: dict[int, bool] = {}
        for index, block in enumerate(message.content):
            tool = self._agent.tool(block.name) if isinstance(block, ToolCall) else None
            if tool is None or tool.decision_when is None or not isinstance(block, ToolCall):
                continue
            if argument_fault(self._history.tools, block) is None:
                gates[index] = gate_of(tool, block.arguments)
        return gates
