"""Locks the files of an open SQLite store for one process, and checks them while they are in use. No SQL here.

The checks are needed because SQLite goes on writing into deleted or replaced files, whose content is lost when the
process ends.
"""

import os
import struct
import sys
import threading
from enum import Enum

from ..protocol.errors import StoreInUse, StoreUnavailable
from .filelock import FileLock

__all__ = ["StoreFiles", "Trouble"]

_LOCK_BYTE = 2**62  # far from the bytes that SQLite locks
_SHARED_BYTES = (2**30 + 2, 510)  # SQLite's read locks are in this range; an exclusive lock covers all of it
_INDEX_HEADER = struct.Struct("=12xBBHII24x")  # https://sqlite.org/walformat.html, 2.1; the file has two copies
_WAL_HEADER, _FRAME_HEADER = 32, 24  # bytes

_open_files: set[tuple[int, int]] = set()  # identities of the main files that this process has open
_guard = threading.Lock()


class Trouble(Enum):
    """What is wrong with the files of an open store. The values are texts for the log."""

    MOVED = "the file was moved away or replaced while it was in use; put it back, or start again without it"
    OUT_OF_REACH = "its files can't be checked: their directory can't be read"
    DELETED = "the file was deleted or replaced while it was in use"
    LOG_REMOVED = "its write-ahead log, the file -wal beside it, was removed while it was in use"
    LOG_REPLACED = "its write-ahead log, the file -wal beside it, was replaced while it was in use"
    LOG_CUT = "its write-ahead log, the file -wal beside it, was cut while it was in use"
    CUT = "the file was cut while it was in use"

    @property
    def passes(self) -> bool:
        """Whether the store can go on once its files are back in place."""
        return self in (Trouble.MOVED, Trouble.OUT_OF_REACH)

    @property
    def is_cut(self) -> bool:
        """Whether saved data is missing in the files that SQLite has open."""
        return self in (Trouble.LOG_CUT, Trouble.CUT)


class StoreFiles:
    """Locks the main file, whatever its name, and checks it; after `watch`, checks the write-ahead log too.

    Create this before SQLite opens the file, and close it after SQLite has closed the file: when a process closes any
    descriptor of a file, it loses SQLite's locks on that file. For the same reason nothing else may open the file.

    The lock is an open file description lock, so it conflicts neither with SQLite's locks nor with other descriptors.
    Systems other than Linux, and some file systems, have no such locks. There, only the lock file beside the main file
    excludes other processes, and a store can be opened twice by way of a hard link.

    Raises:
        StoreInUse: another process, or this one, has the file open, maybe under another name.
        StoreUnavailable: the file can't be opened or created.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = FileLock(path + ".lock")  # also excludes older versions of adjourn
        self._index = -1
        try:
            self._main, self._identity = _open_main(path)
        except BaseException:
            self._lock.release()
            raise

    def watch(self) -> None:
        """Begin to check the write-ahead log too, which SQLite must have created. Raises: StoreUnavailable."""
        try:
            self._index = os.open(self._path + "-shm", os.O_RDONLY)
            self._log_identity = _identity(os.stat(self._path + "-wal"))
            self._size = os.stat(self._path).st_size
        except OSError as error:
            raise StoreUnavailable(
                f"{self._path}: can't open its write-ahead log: {error.strerror}", path=self._path
            ) from error

    def check(self) -> Trouble | None:
        """Return what is wrong with the files, or None. Takes a few µs. Don't call this while SQLite writes."""
        header = _header(self._index)  # read before the sizes: sizes only grow
        try:
            main, log = _stat(self._path), _stat(self._path + "-wal")
        except OSError:
            return Trouble.OUT_OF_REACH
        if main is None or _identity(main) != self._identity:
            return Trouble.MOVED if os.fstat(self._main).st_nlink else Trouble.DELETED
        if log is None:
            return Trouble.LOG_REMOVED
        if _identity(log) != self._log_identity:
            return Trouble.LOG_REPLACED
        if header is not None:
            page_bytes, frames, pages = header
            if frames and log.st_size < _WAL_HEADER + frames * (_FRAME_HEADER + page_bytes):
                return Trouble.LOG_CUT
            # The file may be smaller than its content until the log is moved into the file, but it must not shrink.
            if main.st_size < min(self._size, pages * page_bytes):
                return Trouble.CUT
        self._size = main.st_size
        return None

    def leave_as_it_is(self) -> None:
        """Keep SQLite from moving the rest of a cut log into the file on closing: that would damage the file."""
        _try_lock(self._main, _SHARED_BYTES, shared=True)

    def close(self) -> None:
        """Unlock the store. Call this after SQLite has closed the file."""
        if self._index >= 0:
            os.close(self._index)
        with _guard:
            os.close(self._main)
            _open_files.discard(self._identity)
        self._lock.release()


def _open_main(path: str) -> tuple[int, tuple[int, int]]:
    """Open and lock the file. Return its descriptor and its identity (device, inode)."""
    with _guard:
        found = _stat(path)
        if found is not None and _identity(found) in _open_files:  # checked first: closing it again would drop locks
            raise StoreInUse(f"{path} is open already in this process, under another name", path=path)
        try:
            main = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreUnavailable(f"{path}: can't open it: {error.strerror}", path=path) from error
        if not _try_lock(main, (_LOCK_BYTE, 1)):
            os.close(main)
            raise StoreInUse(f"{path} is open already in another process, under another name", path=path)
        identity = _identity(os.fstat(main))
        _open_files.add(identity)
        return main, identity


def _try_lock(descriptor: int, span: tuple[int, int], *, shared: bool = False) -> bool:
    """Lock the bytes `span` (start, count). Return False if another descriptor has them locked.

    Returns True without a lock on systems that have no open file description locks.
    """
    if sys.platform != "linux":
        return True
    import fcntl

    kind = fcntl.F_RDLCK if shared else fcntl.F_WRLCK
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", kind, os.SEEK_SET, *span, 0))
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # the file system has no such locks
        return True
    return True


def _header(index: int) -> tuple[int, int, int] | None:
    """Read SQLite's index of the log. Return bytes per page, valid frames and pages of the database.

    Returns None while SQLite is writing the index.
    """
    first, second = os.pread(index, 48, 0), os.pread(index, 48, 48)
    if len(first) < 48 or first != second:
        return None
    is_initialized, _, page_bytes, frames, pages = _INDEX_HEADER.unpack(first)
    return (page_bytes if page_bytes > 1 else 65536, frames, pages) if is_initialized else None


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
