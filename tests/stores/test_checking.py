"""Checking the rows of a store: each kind of damage is told, and nothing is changed."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import trio
from postgres_server import Server
from valkey_server import Server as ValkeyServer

from adjourn.protocol.errors import InvalidParams, StoreCorrupt, StoreTooNew, StoreUnavailable
from adjourn.stores import open_store
from adjourn.stores.address import open_rows
from adjourn.stores.checking import Fault, check_rows
from adjourn.stores.testing import a_head, a_journal, next_head

FROZEN = Path(__file__).parents[1] / "vectors" / "stores"
ENTRIES = len(a_journal())

# Damage, as a statement for either database, and what is told of it: kind, run and a part of the message.
DAMAGE = [
    ("UPDATE {heads} SET data = '{{' WHERE id = 'one'", "head", "one", "can't be read"),
    (
        "UPDATE {heads} SET version = 7 WHERE id = 'one'",
        "columns",
        "one",
        "column version is 7, in the head it is 1",
    ),
    (
        "UPDATE {heads} SET next_due = 7 WHERE id = 'one'",
        "columns",
        "one",
        "column next_due is 7, in the head it is",
    ),
    ("UPDATE {heads} SET id = 'two' WHERE id = 'one'", "columns", "two", "column id is 'two', in the head it is 'one'"),
    (
        "UPDATE {heads} SET data = replace(data, '\"schemaVersion\":', '\"schemaVersion\":9') WHERE id = 'one'",
        *("tooNew", "one", "schema version 9"),
    ),
    ("UPDATE {journal} SET schema_version = 99 WHERE n = 1", "tooNew", "one", "journal entry 1: "),
    ("UPDATE {journal} SET data = '{{}}' WHERE n = 1", "entry", "one", "journal entry 1: "),
    (
        "DELETE FROM {journal} WHERE n = 1",
        *("journal", "one", f"{ENTRIES} entries and has {ENTRIES - 1}; the first one missing is number 1"),
    ),
    (
        f"DELETE FROM {{journal}} WHERE n = {ENTRIES - 1}",
        *("journal", "one", f"has {ENTRIES - 1}; the first one missing is number {ENTRIES - 1}"),
    ),
    (
        "UPDATE {heads} SET entries = 1 WHERE id = 'one'",
        *("journal", "one", f"should have 1 entries and has {ENTRIES}; the first one too many is number 1"),
    ),
    ("DELETE FROM {heads}", "noRun", None, "journal entries belong to run "),
]


async def check(address: str) -> tuple[int, list[Fault]]:
    faults: list[Fault] = []
    async with open_rows(address) as rows:
        return await check_rows(rows, faults.append), faults


async def fill(address: str) -> None:
    async with open_store(address) as store:
        await store.save(a_head("one"), a_journal(), expected_version=0)


def expect(found: list[Fault], kind: str, run_id: str | None, part: str) -> None:
    fault = next(fault for fault in found if fault.kind == kind)
    assert fault.run_id == run_id
    assert part in fault.message


@pytest.mark.parametrize(("sql", "kind", "run_id", "part"), DAMAGE)
async def test_damage_in_sqlite_is_told(tmp_path: Path, sql: str, kind: str, run_id: str | None, part: str) -> None:
    await fill(f"sqlite:///{tmp_path}/runs.db")
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection, connection:
        connection.execute(sql.format(heads="heads", journal="journal"))
    _, found = await check(f"sqlite:///{tmp_path}/runs.db")
    expect(found, kind, run_id, part)


@pytest.mark.slow
@pytest.mark.parametrize(("sql", "kind", "run_id", "part"), DAMAGE)
async def test_damage_in_postgres_is_told(
    postgres: str, postgres_server: Server, sql: str, kind: str, run_id: str | None, part: str
) -> None:
    await fill(postgres)
    assert await check(postgres) == (1, [])
    schema = postgres.rpartition("%3D")[2]
    postgres_server.run(sql.format(heads=f"{schema}.adjourn_heads", journal=f"{schema}.adjourn_journal"))
    _, found = await check(postgres)
    expect(found, kind, run_id, part)


@pytest.mark.slow
async def test_all_runs_without_heads_are_found_on_pages_of_any_size(
    postgres: str, postgres_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_store(postgres) as store:
        for n in range(9):
            await store.save(a_head(f"run-{n}"), a_journal(), expected_version=0)
    schema = postgres.rpartition("%3D")[2]
    postgres_server.run(f"DELETE FROM {schema}.adjourn_heads WHERE id IN ('run-0', 'run-4', 'run-5', 'run-8')")
    for size in (1, 2, 3, 100):
        monkeypatch.setattr("adjourn.stores.postgres.rows.RUNS", size)
        async with open_rows(postgres) as rows:
            assert await rows.runless() == dict.fromkeys(("run-0", "run-4", "run-5", "run-8"), ENTRIES)


@pytest.mark.slow
async def test_a_page_that_takes_too_long_ends_the_check(postgres: str, postgres_server: Server) -> None:
    await fill(postgres)
    schema = postgres.rpartition("%3D")[2]
    with psycopg.connect(postgres_server.address) as locking:
        locking.execute(f"LOCK TABLE {schema}.adjourn_heads".encode())
        with pytest.raises(StoreUnavailable, match="statement timeout"):
            await check(f"{postgres}%20-cstatement_timeout%3D50")


@pytest.mark.slow
async def test_a_server_that_hangs_ends_the_check(
    postgres: str, postgres_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(postgres)
    monkeypatch.setattr("adjourn.stores.postgres.rows.ANSWER_S", 0.01)

    async def read_while_it_hangs() -> None:
        async with open_rows(postgres) as rows:
            postgres_server.freeze()
            try:
                await rows.heads()
            finally:
                postgres_server.thaw()

    with pytest.raises(StoreUnavailable, match=r"no answer within 0\.01 s"):
        await read_while_it_hangs()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "kind", "run_id", "part"),
    [
        ("HSET {}:run:one data {{", "head", "one", "can't be read"),
        ("DEL {}:run:one", "head", "one", "can't be read"),
        ("HSET {}:run:one version 7", "columns", "one", "column version is 7, in the head it is 1"),
        ("HSET {}:run:one due 7", "columns", "one", "column next_due is 7, in the head it is None"),
        ("LSET {}:journal:one 1 99\t{{}}", "tooNew", "one", "journal entry 1: "),
        ("LSET {}:journal:one 1 4\t{{}}", "entry", "one", "journal entry 1: "),
        ("LPOP {}:journal:one", "journal", "one", f"the first one missing is number {ENTRIES - 1}"),
        ("HSET {}:run:one entries 1", "journal", "one", "the first one too many is number 1"),
        ("RENAME {}:journal:one {}:journal:two", "noRun", None, f"{ENTRIES} journal entries belong to run two"),
    ],
)
async def test_damage_in_valkey_is_told(
    valkey: str, valkey_server: ValkeyServer, command: str, kind: str, run_id: str | None, part: str
) -> None:
    await fill(valkey)
    assert await check(valkey) == (1, [])
    prefix = f"{{{valkey.rpartition('=')[2]}}}"
    words = command.format(prefix, prefix).split(" ")
    valkey_server.run(*[word.replace("\t", " ") for word in words])
    _, found = await check(valkey)
    expect(found, kind, run_id, part)


@pytest.mark.slow
async def test_entries_that_are_appended_during_a_check_of_valkey_are_no_damage(valkey: str) -> None:
    await fill(valkey)
    async with open_rows(valkey) as rows, open_store(valkey) as store:
        [head] = await rows.heads()
        await store.save(next_head(a_head("one")), a_journal(), expected_version=1)
        assert len(await rows.journal("one", 0)) == head.entries == ENTRIES
        assert await rows.journal("one", ENTRIES) == []


@pytest.mark.slow
@pytest.mark.parametrize("server", ["postgres", "valkey"])
async def test_a_server_without_a_store_gets_none(server: str, request: pytest.FixtureRequest) -> None:
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="there is no adjourn store"):
            await check(request.getfixturevalue(server))


@pytest.mark.parametrize("frozen", sorted(FROZEN.glob("*.sqlite3")), ids=lambda path: path.stem)
async def test_stores_of_earlier_versions_are_sound_and_stay(frozen: Path, tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    shutil.copy(frozen, path)
    before = path.read_bytes()
    runs, faults = await check(f"sqlite:///{path}")
    assert runs > 0
    assert faults == []
    assert path.read_bytes() == before
    for left in tmp_path.glob("runs.db-wal"):  # SQLite leaves an empty log
        assert left.stat().st_size == 0
    async with open_store(f"sqlite:///{path}"):  # opens it as it would have without the check
        pass


async def test_a_store_in_use_is_checked(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/runs.db"
    async with open_store(address) as store:
        async with trio.open_nursery() as nursery:
            for n in range(700):
                nursery.start_soon(lambda head: store.save(head, a_journal(), expected_version=0), a_head(f"run-{n}"))
        assert await check(address) == (700, [])
        seen: list[int] = []
        async with open_rows(address) as rows:
            await check_rows(rows, lambda fault: None, seen.append)
        assert seen == [500, 700]


async def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    await fill(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'heads_by_due'")
    _, found = await check(f"sqlite:///{path}")
    assert found[0].kind == "file"
    assert found[0].run_id is None


async def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with pytest.raises(StoreUnavailable, match="there is no such file"):
        await check(f"sqlite:///{path}")
    path.write_bytes(b"")
    with pytest.raises(StoreCorrupt, match="no adjourn store"):
        await check(f"sqlite:///{path}")
    path.write_text("dear diary, " * 1000)
    with pytest.raises(StoreCorrupt):
        await check(f"sqlite:///{path}")
    with pytest.raises(InvalidParams, match="memory: has nothing to read"):
        await check("memory:")


async def test_a_store_of_a_later_version_is_refused(tmp_path: Path) -> None:
    await fill(f"sqlite:///{tmp_path}/runs.db")
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreTooNew):
        await check(f"sqlite:///{tmp_path}/runs.db")
