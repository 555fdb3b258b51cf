"""The tables of an adjourn store's SQLite file, how older files get them, and the marks in its header. No runs here."""

import sqlite3

from ..protocol.errors import StoreCorrupt, StoreTooNew

__all__ = ["LAYOUT_VERSION", "lay_out", "layout_of", "migrate"]

APPLICATION_ID = 0x61646A6E  # "adjn", in the file's header: this file is ours
LAYOUT_VERSION = 1  # in the header as user_version

# Heads and journal entries are JSON text. What the store must search by stands beside it in columns.
_LAYOUT = """
CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL,  -- of the present owner
    owner TEXT               -- who that is, for people
);
INSERT INTO store VALUES (1, 0, NULL);
CREATE TABLE heads (
    id TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    status TEXT NOT NULL,
    next_due INTEGER,             -- ms
    created_at INTEGER NOT NULL,  -- ms
    entries INTEGER NOT NULL,     -- in the journal
    data TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX heads_by_due ON heads (next_due, id) WHERE next_due IS NOT NULL;
CREATE INDEX heads_by_age ON heads (created_at, id);
CREATE INDEX heads_by_status ON heads (status, created_at, id);
CREATE TABLE journal (
    run_id TEXT NOT NULL,
    n INTEGER NOT NULL,  -- from 0
    schema_version INTEGER NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (run_id, n)
) WITHOUT ROWID;
"""

# MIGRATIONS[n] leads from layout n to n + 1. Kept for ever. Whatever a damaged head holds must not fail them.
MIGRATIONS: dict[int, str] = {}


def layout_of(connection: sqlite3.Connection, path: str) -> int:
    """The layout that the file has; 0 for a new one.

    Raises:
        StoreTooNew: a newer adjourn made it.
        StoreCorrupt: another program made it, or no adjourn ever made such a one.
    """
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application_id != APPLICATION_ID:
        if application_id or layout or tables:
            raise StoreCorrupt(f"{path} is an SQLite database of another program", path=path)
        return 0
    if layout > LAYOUT_VERSION:
        raise StoreTooNew(f"{path} has layout {layout}; this adjourn reads up to {LAYOUT_VERSION}", path=path)
    if layout < 1:
        raise StoreCorrupt(f"{path} has layout {layout}, which never was", path=path)
    return layout


def lay_out(connection: sqlite3.Connection) -> None:
    """Makes the tables in a new file. A process that dies in it leaves an empty file, which is a new one."""
    _execute(connection, _LAYOUT, f"PRAGMA application_id = {APPLICATION_ID};")


def migrate(connection: sqlite3.Connection, layout: int) -> None:
    """Brings the tables from an older layout to today's. A process that dies in it leaves the older layout."""
    _execute(connection, *[MIGRATIONS[n] for n in range(layout, LAYOUT_VERSION)])


def _execute(connection: sqlite3.Connection, *scripts: str) -> None:
    # One transaction. Where a statement fails, closing the connection rolls it back.
    version = f"PRAGMA user_version = {LAYOUT_VERSION};"
    connection.executescript("\n".join(["BEGIN IMMEDIATE;", *scripts, version, "COMMIT;"]))
