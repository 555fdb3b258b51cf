"""Clients that start, decide and abort runs while servers are killed, and what must hold afterwards.

Each run that they start calls `pay`, which needs a decision, and `look`, which needs none. Both write each start of
theirs into a ledger file, beside the module of the agent.
"""

import random
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from subprocess import PIPE

import trio

from adjourn.actors.client import Backoff, Client, open_client
from adjourn.protocol.errors import AdjournError, LimitExceeded, RunNotFound, StoreUnavailable
from adjourn.protocol.events import AgentRetry, MessageStart, MessageUpdate, ToolExecutionUpdate
from adjourn.protocol.messages import AssistantMessage, Text, ToolCall, ToolResultMessage
from adjourn.protocol.methods import RunSnapshot
from adjourn.protocol.record import FINAL
from adjourn.protocol.transcript import Snapshot, Transcript

__all__ = ["Node", "World", "act", "served"]

SEED = 7
AHEAD_OF_SAVES = (MessageStart, MessageUpdate, ToolExecutionUpdate, AgentRetry)
AGENT = """
import os, trio
from adjourn.actors import Agent, ToolContext, tool
from adjourn.actors.models import events_of
from adjourn.protocol.events import AgentRetry, MessageStart, MessageUpdate, ToolExecutionUpdate
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
    """Keeps what the clients did and saw. Writes the agent's module `hostile` into the folder."""

    def __init__(self, folder: Path) -> None:
        (folder / "hostile.py").write_text(AGENT)
        self.folder = folder
        self.chance = random.Random(SEED)
        self.runs: list[str] = []
        self.settled: dict[str, set[bool | None]] = {}  # by call: acknowledged answers; None: declined
        self._announce, self._new = trio.open_memory_channel[str](0)  # ids of runs to watch
        self.seen: dict[str, tuple[Transcript, int]] = {}  # by run: a watcher's fold, and its last seq
        self.saved: dict[str, int] = {}  # by run: the last seq that a watcher saw and that was saved
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
                    # Events ahead of a save end with their node: the store never knew them.
                    assert item.seq >= self.saved.get(run_id, 0)
                    transcript = Transcript(item.snapshot)
                    self.saved[run_id] = item.seq
                else:
                    assert item.seq > last
                    transcript.apply(item.event)
                    if not isinstance(item.event, AHEAD_OF_SAVES):
                        self.saved[run_id] = item.seq
                last = item.seq
                self.seen[run_id] = transcript, last

    async def watch_all(self, client: Client) -> None:
        async with trio.open_nursery() as nursery:
            async for run_id in self._new:
                nursery.start_soon(self.watch_soon, client, run_id)

    async def watch_soon(self, client: Client, run_id: str) -> None:
        while True:
            # A server that waits for its store soon has too many requests.
            with suppress(RunNotFound, LimitExceeded, StoreUnavailable):
                return await self.watch(client, run_id)
            await self.wait_steps(5)

    async def end(self, url: str) -> None:
        """Bring all runs to their ends over this server."""
        async with open_client(url) as client:
            await self.rest(client)

    async def check_end(self, url: str) -> int:
        """Bring all runs to their ends over this server, and check them. Return how many runs there are."""
        async with open_client(url) as client:
            ended = await self.rest(client)
            for run_id in self.seen:
                await self.watch(client, run_id)
        log = (self.folder / "log.txt").read_text()
        assert "Traceback" not in log, log
        ledger = [line.split() for line in (self.folder / "ledger.txt").read_text().splitlines()]
        assert max(Counter(call for call, _ in ledger).values()) == 1, "a tool started twice"
        for run_id, found in ended.items():
            check(found, dict(ledger), self.settled)
            if run_id in self.seen:
                assert self.seen[run_id][0].snapshot() == found
        return len(ended)

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


class Node:
    """One `adjourn serve` process, which can be killed, stopped and started again on the same port."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder, self._options = folder, options
        self._process: trio.Process | None = None
        self.port = 0  # set by the first start

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start the process, and wait until it listens."""
        # No HTTP: a client's socket could have taken its port.
        serve = ["serve", "hostile:agents", "--port", str(self.port), "--no-http", *self._options]
        command = [sys.executable, "-W", "error", "-m", "adjourn.actors", *serve]
        with (self._folder / "log.txt").open("ab") as log:
            self._process = await trio.lowlevel.open_process(command, cwd=self._folder, stdout=PIPE, stderr=log)
        assert self._process.stdout is not None
        said = b""
        while (found := re.search(rb"ws://.*:(\d+)\n", said)) is None:
            data = await self._process.stdout.receive_some()
            assert data, (self._folder / "log.txt").read_text()
            said += data
        self.port = int(found[1])

    async def kill(self) -> None:
        """Kill the process, stopped or not. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            with trio.CancelScope(shield=True):
                process.kill()
                await process.wait()
                assert process.stdout is not None
                await process.stdout.aclose()

    def freeze(self) -> None:
        """Stop the process from running: it answers nobody, and ends no connection."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process run on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def served(*nodes: Node) -> AsyncGenerator[None]:
    """Start the nodes, all at once, and kill them after the block."""
    try:
        async with trio.open_nursery() as nursery:
            for node in nodes:
                nursery.start_soon(node.start)
        yield
    finally:
        for node in nodes:
            await node.kill()


async def act(world: World, urls: Sequence[str]) -> None:
    """Use the servers as two clients, the second of which begins at the last server."""
    opened = partial(open_client, reconnect=Backoff(0.02, 0.1), ping_interval_s=1, wait_for_server=True)
    async with opened(urls) as one, opened(urls[::-1]) as other:
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
