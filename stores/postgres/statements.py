"""The SQL statements of the store, from the files beside this one: one statement a file, named for what it does."""

from pathlib import Path

__all__ = ["statement"]

_FOLDER = Path(__file__).parent / "sql"
_TEXTS = {file.stem: file.read_text() for file in _FOLDER.glob("*.sql")}


def statement(name: str) -> str:
    """Return the text of sql/`name`.sql."""
    return _TEXTS[name]
