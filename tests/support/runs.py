"""Shared by the tests of the runtime: agents, tools that keep a ledger, and checks of stored records."""

from collections.abc import Awaitable, Callable, Sequence
from copy import deepcopy
from typing import Any

import trio

from adjourn.actors import Agent, Run, RunSnapshot, Tool, ToolContext, make_tool
from adjourn.actors.testing import Response, scripted_agent
from adjourn.protocol.events import Event
from adjourn.protocol.messages import AssistantMessage, ToolResultMessage
from adjourn.protocol.record import FINAL, History, Record, ResultEntry
from adjourn.protocol.transcript import Snapshot
from adjourn.stores.memory import MemoryStore

APPROVAL = {
    "type": "object",
    "properties": {"approved": {"type": "boolean"}},
    "required": ["approved"],
    "additionalProperties": False,
}
YES, NO = {"approved": True}, {"approved": False}
ANYTHING = {"type": "object"}


Body = Callable[[dict[str, Any], ToolContext], Awaitable[Any]]


class Ledger:
    """The ids of the calls that tools began and of those that they finished, in order."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.done: list[str] = []
        self.at_once = self.most_at_once = 0

    def tool(
        self,
        name: str = "work",
        body: Callable[[dict[str, Any], ToolContext], Awaitable[Any]] | None = None,
        **options: Any,
    ) -> Tool:
        """Returns a tool with any arguments that keeps this ledger. It returns `body`'s result, or its own name."""

        async def work(arguments: dict[str, Any], context: ToolContext) -> Any:
            self.begun.append(context.tool_call_id)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            try:
                value = name if body is None else await body(arguments, context)
            finally:
                self.at_once -= 1
            self.done.append(context.tool_call_id)
            return value

        return make_tool(name, "Does some work.", ANYTHING, work, **options)

    def gated(self, name: str = "refund", **options: Any) -> Tool:
        """Returns the same tool with an approval."""
        return self.tool(name, **{"decision": APPROVAL, **options})


async def forever(arguments: dict[str, Any], context: ToolContext) -> None:
    """A tool's body that never ends."""
    await trio.sleep_forever()


def sleeps(after_s: float) -> Body:
    """Returns a tool's body that sleeps."""

    async def body(arguments: dict[str, Any], context: ToolContext) -> None:
        await trio.sleep(after_s)

    return body


def agent_of(*responses: Response, **options: Any) -> Agent:
    """Returns an agent named `a` with a scripted model."""
    return scripted_agent(*responses, name="a", **options)


async def parked(run: Run) -> list[str]:
    """Waits until the run is parked. Returns the ids of its waiting calls, in order."""
    snapshot = await run.wait()
    assert snapshot.status == "paused", snapshot
    return [call.tool_call_id for call in snapshot.pending]


async def events_of(run: Run) -> list[Event]:
    """Returns all events of a run, up to its end."""
    async with run.events() as envelopes:
        found = [envelope async for envelope in envelopes]
    assert not any(isinstance(item, RunSnapshot) for item in found)
    return [item.event for item in found if not isinstance(item, RunSnapshot)]


def kinds(events: Sequence[Event]) -> list[str]:
    """Returns the names of events, without deltas."""
    names = [str(event.__struct_config__.tag) for event in events]
    return [name for name in names if name != "message_update"]


def results(snapshot: Snapshot) -> list[str]:
    """Returns the texts of all tool results, in the transcript's order."""
    return [text_of(message) for message in snapshot.messages if isinstance(message, ToolResultMessage)]


def text_of(message: Any) -> str:
    """Returns all text of a message."""
    return "".join(getattr(block, "text", "") for block in message.content)


def snapshot_of(store: MemoryStore) -> MemoryStore:
    """Returns a copy of the store, as a process killed now would leave it."""
    return deepcopy(store)


def check_record(record: Record) -> None:
    """Checks an ended run: each call has exactly one result, in the calls' order, right after its message."""
    assert record.head.status in FINAL
    entries = [entry.message.tool_call_id for entry in record.journal if isinstance(entry, ResultEntry)]
    assert len(entries) == len(set(entries))
    messages = list(History(record.journal).messages)
    while messages:
        message = messages.pop(0)
        if isinstance(message, AssistantMessage):
            for call in message.calls:
                result = messages.pop(0)
                assert isinstance(result, ToolResultMessage)
                assert result.tool_call_id == call.id
        else:
            assert not isinstance(message, ToolResultMessage), "a result without its call"
