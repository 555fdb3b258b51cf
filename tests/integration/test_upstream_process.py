"""Two server processes on one PostgreSQL database: a client of one watches a run of the other, which is killed."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE, STDOUT

import pytest
import trio
from processes import ADJOURN, ENVIRONMENT, Output

from adjourn.actors.client import Backoff, open_client
from adjourn.protocol.events import Envelope
from adjourn.protocol.methods import RunSnapshot
from adjourn.protocol.transcript import Transcript

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@asynccontextmanager
async def demo(folder: Path, address: str) -> AsyncGenerator[tuple[trio.Process, str]]:
    command = [*ADJOURN, "demo", "--headless", "--no-http", "--port", "0", "--store", address]
    process = await trio.lowlevel.open_process(command, cwd=folder, stdout=PIPE, stderr=STDOUT, env=ENVIRONMENT)
    assert process.stdout is not None
    try:
        yield process, (await Output(process.stdout).until(r"adjourn serves support at (ws://\S+)\n"))[1]
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            await process.stdout.aclose()


async def test_a_client_elsewhere_sees_each_delta_and_goes_on_when_the_runs_node_is_killed(
    tmp_path: Path, postgres: str
) -> None:
    async with demo(tmp_path, postgres) as (owner, there), demo(tmp_path, postgres) as (_, here):
        async with open_client(there, reconnect=Backoff(attempts=1)) as starter, open_client(here) as client:
            await starter.start("support", "count to 60", run_id="count")
            fold, before, after = Transcript(), list[int](), list[int]()
            snapshots = 0
            async with client.events("count") as events:
                async for item in events:
                    if isinstance(item, RunSnapshot):
                        fold = Transcript(item.snapshot)
                        snapshots += 1
                        continue
                    assert isinstance(item, Envelope)
                    fold.apply(item.event)
                    if owner.returncode is None:
                        before.append(item.seq)
                        if len(before) == 20:
                            assert snapshots == 1
                            owner.kill()
                    else:
                        after.append(item.seq)
            assert before == list(range(before[0], before[0] + len(before))), "each event once, in order"
            assert after == sorted(set(after))
            assert after[0] > before[-1]
            assert fold.snapshot() == (await client.get("count")).snapshot
            assert " 59 60" in str(fold.snapshot())
