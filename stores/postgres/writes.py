"""The writes of the store over one connection: all saves that wait go in one statement. No tasks here."""

from collections.abc import Sequence
from typing import Any

from psycopg import Error

from ...protocol.errors import StaleEpoch, VersionConflict
from ...protocol.record import SCHEMA_VERSION
from ..base import Acquired
from ..ownership import Ownership
from ..sqlite_writes import Acquire, Delete, Release, Save, Write
from .connection import Connection
from .lane import unavailable
from .statements import statement

__all__ = ["write"]

MOST_SAVES = 512  # in a statement
MOST_BYTES = 8 * 2**20  # of heads and entries in a statement, unless one save alone has more


async def write(connection: Connection, writes: Sequence[Write], where: str) -> list[Any]:
    """Make the first of the writes, or as many saves from the first on as fit in one statement.

    Returns the outcome of each that was made: None, an `Acquired`, or the exception to raise.

    Raises: psycopg.Error if the connection failed.
    """
    first = writes[0]
    if not isinstance(first, Save):
        return [await _alone(connection, first, where)]
    saves = _together(writes)
    try:
        return await _save(connection, saves)
    except Error as error:
        if not connection.is_alive():
            raise
        if len(saves) == 1:
            return [unavailable(where, error)]
    # One bad save must not fail the others.
    return [(await write(connection, [save], where))[0] for save in saves]


def _together(writes: Sequence[Write]) -> list[Save]:
    # A run that is saved twice needs two statements: the second save builds on the first.
    saves: dict[str, Save] = {}
    size = 0
    for each in writes[:MOST_SAVES]:
        if not isinstance(each, Save) or each.id in saves:
            break
        size += len(each.data) + sum([len(entry) for entry in each.entries])
        if saves and size > MOST_BYTES:
            break
        saves[each.id] = each
    return list(saves.values())


async def _save(connection: Connection, saves: Sequence[Save]) -> list[Any]:
    entries = [(save.id, place, data) for save in saves for place, data in enumerate(save.entries, 1)]
    rows = await connection.query(
        statement("save"),
        [
            [save.id for save in saves],
            [save.expected_version for save in saves],
            [save.version for save in saves],
            [save.epoch for save in saves],
            [save.status for save in saves],
            [save.agent for save in saves],
            [save.waiting_since for save in saves],
            [save.next_due for save in saves],
            [save.created_at for save in saves],
            [len(save.entries) for save in saves],
            [save.data.decode() for save in saves],
            [run_id for run_id, _, _ in entries],
            [place for _, place, _ in entries],
            [SCHEMA_VERSION] * len(entries),
            [data.decode() for _, _, data in entries],
        ],
    )
    ownership = _ownership(rows[0])
    saved = {run_id.decode() for _, _, run_id in rows if run_id is not None}
    return [None if save.id in saved else _refusal(save, ownership) for save in saves]


def _refusal(save: Save, ownership: Ownership) -> Exception:
    try:
        ownership.check_write(save.epoch)
    except StaleEpoch as stale:
        return stale
    return VersionConflict(f"run {save.id}: expected version {save.expected_version}, which is not the stored one")


async def _alone(connection: Connection, write: Acquire | Release | Delete, where: str) -> Any:
    try:
        match write:
            case Acquire():
                [(epoch, is_clean)] = await connection.query(statement("acquire"), [write.owner])
                return Acquired(int(epoch or 0), is_clean == b"t")
            case Release():
                if not await connection.query(statement("release"), [write.epoch]):
                    return StaleEpoch(f"epoch {write.epoch} can't release the store: it isn't the current owner's")
            case Delete():
                return await _delete(connection, write)
    except Error as error:
        if not connection.is_alive():
            raise
        return unavailable(where, error)


async def _delete(connection: Connection, delete: Delete) -> StaleEpoch | None:
    await connection.query("BEGIN")
    try:
        [owner] = await connection.query(statement("may_write"))
        try:
            _ownership(owner).check_write(delete.epoch)
        except StaleEpoch as stale:
            await connection.query("ROLLBACK")
            return stale
        await connection.query(statement("delete_head"), [delete.id])
        await connection.query(statement("delete_journal"), [delete.id])
        await connection.query("COMMIT")
    except Error:
        if connection.is_alive():
            await connection.query("ROLLBACK")
        raise
    return None


def _ownership(row: Sequence[bytes | None]) -> Ownership:
    epoch, is_clean = row[:2]
    return Ownership(int(epoch or 0), is_clean == b"1")
