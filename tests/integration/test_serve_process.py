"""`adjourn serve` as a process, with a user's own agents: long scripts are shown before approval, and the process ends
in time, whatever a tool or a client does."""

import fcntl
import signal
import sqlite3
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from subprocess import PIPE

import pytest
import trio
from processes import ENVIRONMENT, PATIENCE_S, Master, Output, adjourn, on_terminal

from adjourn.actors.client import open_client
from adjourn.protocol.errors import StaleEpoch

AGENTS = '''
import sys, threading, time
import trio
from adjourn.actors import Agent, Middleware, ToolContext, tool
from adjourn.protocol import AgentPaused
from adjourn.actors.testing import ScriptedModel, calls

APPROVAL = {"type": "object", "properties": {"approved": {"type": "boolean"}}, "required": ["approved"]}
SCRIPT = "\\n".join([f"echo step {n}" for n in range(1, 80)] + ["rm -rf /"])

@tool(decision=APPROVAL)
def run_script(host: str, script: str, decision: dict) -> str:
    """Run a shell script on a build machine."""
    return f"ran {script.count(chr(10)) + 1} lines" if decision["approved"] else "not run"

@tool
async def hold(context: ToolContext) -> str:
    """Wait for a thread, whatever comes."""
    print(context.run_id, "at work", flush=True)
    with trio.CancelScope(shield=True):
        await trio.sleep_forever()

@tool
async def obey(context: ToolContext) -> str:
    """Wait until it is told to stop."""
    print(context.run_id, "at work", flush=True)
    try:
        await trio.sleep_forever()
    finally:
        print(context.run_id, "is told to stop", flush=True)

@tool
async def block(context: ToolContext) -> str:
    """Block the event loop."""
    print(context.run_id, "at work", flush=True)
    time.sleep(3600)

@tool
def linger(context: ToolContext) -> str:
    """Start a thread that never ends."""
    threading.Thread(target=time.sleep, args=(3600,), name="lingers", daemon=False).start()
    print(context.run_id, "at work", flush=True)
    return "started"

class Tell(Middleware):
    def on_event(self, envelope):
        if isinstance(envelope.event, AgentPaused):
            print(envelope.run_id, "waits", flush=True)

def agent(name, *wanted, tools):
    return Agent(name=name, model=ScriptedModel([calls(*wanted), "Done."] * 9), tools=tools, middleware=[Tell()])

script = {"host": "build-7", "script": SCRIPT}
agents = [
    agent("ops", ("run_script", script), tools=[run_script]),
    agent("hold", ("hold", {}), tools=[hold]),
    agent("obey", ("obey", {}), tools=[obey]),
    agent("block", ("block", {}), tools=[block]),
    agent("linger", ("linger", {}), tools=[linger]),
]
'''
# The process's time bounds are seconds. In these tests, the environment sets them.
HURRIED = """
import os, sys
from adjourn.actors.cli import app, leaving, serving
seconds = {name: float(os.environ[name]) for name in ("drain_s", "grace_s", "close_s", "patience_s")}
limits = serving.GatewayLimits
serving.GatewayLimits = lambda close_s: limits(close_s=seconds["close_s"])
serving.serve.__kwdefaults__.update(drain_s=seconds["drain_s"], grace_s=seconds["grace_s"])
leaving.PATIENCE_S = seconds["patience_s"]
app.GRACE_S = 0.1
app.main(sys.argv[1:])
"""


STOPPED = "Stopping; another signal stops at once\nStopped\n"


class Served:
    """`adjourn serve agents:agents` on a free port."""

    def __init__(self, process: trio.Process, output: Output, errors: Output, url: str) -> None:
        self.process, self.output, self.errors, self.url = process, output, errors, url

    async def start(self, agent: str) -> str:
        """Start a run of `agent`, and wait until its tool works or waits for a decision."""
        run_id = f"run-{agent}"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._start, agent, run_id)
            await self.output.until(rf"{run_id} .*\n")
            nursery.cancel_scope.cancel()
        return run_id

    async def _start(self, agent: str, run_id: str) -> None:
        async with open_client(self.url, reconnect=None) as client:
            await client.start(agent, "go", run_id=run_id)
            await trio.sleep_forever()

    async def ended(self) -> tuple[int, str, str]:
        """Wait for the process. Return its exit code and output."""
        with trio.fail_after(PATIENCE_S):
            code = await self.process.wait()
        return code, await self.output.rest(), await self.errors.rest()


