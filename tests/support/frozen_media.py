"""Copies whole stores into frozen files, and frozen files into stores.

- `.sqlite3`: the SQLite file itself
- `.sql`: a PostgreSQL script that makes the tables, as `layout.sql` did, and inserts the rows
- `.jsonl`: the commands that fill a Valkey store, one JSON array a line. Their keys don't have the store's prefix
"""

import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import postgres_server
import trio
import valkey_server

from adjourn.stores.address import open_rows
from adjourn.stores.postgres.statements import statement
from adjourn.stores.valkey.connection import Connection
from adjourn.stores.valkey.server import server_at

__all__ = ["FileMedium", "Medium", "PostgresMedium", "ValkeyMedium", "schema_versions"]

TABLES = ("store", "nodes", "changes", "heads", "journal")  # of PostgreSQL


class Medium(Protocol):
    """Makes stores of one kind, and copies them from and into frozen files."""

    suffix: str  # of a frozen store's file

    def new(self) -> str:
        """Returns the address for a new store."""
        ...

    def load(self, content: bytes) -> str:
        """Makes a store from a frozen file's content. Returns its address."""
        ...

    def content(self, address: str) -> bytes:
        """Returns the frozen file's content for a store that no process uses."""
        ...

    def end_leases(self, address: str) -> None:
        """Ends the leases of killed nodes, in 1970: so they have ended by the clock of any machine."""
        ...

    def layout(self, address: str) -> int:
        """Returns the version of the store's layout."""
        ...


class FileMedium:
    """Stores in SQLite files of a folder."""

    suffix = "sqlite3"

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers = folder, count(1)

    def new(self) -> str:
        return f"sqlite:///{self._folder / f'store-{next(self._numbers)}.sqlite3'}"

    def load(self, content: bytes) -> str:
        address = self.new()
        self._path(address).write_bytes(content)
        return address

    def content(self, address: str) -> bytes:
        """Moves the write-ahead log into the file, without a change of rows. Returns the file's content."""
        path = self._path(address)
        with closing(sqlite3.connect(path)) as connection:
            rows = list(connection.iterdump())
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            assert not busy
        content = path.read_bytes()
        with closing(sqlite3.connect(self._path(self.load(content)))) as connection:
            assert list(connection.iterdump()) == rows
        return content

    def end_leases(self, address: str) -> None:
        """Does nothing: an owner of a file has no lease."""

    def layout(self, address: str) -> int:
        with closing(sqlite3.connect(self._path(address))) as connection:
            [layout] = connection.execute("PRAGMA user_version").fetchone()
        return layout

    def _path(self, address: str) -> Path:
        return Path(address.removeprefix("sqlite:///"))


class PostgresMedium:
    """Stores in schemas of a PostgreSQL server."""

    suffix = "sql"

    def __init__(self, server: postgres_server.Server) -> None:
        self._server = server

    def new(self) -> str:
        return self._server.new_schema()

    def load(self, content: bytes) -> str:
        address = self.new()
        self._server.run(f"SET search_path = {_schema(address)};\n{content.decode()}")
        return address

    def content(self, address: str) -> bytes:
        parts = [statement("layout"), "DELETE FROM adjourn_store;\n"]
        return "".join([*parts, *(self._rows(_schema(address), f"adjourn_{table}") for table in TABLES)]).encode()

    def end_leases(self, address: str) -> None:
        self._server.run(f"UPDATE {_schema(address)}.adjourn_nodes SET expires = 'epoch'")

    def layout(self, address: str) -> int:
        [[layout]] = self._server.run(f"SELECT layout FROM {_schema(address)}.adjourn_store")
        return layout

    def _rows(self, schema: str, table: str) -> str:
        """Returns the statement that inserts the rows of a table."""
        columns = self._server.run(
            "SELECT column_name FROM information_schema.columns "
            f"WHERE table_schema = '{schema}' AND table_name = '{table}' ORDER BY ordinal_position"
        )
        texts = ", ".join(f"{name}::text" for (name,) in columns)
        rows = self._server.run(f"SELECT {texts} FROM {schema}.{table} ORDER BY 1, 2")
        values = ",\n".join(_values(row) for row in rows)
        return f"INSERT INTO {table} VALUES\n{values};\n" if rows else ""


