"""Rescues the data of an open SQLite store whose files were removed or cut. Blocking."""

import os
import sqlite3
from contextlib import suppress
from itertools import count

from .sqlite_files import Trouble

__all__ = ["rescue"]


def rescue(connection: sqlite3.Connection, path: str, trouble: Trouble) -> str:
    """Save what the connection can still read. Return a text that says where it is and what to do.

    If only the write-ahead log is missing, its content is moved into the file. Otherwise a copy is written beside the
    file.
    """
    try:
        if trouble is Trouble.LOG_REMOVED or (trouble is Trouble.LOG_REPLACED and _is_empty(path + "-wal")):
            return _fold(connection)
        return f"all that was saved is in {_copy(connection, path)}: put it in the file's place, and start again"
    except (sqlite3.Error, OSError) as error:
        return f"the missing data could not be saved: {error}; restore a backup, or start with the files as they are"


def _fold(connection: sqlite3.Connection) -> str:
    busy, held, moved = connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
    if busy or held != moved:
        raise sqlite3.OperationalError(f"only {moved} of {held} pages of the log could be moved into the file")
    return "all that was saved is in the file: start again"


def _copy(connection: sqlite3.Connection, path: str) -> str:
    copy = next(name for n in count(1) if not os.path.exists(name := f"{path}.rescued-{n}"))
    try:
        connection.execute("VACUUM INTO ?", (copy,))
        for name in (copy, os.path.dirname(copy)):  # SQLite doesn't fsync the copy
            descriptor = os.open(name, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
    except BaseException:
        with suppress(OSError):
            os.unlink(copy)
        raise
    return copy


def _is_empty(path: str) -> bool:
    return os.stat(path).st_size == 0
