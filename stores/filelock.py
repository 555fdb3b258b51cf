"""One process at a time: an operating system's lock on a file, released when the process ends, however it ends."""

import os
import sys

from ..protocol.errors import StoreInUse, StoreUnavailable

__all__ = ["FileLock"]


class FileLock:
    """Held from its construction until `release`. POSIX only.

    Raises:
        StoreInUse: another process, or this one, holds it.
        StoreUnavailable: the lock file can't be made.
    """

    def __init__(self, path: str) -> None:
        if sys.platform == "win32":
            raise StoreUnavailable(f"{path}: this kind of store needs POSIX file locks, which Windows doesn't have")
        import fcntl

        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)  # closed on exec
        except OSError as error:
            raise StoreUnavailable(f"{path}: can't make the lock file: {error.strerror}") from error
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
        os.pwrite(self._fd, str(os.getpid()).encode(), 0)  # for the message above, nothing else

    def release(self) -> None:
        """Let another process have it. The file stays: removing it would let two processes lock two files."""
        os.close(self._fd)
