"""One connection to a Valkey or Redis server, driven by trio. No runs here.

coredis speaks the protocol, with two tasks for each connection: one sends, one receives.
"""

import logging
import ssl
from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast

import anyio
import trio
from anyio.abc import ByteStream
from coredis.connection import BaseConnection, TCPLocation
from coredis.exceptions import ConnectionError as Disconnected
from coredis.exceptions import RedisError

from .scripts import SCRIPTS, digest
from .server import Server

__all__ = ["Command", "Connection", "Disconnected"]

CONNECT_S = 10.0  # until a server has accepted a connection and its user
ANSWER_S = 10.0  # until a server has answered; below the system's bound for calls of the store

Command = Sequence[str | bytes | int]  # its name, then its arguments

# It would log a traceback of each failed connection. Calls of the store raise the error.
logging.getLogger("coredis").setLevel(logging.CRITICAL)


class _Link(BaseConnection):
    """coredis's connection over a stream that is open already."""

    def __init__(self, stream: ByteStream, server: Server) -> None:
        location = TCPLocation(server.host, server.port)
        super().__init__(location, username=server.user, password=server.password, db=server.database)
        self._opened = stream

    async def _connect(self) -> ByteStream:
        return self._opened

    def describe(self) -> str:
        return f"connection to {self.location}"


class Connection:
    """An open connection. For one task at a time.

    Values are bytes, or None. After a cancelled or failed call, close the connection, because its answers may come
    late.

    Args:
        link: coredis's connection.
        prefix: what all keys of the store begin with.
    """

    def __init__(self, link: _Link, prefix: str) -> None:
        self._link = link
        self.prefix = prefix

    @classmethod
    async def open(cls, server: Server, nursery: trio.Nursery) -> "Connection":
        """Connect to the server, and load the scripts. The connection's tasks run in the nursery.

        Raises: RedisError if the server can't be reached, doesn't answer in time, or refuses the connection.
        """
        with trio.move_on_after(CONNECT_S):
            link = _Link(await _stream_to(server), server)
            await nursery.start(link.run)
            # A hash tag: a cluster keeps all keys with the same text in braces on one server.
            connection = cls(link, f"{{{server.prefix}}}:")
            await connection._answers([("SCRIPT LOAD", text) for text in SCRIPTS.values()])
            return connection
        raise Disconnected(f"no answer within {CONNECT_S:g} s")

    def key(self, *words: str) -> str:
        """Return the name of one of the store's keys."""
        return self.prefix + ":".join(words)

    def script(self, name: str, *values: str | bytes | int) -> Command:
        """Return the command that runs lua/`name`.lua."""
        return ("EVALSHA", digest(name), 1, self.prefix, *values)

    async def call(self, *command: str | bytes | int) -> Any:
        """Run a command and return its answer.

        Raises: RedisError as the server tells it, or if the connection failed.
        """
        [answer] = await self._answers([command])
        return answer

    async def transaction(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands with no other client's commands in between. Return their answers.

        Raises: RedisError, the first that the server told, or if the connection failed.
        """
        outcomes = await self.outcomes(commands)
        for outcome in outcomes:
            if isinstance(outcome, RedisError):
                raise outcome
        return outcomes

    async def outcomes(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands with no other client's commands in between, and with one write to the server's disk.

        Returns: for each its answer, or the RedisError that the server told; the other commands were run all the same.
        Raises: RedisError if none was run, or the connection failed.
        """
        return (await self._answers([("MULTI",), *commands, ("EXEC",)]))[-1]

    async def subscribed(self, channel: str) -> AsyncGenerator[bytes]:
        """Yield the messages of the channel, and first an empty one, when the server has accepted the subscription.

        Raises: RedisError if the connection ends, or the server doesn't accept the subscription in time.
        """
        self._link.send_command(b"SUBSCRIBE", channel)
        pushes = self._link.push_messages
        with trio.move_on_after(ANSWER_S) as waiting:
            await anext(pushes)
        if waiting.cancelled_caught:
            raise Disconnected("the server doesn't accept the subscription")
        yield b""
        async for _, _, payload in pushes:
            yield cast(bytes, payload)

    def is_alive(self) -> bool:
        """Check, without waiting, whether the connection is still open as far as this end knows."""
        return self._link.usable

    def close(self) -> None:
        """Close the connection. Never waits. Idempotent."""
        self._link.invalidate()

    async def _answers(self, commands: Sequence[Command]) -> list[Any]:
        await trio.lowlevel.checkpoint_if_cancelled()
        requests = [self._link.create_request(str(name).encode(), *values) for name, *values in commands]
        answers: list[Any] = []
        with trio.move_on_after(ANSWER_S):
            for request in requests:
                answers.append(await request)
            return answers
        raise Disconnected(f"no answer within {ANSWER_S:g} s")


async def _stream_to(server: Server) -> ByteStream:
    try:
        if server.tls is None:
            return await anyio.connect_tcp(server.host, server.port)
        return await anyio.connect_tcp(
            server.host, server.port, tls=True, ssl_context=server.tls, tls_standard_compatible=False
        )
    except (OSError, ssl.SSLError) as error:
        raise Disconnected(str(error)) from error
