"""A server that is killed at random moments while clients start, decide and abort: acknowledged actions happened once.

The moments are numbers of client steps from a fixed seed. The machine's own timing isn't fixed; the invariants hold for
any timing.
"""

import random
import re
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from subprocess import PIPE

import pytest
import trio

from adjourn.actors.client import Backoff, Client, open_client
from adjourn.protocol.errors import AdjournError, RunNotFound
from adjourn.protocol.messages import AssistantMessage, Text, ToolCall, ToolResultMessage
from adjourn.protocol.methods import RunSnapshot
from adjourn.protocol.record import FINAL
from adjourn.protocol.transcript import Snapshot, Transcript

SEED = 7
KILLS = 3
PATIENCE_S = 40  # enough for a busy machine
AGENTS = """
import os, trio
from adjourn.actors import Agent, ToolContext, tool
from adjourn.actors.models import events_of
from adjourn.protocol.messages import AssistantMessage, ModelDescriptor, Text, ToolCall

def note(context, word):
    fd = os.open("ledger.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(fd, f"{context.tool_call_id} {word}\\n".encode())
    os.fsync(fd)
    os.close(fd)

@tool(decision={"type": "object", "required": ["approved"]})
def pay(n: int, decision: dict, context: ToolContext) -> str:
    "Waits for a yes or a no."
    note(context, decision["approved"])
    return str(decision["approved"])

@tool
def look(n: int, context: ToolContext) -> str:
    "Waits for nothing."
    note(context, "-")
    return "looked"

class Model:
    descriptor = ModelDescriptor(id="rules", api="rules", provider="tests")

    async def stream(self, request):
        turn = sum(isinstance(message, AssistantMessage) for message in request.messages)
        wanted = [("pay", "look"), ("look",), ("pay", "pay")][turn:][:1]
        calls = [ToolCall(id=str(n), name=name, arguments={"n": n}) for n, name in enumerate(*wanted)] if wanted else []
        stop = "toolUse" if calls else "stop"
        for event in events_of(AssistantMessage(content=(Text(text="one two three"), *calls), stop_reason=stop)):
            await trio.lowlevel.checkpoint()
            yield [event]

agents = Agent(name="shop", model=Model(), tools=(pay, look))
"""


class World:
    """Keeps what the clients did and saw."""

    def __init__(self) -> None:
        self.chance = random.Random(SEED)
        self.runs: list[str] = []
        self.settled: dict[str, set[bool | None]] = {}  # by call: acknowledged answers; None: declined
        self._announce, self._new = trio.open_memory_channel[str](0)  # ids of runs to watch
        self.seen: dict[str, tuple[Transcript, int]] = {}  # by run: a watcher's fold, and its last seq
        self._steps = 0
        self._stepped = trio.Event()

    def step(self) -> None:
        """Count one step of a client."""
        self._steps += 1
        self._stepped.set()
        self._stepped = trio.Event()

    async def wait_steps(self, count: int) -> None:
        """Wait for this number of client steps."""
        goal = self._steps + count
        while self._steps < goal:
            await self._stepped.wait()

    async def start(self, client: Client) -> None:
        while True:
            run_id = f"run-{len(self.runs)}"
            self.runs.append(run_id)
            await self._announce.send(run_id)
            with suppress(AdjournError):
                await client.start("shop", "go", run_id)
            self.step()
            await self.wait_steps(self.chance.randrange(1, 20))

    async def decide(self, client: Client) -> None:
        while True:
            if not self.runs:
                await self.wait_steps(1)
            with suppress(AdjournError):  # also if another client decided differently
                await self.decide_one(client, self.chance.choice(self.runs[-30:]))
            self.step()

    async def decide_one(self, client: Client, run_id: str) -> Snapshot:
        found = (await client.get(run_id)).snapshot
        if self.chance.random() < 0.02:
            await client.abort(run_id)
        for call in found.pending:
            approved = self.chance.choice((True, False, None))
            if approved is None:
                await client.decline(run_id, call.tool_call_id)
            else:
                await client.resume(run_id, {"approved": approved}, call.tool_call_id)
            self.settled.setdefault(call.tool_call_id, set()).add(approved)
        return found

    async def watch(self, client: Client, run_id: str) -> None:
        transcript, last = self.seen.get(run_id, (Transcript(), 0))
        async with client.events(run_id, after=last) as events:
            async for item in events:
                if isinstance(item, RunSnapshot):
                    assert item.seq >= last
                    transcript = Transcript(item.snapshot)
                else:
                    assert item.seq > last
                    transcript.apply(item.event)
                last = item.seq
                self.seen[run_id] = transcript, last

    async def watch_all(self, client: Client) -> None:
        async with trio.open_nursery() as nursery:
            async for run_id in self._new:
                nursery.start_soon(self.watch_soon, client, run_id)

    async def watch_soon(self, client: Client, run_id: str) -> None:
        while True:
            with suppress(RunNotFound):
                return await self.watch(client, run_id)
            await self.wait_steps(5)

    async def rest(self, client: Client) -> dict[str, Snapshot]:
        """Wait for the end of all runs. Return them."""
        ended: dict[str, Snapshot] = {}
        for run_id in self.runs:
            with suppress(RunNotFound):  # if its start was never acknowledged
                while run_id not in ended:
                    with suppress(AdjournError):
                        if (await client.get(run_id)).snapshot.status not in FINAL:
                            await self.decide_one(client, run_id)
                    found = (await client.get(run_id)).snapshot
                    if found.status in FINAL:
                        ended[run_id] = found
        return ended


