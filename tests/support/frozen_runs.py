"""The frozen stores of `tests/vectors/stores/`: how their runs look, and how they continue.

`v<n>.sqlite3` is an SQLite file, `postgres-v<n>.sql` and `valkey-v<n>.jsonl` are the stores of servers, as text; see
`frozen_media.py`. They are never edited. Beside each stands a `.json` of the same name:

    writtenBy, layoutVersion, schemaVersion, sha256   of the file
    openAt      ms since the epoch: the time at which the store is opened; nothing is due then
        runs        by run id:
            seen    how the run looks when the store is opened; see `look`
            steps   [{method, params, error?}]: wire requests that are then made on the run
            after   the run's state after the steps; see `_outcome`
        overdueAt   ms: a later time to open the store at, when much is due
        overdue     by run id: how the run ends by itself then; null: it is deleted

    If a later version renames a field or a text, `seen`, `after` and `overdue` follow. The file and the steps stay.
"""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import trio
from frozen_shop import Shop

from adjourn.actors import ActorSystem, open_actor_system
from adjourn.protocol.errors import AdjournError, RunNotFound
from adjourn.protocol.messages import AssistantMessage, Message, ToolResultMessage
from adjourn.protocol.record import DecisionEntry, Entry, History, Record
from adjourn.protocol.transcript import Snapshot, Transcript, replay
from adjourn.stores import open_store

__all__ = ["STORES", "come_to", "get", "go_on", "load", "look"]

STORES = Path(__file__).parent.parent / "vectors" / "stores"
PATIENCE_S = 30  # on a busy machine

# The head's fields to compare; the snapshot has the others.
HEAD = (
    *("version", "epoch", "owner", "title", "calls", "readyFrom", "modelCall", "abort", "recoveries"),
    *("createdAt", "nextDue", "expiresAt"),
)
ARGUMENTS = {"toolCallId": "tool_call_id", "claimToken": "token", "isError": "is_error"}


@asynccontextmanager
async def _opened(address: str, now_ms: int, *agents: Any) -> AsyncGenerator[ActorSystem]:
    with trio.fail_after(PATIENCE_S):
        async with open_actor_system(agents, store=address, clock=lambda: now_ms / 1000) as system:
            yield system


async def load(address: str, run_id: str) -> Record:
    """Returns the record of a run in the store."""
    async with open_store(address) as store:
        record = await store.load(run_id)
    assert record is not None
    return record


async def look(address: str) -> dict[str, dict[str, Any]]:
    """Returns how each run in the store looks, by id, newest first.

    That is: the head's fields that are not in the snapshot, the kinds of journal entries, how gates were settled, and
    the snapshot."""
    found: dict[str, dict[str, Any]] = {}
    async with open_store(address) as store:
        for head in (await store.list()).heads:
            record = await store.load(head.id)
            assert record is not None
            assert record.head == head
            found[head.id] = {
                "head": {key: value for key, value in _plain(head).items() if key in HEAD},
                "journal": _kinds(record.journal),
                "decisions": [_plain(entry) for entry in record.journal if isinstance(entry, DecisionEntry)],
                "snapshot": _plain(_snapshot(record)),
            }
    return found


async def get(address: str, now_ms: int) -> dict[str, Any]:
    """Returns the snapshots of all runs from a system without agents, where open runs can only finish an abort."""
    async with _opened(address, now_ms) as system:
        heads = (await system.list()).heads
        return {head.id: _plain((await system.get(head.id)).snapshot) for head in heads}


def _snapshot(record: Record) -> Snapshot:
    transcript = Transcript()
    for event in replay(record):
        transcript.apply(event)
    return transcript.snapshot()


async def go_on(address: str, now_ms: int, run_id: str, steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Waits for a run to rest, takes the steps, waits again, and returns the `_outcome`.

    A step whose answer differs from the expected one is an AssertionError.
    """
    before = await load(address, run_id)
    shop = Shop()
    async with _opened(address, now_ms, *shop.agents) as system:
        await system.run(run_id).wait()
        token = ""
        for step in steps:
            token = await _take(system, run_id, step, token)
        await system.run(run_id).wait()
    return _outcome(shop, before, await load(address, run_id))


async def _take(system: ActorSystem, run_id: str, step: Mapping[str, Any], token: str) -> str:
    """Takes a step. Returns the latest claim's token, which is added to a result without one."""
    method = step["method"].removeprefix("run.")
    arguments = {ARGUMENTS.get(key, key): value for key, value in step["params"].items()}
    if method == "result":
        arguments.setdefault("token", token)
    error = None
    try:
        reply = await getattr(system, method)(run_id, **arguments)
        token = reply if method == "claim" else token
    except AdjournError as raised:
        error = raised.type
    assert error == step.get("error"), f"run {run_id}: {step} was answered with {error}"
    return token


async def come_to(address: str, now_ms: int, wanted: Mapping[str, str | None]) -> dict[str, dict[str, Any] | None]:
    """Returns the outcomes of runs that reach these statuses by themselves; None: the run is deleted."""
    before = {run_id: await load(address, run_id) for run_id in wanted}
    shop = Shop()
    changed = trio.Event()

    async def status(run_id: str) -> str | None:
        try:
            return (await system.head(run_id)).status
        except RunNotFound:
            return None

    async with _opened(address, now_ms, *shop.agents) as system:
        system.watch_changes(lambda head, deleted: changed.set())
        while {run_id: await status(run_id) for run_id in wanted} != wanted:
            await changed.wait()
            changed = trio.Event()
    left = [run_id for run_id, status in wanted.items() if status is not None]
    outcomes = {run_id: _outcome(shop, before[run_id], await load(address, run_id)) for run_id in left}
    return {run_id: outcomes.get(run_id) for run_id in wanted}


def _outcome(shop: Shop, before: Record, now: Record) -> dict[str, Any]:
    """Returns a run's state after the steps.

    That is: its status, its new messages and kinds of journal entries (sorted, because tools race), the executed tools
    with their decisions, and how many messages each model call had."""
    run_id, count = before.head.id, len(before.journal)
    assert now.journal[:count] == before.journal, "the journal has changed"
    messages = History(now.journal).messages
    asked = [seen for run, seen in shop.asked if run == run_id]
    assert all(list(seen) == messages[: len(seen)] for seen in asked), "the model saw something else"
    return {
        "status": now.head.status,
        "reason": now.head.reason,
        "added": [_short(message) for message in messages[len(History(before.journal).messages) :]],
        "journal": sorted(_kinds(now.journal[count:])),
        "executed": sorted(_plain(execution) for run, *execution in shop.executed if run == run_id),
        "asked": [len(seen) for seen in asked],
    }


def _kinds(journal: Sequence[Entry]) -> list[str]:
    return [str(entry.__struct_config__.tag) for entry in journal]


def _short(message: Message) -> dict[str, Any]:
    match message:
        case AssistantMessage():
            return {"role": "assistant", "text": message.text, "stopReason": message.stop_reason}
        case ToolResultMessage(is_error=True):  # the runtime's own text, which may change
            return {"role": "toolResult", "toolCallId": message.tool_call_id, "isError": True}
        case _:
            return {"role": "toolResult", "toolCallId": message.tool_call_id, "text": message.text}


def _plain(value: Any) -> Any:
    """Returns the value as JSON decodes it."""
    return json.loads(msgspec.json.encode(value))
