"""Saves of many runs in one statement, with an outcome for each. No tasks here."""

from collections.abc import Sequence

import msgspec

from ...protocol.errors import StaleEpoch, VersionConflict
from ...protocol.events import Status
from ...protocol.record import SCHEMA_VERSION
from ..ownership import Ownership
from .connection import Connection
from .statements import statement

__all__ = ["Save", "save_all", "together"]

MOST_SAVES = 512  # in a statement
MOST_BYTES = 8 * 2**20  # of heads and entries in a statement, unless one save alone has more


class Save(msgspec.Struct, frozen=True):
    """Save an encoded head and the entries to append."""

    id: str
    expected_version: int
    version: int
    epoch: int
    status: Status
    agent: str
    waiting_since: int | None
    next_due: int | None
    created_at: int
    data: str
    entries: tuple[str, ...]


def together(jobs: Sequence[object]) -> list[Save]:
    """Return the jobs that fit in one statement: saves of different runs, from the first job on."""
    # A run that is saved twice needs two statements: the second save builds on the first.
    saves: dict[str, Save] = {}
    size = 0
    for each in jobs[:MOST_SAVES]:
        if not isinstance(each, Save) or each.id in saves:
            break
        size += len(each.data) + sum([len(entry) for entry in each.entries])
        if saves and size > MOST_BYTES:
            break
        saves[each.id] = each
    return list(saves.values())


async def save_all(connection: Connection, saves: Sequence[Save], node: str | None) -> list[Exception | None]:
    """Save different runs. Return for each None, or the exception to raise.

    Args:
        node: the node that saves, and owns runs saved for the first time; None: no node.

    Raises: psycopg.Error; then none was saved, or the connection failed.
    """
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
            [save.data for save in saves],
            [run_id for run_id, _, _ in entries],
            [place for _, place, _ in entries],
            [SCHEMA_VERSION] * len(entries),
            [data for _, _, data in entries],
            node,
        ],
    )
    epoch, is_clean = rows[0][:2]
    ownership = Ownership(int(epoch or 0), is_clean == b"t")
    # By id: None where the run was saved, else its stored epoch, if it has one.
    outcomes = {(run_id or b"").decode(): (saved == b"t", int(stored or 0)) for *_, run_id, saved, stored in rows}
    return [_refusal(save, ownership, *outcomes.get(save.id, (False, 0))) for save in saves]


def _refusal(save: Save, ownership: Ownership, is_saved: bool, epoch: int) -> Exception | None:
    if is_saved:
        return None
    try:
        ownership.check_write(save.epoch)
    except StaleEpoch as stale:
        return stale
    if epoch > save.epoch:
        return StaleEpoch(f"run {save.id}: epoch {save.epoch} has ended: another node owns the run, with epoch {epoch}")
    return VersionConflict(f"run {save.id}: expected version {save.expected_version}, which is not the stored one")