@asynccontextmanager
async def serving(
    folder: Path,
    *options: str,
    drain_s: float = 0.1,
    grace_s: float = PATIENCE_S,
    close_s: float = 0.1,
    patience_s: float = 1.0,
) -> AsyncIterator[Served]:
    (folder / "agents.py").write_text(AGENTS, encoding="utf-8")
    (folder / "hurried.py").write_text(HURRIED, encoding="utf-8")
    given = {"drain_s": drain_s, "grace_s": grace_s, "close_s": close_s, "patience_s": patience_s}
    seconds = {name: str(value) for name, value in given.items()}
    process = await trio.lowlevel.open_process(
        [sys.executable, str(folder / "hurried.py"), "serve", "agents:agents", "--port", "0", *options],
        cwd=folder, stdout=PIPE, stderr=PIPE, env={**ENVIRONMENT, **seconds},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    output = Output(process.stdout)
    try:
        found = await output.until(r"adjourn serves .* at (ws://\S+)\n(.*\n)*?Ended runs .*\n")
        yield Served(process, output, Output(process.stderr), found[1])
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            await process.stdout.aclose()
            await process.stderr.aclose()


async def printed(*args: str) -> str:
    return (await adjourn(*args)).stdout.decode()


# A long script.


def resize(keys: Master, columns: int, rows: int) -> None:
    fcntl.ioctl(keys.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@pytest.mark.slow
async def test_the_last_line_of_a_long_script_is_seen_before_it_can_be_approved(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, on_terminal("chat", server.url, "--agent", "ops") as (_, keys, screen):
        resize(keys, 80, 24)
        await screen.until("you> ")
        keys.type("go\n")
        await screen.until(r"-- line 23 of 84; Enter: more")
        keys.type("y\n")
        await screen.until(r"Read the rest before you decide\.\n.*-- line 23 of 84; ")
        assert "rm -rf" not in screen.text
        keys.type("\n")
        await screen.until(r"-- line 46 of 84; ")
        resize(keys, 60, 12)
        keys.type("\n")
        await screen.until(r"-- line 56 of 84; ")
        keys.type("/end\n")
        await screen.until(r"echo step 79\n  \|     \| rm -rf /\n(.*\n)+.*approved \(y/n\): ")
        keys.type("y\n")
        await screen.until(r"-> ran 80 lines\n")


@pytest.mark.slow
async def test_a_long_script_is_read_and_declined_with_runs_show_and_resume(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        run_id = await server.start("ops")
        shown = await printed("runs", "show", run_id, "--url", server.url)
        assert "  |   script: (text, 80 lines)\n  |     | echo step 1\n" in shown
        assert "  |     | rm -rf /\nTo decide: " in shown
        async with on_terminal("runs", "resume", run_id, "--url", server.url) as (process, keys, screen):
            resize(keys, 80, 24)
            await screen.until(r"-- line 23 of 84; ")
            keys.type("/decline it deletes everything\n")
            await screen.until(r"declined: run_script\(")
            with trio.fail_after(PATIENCE_S):
                assert await process.wait() == 0
        assert (
            "declined: it deletes everything"
            in (await adjourn("runs", "show", run_id, "--url", server.url)).stdout.decode()
        )


@pytest.mark.slow
@pytest.mark.parametrize("command", ["chat", "resume"])
async def test_a_call_settled_elsewhere_while_it_is_read_is_asked_about_no_longer(tmp_path: Path, command: str) -> None:
    async with serving(tmp_path) as server:
        run_id = await server.start("ops")
        args = (
            ("runs", "resume", run_id, "--url", server.url)
            if command == "resume"
            else ("chat", server.url, "--run", run_id)
        )
        async with on_terminal(*args) as (process, keys, screen):
            resize(keys, 80, 24)
            await screen.until(r"-- line 23 of 84; ")
            await adjourn("runs", "decline", run_id, "--url", server.url)
            await screen.until(r"\(settled elsewhere; no answer is needed any more\)\n")
            if command == "resume":
                with trio.fail_after(PATIENCE_S):
                    assert await process.wait() == 1
            else:
                await screen.until(r"Done\.\n.*you> ")


# Shutdown.


@pytest.mark.slow
async def test_how_long_runs_are_kept_is_said_at_the_start(tmp_path: Path) -> None:
    async with serving(tmp_path, "--retention", "forever", "--parked-ttl", "12h") as server:
        assert "\nEnded runs are kept for ever; waiting runs are stopped after 12 hours\n" in server.output.text


@pytest.mark.slow
async def test_clients_are_told_and_runs_come_to_rest_at_the_same_time(tmp_path: Path) -> None:
    async with serving(tmp_path, close_s=3600) as server:
        await server.start("obey")
        async with await silent_client(server.url):
            server.process.send_signal(signal.SIGTERM)
            await server.output.until("run-obey is told to stop\n")


@pytest.mark.slow
async def test_a_client_that_answers_nothing_does_not_keep_the_process(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, await silent_client(server.url):
        server.process.send_signal(signal.SIGTERM)
        assert await server.ended() == (0, STOPPED, "")


async def silent_client(url: str) -> trio.SocketStream:
    """Open a connection that neither reads nor writes any more."""
    host, port = url.removeprefix("ws://").split(":")
    stream = await trio.open_tcp_stream(host, int(port))
    key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    head = f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n"
    await stream.send_all(head.encode())
    with trio.fail_after(PATIENCE_S):
        assert b" 101 " in await stream.receive_some()
    return stream


@pytest.mark.slow
async def test_a_tool_that_would_hold_the_process_for_ever_is_left_and_named(tmp_path: Path) -> None:
    async with serving(tmp_path, grace_s=0.1, patience_s=PATIENCE_S) as server:
        run_id = await server.start("hold")
        parked = await server.start("ops")
        server.process.send_signal(signal.SIGTERM)
        code, out, errors = await server.ended()
        assert (code, out) == (3, "Stopping; another signal stops at once\n")
        assert errors.startswith(
            f"adjourn: left by force after 0.2 s; would not stop: tool 'hold' (run {run_id}, call "
        )
        assert parked not in errors
        assert not (tmp_path / "adjourn.db-wal").exists()  # the store was closed
    async with serving(tmp_path) as server:
        assert "it may have taken effect" in await printed("runs", "show", run_id, "--url", server.url)


@pytest.mark.slow
async def test_a_tool_that_blocks_the_event_loop_does_not_keep_the_process(tmp_path: Path) -> None:
    async with serving(tmp_path, grace_s=0.1) as server:
        run_id = await server.start("block")
        server.process.send_signal(signal.SIGTERM)
        code, _, errors = await server.ended()
        assert code == 3
        assert f"would not stop: tool 'block' (run {run_id}" in errors
        assert f"the event loop, which stands still in {tmp_path / 'agents.py'}:" in errors


@pytest.mark.slow
async def test_a_second_signal_ends_a_process_whose_event_loop_is_blocked_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path, grace_s=3600) as server:
        await server.start("block")
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGINT)
        assert (await server.ended())[0] in (128 + signal.SIGTERM, 128 + signal.SIGINT)


@pytest.mark.slow
async def test_a_thread_that_a_tool_has_started_does_not_keep_the_process(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        await server.start("linger")
        server.process.send_signal(signal.SIGTERM)
        assert await server.ended() == (3, STOPPED, "adjourn: left by force; would not stop: thread 'lingers'\n")


# Code that changes, and code that fails.


@pytest.mark.slow
async def test_a_changed_file_restarts_the_process_and_a_broken_one_is_waited_for(tmp_path: Path) -> None:
    async with serving(tmp_path, "--reload") as server:
        await server.start("ops")
        (tmp_path / "agents.py").write_text(f"{AGENTS}\n1 / 0\n", encoding="utf-8")
        await server.output.until(r"agents\.py has changed: restarting\n")
        await server.errors.until(r"File \".*agents\.py\", line \d+, in <module>\n")
        await server.errors.until(r"adjourn: module 'agents' fails: ZeroDivisionError: .*; waiting for a change\n")
        (tmp_path / "agents.py").write_text(f"{AGENTS}\n", encoding="utf-8")
        await server.output.until(r"adjourn serves .*\n(.*\n)*1 run is waiting for a decision")
        server.process.send_signal(signal.SIGINT)
        code, out, _ = await server.ended()
        assert (code, out.splitlines()[-1]) == (0, "Stopped")


# A store with another owner.


@pytest.mark.slow
async def test_a_process_that_has_lost_its_store_says_so_and_ends(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        with closing(sqlite3.connect(tmp_path / "adjourn.db", isolation_level=None)) as connection:
            connection.execute("UPDATE store SET epoch = epoch + 1, owner = 'somebody else'")
        async with open_client(server.url, reconnect=None) as client:
            with pytest.raises(StaleEpoch):
                await client.start("ops", "go")
        code, output, errors = await server.ended()
    assert (code, output) == (4, "")
    first, second = errors.splitlines()
    assert " ERROR adjourn.system: this process has lost its store; the new owner continues all runs" in first
    assert second.startswith("adjourn: the store has a new owner")
