"""Where a page begins and how long it may be: the cursor that every store here hands out. No storage."""

from ..protocol.errors import InvalidParams

__all__ = ["check_limit", "cursor_after", "read_cursor"]


def cursor_after(created_at: int, run_id: str) -> str:
    """The cursor to what comes after this run in the order of `Store.list`."""
    return f"{created_at}.{run_id}"


def read_cursor(after: str) -> tuple[int, str]:
    """The `createdAt` and id in a cursor. Raises: InvalidParams if no store made it."""
    created_at, _, run_id = after.partition(".")
    try:
        return int(created_at), run_id
    except ValueError:
        raise InvalidParams(f"after: expected a cursor from an earlier page, got {after!r}") from None


def check_limit(limit: int) -> None:
    """Nothing, for a limit that asks for something. Raises: InvalidParams below 1."""
    if limit < 1:
        raise InvalidParams(f"limit: expected at least 1, got {limit}")
