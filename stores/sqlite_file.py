"""An adjourn store's SQLite file: opening and checking it, its tables, and what SQLite's errors mean. No runs here."""

import os
import sqlite3

from ..protocol.errors import AdjournError, StoreCorrupt, StoreTooNew, StoreUnavailable

__all__ = ["LAYOUT_VERSION", "check_place", "connect", "connect_reader", "file_identity", "gone", "translated"]

APPLICATION_ID = 0x61646A6E  # "adjn", in the file's header: this file is ours
LAYOUT_VERSION = 1  # in the header as user_version

# Heads and journal entries are JSON text. What the store must search by stands beside it in columns.
_LAYOUT = """
BEGIN IMMEDIATE;
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


def connect(path: str) -> sqlite3.Connection:
    """A connection for writing, in autocommit mode; makes the tables in a new file. Blocks; for any thread.

    Raises:
        StoreUnavailable: the file can't be opened or made.
        StoreCorrupt: it is not a store of ours, or damaged; it is left as it is.
        StoreTooNew: a newer adjourn made it; it is left as it is.
    """
    try:
        connection = _open(path)
        try:
            if _is_new(connection, path):
                _lay_out(connection)
            if connection.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
                raise StoreUnavailable(f"{path}: its file system can't carry a write-ahead log")
            connection.execute("SELECT epoch FROM store").fetchall()  # fails where the tables are damaged
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise translated(error, path) from error
    return connection


def connect_reader(path: str) -> sqlite3.Connection:
    """Another connection to a file that `connect` has opened, for reading only. Raises as `connect`."""
    try:
        return _open(path, "PRAGMA query_only = ON")
    except sqlite3.Error as error:
        raise translated(error, path) from error


def translated(error: Exception, path: str) -> Exception:
    """The error that callers get for one of SQLite's; any other stays what it is. This is the one place for it."""
    if isinstance(error, AdjournError) or not isinstance(error, sqlite3.Error):
        return error
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the primary code
    # SQLITE_ERROR is a statement that doesn't fit the file: tables are missing or different.
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
        found: AdjournError = StoreCorrupt(f"{path} is damaged, or no adjourn store: {error}", path=path)
    else:
        found = StoreUnavailable(f"{path}: {_WORDS.get(code, str(error))}", path=path)
    found.__cause__ = error
    return found


_WORDS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "reading or writing the disk failed",
    sqlite3.SQLITE_READONLY: "the file or its directory is read-only",
    sqlite3.SQLITE_CANTOPEN: "the file, or one that SQLite keeps beside it, can't be opened",
    sqlite3.SQLITE_BUSY: "another program has locked the file",
}


def file_identity(path: str) -> tuple[int, int] | None:
    """Which file is at that path; None if there is none.

    SQLite goes on writing into a file that was deleted, and what it holds then ends with the process.
    """
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def gone(path: str) -> StoreUnavailable:
    """What is said of a write when the file at `path` isn't the one that was opened."""
    text = "the file was deleted or replaced while it was in use; put it back, or start again without it"
    return StoreUnavailable(f"{path}: {text}", path=path)


def check_place(path: str) -> None:
    """Nothing, if a store may be at that path. SQLite would say no more than that it can't open it.

    Raises: StoreUnavailable, which says why not.
    """
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise StoreUnavailable(f"{path}: there is no directory {folder}", path=path)
    if os.path.isdir(path):
        raise StoreUnavailable(f"{path}: that is a directory", path=path)
    for place in (folder, path):
        if os.path.exists(place) and not os.access(place, os.W_OK):
            raise StoreUnavailable(f"{path}: {place} is read-only", path=path)


def _open(path: str, *settings: str) -> sqlite3.Connection:
    # Made on one thread, used on another, closed on that.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        for setting in ("PRAGMA synchronous = FULL", *settings):
            connection.execute(setting)
    except BaseException:
        connection.close()
        raise
    return connection


def _lay_out(connection: sqlite3.Connection) -> None:
    # One transaction: a process that dies in it leaves an empty file, which is a new one.
    header = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {LAYOUT_VERSION};"
    connection.executescript(_LAYOUT + header + "COMMIT;")


def _is_new(connection: sqlite3.Connection, path: str) -> bool:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application_id == APPLICATION_ID:
        if layout > LAYOUT_VERSION:
            raise StoreTooNew(f"{path} has layout {layout}; this adjourn reads up to {LAYOUT_VERSION}", path=path)
        return False
    if application_id or layout or tables:
        raise StoreCorrupt(f"{path} is an SQLite database of another program", path=path)
    return True
