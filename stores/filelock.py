"""A file lock of the operating system: one process holds it, and loses it when it ends for whatever reason."""

import os
import sys

from ..protocol.errors import StoreInUse, StoreUnavailable

__all__ = ["FileLock"]


class FileLock:
    """Locks the file at `path` until `release`. POSIX only.

    Raises:
        StoreInUse: another process, or this one, holds the lock.
        StoreUnavailable: the lock file can't be created.
    """

    def __init__(self, path: str) -> None:
        if sys.platform == "win32":
            raise StoreUnavailable(f"{path}: this kind of store needs POSIX file locks, which Windows doesn't have")
        import fcntl

        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreUnavailable(f"{path}: can't create the lock file: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(self._fd, 20, 0).decode(errors="replace").strip()
            os.close(self._fd)
            if not isinstance(error, BlockingIOError):
                raise StoreUnavailable(f"{path}: can't lock it: {error.strerror}") from error
            store = path.removesuffix(".lock")
            raise StoreInUse(f"{store} is open already, in process {owner or 'unknown'}", path=store) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, str(os.getpid()).encode(), 0)  # only for the message above

    def release(self) -> None:
        """Unlock the file. The file stays: if it were removed, two processes could lock two different files."""
        os.close(self._fd)
