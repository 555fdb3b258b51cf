"""What a clause of the Store contract is, and the records that clauses save. The clauses are in the files beside it."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import msgspec
import trio

from ...protocol.messages import AssistantMessage, ModelDescriptor, Text, ToolCall, ToolResultMessage, user
from ...protocol.record import (
    Call,
    DecisionEntry,
    Entry,
    Head,
    InputEntry,
    MessageEntry,
    ResultEntry,
    Spec,
    SpecEntry,
)
from ..base import Store

__all__ = ["Clause", "Opener", "a_head", "a_journal", "a_large_journal", "a_long_journal", "clause", "next_head"]

# Opens the store under test; opened again after it was closed, it is the same store, if it claims to be durable.
Opener = Callable[[], AbstractAsyncContextManager[Store]]


PATIENCE_S = 300  # until a clause gives up a store that hangs: far above what any takes over a slow network


@dataclass(frozen=True)
class Clause:
    """One promise of the contract."""

    name: str
    promise: Callable[[Opener], Awaitable[None]]
    needs: tuple[str, ...]  # the claims (fields of StoreClaims) without which it doesn't apply

    async def check(self, opener: Opener) -> None:
        """Nothing, if the store keeps the promise. `opener` opens an empty store.

        Raises: AssertionError, which says what was expected, also of a call that hangs (after five minutes); or what
            a call of the store raised and should not have. A note on it names the clause. RuntimeError if asserts are
            switched off.
        """
        if not __debug__:
            raise RuntimeError("the clauses are asserts: run them without -O and PYTHONOPTIMIZE")
        try:
            with trio.move_on_after(PATIENCE_S) as patience:
                await self.promise(opener)
            assert not patience.cancelled_caught, f"expected every call to return; one waits, after {PATIENCE_S} s"
        except Exception as error:
            error.add_note(f"The clause of the Store contract: {self.name}")
            raise

    def __str__(self) -> str:
        return self.name


def clause(*needs: str) -> Callable[[Callable[[Opener], Awaitable[None]]], Clause]:
    """Makes a function the clause of its name."""

    def made(promise: Callable[[Opener], Awaitable[None]]) -> Clause:
        return Clause(getattr(promise, "__name__", "").replace("_", " "), promise, needs)

    return made


def a_head(run_id: str = "run", version: int = 1, **fields: Any) -> Head:
    """A head that is fit to be saved, with a gated call; `fields` of `Head` as wanted."""
    call = Call(id="call-1", name="refund", index=1, phase="gated", due_at=9_000)
    fields = {"status": "paused", "agent": "support", "created_at": 1_000, "calls": (call,), **fields}
    return Head(id=run_id, version=version, nonce="n", **fields)


def next_head(head: Head, **fields: Any) -> Head:
    """The head of the save after this one."""
    return msgspec.structs.replace(head, version=head.version + 1, **fields)


def a_long_journal(entries: int, start: int = 0) -> tuple[Entry, ...]:
    """Small entries, each with its place, counted from `start`, as `at`."""
    return tuple(
        DecisionEntry(tool_call_id="call-1", outcome="decided", at=n, args_digest="d")
        for n in range(start, start + entries)
    )


def a_large_journal() -> tuple[Entry, ...]:
    """More entries than a store may write at once, and more bytes: 1,200 and 200,000."""
    return InputEntry(messages=(user("é" * 100_000, 1),), at=1), *a_long_journal(1_199)


def a_journal() -> tuple[Entry, ...]:
    """An entry of each kind, with values of all sorts in them."""
    arguments: dict[str, Any] = {"order": 7, "amount": 12.5, "notes": ["é", "\x00", "\U0001f4e6", None, {"deep": [[]]}]}
    tool_call = ToolCall(id="call-1", name="refund", arguments=arguments)
    result = ToolResultMessage(tool_call_id="call-1", tool_name="refund", content=(Text(text="Done."),))
    return (
        SpecEntry(spec=Spec(agent="support", model=ModelDescriptor(id="m"))),
        InputEntry(messages=(user("Refund order 7", 1),), at=1),
        MessageEntry(message=AssistantMessage(content=(Text(text="Sure."), tool_call))),
        DecisionEntry(tool_call_id="call-1", outcome="decided", at=2, args_digest="d", by="ann", decision={"ok": True}),
        ResultEntry(message=result),
    )
