"""For tests of agents and tools: a scripted model, a system on trio's clock, a context to call one tool.

Needs neither pytest nor a network. All delays are on trio's clock, so `autojump_clock` skips them.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import trio

from ..protocol.events import Failed, Start, StreamEvent
from ..protocol.messages import AssistantBlock, AssistantMessage, Cost, ModelDescriptor, Text, ToolCall, UserMessage
from ..protocol.record import Head, Limits, Record
from ..protocol.sse import encode_event
from .agent import Agent
from .models.language_model import ModelRequest, events_of
from .runtime.registry import RUNS
from .runtime.runtime import Runtime
from .runtime.system import ActorSystem, open_actor_system
from .tools.declaration import Tool, ToolContext

__all__ = [
    "Answer",
    "Hanging",
    "Inspection",
    "Response",
    "ScriptedModel",
    "Updates",
    "calls",
    "hangs",
    "inspect",
    "open_test_system",
    "says",
    "scripted_agent",
    "sse_response",
    "tool_context",
    "trio_clock",
]

# A scripted message's `usage` sets its cost, so the model's prices are 0.
DESCRIPTOR = ModelDescriptor(id="scripted", api="scripted", provider="testing", cost=Cost())


@dataclass(frozen=True, slots=True)
class Hanging:
    """A response that streams `message`, and then hangs.

    Attributes:
        message: what is streamed before the model hangs.
    """

    message: AssistantMessage


# A str is a message of this text, a sequence of calls a message without text; an exception is raised in the stream.
Answer: TypeAlias = AssistantMessage | str | Sequence[ToolCall] | Exception | Failed | Hanging
Response: TypeAlias = Answer | Callable[[ModelRequest], Answer]


def says(text: str) -> AssistantMessage:
    """Returns a message of plain text."""
    return _message(Text(text=text))


def calls(*wanted: tuple[str, Mapping[str, Any] | str], text: str = "") -> AssistantMessage:
    """Returns a message with `text` and then tool calls, given by name and arguments. Arguments given as a string are
    streamed unchanged, to test invalid JSON. The calls' ids are call-1, call-2, …, the same in every message."""
    blocks = [
        ToolCall(id=f"call-{n}", name=name, arguments={}, raw_arguments=arguments)
        if isinstance(arguments, str)
        else ToolCall(id=f"call-{n}", name=name, arguments=dict(arguments))
        for n, (name, arguments) in enumerate(wanted, start=1)
    ]
    return _message(*([Text(text=text)] if text else []), *blocks)


def hangs(text: str = "") -> Hanging:
    """Returns a response that streams `text`, and then hangs."""
    return Hanging(says(text) if text else _message())


class ScriptedModel:
    """A language model that answers each call with the next of `responses`, streamed word by word.

    It waits `delay_s` seconds before each chunk of `deltas_per_chunk` events. When no response is left, the model call
    fails with a message that says so.

    Args:
        responses: the model's answers, one for each call.
        per_message: True: the script begins again for each message of a user, so that each run gets it whole, also
            after a restart. False: one script for all runs.
        delay_s: seconds before each chunk.
        deltas_per_chunk: events per chunk.
        descriptor: the descriptor of the model that this one imitates.
    """

    def __init__(
        self,
        responses: Sequence[Response],
        *,
        per_message: bool = False,
        delay_s: float = 0.0,
        deltas_per_chunk: int = 1,
        descriptor: ModelDescriptor = DESCRIPTOR,
    ) -> None:
        self.descriptor = descriptor
        self.requests: list[ModelRequest] = []  # the request of each call
        self.streaming = 0  # calls that are streaming now
        self._responses = list(responses)
        self._per_message = per_message
        self._delay_s = delay_s
        self._deltas_per_chunk = deltas_per_chunk

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
        """Streams the next response of the script."""
        number = _turns(request) if self._per_message else len(self.requests)
        self.requests.append(request)
        self.streaming += 1
        try:
            response: Any = self._responses[number] if number < len(self._responses) else self._exhausted(number)
            if callable(response):
                response = response(request)
            events = _events(response)
            for at in range(0, len(events), self._deltas_per_chunk):
                await trio.sleep(self._delay_s)
                yield events[at : at + self._deltas_per_chunk]
            if isinstance(response, Hanging):
                await trio.sleep_forever()
            if isinstance(response, Exception):
                await trio.sleep(self._delay_s)
                raise response
        finally:
            self.streaming -= 1

    def _exhausted(self, number: int) -> AssistantMessage:
        message = f"the script of this model has {len(self._responses)} responses, and this is call {number + 1}"
        return AssistantMessage(content=(), stop_reason="error", error_message=message)


def _turns(request: ModelRequest) -> int:
    """Returns how often the model has answered since the last message of a user."""
    said = 0
    for message in request.messages:
        said = 0 if isinstance(message, UserMessage) else said + isinstance(message, AssistantMessage)
    return said


def scripted_agent(
    *responses: Response, tools: Sequence[Tool] = (), name: str = "scripted", delay_s: float = 0.0, **limits: Any
) -> Agent:
    """Returns an agent whose model answers with `responses`. `limits`: the fields of `Limits`."""
    return Agent(name=name, model=ScriptedModel(responses, delay_s=delay_s), tools=tools, limits=Limits(**limits))


