"""Loads a run's record from the store, and folds it into the state that a watcher would see."""

import re

from ...protocol.errors import RunNotFound
from ...protocol.methods import RUN_ID_PATTERN
from ...protocol.record import Record
from ...protocol.transcript import Transcript, replay
from ...stores.base import Store

__all__ = ["RUN_ID", "folded", "load_record", "run_not_found"]

RUN_ID = re.compile(RUN_ID_PATTERN)


def run_not_found(run_id: str) -> RunNotFound:
    """Returns the error for a run that doesn't exist, or that the caller must not know about."""
    return RunNotFound(f"there is no run {run_id!r}", runId=run_id)


async def load_record(store: Store, run_id: str) -> Record:
    """Returns the run's record. Raises: RunNotFound, RecordTooNew, StoreUnavailable, StoreCorrupt."""
    record = await store.load(run_id) if RUN_ID.match(run_id) else None
    if record is None:
        raise run_not_found(run_id)
    return record


def folded(record: Record) -> Transcript:
    """Returns the state that a watcher of all the run's events would see."""
    transcript = Transcript()
    transcript.extend(replay(record))
    return transcript