@asynccontextmanager
async def served(folder: Path, port: int) -> AsyncGenerator[tuple[trio.Process, int]]:
    serve = ["serve", "hostile:agents", "--port", str(port), "--no-http"]  # a client's socket could have taken its port
    command = [sys.executable, "-W", "error", "-m", "adjourn.actors", *serve]
    with (folder / "log.txt").open("ab") as log:
        process = await trio.lowlevel.open_process(command, cwd=folder, stdout=PIPE, stderr=log)
    assert process.stdout is not None
    try:
        said = b""
        while (found := re.search(rb"ws://.*:(\d+)\n", said)) is None:
            data = await process.stdout.receive_some()
            assert data, (folder / "log.txt").read_text()
            said += data
        yield process, int(found[1])
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            await process.stdout.aclose()


@pytest.mark.slow
async def test_acknowledged_calls_happen_once_however_often_the_server_is_killed(tmp_path: Path) -> None:
    (tmp_path / "hostile.py").write_text(AGENTS)
    world = World()
    port = 0
    with trio.fail_after(PATIENCE_S):
        async with served(tmp_path, port) as (_, port):
            pass
        async with trio.open_nursery() as clients:
            for _ in range(KILLS):
                async with served(tmp_path, port):
                    if not clients.child_tasks:
                        clients.start_soon(act, world, f"ws://127.0.0.1:{port}")
                    await world.wait_steps(world.chance.randrange(40, 300))
            clients.cancel_scope.cancel()
        async with served(tmp_path, port), open_client(f"ws://127.0.0.1:{port}") as client:
            ended = await world.rest(client)
            for run_id in world.seen:
                await world.watch(client, run_id)
    assert "Traceback" not in (tmp_path / "log.txt").read_text()
    ledger = [line.split() for line in (tmp_path / "ledger.txt").read_text().splitlines()]
    assert max(Counter(call for call, _ in ledger).values()) == 1
    assert len(ended) > KILLS
    for run_id, found in ended.items():
        check(found, dict(ledger), world.settled)
        if run_id in world.seen:
            assert world.seen[run_id][0].snapshot() == found


async def act(world: World, url: str) -> None:
    again = Backoff(0.02, 0.1)
    async with open_client(url, reconnect=again) as one, open_client(url, reconnect=again) as other:
        async with trio.open_nursery() as nursery:
            for client in (one, other):
                for task in (world.start, world.decide, world.decide):
                    nursery.start_soon(task, client)
            nursery.start_soon(world.watch_all, other)


def check(found: Snapshot, ledger: dict[str, str], settled: dict[str, set[bool | None]]) -> None:
    said = [block for message in found.messages if isinstance(message, AssistantMessage) for block in message.content]
    calls = [block.id for block in said if isinstance(block, ToolCall)]
    results = [message for message in found.messages if isinstance(message, ToolResultMessage)]
    assert sorted(calls) == sorted(result.tool_call_id for result in results)
    for result in results:
        [block] = result.content
        assert isinstance(block, Text)
        call, told = result.tool_call_id, block.text
        acknowledged = settled.get(call, set())
        assert len(acknowledged) <= 1
        if None in acknowledged:
            assert result.is_error
            assert call not in ledger
        elif result.is_error:
            assert "may have taken effect" in told or call not in ledger, told
        elif result.tool_name == "pay":
            assert told == ledger[call]
            assert {told} >= {str(each) for each in acknowledged}
        else:
            assert call in ledger
