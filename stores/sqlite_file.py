"""Opens and checks an adjourn store's SQLite file, and translates SQLite's errors. No tables, no runs here."""

import logging
import os
import sqlite3

from ..protocol.errors import AdjournError, StoreCorrupt, StoreUnavailable
from .sqlite_layout import LAYOUT_VERSION, lay_out, layout_of, migrate

__all__ = ["Patience", "check_exists", "check_place", "connect", "connect_reader", "translated"]

_LOG = logging.getLogger("adjourn.stores")

BUSY_MS = 5_000  # how long a statement waits for another program's lock


def connect(path: str) -> sqlite3.Connection:
    """Return a connection for writing, in autocommit mode. Blocks; works on any thread.

    Creates the tables in a new file, and migrates an older layout to the current one.

    Raises:
        StoreUnavailable: the file can't be opened or created.
        StoreCorrupt: the file is damaged, or no adjourn store. It is left unchanged.
        StoreTooNew: a newer adjourn made the file. It is left unchanged.
    """
    try:
        connection = _open(path)
        try:
            layout = layout_of(connection, path)
            if layout == 0:
                lay_out(connection)
            elif layout < LAYOUT_VERSION:
                _LOG.info("%s: migrating layout %d to %d", path, layout, LAYOUT_VERSION)
                migrate(connection, layout)
            if connection.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
                raise StoreUnavailable(f"{path}: its file system doesn't support a write-ahead log")
            connection.execute("SELECT epoch FROM store").fetchall()  # fails if the tables are damaged
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise translated(error, path) from error
    return connection


def connect_reader(path: str) -> sqlite3.Connection:
    """Return a read-only connection to a file that `connect` has opened. Raises as `connect`."""
    try:
        return _open(path, "PRAGMA query_only = ON")
    except sqlite3.Error as error:
        raise translated(error, path) from error


def translated(error: Exception, path: str) -> Exception:
    """Return the error that callers get for an SQLite error. Other exceptions are returned unchanged."""
    if isinstance(error, AdjournError) or not isinstance(error, sqlite3.Error):
        return error
    code = _primary_code(error)
    # SQLITE_ERROR: a statement doesn't fit the file, because tables are missing or different.
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
        found: AdjournError = StoreCorrupt(f"{path} is damaged, or no adjourn store: {error}", path=path)
    else:
        found = StoreUnavailable(f"{path}: {_WORDS.get(code, str(error))}", path=path)
    found.__cause__ = error
    return found


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


_WORDS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "reading or writing the disk failed",
    sqlite3.SQLITE_READONLY: "the file or its directory is read-only",
    sqlite3.SQLITE_CANTOPEN: "the file, its write-ahead log or its -shm file can't be opened",
    sqlite3.SQLITE_BUSY: "another program has locked the file",
}


class Patience:
    """Makes a connection wait only once for another program's lock. Until it is free, later statements fail at once.

    So the calls in the queue don't wait one after another.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._is_spent = False

    def note(self, outcome: object) -> None:
        """Note the outcome of a use of the connection."""
        cause = outcome.__cause__ if isinstance(outcome, StoreUnavailable) else None
        is_busy = isinstance(cause, sqlite3.Error) and _primary_code(cause) == sqlite3.SQLITE_BUSY
        if is_busy != self._is_spent:
            self._connection.execute(f"PRAGMA busy_timeout = {0 if is_busy else BUSY_MS}")
            self._is_spent = is_busy


def check_place(path: str) -> None:
    """Check that a store may be at that path. SQLite's own error would give no cause.

    Raises: StoreUnavailable, with the cause.
    """
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise StoreUnavailable(f"{path}: there is no directory {folder}", path=path)
    if os.path.isdir(path):
        raise StoreUnavailable(f"{path}: that is a directory", path=path)
    for place in (folder, path):
        if os.path.exists(place) and not os.access(place, os.W_OK):
            raise StoreUnavailable(f"{path}: {place} is read-only", path=path)


def check_exists(path: str) -> None:
    """Check that there is a file. Raises: StoreUnavailable."""
    if not os.path.exists(path):
        raise StoreUnavailable(f"{path}: there is no such file", path=path)


def _open(path: str, *settings: str) -> sqlite3.Connection:
    # One thread opens the connection, another uses and closes it.
    connection = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
    try:
        for setting in ("PRAGMA synchronous = FULL", *settings):
            connection.execute(setting)
    except BaseException:
        connection.close()
        raise
    return connection
