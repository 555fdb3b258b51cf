"""What a clause of the Store contract is, and the records that clauses save. Other files here have the clauses."""

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

# Opens the store under test. If the store claims to be durable, opening it again after closing gives the same store.
Opener = Callable[[], AbstractAsyncContextManager[Store]]


PATIENCE_S = 300  # until a clause gives up a hanging store: far above what any needs over a slow network


@dataclass(frozen=True)
class Clause:
    """One promise of the contract.

    Attributes:
        name: the clause's name.
        promise: the test: called with what opens an empty store.
        needs: the claims (fields of StoreClaims) without which the clause does not apply.
    """

    name: str
    promise: Callable[[Opener], Awaitable[None]]
    needs: tuple[str, ...]

    async def check(self, opener: Opener) -> None:
        """Checks that the store keeps the promise. `opener` opens an empty store.

        Raises: AssertionError, which says what was expected, also if a call hangs (after five minutes); any error that
            the store should not have raised. A note on the error names the clause. RuntimeError if asserts are switched
            off.
        """
        if not __debug__:
            raise RuntimeError("the clauses are asserts: run them without -O and PYTHONOPTIMIZE")
        try:
            with trio.move_on_after(PATIENCE_S) as patience:
                await self.promise(opener)
            assert not patience.cancelled_caught, f"every call returns; one still waits after {PATIENCE_S} s"
        except Exception as error:
            error.add_note(f"The clause of the Store contract: {self.name}")
            raise

    def __str__(self) -> str:
        return self.name


def clause(*needs: str) -> Callable[[Callable[[Opener], Awaitable[None]]], Clause]:
    """Makes a function the clause of the same name."""

    def made(promise: Callable[[Opener], Awaitable[None]]) -> Clause:
        return Clause(getattr(promise, "__name__", "").replace("_", " "), promise, needs)

    return made


def a_head(run_id: str = "run", version: int = 1, **fields: Any) -> Head:
    """Returns a head that can be saved, with a gated call and these `fields` of `Head`."""
    call = Call(id="call-1", name="refund", index=1, phase="gated", due_at=9_000)
    fields = {"status": "paused", "agent": "support", "created_at": 1_000, "calls": (call,), **fields}
    return Head(id=run_id, version=version, nonce="n", **fields)


def next_head(head: Head, **fields: Any) -> Head:
    """Returns the head of the next save."""
    return msgspec.structs.replace(head, version=head.version + 1, **fields)


def a_long_journal(entries: int, start: int = 0) -> tuple[Entry, ...]:
    """Returns small entries; each has its place, counted from `start`, as `at`."""
    return tuple(
        DecisionEntry(tool_call_id="call-1", outcome="decided", at=n, args_digest="d")
        for n in range(start, start + entries)
    )


def a_large_journal() -> tuple[Entry, ...]:
    """Returns 1,200 entries with 200,000 bytes: more than a store may write at once."""
    return InputEntry(messages=(user("é" * 100_000, 1),), at=1), *a_long_journal(1_199)


def a_journal() -> tuple[Entry, ...]:
    """Returns an entry of each kind, with values of many types."""
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
