"""`adjourn top` as a process: on a terminal, and in a pipe."""

import json
import signal
import termios
from pathlib import Path

import pytest
import trio
from processes import PATIENCE_S, adjourn, on_terminal, serving

from adjourn.actors.client import open_client


@pytest.mark.slow
async def test_top_prints_a_snapshot_in_a_pipe_and_follows_on_a_terminal(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, open_client(server.url) as client:
        await client.start("support", "refund order 7")
        async with client.watch_runs() as changes:
            async for run in changes:
                if run.status == "paused":
                    break
        text = await server.adjourn("top")
        assert "a decision on refund_order" in text
        assert "root" in text
        tree = json.loads(await server.adjourn("top", "--json", "--once"))
        assert tree["root"]["kind"] == "supervisor"
        for quits in ("q", "\x03"):
            async with on_terminal("top", server.url, "--interval", "0.1") as (process, keys, screen):
                await screen.until("a decision")
                keys.type("jjj\r")
                await screen.until(r"refund_order needs a decision")
                keys.type("q")
                await screen.until("WAITS FOR")
                keys.type(quits)
                with trio.fail_after(PATIENCE_S):
                    assert await process.wait() == 0
                assert termios.tcgetattr(keys.fd)[3] & termios.ECHO
        async with on_terminal("top", server.url) as (process, keys, screen):
            await screen.until("root")
            process.terminate()
            with trio.fail_after(PATIENCE_S):
                assert await process.wait() == -signal.SIGTERM
            assert termios.tcgetattr(keys.fd)[3] & termios.ECHO


@pytest.mark.slow
async def test_top_without_a_gateway_is_one_line() -> None:
    done = await adjourn("top", "127.0.0.1:9")
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"nothing answers" in done.stderr
