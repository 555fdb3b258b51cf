"""What other nodes have changed lately: the store keeps notes of it for two minutes. No tasks here."""

from ..heads import readable
from ..shared import Changed
from .connection import Connection

__all__ = ["changed"]


async def changed(connection: Connection, node_id: str, mark: str | None, limit: int) -> Changed:
    """Return the runs that nodes other than this one have changed since the mark, which is a note's number."""
    newest, is_complete, *rows = await connection.call(*connection.script("changed", node_id, mark or "", limit))
    saved = tuple(readable(row[:3] for row in rows if not row[3]))
    deleted = tuple(readable(row[:3] for row in rows if row[3]))
    return Changed(newest.decode(), saved, deleted, is_complete=is_complete == 1)
