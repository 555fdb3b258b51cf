"""The chat on a real terminal: editing, pasting and typing ahead; and commands as scripts use them."""

import json
import termios
from pathlib import Path

import pytest
import trio
from processes import PATIENCE_S, adjourn, on_terminal, serving

from adjourn.actors.cli.exits import FAILED, WAITING
from adjourn.actors.client import open_client
from adjourn.protocol.messages import UserMessage

LEFT, PASTE, PASTE_END = "\x1b[D", "\x1b[200~", "\x1b[201~"


async def said(url: str) -> list[str]:
    """Return the user's messages in the newest run."""
    async with open_client(url) as client:
        [run] = (await client.list(limit=1)).runs
        messages = (await client.get(run.run_id)).snapshot.messages
    return [str(message.content) for message in messages if isinstance(message, UserMessage)]


@pytest.mark.slow
async def test_a_message_is_edited_pasted_whole_and_typed_ahead(tmp_path: Path) -> None:
    text = "\n\n".join(f"paragraph {number} " + "word " * 150 for number in range(12)) + "end"
    assert len(text) > 8192
    async with serving(tmp_path) as server, on_terminal("chat", server.url) as (process, keys, screen):
        await screen.until("you> ")
        keys.type(f"hell{LEFT * 4}//\r")  # one slash is sent
        await screen.until(r"I can tell (.*\n)*.*you> ")
        assert await said(server.url) == ["/hell"]
        await keys.type_all(f"{PASTE}{text}{PASTE_END}\r")
        await screen.until(r"I can tell (.*\n)*.*you> ")
        assert (await said(server.url))[-1] == text
        keys.type("count to 40\r")
        await screen.until("1 2 3 ")
        keys.type("/quit")  # not echoed inside the answer
        await screen.until(r"39 40\n.*you> +/quit")
        keys.type("\r")
        with trio.fail_after(PATIENCE_S):
            assert await process.wait() == 0
        assert termios.tcgetattr(keys.fd)[3] & termios.ECHO


@pytest.mark.slow
async def test_a_long_conversation_is_shown_again_by_the_pager(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        async with on_terminal("chat", server.url, PAGER="sed s/^/PAGED:/") as (process, keys, screen):
            await screen.until("you> ")
            await keys.type_all(f"{PASTE}{'line' + chr(10) * 60}end{PASTE_END}\r")
            await screen.until(r"I can tell (.*\n)*.*you> ")
            keys.type("/show\r")
            await screen.until(r"PAGED:you> line(.*\n)*PAGED:support> (.*\n)*you> ")
            keys.type("\x04")
            with trio.fail_after(PATIENCE_S):
                assert await process.wait() == 0


@pytest.mark.slow
async def test_ctrl_c_at_a_decision_and_then_again_leaves_the_run_for_the_inbox(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        async with on_terminal("chat", server.url) as (process, keys, screen):
            await screen.until("you> ")
            keys.type("refund order 7\r")
            await screen.until(r"approved \(y/n\): ")
            keys.type("half\x03")
            await screen.until(r"\(The run waits\. (.*\n)+.*you> ")
            keys.type("\x03")
            await screen.until(r"Run \w+ waits for a decision")
            with trio.fail_after(PATIENCE_S):
                assert await process.wait() == 0
        async with on_terminal("inbox", "--url", server.url) as (process, keys, screen):
            await screen.until(r"\w{8}  support  paused  .* ago  refund order 7\n    waiting \d+ \w+: refund_order\n")
            await screen.until(r"1 of 1: \w{8}  support: refund order 7, waiting (.*\n)+.*approved \(y/n\): ")
            keys.type("y\r")
            await screen.until(r"reason \(optional\): ")
            keys.type("\r")
            await screen.until(r"decided: refund_order\(order_id=7, amount=79\.5\)\nDecided 1; 0 left waiting\.\n")
            with trio.fail_after(PATIENCE_S):
                assert await process.wait() == 0


@pytest.mark.slow
async def test_messages_are_there_in_the_next_chat_and_answers_are_not(tmp_path: Path) -> None:
    environment = {"ADJOURN_NO_HISTORY": "", "XDG_STATE_HOME": str(tmp_path)}
    async with serving(tmp_path) as server:
        async with on_terminal("chat", server.url, **environment) as (process, keys, screen):
            await screen.until("you> ")
            keys.type("refund order 7\r")
            await screen.until(r"approved \(y/n\): ")
            keys.type("/decline of no use\r")
            await screen.until(r"did not work(.*\n)+.*you> ")
            keys.type("\x04")
            with trio.fail_after(PATIENCE_S):
                assert await process.wait() == 0
        async with on_terminal("chat", server.url, **environment) as (_, keys, screen):
            await screen.until("you> ")
            keys.type("\x1b[A")
            await screen.until("refund order 7")
    kept = (tmp_path / "adjourn" / "history").read_text()
    assert [line for line in kept.splitlines() if line.startswith("+")] == ["+refund order 7"]


@pytest.mark.slow
async def test_a_script_reads_json_shortens_ids_and_executes_a_call_for_a_client(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        asked = await adjourn("chat", server.url, "-q", stdin="what time is it here")
        assert (asked.returncode, asked.stdout) == (WAITING, b"I ask your browser.\n")
        [run] = [json.loads(line) for line in (await server.adjourn("runs", "list", "--json")).splitlines()]
        assert (run["status"], run["calls"][0]["toolName"]) == ("paused", "time_zone")
        short = run["runId"][:6]
        unused = (await server.adjourn("runs", "claim", short)).strip()
        assert "given back" in await server.adjourn("runs", "unclaim", short, "--claim-token", unused)
        token = (await server.adjourn("runs", "claim", short)).strip()
        assert token != unused
        await server.adjourn("runs", "result", short, '"CET"', "--claim-token", token)
        events = [json.loads(line) for line in (await server.adjourn("runs", "watch", short, "--json")).splitlines()]
        assert {event["runId"] for event in events} == {run["runId"]}
        assert "Your browser says: CET" in json.dumps(events)


@pytest.mark.slow
async def test_watching_a_run_that_was_aborted_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        await adjourn("chat", server.url, "-q", stdin="refund order 7")
        run_id = json.loads(await server.adjourn("runs", "list", "--waiting", "--json"))["runId"]
        await server.adjourn("runs", "abort", run_id[:8])
        assert (await adjourn("runs", "watch", run_id[:8], "--url", server.url)).returncode == FAILED
        left = await adjourn("inbox", "--url", server.url)
        assert (left.returncode, left.stdout) == (0, b"Nothing waits for a decision.\n")
