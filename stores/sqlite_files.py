"""The files of an open SQLite store: locked for one process, and looked at while they are in use. No SQL here.

SQLite goes on writing into files that were deleted or replaced, and what they hold then ends with the process.
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
_SHARED_BYTES = (2**30 + 2, 510)  # SQLite: each connection holds a read lock on them, an exclusive one locks them all
_INDEX_HEADER = struct.Struct("=12xBBHII24x")  # https://sqlite.org/walformat.html, 2.1; there are two copies of it
_WAL_HEADER, _FRAME_HEADER = 32, 24  # bytes

_open_files: set[tuple[int, int]] = set()  # those of this process
_guard = threading.Lock()


class Trouble(Enum):
    """What happened to the files of a store while it was open, in words for the log."""

    MOVED = "the file was moved away or replaced while it was in use; put it back, or start again without it"
    OUT_OF_REACH = "its files can't be looked at"
    DELETED = "the file was deleted or replaced while it was in use"
    LOG_REMOVED = "its write-ahead log, the file -wal beside it, was removed while it was in use"
    LOG_REPLACED = "its write-ahead log, the file -wal beside it, was replaced while it was in use"
    LOG_CUT = "its write-ahead log, the file -wal beside it, was cut while it was in use"
    CUT = "the file was cut while it was in use"

    @property
    def passes(self) -> bool:
        """Whether the store can go on once its files are back."""
        return self in (Trouble.MOVED, Trouble.OUT_OF_REACH)

    @property
    def is_cut(self) -> bool:
        """Whether the files that SQLite has open lack a part of what was saved."""
        return self in (Trouble.LOG_CUT, Trouble.CUT)


class StoreFiles:
    """The main file, locked under whatever name; and, once `watch` was called, the log beside it.

    Create it before SQLite opens the file, and close it after SQLite has closed it: when a process closes any
    descriptor of a file, SQLite's own locks on that file are gone. For the same reason nothing else may open it.

    The lock is an open file description's, so it collides neither with SQLite's nor with other descriptors. Where the
    operating system or the file system has none (anything but Linux), only the lock file beside the main file excludes
    other processes, and a hard link opens the store twice.

    Raises:
        StoreInUse: another process, or this one, has the file open, maybe under another name.
        StoreUnavailable: the file can't be opened or made.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = FileLock(path + ".lock")  # which also excludes older versions
        self._index = -1
        try:
            self._main, self._identity = _open_main(path)
        except BaseException:
            self._lock.release()
            raise

    def watch(self) -> None:
        """Begin to look at the log too; SQLite has made it by now. Raises: StoreUnavailable."""
        try:
            self._index = os.open(self._path + "-shm", os.O_RDONLY)
            self._log_identity = _identity(os.stat(self._path + "-wal"))
            self._size = os.stat(self._path).st_size
        except OSError as error:
            raise StoreUnavailable(f"{self._path}: can't open its log: {error.strerror}", path=self._path) from error

    def check(self) -> Trouble | None:
        """What happened to the files. Takes a few µs; not while SQLite writes."""
        header = _header(self._index)  # before the sizes: these only grow
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
            # Until the log is moved into it, the file may be smaller than its content, but it doesn't shrink.
            if main.st_size < min(self._size, pages * page_bytes):
                return Trouble.CUT
        self._size = main.st_size
        return None

    def leave_as_it_is(self) -> None:
        """Keep SQLite from moving what a cut log still holds into the file when it closes it: that would damage it."""
        _try_lock(self._main, _SHARED_BYTES, shared=True)

    def close(self) -> None:
        """Let another process have the store. Only when SQLite has closed it."""
        if self._index >= 0:
            os.close(self._index)
        with _guard:
            os.close(self._main)
            _open_files.discard(self._identity)
        self._lock.release()


def _open_main(path: str) -> tuple[int, tuple[int, int]]:
    """A locked descriptor of the file, and which file it is."""
    with _guard:
        found = _stat(path)
        if found is not None and _identity(found) in _open_files:  # before it is opened: closing it would do harm
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
    """Whether nobody else has locked those bytes (start, count): they are now, unless there are no such locks here."""
    if sys.platform != "linux":
        return True
    import fcntl

    kind = fcntl.F_RDLCK if shared else fcntl.F_WRLCK
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", kind, os.SEEK_SET, *span, 0))
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without such locks
        return True
    return True


def _header(index: int) -> tuple[int, int, int] | None:
    """From SQLite's index of the log: bytes a page, frames that count, pages of the database. None: being written."""
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
