"""The baseline: the same steps as a run, written by hand in bare trio.

The baseline has every step that is needed for the same result (a test compares the results), and nothing more: no
validation, no events, and recovery only of parked runs.
"""

import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio

from .agents import ANSWER, ARGUMENTS, QUESTION

__all__ = ["BareRun", "GroupCommitter", "Save", "bare_answer", "bare_call", "open_committer", "save_in"]


class State(msgspec.Struct):
    """The saved state of a parked run."""

    id: str
    status: str
    messages: list[dict[str, Any]]


_ENCODER = msgspec.json.Encoder()

Save = Callable[[str, bytes], Awaitable[None]]


async def bare_call() -> dict[str, Any]:
    """Returns the model's first turn, a tool call. One checkpoint stands for the network."""
    await trio.lowlevel.checkpoint()
    return {"role": "assistant", "call": {"id": "call_1", "name": "refund_order", "arguments": ARGUMENTS}}


async def bare_answer() -> dict[str, Any]:
    """Returns the model's second turn, after the tool's result."""
    await trio.lowlevel.checkpoint()
    return {"role": "assistant", "text": ANSWER}


async def refund_order(order_id: str, amount: float, decision: dict[str, Any]) -> str:
    """Executes the tool."""
    return f"refunded {amount} of order {order_id}" if decision["approved"] else "refused"


class BareRun:
    """One run: a task with a memory channel as its mailbox."""

    __slots__ = ("_receive", "_save", "done", "id", "mailbox", "messages", "parked")

    def __init__(self, run_id: str, save: Save) -> None:
        self.id = run_id
        self.mailbox, self._receive = trio.open_memory_channel[dict[str, Any]](1)
        self.parked = trio.Event()
        self.done = trio.Event()
        self.messages: list[dict[str, Any]] = [{"role": "user", "text": QUESTION}]
        self._save = save

    async def __call__(self) -> None:
        """Calls the model, saves, waits for the decision, calls the tool, calls the model again."""
        wanted = await bare_call()
        self.messages.append(wanted)
        await self._save(self.id, _ENCODER.encode(State(self.id, "paused", self.messages)))
        self.parked.set()
        decision = await self._receive.receive()
        call = wanted["call"]
        result = await refund_order(**call["arguments"], decision=decision)
        self.messages.append({"role": "toolResult", "id": call["id"], "text": result})
        self.messages.append(await bare_answer())
        self.done.set()


def save_in(store: dict[str, bytes]) -> Save:
    """Saves states in a dict."""

    async def save(run_id: str, data: bytes) -> None:
        store[run_id] = data

    return save


class GroupCommitter:
    """Saves states in SQLite with `synchronous=FULL`: one transaction, in a thread, for all waiting saves."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE runs (id TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID"
        )
        self._rows: list[tuple[str, bytes]] = []
        self._wanted = trio.Event()
        self._committed = trio.Event()

    async def save(self, run_id: str, data: bytes) -> None:
        """Returns when the state is on disk."""
        self._rows.append((run_id, data))
        self._wanted.set()
        await self._committed.wait()

    async def run(self) -> None:
        """Commits waiting saves, for ever."""
        while True:
            await self._wanted.wait()
            self._wanted = trio.Event()
            rows, self._rows = self._rows, []
            committed, self._committed = self._committed, trio.Event()
            await trio.to_thread.run_sync(self._commit, rows)
            committed.set()

    def _commit(self, rows: list[tuple[str, bytes]]) -> None:
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT INTO runs VALUES (?, ?)", rows)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()


@asynccontextmanager
async def open_committer(path: str) -> AsyncGenerator[Save]:
    """Opens a committer and runs it."""
    committer = GroupCommitter(path)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(committer.run)
            yield committer.save
            nursery.cancel_scope.cancel()
    finally:
        committer.close()
