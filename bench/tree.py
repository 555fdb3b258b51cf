"""Checks that the memory of a supervisor with very many children stays constant. Not part of `python -m bench`.

Each round starts the children, tells each, crashes a tenth, and closes the supervisor:

    PYTHONPATH=.src .venv/bin/python -m bench.tree [CHILDREN] [ROUNDS]
"""

import gc
import logging
import sys
import time
from typing import Any

import trio
import trio.testing
from trio.lowlevel import current_statistics

from adjourn.actors.core import ChildSpec, Mailbox, open_supervisor


async def _count(mailbox: Mailbox[Any]) -> None:
    async for mail in mailbox:
        if mail.body is None:
            raise ValueError
        mail.reply(mail.body)


def _resident_mb() -> float:
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


async def one_round(count: int) -> tuple[dict[str, float], float]:
    """Returns the seconds of each phase, and the megabytes while all children live."""
    phases: dict[str, float] = {}
    began = time.perf_counter()

    def done(phase: str) -> None:
        nonlocal began
        now = time.perf_counter()
        phases[phase], began = now - began, now

    async with open_supervisor(max_restarts=count) as supervisor:
        template = ChildSpec("child", _count)
        refs = [supervisor.start_child(template.instance(str(n))) for n in range(count)]
        await trio.testing.wait_all_tasks_blocked()
        done("start")
        for ref in refs:
            await ref.tell(1)
        await trio.testing.wait_all_tasks_blocked()
        done("tell")
        for ref in refs[::10]:
            ref.tell_nowait(None)
        await trio.testing.wait_all_tasks_blocked()
        assert supervisor.statistics().restarts == len(refs[::10])
        done("crash")
        full_mb = _resident_mb()
    done("close")
    return phases, full_mb


async def main(count: int, rounds: int) -> None:
    logging.getLogger("adjourn").setLevel(logging.CRITICAL)
    tasks = current_statistics().tasks_living
    for n in range(1, rounds + 1):
        phases, full_mb = await one_round(count)
        assert current_statistics().tasks_living == tasks, "a task is left"
        gc.collect()
        times = ", ".join(f"{phase} {seconds:.2f} s" for phase, seconds in phases.items())
        print(f"round {n}: {times}; {full_mb:.0f} MB full, {_resident_mb():.0f} MB after it")


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    trio.run(main, *(given + [100_000, 10][len(given) :]))
