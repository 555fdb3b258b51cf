"""Saves of many runs in one statement, with an outcome for each. No tasks here."""

from collections.abc import Sequence

from psycopg import Error

from ...protocol.errors import StaleEpoch, VersionConflict
from ...protocol.record import SCHEMA_VERSION
from ..ownership import Ownership
from ..saves import Save
from .connection import Connection
from .statements import statement

__all__ = ["save_all"]


async def save_all(connection: Connection, saves: Sequence[Save], node_id: str | None) -> Sequence[Exception | None]:
    """Save different runs. Return for each None, or why it was not saved.

    Args:
        node_id: the node that saves, and owns runs saved for the first time; None: no node.

    Raises: psycopg.Error if the connection failed.
    """
    try:
        return await _save_together(connection, saves, node_id)
    except Error as error:
        if not connection.is_alive():
            raise
        if len(saves) == 1:
            return [error]
    # One bad save must not fail the others.
    return [(await save_all(connection, [save], node_id))[0] for save in saves]


async def _save_together(
    connection: Connection, saves: Sequence[Save], node_id: str | None
) -> Sequence[Exception | None]:
    entries = [(save.head.id, place, data.decode()) for save in saves for place, data in enumerate(save.entries, 1)]
    heads = [save.head for save in saves]
    rows = await connection.query(
        statement("save"),
        [
            [head.id for head in heads],
            [save.expected_version for save in saves],
            [head.version for head in heads],
            [head.epoch for head in heads],
            [head.status for head in heads],
            [head.agent for head in heads],
            [head.waiting_since for head in heads],
            [head.next_due for head in heads],
            [head.created_at for head in heads],
            [len(save.entries) for save in saves],
            [save.data.decode() for save in saves],
            [run_id for run_id, _, _ in entries],
            [place for _, place, _ in entries],
            [SCHEMA_VERSION] * len(entries),
            [data for _, _, data in entries],
            node_id,
        ],
    )
    epoch, is_clean = rows[0][:2]
    ownership = Ownership(int(epoch or 0), is_clean == b"t")
    # By id: None where the run was saved, else its stored epoch, if it has one.
    outcomes = {(run_id or b"").decode(): (saved == b"t", int(stored or 0)) for *_, run_id, saved, stored in rows}
    return [_refusal(save, ownership, *outcomes.get(save.head.id, (False, 0))) for save in saves]


def _refusal(save: Save, ownership: Ownership, is_saved: bool, stored: int) -> Exception | None:
    run_id, epoch = save.head.id, save.head.epoch
    if is_saved:
        return None
    try:
        ownership.check_write(epoch)
    except StaleEpoch as stale:
        return stale
    if stored > epoch:
        return StaleEpoch(f"run {run_id}: epoch {epoch} has ended: another node owns the run, with epoch {stored}")
    return VersionConflict(f"run {run_id}: expected version {save.expected_version}, which is not the stored one")
