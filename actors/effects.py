"""The run's effects: one model call, one tool call. What comes of them is an input for the machine, never an exception.

`show` publishes events ahead of durability and waits for whoever must keep up.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence, Set
from contextlib import aclosing, nullcontext, suppress

import msgspec
import trio

from ..protocol import codec
from ..protocol.calls import argument_fault, call_id, with_ids
from ..protocol.events import (
    Done,
    Event,
    Failed,
    MessageStart,
    MessageUpdate,
    Start,
    StreamDelta,
    StreamEvent,
    ToolcallStart,
    ToolExecutionUpdate,
)
from ..protocol.inputs import ModelDone, ToolDone
from ..protocol.messages import AssistantMessage, ToolCall
from ..protocol.partial import PartialMessage
from ..protocol.record import Call, Head, History
from ..stores.gil import thread_friendly
from .agent import Agent
from .faults import internal_error
from .models import ModelRequest
from .toolcall import ToolContext, execute

__all__ = ["ModelCall", "Threads", "call_tool"]

logger = logging.getLogger("adjourn.runs")

MAX_SAID = 256  # events of a message that wait to be put together

_ENDS = (Done, Failed)

Show = Callable[[Sequence[Event]], Awaitable[None]]


class ModelCall:
    """One model call."""

    def __init__(self, agent: Agent, head: Head, history: History, key: str, now: int, show: Show) -> None:
        model = history.spec.model
        self._agent, self._head, self._history, self._key, self._show = agent, head, history, key, show
        self._opening = AssistantMessage(
            content=(), api=model.api, provider=model.provider, model=model.id, timestamp=now
        )
        self._begun = False  # shown to have
        self._final: AssistantMessage | None = None
        self._partial: PartialMessage | None = None
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

    async def run(self) -> ModelDone:
        """Stream the answer to its end, showing it as it comes."""
        spec = self._history.spec
        request = ModelRequest(
            model=spec.model,
            instructions=spec.instructions,
            messages=self._history.messages,
            tools=spec.tools,
            run_id=self._head.id,
        )
        try:
            async with aclosing(self._agent.model.stream(request)) as stream:
                async for chunk in stream:
                    await self._take(chunk)
            ended = self._final or self._failed("the model's stream ended before its message did")
            message = self._checked(ended)
        except Exception as error:
            told = internal_error(error, f"the model of run {self._head.id}", logger)
            message = self._failed(f"the model raised: {told}")
        return ModelDone(key=self._key, message=message, gates=self._gates(message))

    async def _take(self, chunk: Sequence[StreamEvent]) -> None:
        events: list[Event] = []
        for event in chunk:
            if self._final is None and not isinstance(event, _ENDS):
                self._grow(event, events)
            elif isinstance(event, Done):
                self._final = event.message
            elif isinstance(event, Failed):
                self._final = msgspec.structs.replace(event.error, stop_reason=event.reason)
        if len(self._said) >= MAX_SAID:
            _ = self.partial
        if events:
            await self._show(events)

    def _grow(self, event: StreamDelta, events: list[Event]) -> None:
        if not self._begun:
            self._begun = True
            events.append(MessageStart(message=self._opening))
        if isinstance(event, Start):
            return
        if type(event.content_index) is not int or type(getattr(event, "delta", "")) is not str:
            raise TypeError(f"no event of a model's stream: {event!r}")  # found here, not when it is folded
        if isinstance(event, ToolcallStart):
            minted = call_id(self._key, event.content_index)
            event = msgspec.structs.replace(event, id=minted, provider_id=event.id)
        self._said.append(event)
        events.append(MessageUpdate(assistant_message_event=event))

    def _failed(self, text: str) -> AssistantMessage:
        partial = self.partial.message(keep_incomplete_calls=False)
        return msgspec.structs.replace(partial, stop_reason="error", error_message=text)

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

    def _gates(self, message: AssistantMessage) -> dict[int, bool]:
        """What each tool's `decision_when` says of its calls; one that raises leaves the gate closed."""
        gates: dict[int, bool] = {}
        for index, block in enumerate(message.content):
            tool = self._agent.tool(block.name) if isinstance(block, ToolCall) else None
            if tool is None or tool.decision_when is None or not isinstance(block, ToolCall):
                continue
            if argument_fault(self._history.tools, block) is None:
                try:
                    gates[index] = bool(tool.decision_when(block.arguments))
                except Exception:
                    logger.exception("decision_when of tool %s raised: the gate stays closed", block.name)
        return gates


class Threads(set[str]):
    """The ids of the calls whose blocking function is in a thread at this moment. It is the threads that change it."""

    def __init__(self) -> None:
        super().__init__()
        self._token = trio.lowlevel.current_trio_token()
        self._changed = trio.Event()

    def discard(self, element: object) -> None:
        """A thread has stopped."""
        super().discard(element)  # pyright: ignore[reportArgumentType]
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._tell)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def wait_without(self, calls: Set[str]) -> None:
        """Wait until none of these is in a thread. Not a checkpoint when none is."""
        while not self.isdisjoint(calls):
            await self._changed.wait()


async def call_tool(
    agent: Agent,
    head: Head,
    history: History,
    call: Call,
    show: Show,
    *,
    limiter: trio.CapacityLimiter,
    threads: Threads,
) -> ToolDone:
    """Execute an open call."""
    tool = agent.tool(call.name)
    if tool is None:
        raise LookupError(f"tool {call.name!r} of agent {head.agent!r} is not loaded")
    entry = history.decisions.get(call.id)

    async def publish(partial_result: object) -> None:
        await show((ToolExecutionUpdate(tool_call_id=call.id, tool_name=call.name, partial_result=partial_result),))

    context = ToolContext(
        run_id=head.id, tool_call_id=call.id, tool_name=call.name, metadata=head.metadata, publish=publish
    )
    with thread_friendly() if tool.threaded else nullcontext():
        outcome = await execute(
            tool,
            history.tool_call(call).arguments,
            entry.decision if entry else None,
            context,
            max_result_bytes=history.spec.limits.max_result_bytes,
            limiter=limiter,
            threads=threads,
        )
    return ToolDone(tool_call_id=call.id, content=outcome.content, details=outcome.details, is_error=outcome.is_error)
