"""Saves of many runs in one transaction, with an outcome for each. No tasks here."""

from collections.abc import Sequence
from typing import Any

from coredis.exceptions import RedisError

from ...protocol.errors import StaleEpoch, VersionConflict
from ...protocol.record import SCHEMA_VERSION
from ..ownership import Ownership
from ..saves import Save
from .connection import Connection

__all__ = ["refusal", "save_all"]


async def save_all(
    connection: Connection, saves: Sequence[Save], node_id: str | None
) -> list[RedisError | StaleEpoch | VersionConflict | None]:
    """Save different runs. Return for each None, or why it was not saved.

    Args:
        node_id: the node that saves, and owns runs saved for the first time; None: no node.

    Raises: RedisError; then none was saved, or the connection failed.
    """
    commands = [_command(connection, save, node_id or "") for save in saves]
    *answers, _ = await connection.outcomes([*commands, connection.script("hint", "changed", node_id or "")])
    return [
        answer if isinstance(answer, RedisError) else _refusal(save, answer)
        for save, answer in zip(saves, answers, strict=True)
    ]


def _command(connection: Connection, save: Save, node_id: str) -> Sequence[str | bytes | int]:
    head = save.head
    return connection.script(
        "save",
        node_id,
        head.id,
        save.expected_version,
        head.version,
        head.epoch,
        head.status,
        head.agent,
        "" if head.waiting_since is None else head.waiting_since,
        "" if head.next_due is None else head.next_due,
        head.created_at,
        save.data,
        *[b"%d %b" % (SCHEMA_VERSION, entry) for entry in save.entries],  # as `split_entry` reads them
    )


def _refusal(save: Save, answer: Sequence[Any]) -> StaleEpoch | VersionConflict | None:
    run_id, epoch = save.head.id, save.head.epoch
    if answer[0] == b"version":
        stored = int(answer[1])
        return VersionConflict(f"run {run_id}: expected version {save.expected_version}, stored is {stored}")
    return refusal(run_id, epoch, answer)


def refusal(run_id: str, epoch: int, answer: Sequence[Any]) -> StaleEpoch | None:
    """Return the error that a script's answer means for a write of a run with this epoch, if any."""
    if answer[0] == b"epoch":
        owned = int(answer[1])
        return StaleEpoch(f"run {run_id}: epoch {epoch} has ended: another node owns the run, with epoch {owned}")
    if answer[0] == b"owner":
        try:
            Ownership(int(answer[1]), is_clean=answer[2] == 1).check_write(epoch)
        except StaleEpoch as stale:
            return stale
    return None
