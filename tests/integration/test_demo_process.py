"""The `adjourn` command as a person runs it: real processes, file, socket and terminal; also killed during work."""

import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE, STDOUT

import pytest
import trio
from processes import ADJOURN, ENVIRONMENT, PATIENCE_S, Server, adjourn, on_terminal, serving

from adjourn.actors.cli.exits import WAITING
from adjourn.actors.client import Client, open_client
from adjourn.protocol.errors import AdjournError, ConnectionLost
from adjourn.protocol.events import AgentPaused, Envelope, MessageUpdate
from adjourn.protocol.messages import AssistantMessage

STOPPED = "Stopping; another signal stops at once\nStopped\n"


async def start_and_park(url: str, text: str) -> str:
    async with open_client(url) as client:
        run_id = (await client.start("support", text)).run_id
        async with client.events(run_id, after=0) as events:
            async for item in events:
                if isinstance(item, Envelope) and isinstance(item.event, AgentPaused):
                    break
    return run_id


def ledger_of(folder: Path) -> list[str]:
    return (folder / "adjourn-demo.refunds.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.slow
async def test_a_refund_parked_when_the_process_is_killed_is_decided_later_and_executed_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        run_id = await start_and_park(server.url, "refund order 7")
        await server.kill()
    async with serving(tmp_path) as server:
        await server.output.until("1 run is waiting for a decision: .*adjourn inbox --url ws:")
        assert re.search(
            rf"^{run_id} +support +paused .* refund_order since .*$", await server.adjourn("runs", "list"), re.MULTILINE
        )
        decided = await server.adjourn("runs", "resume", run_id, '{"approved": true}')
        assert decided == "decided: refund_order(order_id=7, amount=79.5)\n"
        assert (await server.adjourn("runs", "watch", run_id)).endswith("support> Refunded 79.50 for order 7.\n")
        await server.kill()
    async with serving(tmp_path) as server:
        assert "completed" in await server.adjourn("runs", "list")
        [line] = ledger_of(tmp_path)
        assert line.startswith("order 7: refunded 79.50 (call ")


@pytest.mark.slow
async def test_a_decision_is_taken_once_however_often_it_is_sent(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        run_id = await start_and_park(server.url, "refund order 7")
        left = await adjourn("runs", "resume", run_id, "--url", server.url)  # standard input is at its end
        assert left.returncode == WAITING
        assert left.stderr.decode() == "adjourn: no decision was given; the run goes on waiting\n"
        await server.adjourn("runs", "resume", run_id, '{"approved": true}')
        again = await server.adjourn("runs", "resume", run_id, '{"approved": true}')  # as after a lost reply
        assert again.startswith("decided: call_")
        other = await adjourn("runs", "resume", run_id, '{"approved": false}', "--url", server.url)
        assert (other.returncode, other.stderr.decode()) == (1, "adjourn: the call was decided already\n")
        [line] = ledger_of(tmp_path)
        assert line.startswith("order 7: refunded 79.50 (call ")


async def kill_when_it_streams(server: Server, client: Client, run_id: str) -> None:
    async with client.events(run_id, after=0) as events:
        async for item in events:
            if isinstance(item, Envelope) and isinstance(item.event, MessageUpdate):
                server.process.kill()


@pytest.mark.slow
async def test_a_run_that_streams_when_the_process_is_killed_goes_on_to_its_end(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, open_client(server.url, reconnect=None) as client:
        run_id = (await client.start("support", "count to 40")).run_id
        with pytest.raises(ConnectionLost):
            await kill_when_it_streams(server, client, run_id)
    async with serving(tmp_path) as server, open_client(server.url) as client:
        await server.output.until("1 run goes on where the last process left off\n")
        with trio.fail_after(PATIENCE_S):
            async with client.events(run_id) as events:
                async for _ in events:
                    pass
        snapshot = (await client.get(run_id)).snapshot
        assert snapshot.status == "completed"
        *_, answer = snapshot.messages
        assert isinstance(answer, AssistantMessage)
        assert answer.text == " ".join(str(n) for n in range(1, 41))


@pytest.mark.slow
async def test_sigterm_tells_the_clients_saves_everything_and_exits_0(tmp_path: Path) -> None:
    told, gone = list[AdjournError](), trio.Event()

    def changed(why: AdjournError | None) -> None:
        if why is not None:
            told.append(why)
            gone.set()

    async with serving(tmp_path) as server, open_client(server.url, reconnect=None, on_connection=changed):
        run_id = await start_and_park(server.url, "ship order 7")
        server.process.send_signal(signal.SIGTERM)
        with trio.fail_after(PATIENCE_S):
            assert await server.process.wait() == 0
        assert await server.output.rest() == STOPPED
        await gone.wait()
        assert "the server is shutting down" in told[0].message
    async with serving(tmp_path) as server:
        assert "paused" in await server.adjourn("runs", "show", run_id)


@pytest.mark.slow
async def test_a_second_signal_exits_at_once(tmp_path: Path) -> None:
    gone = trio.Event()
    async with serving(tmp_path) as server:
        async with open_client(server.url, reconnect=None, on_connection=lambda why: why and gone.set()) as client:
            await client.start("support", "count to 9999")
            server.process.send_signal(signal.SIGINT)
            with trio.fail_after(PATIENCE_S):
                await gone.wait()  # the command now waits until the run rests
        server.process.send_signal(signal.SIGTERM)
        with trio.fail_after(PATIENCE_S):
            assert await server.process.wait() == 128 + signal.SIGTERM


@pytest.mark.slow
async def test_the_error_of_a_second_process_names_the_stores_owner(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        done = await adjourn("demo", "--headless", "--port", "0", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, b"")
        [line] = done.stderr.decode().splitlines()
        assert line.startswith("adjourn: ")
        assert "adjourn-demo.db is open" in line
        assert f"process {server.process.pid}" in line


@pytest.mark.slow
async def test_a_port_that_is_taken_is_told_in_a_line(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        port = server.url.rpartition(":")[2]
        done = await adjourn("demo", "--headless", "--port", port, "--store", "memory:", cwd=tmp_path)
        assert done.returncode == 1
        assert done.stderr.decode() == (
            f"adjourn: cannot listen on 127.0.0.1:{port}: another process uses it, maybe another adjourn; "
            "--port 0 picks a free port\n"
        )


PIPED = """\
Talking to support. /help lists the commands, Ctrl-D leaves.
you> refund orders 7 and 8
  (thinking…)
support> A refund has to be approved first.
  ? refund_order needs a decision
  ? refund_order needs a decision
  | refund_order
  |   # Refund an order. A person must approve the refund.
  |   order_id: 7
  |   amount: 79.5
  amount can be changed: on the page, or with `adjourn runs resume --arguments`.
  (/decline [reason] says no, /later decides later, /again starts over)
  Whether the call may execute.
  approved (y/n): y
  Your reason. If you decline, the model reads it.
  reason (optional):\x20
    decided: {"approved":true}
"""


@pytest.mark.slow
async def test_a_chat_takes_its_lines_from_a_pipe_and_decides_two_calls_one_by_one(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        done = await adjourn("chat", server.url, stdin="refund orders 7 and 8\ny\n\n/decline not that one\n")
        assert (done.returncode, done.stderr) == (0, b"")
        text = done.stdout.decode()
        assert text.startswith(PIPED)
        second = (
            r"^  \|   order_id: 8\n  \|   amount: 116\.0\n  amount can .*\n  \(/decline .*\n.*\n  approved \(y/n\): "
        )
        assert re.search(second, text, re.MULTILINE)
        assert "approved (y/n): /decline not that one\n" in text
        assert text.endswith(
            "support> Refunded 79.50 for order 7.\nThat did not work: This call was declined: not that one\nyou> \n"
        )
        assert [line[:9] for line in ledger_of(tmp_path)] == ["order 7: "]


@pytest.mark.slow
async def test_a_chat_whose_input_ends_at_a_question_leaves_the_run_waiting(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        done = await adjourn("chat", server.url, stdin="ship order 7\n1\n")
        assert done.returncode == WAITING
        [come_back] = re.findall(r"^  adjourn (chat ws://\S+ --run \w+)$", done.stdout.decode(), re.MULTILINE)
        done = await adjourn(*come_back.split(), stdin="pickup\nthe corner shop\n")
        assert "    -> Order 7 waits to be picked up at the corner shop.\n" in done.stdout.decode()


# On a terminal.


@pytest.mark.slow
async def test_a_refund_is_answered_at_the_prompt(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, on_terminal("chat", server.url) as (process, keys, screen):
        await screen.until("you> ")
        keys.type("refund order 7\n")
        await screen.until(r"approved \(y/n\): ")
        keys.type("maybe\n")
        await screen.until(r"Expected y or n\.\n.*approved \(y/n\): ")
        keys.type("y\n")
        await screen.until(r"reason \(optional\): ")
        keys.type("\n")
        await screen.until(r"-> Refunded 79\.50 for order 7\.(.*\n)+.*you> ")
        keys.type("\x04")
        with trio.fail_after(PATIENCE_S):
            assert await process.wait() == 0
        [line] = ledger_of(tmp_path)
        assert line.startswith("order 7: ")


@pytest.mark.slow
async def test_ctrl_c_stops_the_run_and_then_leaves_even_if_a_read_is_pending(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, on_terminal("chat", server.url) as (process, keys, screen):
        await screen.until("you> ")
        keys.type("count to 9999\n")
        await screen.until("1 2 3 ")
        keys.type("\x03")
        await screen.until(r"aborted \(stopped by Ctrl-C\)(.*\n)+.*you> ")
        keys.type("\x03")
        with trio.fail_after(PATIENCE_S):
            assert await process.wait() == 0


@pytest.mark.slow
async def test_a_decision_of_another_client_closes_the_question(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, on_terminal("chat", server.url) as (_, keys, screen):
        await screen.until("you> ")
        keys.type("refund order 7\n")
        await screen.until(r"approved \(y/n\): ")
        keys.type("half a wo")
        [run_id] = re.findall(r"^\w{32}(?= )", await server.adjourn("runs", "list"), re.MULTILINE)
        await server.adjourn("runs", "decline", run_id, "--reason", "too late")
        await screen.until(r"(?s)declined: too late\n.*settled elsewhere|settled elsewhere.*declined: too late\n")
        await screen.until(r"you> ")
        keys.type("hello\n")
        await screen.until(r"Hello! I look after")
    assert not (tmp_path / "adjourn-demo.refunds.txt").exists()


@pytest.mark.slow
async def test_a_chat_reconnects_to_a_server_that_was_killed_and_shows_the_whole_answer(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        port = server.url.rpartition(":")[2]
        async with on_terminal("chat", server.url) as (_, keys, screen):
            await screen.until("you> ")
            keys.type("count to 60\n")
            await screen.until("1 2 3 ")
            await server.kill()
            await screen.until("reconnecting…")
            async with serving_again(tmp_path, port):
                await screen.until("connected again")
                await screen.until(r"58\s59\s60\n.*you> ")  # the line may break between any two


@asynccontextmanager
async def serving_again(folder: Path, port: str) -> AsyncIterator[None]:
    command = [*ADJOURN, "demo", "--headless", "--no-http", "--port", port]  # another program may have the next port
    process = await trio.lowlevel.open_process(command, cwd=folder, stdout=PIPE, stderr=STDOUT, env=ENVIRONMENT)
    try:
        yield
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()


@pytest.mark.slow
async def test_the_demo_on_a_terminal_is_server_and_chat_in_one(tmp_path: Path) -> None:
    async with on_terminal("demo", "--port", "0", cwd=tmp_path) as (process, keys, screen):
        await screen.until(r"adjourn serves support at ws://127\.0\.0\.1:\d+\n")
        await screen.until("you> ")
        keys.type("ship order 7\n")
        await screen.until(r"1  Courier\n.*2  Pickup\n")
        keys.type("\x04")
        await screen.until(r"Run \w+ waits for a decision")
        with trio.fail_after(PATIENCE_S):
            assert await process.wait() == 0
