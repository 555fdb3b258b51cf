"""The cursors and limits of pages, for every store here. No storage."""

import re

from ..protocol.errors import InvalidParams
from ..protocol.record import Head

__all__ = ["check_limit", "cursor_after", "due_place", "read_cursor"]

_CURSOR = re.compile(r"(-?[0-9]{1,18})\.(.+)", re.DOTALL)  # any 18 digits fit into 64 bits


def cursor_after(created_at: int, run_id: str) -> str:
    """Return the cursor of the page after this run, in the order of `Store.list`."""
    return f"{created_at}.{run_id}"


def read_cursor(after: str) -> tuple[int, str]:
    """Return the `createdAt` and id in a cursor. Raises: InvalidParams if it isn't a cursor."""
    found = _CURSOR.fullmatch(after)
    if found is None:
        raise InvalidParams(f"after: expected a cursor from an earlier page, got {after[:100]!r}")
    return int(found[1]), found[2]


def due_place(after: Head | None) -> tuple[int, str]:
    """Return a head's sort key in the order of `Store.due`: deadline and id. None gives a key below all others."""
    return (-(2**63), "") if after is None or after.next_due is None else (after.next_due, after.id)


def check_limit(limit: int) -> None:
    """Check a page's limit. Raises: InvalidParams below 1."""
    if limit < 1:
        raise InvalidParams(f"limit: expected at least 1, got {limit}")