def trio_clock() -> float:
    """Returns a wall clock, in seconds, that follows trio's: with `autojump_clock`, weeks pass at once."""
    return 1_700_000_000 + trio.current_time()


@asynccontextmanager
async def open_test_system(*agents: Agent, **options: Any) -> AsyncGenerator[ActorSystem]:
    """Opens an actor system in memory, on trio's clock. `options`: those of `open_actor_system`."""
    options.setdefault("clock", trio_clock)
    async with open_actor_system(agents, **options) as system:
        yield system


class Inspection:
    """Shows the internal state of a system: its runs, logs, actors and records. `inspect` returns one."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @property
    def active(self) -> list[str]:
        """The ids of the runs in memory, in the order of their activation."""
        return list(self._runtime.registry.active)

    @property
    def opening(self) -> list[str]:
        """The ids of the runs that are being activated."""
        return list(self._runtime.registry.opening)

    @property
    def live_logs(self) -> list[str]:
        """The ids of the runs with a live log: those that are in memory or watched."""
        return list(self._runtime.registry.logs.live)

    @property
    def recent_logs(self) -> list[str]:
        """The ids of the ended runs whose logs are kept, oldest first."""
        return list(self._runtime.registry.logs.recent)

    @property
    def activations(self) -> int:
        """How many times runs have been activated, their start included."""
        return self._runtime.registry.activations

    @property
    def children(self) -> list[str]:
        """The names of the live actors: the system's own, then `<run id>/<activation>` for each run."""
        root = self._runtime.supervisor
        return [ref.name for each in (root, root.supervisor(RUNS)) for ref in each.children()]

    @property
    def threads(self) -> frozenset[str]:
        """The ids of the tool calls that are executing in a thread."""
        return self._runtime.services.threads.calls

    def head(self, run_id: str) -> Head:
        """Returns the head of a run that is in memory."""
        return self._runtime.registry.active[run_id].state.head

    def is_tapped(self, run_id: str) -> bool:
        """Returns whether middleware watches the events of this run, which must be in memory."""
        return self._runtime.registry.active[run_id].state.taps is not None

    async def record(self, run_id: str) -> Record | None:
        """Returns a run's stored record; None if there is none."""
        return await self._runtime.store.load(run_id)

    async def tick(self, run_id: str) -> None:
        """Does the due actions of a run, as the sweeper would. Raises: as `Run.give`."""
        await self._runtime.activation.do_due(run_id)

    def passivate(self) -> None:
        """Takes every parked run out of memory, without waiting for `passivate_after_s`."""
        registry = self._runtime.registry
        for actor in tuple(registry.active.values()):
            registry.passivate(actor)


def inspect(system: ActorSystem) -> Inspection:
    """Returns an object that shows a system's internal state: runs in memory, kept logs, stored records."""
    return Inspection(system.runtime)


def sse_response(*data: str, chunk_bytes: int | None = None) -> list[bytes]:
    """Returns a response body of server-sent events, in one chunk or in chunks of `chunk_bytes`."""
    body = b"".join(encode_event(each.encode()) for each in data)
    size = chunk_bytes or max(len(body), 1)
    return [body[at : at + size] for at in range(0, len(body), size)]


@dataclass(slots=True)
class Updates:
    """Collects what a tool passes to `update` in a test.

    Attributes:
        seen: the values so far, oldest first.
    """

    seen: list[Any] = field(default_factory=list[Any])

    async def publish(self, partial: Any) -> None:
        """Adds the progress to `seen`."""
        await trio.lowlevel.checkpoint()
        self.seen.append(partial)


def tool_context(
    tool_name: str = "tool",
    *,
    run_id: str = "run-1",
    tool_call_id: str = "call-1",
    metadata: dict[str, Any] | None = None,
    updates: Updates | None = None,
    deps: Any = None,
    started_by: str | None = None,
    decided_by: str | None = None,
    epoch: int = 1,
) -> ToolContext[Any]:
    """Returns a context to execute a tool outside of any run; the tool's progress goes to `updates`."""
    return ToolContext(
        run_id=run_id,
        tool_call_id=tool_call_id,
        tool_name=tool_name,
        metadata=metadata or {},
        publish=(updates or Updates()).publish,
        deps=deps,
        started_by=started_by,
        decided_by=decided_by,
        epoch=epoch,
    )


def _events(response: Any) -> list[StreamEvent]:
    match response:
        case Exception():
            return [Start()]
        case Hanging(message=message):
            return events_of(message)[:-1]
        case Failed(error=message):
            return [*events_of(message)[:-1], response]
        case AssistantMessage():
            return events_of(response)
        case str():
            return events_of(says(response))
        case _:
            return events_of(_message(*response))


def _message(*blocks: AssistantBlock) -> AssistantMessage:
    called = any(isinstance(block, ToolCall) for block in blocks)
    return AssistantMessage(
        content=blocks,
        api=DESCRIPTOR.api,
        provider=DESCRIPTOR.provider,
        model=DESCRIPTOR.id,
        stop_reason="toolUse" if called else "stop",
    )
