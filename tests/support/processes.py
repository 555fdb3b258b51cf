"""Runs the `adjourn` command in processes: as a server, with captured output, and on a terminal."""

import os
import pty
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from subprocess import PIPE, STDOUT, CompletedProcess

import trio

ADJOURN = [sys.executable, "-m", "adjourn.actors"]
ENVIRONMENT = {
    **os.environ,
    "TERM": "xterm",
    "PYTHONWARNINGS": "error",
    "ADJOURN_TOKEN": "",
    "ADJOURN_URL": "",
    "ADJOURN_NO_HISTORY": "1",
}
PATIENCE_S = 30  # on a busy machine; usually everything takes a second or two
FORWARD = re.compile(r"\x1b\[([0-9]*)C")  # moves the cursor over spaces
STYLES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colours and cursor moves of a line editor


class Output:
    """The output of a process, read until an expected text has come."""

    def __init__(self, receive: trio.abc.ReceiveStream) -> None:
        self._receive = receive
        self._raw = b""
        self.text = ""  # without colours and cursor moves
        self._read = 0  # end of the last match in `text`

    async def until(self, pattern: str) -> re.Match[str]:
        with trio.move_on_after(PATIENCE_S):
            while not (found := re.compile(pattern).search(self.text, self._read)):
                data = await self._receive.receive_some()
                assert data, f"it ended before {pattern!r}; it wrote: {self.text}"
                self._raw += data
                spaced = FORWARD.sub(lambda found: " " * int(found[1] or 1), self._raw.decode(errors="replace"))
                self.text = STYLES.sub("", spaced).replace("\r\n", "\n")
            self._read = found.end()
            return found
        raise AssertionError(f"no {pattern!r} in {PATIENCE_S} s; it wrote: {self.text}")

    async def rest(self) -> str:
        """Returns the rest of the output, until the process ends."""
        with trio.fail_after(PATIENCE_S):
            return self.text[self._read :] + "".join([data.decode() async for data in self._receive])


class Server:
    """`adjourn demo --headless` on a free port."""

    def __init__(self, process: trio.Process, output: Output, url: str) -> None:
        self.process, self.output, self.url = process, output, url

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def adjourn(self, *args: str) -> str:
        """Returns the output of `adjourn ARGS --url …`, which must succeed."""
        done = await adjourn(*args, "--url", self.url)
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout.decode()


async def adjourn(*args: str, cwd: Path | None = None, stdin: str = "") -> CompletedProcess[bytes]:
    command, given = [*ADJOURN, *args], stdin.encode()
    with trio.fail_after(PATIENCE_S):
        return await trio.run_process(
            command, stdin=given, capture_stdout=True, capture_stderr=True, check=False, cwd=cwd, env=ENVIRONMENT
        )


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Server]:
    process = await trio.lowlevel.open_process(
        [*ADJOURN, "demo", "--headless", "--port", "0"], cwd=folder, stdout=PIPE, stderr=STDOUT, env=ENVIRONMENT
    )
    assert process.stdout is not None
    output = Output(process.stdout)
    try:
        found = await output.until(r"adjourn serves support at (ws://\S+)\n(.*\n)*?  ship order.*\n")
        yield Server(process, output, found[1])
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            await process.stdout.aclose()


class Master(trio.abc.ReceiveStream):
    """The test's end of a pseudo-terminal."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.wait_readable(self.fd)
        try:
            return os.read(self.fd, max_bytes or 4096)
        except OSError:  # Linux raises this when the other end is closed
            return b""

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    async def type_all(self, text: str) -> None:
        """Types text that is too long for one write."""
        data = text.encode()
        while data:
            await trio.lowlevel.wait_writable(self.fd)
            data = data[os.write(self.fd, data[:512]) :]

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


@contextmanager
def terminal() -> Iterator[tuple[int, Master, Output]]:
    """Opens a terminal of 80 columns. Returns the process's end and the test's."""
    ours, theirs = pty.openpty()
    try:
        os.set_blocking(ours, False)
        master = Master(ours)
        yield theirs, master, Output(master)
    finally:
        os.close(ours)
        os.close(theirs)


@asynccontextmanager
async def on_terminal(
    *args: str, cwd: Path | None = None, **environment: str
) -> AsyncIterator[tuple[trio.Process, Master, Output]]:
    with terminal() as (theirs, master, output):
        process = await trio.lowlevel.open_process(
            [*ADJOURN, *args], stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env={**ENVIRONMENT, **environment},
            start_new_session=True, preexec_fn=own_terminal,
        )  # fmt: skip
        try:
            yield process, master, output
        finally:
            with trio.CancelScope(shield=True):
                process.kill()
                await process.wait()


def own_terminal() -> None:
    """Makes the terminal the child's controlling terminal, so that Ctrl-C reaches the child. Runs in the child."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
