"""A migration whose process is killed in the middle goes on when it is called again."""

import signal
import sys
from pathlib import Path

import pytest
import trio
from processes import ADJOURN, ENVIRONMENT

from adjourn.stores import SqliteStore, open_store
from adjourn.stores.testing import a_head, a_journal

pytestmark = pytest.mark.slow

RUNS = 60
KILLED = """
import os, signal, sys, trio
from functools import partial
from adjourn.actors.runtime.upkeep import migrate_store
from adjourn.stores import migrating

migrating.BATCH_RUNS = 10
def progress(done):
    if done.copied >= 20:
        os.kill(os.getpid(), signal.SIGKILL)
trio.run(partial(migrate_store, *sys.argv[1:], progress=progress))
"""


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'new.db'}" if request.param == "sqlite" else request.getfixturevalue(request.param)


async def test_a_killed_migration_goes_on(target: str, tmp_path: Path) -> None:
    source = f"sqlite:///{tmp_path / 'old.db'}"
    async with await SqliteStore.open(tmp_path / "old.db") as store, trio.open_nursery() as nursery:
        for n in range(RUNS):
            nursery.start_soon(_save, store, n)
    killed = await trio.run_process([sys.executable, "-c", KILLED, source, target], check=False, env=ENVIRONMENT)
    assert killed.returncode == -signal.SIGKILL
    again = await trio.run_process(
        [*ADJOURN, "store", "migrate", source, target], capture_stdout=True, capture_stderr=True, env=ENVIRONMENT
    )
    assert b"copied 40 of 60 runs; 20 were there already" in again.stdout
    async with open_store(source) as old, open_store(target) as new:
        for n in range(RUNS):
            expected, found = await old.load(f"run-{n}"), await new.load(f"run-{n}")
            assert expected is not None
            assert found is not None
            assert (found.head.version, found.journal) == (expected.head.version, expected.journal)


async def _save(store: SqliteStore, n: int) -> None:
    await store.save(a_head(f"run-{n}", created_at=n % 5), a_journal(), expected_version=0)
