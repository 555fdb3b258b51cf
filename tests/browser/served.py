"""Runs an `adjourn` process, which can be killed, and started again on the same ports and store."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from processes import ADJOURN, ENVIRONMENT

PATHS = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])  # where stage.py is
STARTED = "Ended runs "  # begins one of the last lines that the start prints


class Served:
    """Runs `adjourn ARGS` in a folder, on free ports. `url` is its address for HTTP, the page and `/ws`."""

    def __init__(self, folder: Path, *args: str) -> None:
        self.folder, self.url = folder, ""
        self._args = args
        self._ports = {"--port": "0", "--http-port": "0"}
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Starts the process, and waits until it listens."""
        ports = [word for option in self._ports.items() for word in option]
        with (self.folder / "errors.txt").open("a") as errors:
            self._process = subprocess.Popen(
                [*ADJOURN, *self._args, *ports], cwd=self.folder, env=ENVIRONMENT | {"PYTHONPATH": PATHS},
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        said = ""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said += line
            if line.startswith(STARTED):
                break
        found = re.search(r" at ws://127\.0\.0\.1:(\d+)\n.* at (http://127\.0\.0\.1:(\d+))\n", said)
        assert found, f"it ended before it listened: {said}{self.errors()}"
        self._ports, self.url = {"--port": found[1], "--http-port": found[3]}, found[2]

    def kill(self) -> None:
        """Kills the process with SIGKILL."""
        if self._process is not None and self._process.stdout is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()

    def errors(self) -> str:
        """Returns everything that the processes wrote to stderr."""
        return (self.folder / "errors.txt").read_text()

    def start_run(self, agent: str, words: str | list[dict[str, Any]], **more: Any) -> str:
        """Starts a run over HTTP. Returns its id."""
        body = {"agent": agent, "input": words, **more}
        return self._post("/runs", body)["runId"]

    def decline(self, run_id: str) -> None:
        """Declines the waiting call of a run, as another client."""
        self._post(f"/runs/{run_id}/decline", {})

    def get(self, path: str, token: str) -> Any:
        """Returns the JSON at a path."""
        request = Request(self.url + path, headers={"authorization": f"Bearer {token}"})
        with urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"accept": "application/json", "content-type": "application/json"}
        request = Request(self.url + path, json.dumps(body).encode(), headers)
        with urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def release(self, name: str) -> None:
        """Lets agents of `stage.py` that wait for `name` continue."""
        (self.folder / name).touch()

    def refunds(self, order: int) -> list[str]:
        """Returns the lines that the demo's refund tool wrote about an order."""
        ledger = self.folder / "adjourn-demo.refunds.txt"
        lines = ledger.read_text(encoding="utf-8").splitlines() if ledger.exists() else []
        return [line for line in lines if line.startswith(f"order {order}: ")]
