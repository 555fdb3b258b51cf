"""Keeps the messages that a person typed in a file, for the next chat. Answers to decisions are never kept."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from prompt_toolkit.history import FileHistory

__all__ = ["MessageHistory"]

MAX_BYTES = 1_000_000  # of the file; if it is larger, the next chat removes the older half
MAX_ENTRY_CHARS = 10_000  # a longer message is not kept


class MessageHistory(FileHistory):
    """Keeps messages in a file that only its owner may read; in memory if the file can't be used."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._path = path

    def load_history_strings(self) -> Iterable[str]:
        """Returns the messages of earlier chats, the newest first."""
        with suppress(OSError, ValueError):
            self._make()
            return list(super().load_history_strings())
        return []

    def store_string(self, string: str) -> None:
        """Appends a message to the file."""
        if len(string) <= MAX_ENTRY_CHARS:
            with suppress(OSError):
                self._make()
                super().store_string(string)

    def _make(self) -> None:
        """Creates the file, or removes the older half of one that is too large."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with open(fd, "r+b") as file:
            os.fchmod(fd, 0o600)
            size = os.fstat(fd).st_size
            if size > MAX_BYTES:
                file.seek(size - MAX_BYTES // 2)
                _, _, kept = file.read().partition(b"\n\n")  # drops the rest of a cut entry
                file.truncate(0)
                file.write(b"\n" + kept)
