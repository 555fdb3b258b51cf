"""The work of the processes that write a frozen store: they start runs, and are killed in the middle of it."""

import os
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

import trio
from frozen_shop import AGENT_OF, HISTORY
from frozen_steps import YES
from trio.testing import wait_all_tasks_blocked

from adjourn.actors import ActorSystem, Run
from adjourn.protocol.errors import AdjournError
from adjourn.protocol.record import Head, RunLimits
from adjourn.protocol.transcript import Snapshot

__all__ = ["DAY_S", "MINUTE_S", "Clock", "Writing", "die", "first", "second", "second_of_server"]

MINUTE_S, DAY_S = 60, 24 * 3600
METADATA = {"tenant": "acme", "tags": ["é", 1, None, {"deep": True}]}


class Clock:
    """A wall clock that moves only when it is set."""

    def __init__(self, now_s: int) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


class Writing:
    """A process that writes runs."""

    def __init__(self, system: ActorSystem, clock: Clock) -> None:
        self.system, self.clock = system, clock

    async def start(self, run_id: str, given: Any = None, **options: Any) -> Run:
        """Starts a run, a minute after the previous one."""
        self.clock.now_s += MINUTE_S
        agent = AGENT_OF.get(run_id, "desk")
        return await self.system.start(agent, given or f"Please: {run_id}.", run_id=run_id, **options)

    async def parked(self, run_id: str, **options: Any) -> tuple[Run, list[str]]:
        """Starts a run that parks. Returns it and the ids of its waiting calls."""
        run = await self.start(run_id, **options)
        return run, await pending(run)

    async def too_late(self, run: Run) -> None:
        """Decides a call after its deadline, which makes the call expire."""
        try:
            await run.resume(YES)
        except AdjournError:
            await run.wait_ended()
        else:
            raise AssertionError(f"{run} should be over")


async def pending(run: Run) -> list[str]:
    return [call.tool_call_id for call in (await run.wait()).pending]


async def reached(run: Run, is_it: Callable[[Snapshot], bool]) -> None:
    """Waits until the run is in the wanted state and has emitted all events of that state."""
    async with run.events(after=None) as items:
        async for _ in items:
            if is_it(await run.snapshot()):
                break
        else:
            raise AssertionError(f"{run} is over")
    await wait_all_tasks_blocked()


def said(text: str) -> Callable[[Snapshot], bool]:
    return lambda found: found.streaming is not None and found.streaming.text == text


def under_way(found: Snapshot) -> bool:
    return any(tool.partial_result is not None for tool in found.tools)


# Two processes, each killed at the end. The first one's run is brought back by the second.


async def first(writing: Writing) -> None:
    run = await writing.start("streaming-twice")
    await reached(run, said("This took"))


async def second(writing: Writing) -> None:
    await reached(writing.system.run("streaming-twice"), said("This took"))
    for write in (write_expired, write_ended, write_parked, write_running):
        await write(writing)


async def second_of_server(writing: Writing) -> None:
    """Writes fewer runs: all stores have the same heads and entries, and `second` writes every kind of them."""
    await reached(writing.system.run("streaming-twice"), said("This took"))
    await write_decided(writing)
    await (await writing.start("failed-limit")).wait_ended()
    for run_id in ("parked", "parked-deadline"):
        await writing.parked(run_id, by="ann")
    await reached(await writing.start("executing-beside-gate"), under_way)
    await write_aborting(writing)


async def write_expired(writing: Writing) -> None:
    run, _ = await writing.parked("completed-default")
    writing.clock.now_s += DAY_S
    await writing.too_late(run)
    run, _ = await writing.parked("expired")
    writing.clock.now_s += 20 * MINUTE_S
    await writing.too_late(run)


async def write_ended(writing: Writing) -> None:
    limits = RunLimits(max_cost=100.0, max_tokens=1_000_000)
    run = await writing.start("completed", HISTORY, metadata=METADATA, by="ann", limits=limits)
    await run.wait_ended()
    for run_id in ("failed", "failed-limit"):
        await (await writing.start(run_id)).wait_ended()
    await write_decided(writing)
    run, _ = await writing.parked("completed-declined")
    await run.decline(reason="too much", by="bob")
    await run.wait_ended()
    run = await writing.start("aborted")
    await reached(run, said("I was about"))
    await run.abort("changed my mind", by="bob")
    run, _ = await writing.parked("aborted-parked")
    await run.abort()


async def write_parked(writing: Writing) -> None:
    for run_id in ("parked", "parked-deadline", "offered"):
        await writing.parked(run_id, by="ann")
    run, [refund, *_] = await writing.parked("parked-several", metadata=METADATA, by="ann")
    await run.resume(YES, refund, by="bob")
    await pending(run)
    run, _ = await writing.parked("offered-after-decision")
    await run.resume(YES, by="bob")
    run, [scan] = await writing.parked("claimed")
    await writing.system.claim(run.id, scan, by="kiosk")
    run, [_, _, scan] = await writing.parked("parked-mixed")
    await writing.system.claim(run.id, scan)


async def write_running(writing: Writing) -> None:
    await reached(await writing.start("streaming"), said("Order 7 was"))
    for run_id in ("executing", "executing-idempotent", "executing-beside-gate", "queued"):
        await reached(await writing.start(run_id), under_way)
    run, _ = await writing.parked("executing-decided")
    await run.resume(YES, by="bob")
    await reached(run, under_way)
    await write_aborting(writing)


async def write_decided(writing: Writing) -> None:
    run, [refund, scan] = await writing.parked("completed-decided")
    await run.resume(YES, refund, by="bob")
    token = await writing.system.claim(run.id, scan, by="kiosk")
    await writing.system.result(run.id, scan, token, {"badge": 42}, by="kiosk")
    await run.wait_ended()


async def write_aborting(writing: Writing) -> None:
    """Asks for an abort of a run whose tool does not end, and dies."""
    run = await writing.start("aborting")
    await reached(run, under_way)
    asked = trio.Event()

    def watch(head: Head, deleted: bool) -> None:
        if head.abort is not None:
            asked.set()

    writing.system.watch_changes(watch)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(run.abort, "wrong order", by="bob"))  # the tool keeps the abort from ending
        await asked.wait()
        die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
