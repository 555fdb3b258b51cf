"""One connection to a PostgreSQL server, driven by trio. No tables, no runs here.

psycopg's generators speak the protocol and say when they must wait for the socket; trio does the waiting.
"""

import select
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import trio
from psycopg import errors, generators
from psycopg.adapt import PyFormat, Transformer
from psycopg.conninfo import conninfo_attempts, conninfo_to_dict, make_conninfo
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait

__all__ = ["Connection", "Rows"]

Done = TypeVar("Done")
Rows = list[tuple[bytes | None, ...]]  # each value is PostgreSQL's text form of it, or None for NULL

# The user's address may set other values.
_DEFAULTS = {"fallback_application_name": "adjourn", "connect_timeout": "10", "tcp_user_timeout": "10000"}
_ALWAYS = {"client_encoding": "UTF8"}
_GOOD = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


class Connection:
    """An open connection, in autocommit mode: a statement outside BEGIN and COMMIT is a transaction of its own.

    For one task at a time. After a cancelled or failed call the connection may be in the middle of a statement: close
    it, and open another.
    """

    def __init__(self, link: PGconn) -> None:
        self._link = link

    @classmethod
    async def open(cls, address: str) -> "Connection":
        """Connect to the server at this libpq address, by its hosts in turn.

        Raises: psycopg.Error if no host accepts the connection.
        """
        given = conninfo_to_dict(address)
        # Resolving names blocks, here and in libpq.
        attempts = await trio.to_thread.run_sync(
            conninfo_attempts, {**_DEFAULTS, **given, **_ALWAYS}, abandon_on_cancel=True
        )
        bound_s = float(attempts[0].get("connect_timeout") or 0) or float("inf")
        failed: errors.Error | None = None
        for attempt in attempts:
            try:
                with trio.fail_after(bound_s):
                    return cls(await _connected(make_conninfo("", **attempt)))
            except errors.Error as error:
                failed = error
            except trio.TooSlowError:
                failed = errors.OperationalError(f"no answer within {bound_s:g} s")
        assert failed is not None  # there is at least one attempt
        raise failed

    async def query(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        """Run one statement and return its rows. Its parameters are $1, $2, …; lists become arrays.

        Raises: psycopg.Error as the server tells it.
        """
        adapt = Transformer()
        encoded = adapt.dump_sequence(values, [PyFormat.BINARY] * len(values))
        self._link.send_query_params(sql.encode(), encoded, adapt.types, adapt.formats)
        return _rows((await self._results())[-1])

    async def script(self, sql: str) -> None:
        """Run several statements without parameters, as one transaction.

        Raises: psycopg.Error as the server tells it.
        """
        self._link.send_query(sql.encode())
        await self._results()

    @property
    def backend_pid(self) -> int:
        """The id of the server's process for this connection. Through a pooler it differs from `pg_backend_pid()`."""
        return self._link.backend_pid

    def on_notification(self, heard: Callable[[str], None]) -> None:
        """Call `heard` with the payload of each notification that comes, during `receive` or any other call."""
        self._link.notify_handler = lambda notification: heard(notification.extra.decode())

    async def receive(self) -> None:
        """Wait until the server sends a notification, or anything else unasked. A cancellation leaves the connection
        usable.

        Raises: psycopg.Error if the connection ends.
        """
        await _driven(generators.notifies(self._link), self._link.socket)

    def is_alive(self) -> bool:
        """Check, without waiting, whether the connection is still open as far as this end knows."""
        with suppress(errors.Error):
            # An idle server sends notices, or says goodbye and closes; then reading fails.
            arrived = select.poll()
            arrived.register(self._link.socket, select.POLLIN)
            while arrived.poll(0):
                self._link.consume_input()
            return self._link.status == ConnStatus.OK
        return False

    def close(self) -> None:
        """Close the connection. Never waits. Idempotent."""
        self._link.finish()

    async def _results(self) -> list[PGresult]:
        # Answers that are there already would come without a checkpoint.
        await trio.lowlevel.checkpoint_if_cancelled()
        results = await _driven(generators.execute(self._link), self._link.socket)
        for result in results:
            if result.status not in _GOOD:
                raise errors.error_from_result(result)
        return results


async def _connected(conninfo: str) -> PGconn:
    steps = generators.connect(conninfo)
    link: PGconn | None = None
    try:
        # The first step may read files: the password file, certificates, a service file.
        step = await trio.to_thread.run_sync(next, steps)
        while True:
            fd, wait = step
            step = steps.send(await _ready(fd, wait))
    except StopIteration as end:
        link = end.value
    assert link is not None
    return link


async def _driven(steps: Generator[Wait, Ready, Done], fd: int) -> Done:
    try:
        wait = next(steps)
        while True:
            wait = steps.send(await _ready(fd, wait))
    except StopIteration as end:
        return end.value


async def _ready(fd: int, wait: Wait) -> Ready:
    if wait == Wait.R:
        await trio.lowlevel.wait_readable(fd)
        return Ready.R
    if wait == Wait.W:
        await trio.lowlevel.wait_writable(fd)
        return Ready.W
    ready = Ready.NONE
    async with trio.open_nursery() as nursery:

        async def first(of: Ready, waiting: Any) -> None:
            nonlocal ready
            await waiting(fd)
            ready |= of
            nursery.cancel_scope.cancel()

        nursery.start_soon(first, Ready.R, trio.lowlevel.wait_readable)
        nursery.start_soon(first, Ready.W, trio.lowlevel.wait_writable)
    return ready


def _rows(result: PGresult) -> Rows:
    columns = range(result.nfields)
    return [tuple([result.get_value(row, column) for column in columns]) for row in range(result.ntuples)]
