"""SQLite stores and real processes: killed during saves, with a deleted log, or two at once."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
import trio
from profiles import repeats

from adjourn.protocol.errors import StoreInUse
from adjourn.stores import SqliteStore
from adjourn.stores.testing import a_head, a_journal

KILLS = repeats(20)
RUNS = 8

# Saves versions of its runs as fast as possible, and prints a line after each save. `hold` only keeps the store open.
CHILD = """
import sys
import trio
from adjourn.stores import SqliteStore
from adjourn.stores.testing import a_head, a_journal

async def save(store, epoch, run_id):
    record = await store.load(run_id)
    version = record.head.version if record else 0
    while True:
        version += 1
        head = a_head(run_id, version, epoch=epoch, metadata={"version": version, "ballast": "x" * 3000})
        await store.save(head, a_journal()[2:3], expected_version=version - 1)
        print(run_id, version, flush=True)

async def main(path, runs):
    async with await SqliteStore.open(path) as store:
        epoch = (await store.acquire("child")).epoch
        print("epoch", epoch, flush=True)
        async with trio.open_nursery() as nursery:
            for n in range(runs):
                nursery.start_soon(save, store, epoch, f"run-{n}")
            nursery.start_soon(trio.to_thread.run_sync, sys.stdin.read)
        await store.release(epoch)

trio.run(main, sys.argv[1], int(sys.argv[2]))
"""


@contextmanager
def child(path: Path, runs: int) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Start a process that opens the store. Yields it and its output. The process is killed when the block ends."""
    command = [sys.executable, "-c", CHILD, str(path), str(runs)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.kill()


def save_until_killed(path: Path, lines: int) -> tuple[int, dict[str, int]]:
    """Kill the child after a number of lines. Return its epoch and the last version that it reported for each run."""
    with child(path, RUNS) as (process, output):
        word, epoch = output.readline().split()
        assert word == "epoch"
        told = [output.readline() for _ in range(lines)]
        process.kill()
        told += output.readlines()  # also what it had still said by then
    acknowledged: dict[str, int] = {}
    for line in told:
        if line.endswith("\n") and line.strip():
            run_id, version = line.split()
            acknowledged[run_id] = int(version)
    return int(epoch), acknowledged


@pytest.mark.thorough
async def test_a_process_killed_in_mid_save_loses_and_tears_nothing(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    last_epoch = 0
    for kill in range(KILLS):
        epoch, acknowledged = await trio.to_thread.run_sync(save_until_killed, path, 1 + 140 // KILLS * kill)
        assert epoch > last_epoch
        assert acknowledged
        async with await SqliteStore.open(path) as store:
            for run_id, version in acknowledged.items():
                record = await store.load(run_id)
                assert record is not None
                assert record.head.version >= version, "what was acknowledged is there"
                assert record.head.metadata["version"] == record.head.version, "the head is of one save"
                assert record.journal == a_journal()[2:3] * record.head.version, "and so is the journal"
            acquired = await store.acquire("parent")
        assert acquired.epoch > epoch
        assert not acquired.is_clean, "a process that is killed has not left in order"
        last_epoch = acquired.epoch


async def test_a_log_removed_under_a_busy_process_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with child(path, RUNS) as (process, output):
        told = [await trio.to_thread.run_sync(output.readline) for _ in range(100)]
        path.with_name("runs.db-wal").unlink()
        assert process.stdin is not None
        process.stdin.close()  # it doesn't wait for that
        told += await trio.to_thread.run_sync(output.readlines)  # until it ends for it
        assert process.wait() == 1
    async with await SqliteStore.open(path) as store:
        for line in told[1:]:
            run_id, version = line.split()
            record = await store.load(run_id)
            assert record is not None
            assert record.head.version >= int(version)


async def test_a_second_process_is_refused_and_the_lock_dies_with_the_first(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with child(path, 0) as (process, output):
        await trio.to_thread.run_sync(output.readline)  # it is open
        with pytest.raises(StoreInUse, match=f"{path} is open already, in process {process.pid}"):
            await SqliteStore.open(path)
        process.kill()
        process.wait()
        async with await SqliteStore.open(path) as store:
            assert await store.load("run") is None


async def test_a_process_that_ends_in_order_hands_the_store_over(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with child(path, 0) as (process, output):
        _, first = (await trio.to_thread.run_sync(output.readline)).split()
        assert process.stdin is not None
        process.stdin.close()  # its sign to leave
        await trio.to_thread.run_sync(process.wait)
        assert process.returncode == 0
    async with await SqliteStore.open(path) as store:
        acquired = await store.acquire("second")
        assert acquired.is_clean
        assert acquired.epoch > int(first)
        await store.save(a_head(epoch=acquired.epoch), expected_version=0)
