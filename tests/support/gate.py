"""A gate between a program and a PostgreSQL server: closed, it lets nothing through, as a network that is cut."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import trio

__all__ = ["Gate", "open_gate"]

SOCKET = ".s.PGSQL.5432"  # libpq's name of a server's socket in its folder


class Gate:
    """Relays connections to the server's socket while it is open. `address`: the store's address through the gate."""

    def __init__(self, address: str, folder: Path) -> None:
        [there] = parse_qs(urlsplit(address).query)["host"]
        self.address = address.replace(there, str(folder))
        self._there, self._here = str(Path(there, SOCKET)), str(folder / SOCKET)
        self._opened = trio.Event()
        self._opened.set()

    def close(self) -> None:
        """Let nothing through, in either direction. Connections stay."""
        self._opened = trio.Event()

    def open(self) -> None:
        """Let everything through, also what came meanwhile."""
        self._opened.set()

    async def serve(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Relay until cancelled."""
        with trio.socket.socket(trio.socket.AF_UNIX) as listening:
            await listening.bind(self._here)
            listening.listen()
            task_status.started()
            async with trio.open_nursery() as nursery:
                while True:
                    accepted, _ = await listening.accept()
                    nursery.start_soon(self._relay, trio.SocketStream(accepted))

    async def _relay(self, client: trio.SocketStream) -> None:
        with suppress(OSError, trio.BrokenResourceError):
            server = await trio.open_unix_socket(self._there)
            async with client, server, trio.open_nursery() as nursery:
                nursery.start_soon(self._pass_on, client, server, nursery.cancel_scope)
                nursery.start_soon(self._pass_on, server, client, nursery.cancel_scope)

    async def _pass_on(self, source: trio.SocketStream, to: trio.SocketStream, scope: trio.CancelScope) -> None:
        with suppress(trio.BrokenResourceError):
            async for data in source:
                await self._opened.wait()
                await to.send_all(data)
        scope.cancel()


@asynccontextmanager
async def open_gate(address: str, folder: Path) -> AsyncGenerator[Gate]:
    """Open a gate to the server at this address, with its socket in the folder."""
    gate = Gate(address, folder)
    async with trio.open_nursery() as nursery:
        await nursery.start(gate.serve)
        yield gate
        nursery.cancel_scope.cancel()
