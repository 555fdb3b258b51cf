"""Checks that the memory of a supervisor with very many children stays constant. Not part of `python -m bench`.

Each round starts the children, tells each, crashes a tenth, and closes the supervisor. The first line is a round of as
many bare trio tasks, each with a memory channel. Seconds are CPU time.

    PYTHONPATH=.src .venv/bin/python -m bench.tree [CHILDREN] [ROUNDS]
"""

import gc
import logging
import sys
import time
from typing import Any

import trio
from trio.lowlevel import current_statistics
from trio.testing import wait_all_tasks_blocked

from adjourn.actors.core import ChildSpec, Mailbox, open_supervisor

from .repeat import resident_bytes


class Phases:
    """The CPU seconds of each phase of a round."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._began = time.process_time()

    def done(self, phase: str) -> None:
        """Ends a phase."""
        now = time.process_time()
        self._seconds[phase], self._began = now - self._began, now

    def __str__(self) -> str:
        return ", ".join(f"{phase} {seconds:.2f} s" for phase, seconds in self._seconds.items())


async def _count(mailbox: Mailbox[Any]) -> None:
    async for mail in mailbox:
        if mail.body is None:
            raise ValueError
        mail.reply(mail.body)


async def one_round(count: int) -> tuple[Phases, int]:
    """Returns the phases, and the bytes resident while all children live."""
    phases = Phases()
    async with open_supervisor(max_restarts=count) as supervisor:
        template = ChildSpec("child", _count)
        refs = [supervisor.start_child(template.instance(str(n))) for n in range(count)]
        await wait_all_tasks_blocked()
        phases.done("start")
        for ref in refs:
            await ref.tell(1)
        await wait_all_tasks_blocked()
        phases.done("tell")
        for ref in refs[::10]:
            ref.tell_nowait(None)
        await wait_all_tasks_blocked()
        assert supervisor.statistics().restarts == len(refs[::10])
        phases.done("crash")
        full = resident_bytes()
    phases.done("close")
    return phases, full


async def _take(receive: trio.MemoryReceiveChannel[int]) -> None:
    async for _ in receive:
        pass


async def bare_round(count: int) -> Phases:
    """Bare tasks: nobody restarts them or waits for each of them."""
    phases = Phases()
    async with trio.open_nursery() as nursery:
        sends: list[trio.MemorySendChannel[int]] = []
        for _ in range(count):
            send, receive = trio.open_memory_channel[int](64)
            sends.append(send)
            nursery.start_soon(_take, receive)
        await wait_all_tasks_blocked()
        phases.done("start")
        for send in sends:
            await send.send(1)
        await wait_all_tasks_blocked()
        phases.done("tell")
        for send in sends:
            send.close()
    phases.done("close")
    return phases


async def main(count: int, rounds: int) -> None:
    logging.getLogger("adjourn").setLevel(logging.CRITICAL)
    print(f"bare tasks: {await bare_round(count)}", flush=True)
    tasks = current_statistics().tasks_living
    for n in range(1, rounds + 1):
        phases, full = await one_round(count)
        assert current_statistics().tasks_living == tasks, "a task is left"
        gc.collect()
        print(f"round {n}: {phases}; {full / 1e6:.0f} MB full, {resident_bytes() / 1e6:.0f} MB after it", flush=True)


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    trio.run(main, *(given + [100_000, 10][len(given) :]))
