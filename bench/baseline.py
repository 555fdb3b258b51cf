"""What the runtime is measured against: the same steps in bare trio, written by hand, with nothing beside them.

Kept honest both ways: no step is left out that the run needs to come to the same result (a test compares them), and
nothing is in it that somebody in a hurry would leave out. It validates nothing, shows nothing to anybody, and survives
nothing but a crash while it is parked.
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
    """What a parked run must not forget."""

    id: str
    status: str
    messages: list[dict[str, Any]]


_ENCODER = msgspec.json.Encoder()

Save = Callable[[str, bytes], Awaitable[None]]


async def bare_call() -> dict[str, Any]:
    """The model wants the tool. One checkpoint, as the network would be."""
    await trio.lowlevel.checkpoint()
    return {"role": "assistant", "call": {"id": "call_1", "name": "refund_order", "arguments": ARGUMENTS}}


async def bare_answer() -> dict[str, Any]:
    """The model has its result."""
    await trio.lowlevel.checkpoint()
    return {"role": "assistant", "text": ANSWER}


async def refund_order(order_id: str, amount: float, decision: dict[str, Any]) -> str:
    """The tool."""
    return f"refunded {amount} of order {order_id}" if decision["approved"] else "refused"


class BareRun:
    """One run: an actor of its own task, with a memory channel as its mailbox."""

    __slots__ = ("_receive", "_save", "done", "id", "mailbox", "messages", "parked")

    def __init__(self, run_id: str, save: Save) -> None:
        self.id = run_id
        self.mailbox, self._receive = trio.open_memory_channel[dict[str, Any]](1)
        self.parked = trio.Event()
        self.done = trio.Event()
        self.messages: list[dict[str, Any]] = [{"role": "user", "text": QUESTION}]
        self._save = save

    async def __call__(self) -> None:
        """Ask the model, save, wait for the decision, call the tool, ask the model again."""
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
    """Checkpoints into a dict."""

    async def save(run_id: str, data: bytes) -> None:
        store[run_id] = data

    return save


class GroupCommitter:
    """Checkpoints into SQLite, `synchronous=FULL`: all that wait for it in one transaction, in a worker thread."""

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
        """Back when it is on the disk."""
        self._rows.append((run_id, data))
        self._wanted.set()
        await self._committed.wait()

    async def run(self) -> None:
        """Commit for ever."""
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
        """Close the file."""
        self._connection.close()


@asynccontextmanager
async def open_committer(path: str) -> AsyncGenerator[Save]:
    """A committer at work."""
    committer = GroupCommitter(path)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(committer.run)
            yield committer.save
            nursery.cancel_scope.cancel()
    finally:
        committer.close()
