"""Reads the rows of a store for a check: each run in its state when its head was read."""

from collections.abc import Mapping, Sequence

from ..checking import HeadRow, JournalRow
from .connection import Connection
from .places import placed
from .reads import split_entry

__all__ = ["ValkeyRows"]

HEADS, ENTRIES, RUNLESS = 200, 64, 1_000  # read at once
_FIELDS = ("entries", "data", "version", "status", "agent", "waiting", "due")


class ValkeyRows:
    """Implements `Rows` over a connection. `open_valkey_rows` translates errors."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._after = "-"
        self._heads: dict[str, HeadRow] = {}  # the last rows of heads

    async def damage(self) -> Sequence[str]:
        """Return nothing: the server has no such check."""
        return ()

    async def heads(self) -> Sequence[HeadRow]:
        """Return the next rows of heads, the oldest first."""
        script = self._connection.script("heads", "list:all:", self._after, "+", HEADS, "", *_FIELDS)
        rows = await self._connection.call(*script)
        if rows:
            self._after = f"({rows[-1][0].decode()}"
        self._heads = {row.id: row for row in [_head_row(*row) for row in rows]}
        return list(self._heads.values())

    async def journal(self, run_id: str, start: int) -> Sequence[JournalRow]:
        """Return the next rows of a run's journal."""
        entries, version = await self._connection.transaction(
            [
                ("LRANGE", self._connection.key("journal", run_id), start, start + ENTRIES - 1),
                ("HGET", self._connection.key("run", run_id), "version"),
            ]
        )
        head = self._heads[run_id]
        if version is not None and int(version) != head.columns.get("version"):  # entries were appended since
            entries = entries[: max(head.entries - start, 0)]
        return [JournalRow(start + n, *split_entry(entry)) for n, entry in enumerate(entries)]

    async def runless(self) -> Mapping[str, int]:
        """Return the numbers of journal entries without a head."""
        found: dict[str, int] = {}
        prefix = self._connection.key("journal", "")
        cursor = b"0"
        while len(found) < RUNLESS:
            cursor, keys = await self._connection.call("SCAN", cursor, "MATCH", f"{prefix}*", "COUNT", RUNLESS)
            for key in keys:
                run_id = key.decode().removeprefix(prefix)
                if not await self._connection.call("EXISTS", self._connection.key("run", run_id)):
                    found[run_id] = await self._connection.call("LLEN", key)
            if cursor == b"0":
                break
        return found


def _head_row(member: bytes, entries: bytes | None, data: bytes | None, *columns: bytes | None) -> HeadRow:
    run_id = placed(member)[1]
    if data is None:  # the index has a run that does not exist
        return HeadRow(run_id, {}, 0, b"")
    version, status, agent, waiting, due = [(column or b"").decode() for column in columns]
    return HeadRow(
        id=run_id,
        # Claims raise the stored epoch alone; `createdAt` of the first save may differ from the one in the head.
        columns={
            "version": int(version or 0),
            "status": status,
            "agent": agent,
            "waiting_since": int(waiting) if waiting else None,
            "next_due": int(due) if due else None,
        },
        entries=int(entries or 0),
        data=data,
    )
