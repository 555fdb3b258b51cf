"""Inserts, updates and deletes the rows of many runs in an SQLite store. Blocking; called inside a transaction.

Each statement writes many rows, because each statement releases the GIL and must wait to get it back.
"""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from ..protocol.record import SCHEMA_VERSION

__all__ = [
    "CHANGED_HEADS",
    "JOURNAL",
    "NEW_HEADS",
    "SAME_HEADS",
    "Insert",
    "as_json",
    "delete_runs",
    "insert",
    "number_specs",
]

_MOST_ROWS = 128  # rows in a statement: SQLite compiles a statement once, in a time that grows with its rows


class Insert(NamedTuple):
    """The parts of a statement that inserts rows: before the rows, one row's values, after the rows.

    Prefer numbers and texts as values: the `sqlite3` module takes several times as long to bind None or bytes.
    """

    before: str
    values: str
    after: str = ""


NEW_HEADS = Insert(
    "INSERT INTO heads (n, id, version, epoch, agent, created_at, entries, data, status, waiting_since, next_due, spec)"
    " VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
)
# For stored runs whose fields in indexes stay the same: SQLite rewrites the indexes of every column that a statement
# sets. Columns that are NOT NULL need a value here even if they aren't set.
SAME_HEADS = Insert(
    "INSERT INTO heads (n, id, version, epoch, agent, created_at, entries, data, status) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
    " ON CONFLICT (n) DO UPDATE SET version = excluded.version, epoch = excluded.epoch, entries = excluded.entries, "
    "data = excluded.data",
)
CHANGED_HEADS = Insert(
    "INSERT INTO heads (n, id, version, epoch, agent, created_at, entries, data, status, waiting_since, next_due)"
    " VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    f"{SAME_HEADS.after}, agent = excluded.agent, status = excluded.status, waiting_since = excluded.waiting_since, "
    "next_due = excluded.next_due",
)
JOURNAL = Insert("INSERT INTO journal (run, n, schema_version, data) VALUES ", "(?, ?, ?, ?)")
_SPECS = Insert(
    "INSERT INTO specs (digest, schema_version, data) VALUES ",
    "(?, ?, ?)",
    " ON CONFLICT (digest, schema_version) DO NOTHING",
)
_NUMBERS = """
SELECT json_group_array(json_array(digest, n)) FROM specs
WHERE schema_version = ? AND digest IN (SELECT value FROM json_each(?))
"""
_SPECS_OF = "SELECT json_group_array(DISTINCT spec) FROM heads WHERE id IN (SELECT value FROM json_each(?))"
_DELETE_JOURNAL = """
DELETE FROM journal WHERE run IN (SELECT n FROM heads WHERE id IN (SELECT value FROM json_each(?)))
"""
_DELETE_HEADS = "DELETE FROM heads WHERE id IN (SELECT value FROM json_each(?))"
_DELETE_SPECS = """
DELETE FROM specs WHERE n IN (SELECT value FROM json_each(?)) AND NOT EXISTS (SELECT 1 FROM heads WHERE spec = specs.n)
"""


def insert(connection: sqlite3.Connection, into: Insert, values: Sequence[Any]) -> None:
    """Insert rows. `values`: those of all rows, one after another."""
    # Row counts are powers of two, so there are few different statements, and the connection caches them all compiled.
    width = into.values.count("?")
    done, most = 0, _MOST_ROWS
    while done < len(values):
        while most * width > len(values) - done:
            most //= 2
        statement = into.before + ", ".join([into.values] * most) + into.after
        connection.execute(statement, values[done : done + most * width])
        done += most * width


def number_specs(connection: sqlite3.Connection, specs: Collection[bytes]) -> dict[bytes, int]:
    """Store the encoded specs that are new. Return each one's number."""
    digests = {sha256(spec).hexdigest(): spec for spec in specs}
    rows = [(digest, SCHEMA_VERSION, spec.decode()) for digest, spec in digests.items()]
    insert(connection, _SPECS, [value for row in rows for value in row])
    (numbers,) = connection.execute(_NUMBERS, (SCHEMA_VERSION, as_json(digests))).fetchone()
    return {digests[digest]: n for digest, n in msgspec.json.decode(numbers)}


def delete_runs(connection: sqlite3.Connection, ids: Iterable[str]) -> None:
    """Delete runs, and each spec whose last run is among them. Ignore runs that don't exist."""
    runs = (as_json(ids),)
    specs = connection.execute(_SPECS_OF, runs).fetchone()
    connection.execute(_DELETE_JOURNAL, runs)
    connection.execute(_DELETE_HEADS, runs)
    connection.execute(_DELETE_SPECS, specs)


def as_json(texts: Iterable[str]) -> str:
    """Return a JSON array, which one parameter of a statement can hold."""
    return msgspec.json.encode(list(texts)).decode()
