"""What other nodes have changed lately: one statement to read it, one to remove what is old. No tasks here."""

from ..heads import readable
from ..shared import CHANGES_KEPT_S, Changed
from .connection import Connection
from .statements import statement

__all__ = ["changed", "forget"]

_Row = tuple[bytes | None, bytes | None, bytes | None]


async def changed(connection: Connection, node_id: str, mark: str | None, limit: int) -> Changed:
    """Return the runs that nodes other than this one have changed since the mark, which is a snapshot's text."""
    if mark is None:
        [(now,)] = await connection.query("SELECT pg_current_snapshot()")
        return Changed((now or b"").decode())
    rows = await connection.query(statement("changed"), [mark, node_id, limit + 1])
    saved: list[_Row] = []
    deleted: list[_Row] = []
    for _, run_id, created_at, data, is_deleted in rows[:limit]:
        if data is not None:  # None: this node has deleted the run since
            (deleted if is_deleted == b"t" else saved).append((run_id, created_at, data))
    return Changed(
        (rows[0][0] or b"").decode(), tuple(readable(saved)), tuple(readable(deleted)), is_complete=len(rows) <= limit
    )


async def forget(connection: Connection) -> None:
    """Remove changes that no mark can need any more."""
    await connection.query(statement("forget_changes"), [2 * CHANGES_KEPT_S])
