"""The README's section on several machines: its commands, in terminals, with a real PostgreSQL server."""

import shlex
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio
from markdown_pages import blocks
from postgres_server import Server
from processes import Master, Output, on_terminal
from psycopg.conninfo import conninfo_to_dict
from tracked import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("## Several machines\n")[2].partition("\n## ")[0]
ORDER, LONG = "refund order 7", "count to 300"
QUIT = "\x1c"  # what a terminal sends for Ctrl-\ (as in the README)


def test_the_section_is_short() -> None:
    assert 5 < len(SECTION.strip().splitlines()) <= 20


def commands(ports: dict[str, int]) -> list[list[str]]:
    """Return the section's commands, on other ports."""
    [block] = blocks(SECTION, "sh")
    for shown, port in ports.items():
        block = block.replace(shown, str(port))
    return [shlex.split(line, comments=True) for line in block.splitlines()]


async def free_ports() -> list[int]:
    """Return two ports that nobody uses."""
    listeners = [listener for _ in range(2) for listener in await trio.open_tcp_listeners(0, host="127.0.0.1")]
    ports = [listener.socket.getsockname()[1] for listener in listeners]
    for listener in listeners:
        await listener.aclose()
    return ports


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_the_section_does_what_it_says(postgres_server: Server, tmp_path: Path) -> None:
    assert all(typed in SECTION for typed in (f"`{ORDER}`", f"`{LONG}`", "Ctrl-\\"))
    one, two = await free_ports()
    createdb, *others = commands({"8765": one, "8775": two})
    assert createdb[0] == "createdb"
    postgres_server.run(f"CREATE DATABASE {createdb[1]}")
    given = conninfo_to_dict(postgres_server.address)
    environment = {
        "PGHOST": str(given["host"]),
        "PGUSER": str(given["user"]),
        "ADJOURN_PORT": str(one),
        "ADJOURN_HTTP_PORT": "0",
    }
    async with AsyncExitStack() as stack:

        async def start(command: list[str]) -> tuple[trio.Process, Master, Output]:
            assert command[0] == ".venv/bin/adjourn"
            return await stack.enter_async_context(on_terminal(*command[1:], cwd=tmp_path, **environment))

        first, second, chat, inbox = others
        killed, first_keys, output = await start(first)
        await output.until(f"adjourn serves support at ws://127.0.0.1:{one}")
        _, _, output = await start(second)
        await output.until(f"adjourn serves support at ws://127.0.0.1:{two}")
        _, keys, shown = await start(chat)
        await shown.until("you> ")
        keys.type(f"{ORDER}\r")
        await shown.until("approved .*: ")

        _, decider, output = await start(inbox)
        await output.until("approved .*: ")
        decider.type("y\r")
        await output.until("reason .*: ")
        decider.type("\r")
        await output.until("Decided 1; 0 left waiting")
        await shown.until(r"support> Refunded .* for order 7\.")

        await shown.until("you> ")
        keys.type(f"{LONG}\r")
        await shown.until(r"10\s+11\s+12\s")
        first_keys.type(QUIT)
        assert await killed.wait() == -signal.SIGQUIT
        await shown.until("connected again")
        await shown.until("the text so far is void")
        await shown.until(r"support> 1 2 3 [\s\d]* 299\s+300\s")
