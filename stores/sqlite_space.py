"""The pages of an SQLite store's file that deletes have freed: given back to the disk, a slice at a time. Blocking."""

import logging
import os
import sqlite3
from dataclasses import dataclass

from ..protocol.errors import StoreUnavailable
from .sqlite_file import check_place, connect, translated
from .sqlite_files import StoreFiles

__all__ = ["Compacted", "compact_store", "give_back", "offer_compacting"]

_LOG = logging.getLogger("adjourn.stores")

SLICE = 256  # pages at once: 1 MB, a few ms, for which a save may have to wait
RESERVE = 256  # free pages that stay, for the next saves
WORTH_PAGES, WORTH_SHARE = 4096, 4  # free pages of an old file worth a line in the log: 16 MB, and a quarter of it
_INCREMENTAL = 2


@dataclass(frozen=True, slots=True)
class Compacted:
    """What compacting a store came to, in bytes of its file."""

    before: int
    after: int


def give_back(connection: sqlite3.Connection) -> bool:
    """Give some free pages of the file back; returns whether there are more. Files of old have no way to do so.

    Raises: sqlite3.Error.
    """
    spare = _pragma(connection, "freelist_count") - RESERVE
    if spare <= 0 or _pragma(connection, "auto_vacuum") != _INCREMENTAL:
        return False
    connection.executescript(f"PRAGMA incremental_vacuum({min(spare, SLICE)})")  # `execute` would stop after one page
    if spare <= SLICE:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()  # only then the file becomes smaller
    return spare > SLICE


def offer_compacting(connection: sqlite3.Connection, path: str) -> None:
    """Say in the log where much of a file is free that can't give it back by itself. Raises: as opening the store."""
    names = ("freelist_count", "page_count", "page_size", "auto_vacuum")
    try:
        free, pages, page_bytes, kind = [_pragma(connection, name) for name in names]
    except sqlite3.Error as error:
        raise translated(error, path) from error
    if kind != _INCREMENTAL and free >= max(WORTH_PAGES, pages // WORTH_SHARE):
        megabytes = free * page_bytes // 1_000_000
        text = "%s: %d MB of the file are free; once no process has it open, `adjourn store compact %s` gives them back"
        _LOG.warning(text, path, megabytes, path)


def compact_store(path: str) -> Compacted:
    """Write an SQLite store's file anew, without what is free in it; later it gives back by itself what is freed.

    It takes as much free disk as the runs take, twice, and some seconds a gigabyte. Killed meanwhile, the file is as
    it was. A store of an older layout is brought to today's.

    Raises:
        StoreInUse: a process has it open.
        StoreUnavailable: there is no such file, or no room.
        StoreCorrupt, StoreTooNew: as opening it.
    """
    path = os.path.realpath(path)
    check_place(path)
    if not os.path.exists(path):
        raise StoreUnavailable(f"{path}: there is no such file", path=path)
    files = StoreFiles(path)
    try:
        before = os.stat(path).st_size
        _write_anew(path)
        return Compacted(before, os.stat(path).st_size)
    finally:
        files.close()


def _write_anew(path: str) -> None:
    connection = connect(path)
    try:
        for statement in ("PRAGMA auto_vacuum = INCREMENTAL", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            connection.execute(statement).fetchall()
    except sqlite3.Error as error:
        raise translated(error, path) from error
    finally:
        connection.close()


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]
