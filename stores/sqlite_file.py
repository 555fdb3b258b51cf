"""An adjourn store's SQLite file: opening and checking it, and what SQLite's errors mean. No tables, no runs here."""

import logging
import os
import sqlite3

from ..protocol.errors import AdjournError, StoreCorrupt, StoreUnavailable
from .sqlite_layout import LAYOUT_VERSION, lay_out, layout_of, migrate

__all__ = ["Patience", "check_place", "connect", "connect_reader", "translated"]

_LOG = logging.getLogger("adjourn.stores")

BUSY_MS = 5_000  # how long another program's lock is waited for


def connect(path: str) -> sqlite3.Connection:
    """A connection for writing, in autocommit mode. Blocks; for any thread.

    In a new file it makes the tables; those of an older layout it brings to today's.

    Raises:
        StoreUnavailable: the file can't be opened or made.
        StoreCorrupt: it is not a store of ours, or damaged; it is left as it is.
        StoreTooNew: a newer adjourn made it; it is left as it is.
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
    code = _primary_code(error)
    # SQLITE_ERROR is a statement that doesn't fit the file: tables are missing or different.
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
    sqlite3.SQLITE_CANTOPEN: "the file, or one that SQLite keeps beside it, can't be opened",
    sqlite3.SQLITE_BUSY: "another program has locked the file",
}


class Patience:
    """How long a connection waits for another program's lock: once, and as long as that lasts, not again. So what
    had to wait for its turn meanwhile is told at once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._is_spent = False

    def note(self, outcome: object) -> None:
        """Note what a use of the connection has come to."""
        cause = outcome.__cause__ if isinstance(outcome, StoreUnavailable) else None
        is_busy = isinstance(cause, sqlite3.Error) and _primary_code(cause) == sqlite3.SQLITE_BUSY
        if is_busy != self._is_spent:
            self._connection.execute(f"PRAGMA busy_timeout = {0 if is_busy else BUSY_MS}")
            self._is_spent = is_busy


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
    connection = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
    try:
        for setting in ("PRAGMA synchronous = FULL", *settings):
            connection.execute(setting)
    except BaseException:
        connection.close()
        raise
    return connection
