"""Implements `Agent.run_sync`: one run of an agent, in an actor system of its own."""

from collections.abc import Callable, Sequence
from typing import Any

import trio

from ...protocol.errors import ProgramError
from ...protocol.messages import Message
from ...protocol.transcript import PendingCall, Snapshot
from ..agent import Agent
from .system import open_actor_system

__all__ = ["DecisionNeeded", "run_alone"]


class DecisionNeeded(ProgramError):
    """The run of `Agent.run_sync` needs a decision or a client's result, and is lost. `pending`: the waiting calls."""

    def __init__(self, pending: Sequence[PendingCall]) -> None:
        names = ", ".join(call.tool_name for call in pending)
        super().__init__(
            f"the run waits for a decision, or for a client, on: {names}. Give `decide=` to run_sync; or start the run "
            "in a system with a store, where decisions may come later: open_actor_system, open_threaded_system"
        )
        self.pending = tuple(pending)


def run_alone(
    agent: Agent, given: str | Sequence[Message], decide: Callable[[PendingCall], Any] | None = None, /
) -> Snapshot:
    """Runs an agent and returns the final state. As `Agent.run_sync`."""
    if trio.lowlevel.in_trio_run():
        raise RuntimeError("run_sync blocks, and a trio loop runs in this thread: use open_actor_system")
    return trio.run(_run, agent, given, decide)


async def _run(agent: Agent, given: str | Sequence[Message], decide: Callable[[PendingCall], Any] | None) -> Snapshot:
    async with open_actor_system([agent]) as system:
        run = await system.start(agent, given)
        while (snapshot := await run.wait()).status == "paused":
            if decide is None or any(call.kind != "decision" for call in snapshot.pending):
                raise DecisionNeeded(snapshot.pending)
            for call in snapshot.pending:
                await run.resume(decide(call), call.tool_call_id)
        return snapshot


Agent._run_alone = staticmethod(run_alone)  # pyright: ignore[reportPrivateUsage]
