"""Gives pages that deletes have freed in an SQLite store's file back to the disk, a slice at a time. Blocking."""

import logging
import os
import sqlite3
from dataclasses import dataclass

from .sqlite_file import check_exists, check_place, connect, translated
from .sqlite_files import StoreFiles

__all__ = ["Compacted", "compact_store", "give_back", "offer_compacting"]

_LOG = logging.getLogger("adjourn.stores")

SLICE = 256  # pages given back at once: 1 MB; a save may have to wait for it, a few ms
RESERVE = 256  # free pages kept in the file, for the next saves
WORTH_PAGES, WORTH_SHARE = 4096, 4  # log a warning about an old file with 16 MB and a quarter of its pages free
_INCREMENTAL = 2


@dataclass(frozen=True, slots=True)
class Compacted:
    """The result of compacting a store.

    Attributes:
        before: bytes of the file before.
        after: bytes of the file after.
    """

    before: int
    after: int


def give_back(connection: sqlite3.Connection) -> bool:
    """Give up to `SLICE` free pages back to the disk. Does nothing in files of old versions, which can't give back.

    Returns: whether more can be given back.
    Raises: sqlite3.Error.
    """
    spare = _pragma(connection, "freelist_count") - RESERVE
    if spare <= 0 or _pragma(connection, "auto_vacuum") != _INCREMENTAL:
        return False
    connection.executescript(f"PRAGMA incremental_vacuum({min(spare, SLICE)})")  # `execute` would stop after one page
    if spare <= SLICE:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()  # only this shrinks the file
    return spare > SLICE


def offer_compacting(connection: sqlite3.Connection, path: str) -> None:
    """Log a warning if much of an old file is free and can't be given back. Raises: as `SqliteStore.open`."""
    names = ("freelist_count", "page_count", "page_size", "auto_vacuum")
    try:
        free, pages, page_bytes, kind = [_pragma(connection, name) for name in names]
    except sqlite3.Error as error:
        raise translated(error, path) from error
    if kind != _INCREMENTAL and free >= max(WORTH_PAGES, pages // WORTH_SHARE):
        megabytes = free * page_bytes // 1_000_000
        text = "%s: %d MB of the file are unused; stop the process, then run `adjourn store compact %s` to free them"
        _LOG.warning(text, path, megabytes, path)


def compact_store(path: str) -> Compacted:
    """Rewrite an SQLite store's file without its free space. From then on, the file gives freed space back by itself.

    This needs free disk space of twice the size of the runs, and some seconds a gigabyte. If the process is killed
    meanwhile, the file stays as it was. An older layout is migrated to the current one.

    Raises:
        StoreInUse: a process has the store open.
        StoreUnavailable: the file doesn't exist, or the disk is full.
        StoreCorrupt, StoreTooNew: as in `SqliteStore.open`.
    """
    path = os.path.realpath(path)
    check_place(path)
    check_exists(path)
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