class ValkeyMedium:
    """Stores under prefixes of a Valkey server."""

    suffix = "jsonl"

    def __init__(self, server: valkey_server.Server) -> None:
        self._server = server

    def new(self) -> str:
        return self._server.new_prefix()

    def load(self, content: bytes) -> str:
        address = self.new()
        commands = [json.loads(line) for line in content.splitlines()]
        self._server.run_all([(name, f"{_prefix(address)}{key}", *words) for name, key, *words in commands])
        return address

    def content(self, address: str) -> bytes:
        commands = trio.run(_with_connection, address, _filling)
        return "".join(f"{json.dumps(command, ensure_ascii=False)}\n" for command in commands).encode()

    def end_leases(self, address: str) -> None:
        trio.run(_with_connection, address, _end_leases)

    def layout(self, address: str) -> int:
        return int(self._server.run("HGET", f"{_prefix(address)}store", "layout"))


async def _with_connection(address: str, work: Callable[[Connection], Awaitable[Any]]) -> Any:
    async with trio.open_nursery() as nursery:
        connection = await Connection.open(server_at(address), nursery)
        found = await work(connection)
        connection.close()
    return found


async def _end_leases(connection: Connection) -> None:
    nodes = connection.key("nodes")
    for node in await connection.call("ZRANGE", nodes, 0, -1):
        await connection.call("ZADD", nodes, 0, node)  # ms since the epoch


async def _filling(connection: Connection) -> list[list[str]]:
    """Returns the commands that fill a store with what this one has, each with a key without the prefix."""
    _, found = await connection.call("SCAN", 0, "MATCH", f"{connection.key()}*", "COUNT", 1_000_000)
    commands: list[list[str]] = []
    for key in sorted(found):
        name = key.decode().removeprefix(connection.prefix)
        match await connection.call("TYPE", key):
            case b"hash":
                commands.append(["HSET", name, *_words(await connection.call("HGETALL", key))])
            case b"list":
                commands.append(["RPUSH", name, *_words(await connection.call("LRANGE", key, 0, -1))])
            case b"zset":
                scored = _words(await connection.call("ZRANGE", key, 0, -1, "WITHSCORES"))
                pairs = zip(scored[1::2], scored[::2], strict=True)
                commands.append(["ZADD", name, *_words(list(pairs))])
            case b"stream":
                notes = await connection.call("XRANGE", key, "-", "+")
                commands += [["XADD", name, *_words(note)] for note in notes]
            case other:
                raise AssertionError(f"key {name} has the type {other}")
    return commands


def _words(answer: Any) -> list[str]:
    """Returns the texts and numbers in an answer, in order."""
    match answer:
        case dict():
            return _words(list(answer.items()))
        case list() | tuple():
            return [word for part in answer for word in _words(part)]
        case bytes():
            return [answer.decode()]
        case _:
            return [f"{answer:.0f}" if isinstance(answer, float) else str(answer)]


def _prefix(address: str) -> str:
    return f"{{{server_at(address).prefix}}}:"


async def schema_versions(address: str) -> set[int]:
    """Returns the schema versions of the records in a store."""
    found: set[int] = set()
    async with open_rows(address) as rows:
        while heads := await rows.heads():
            for head in heads:
                found.add(json.loads(head.data)["schemaVersion"])
                start = 0
                while entries := await rows.journal(head.id, start):
                    found |= {entry.schema_version for entry in entries}
                    start += len(entries)
    return found


def _schema(address: str) -> str:
    return address.rpartition("%3D")[2]


def _values(row: tuple[str | None, ...]) -> str:
    values = ["NULL" if text is None else "'" + text.replace("'", "''") + "'" for text in row]
    return f"({', '.join(values)})"
