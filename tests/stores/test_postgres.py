"""The store in a PostgreSQL database, on a real server: the Store contract, and what a server does to a store."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import count

import psycopg
import pytest
import trio
from postgres_server import Server

from adjourn.protocol.errors import (
    InvalidParams,
    StaleEpoch,
    StoreCorrupt,
    StoreTooNew,
    StoreUnavailable,
    VersionConflict,
)
from adjourn.protocol.record import Record
from adjourn.stores import Node, open_store
from adjourn.stores.postgres import PostgresStore, listener, open_postgres
from adjourn.stores.postgres.connection import Connection
from adjourn.stores.testing import Clause, a_head, a_journal, clauses_for, next_head

pytestmark = pytest.mark.slow

NUMBERS = count(1)


@pytest.mark.parametrize("clause", clauses_for(PostgresStore.claims), ids=str)
async def test_postgres_keeps_the_contract(clause: Clause, postgres: str) -> None:
    await clause.check(partial(open_store, postgres))


async def _saved(store: PostgresStore, run_id: str) -> bool:
    return await store.load(run_id) is not None


# Two processes on one database.


async def test_a_later_owner_fences_the_earlier_one(postgres: str) -> None:
    async with open_postgres(postgres) as one, open_postgres(postgres) as two:
        old = (await one.acquire("one")).epoch
        await one.save(a_head(epoch=old), a_journal(), expected_version=0)
        new = (await two.acquire("two")).epoch
        for late in (
            one.save(next_head(a_head(epoch=old)), expected_version=1),
            one.delete("run", epoch=old),
            one.release(old),
        ):
            with pytest.raises(StaleEpoch):
                await late
        assert await two.load("run") == Record(head=a_head(epoch=old), journal=a_journal())
        await two.save(next_head(a_head(epoch=new)), expected_version=1)


async def test_ten_processes_may_make_the_tables_at_once(postgres: str) -> None:
    opened = 0

    async def open_one(ready: trio.Event) -> None:
        nonlocal opened
        await ready.wait()
        async with open_postgres(postgres):
            opened += 1

    ready = trio.Event()
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(open_one, ready)
        ready.set()
    assert opened == 10


async def test_a_save_that_waited_for_a_deletion_leaves_nothing_behind(postgres: str, postgres_server: Server) -> None:
    async with open_postgres(postgres) as one, open_postgres(postgres) as two:
        for n in range(20):
            run_id = f"run-{n}"
            await one.save(a_head(run_id), a_journal(), expected_version=0)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_try_save, two, run_id)
                nursery.start_soon(partial(one.delete, run_id, epoch=0))
            assert await one.load(run_id) is None
            await one.save(a_head(run_id), a_journal(), expected_version=0)  # fails if old entries were left


async def _try_save(store: PostgresStore, run_id: str) -> None:
    with suppress(VersionConflict):
        await store.save(next_head(a_head(run_id)), a_journal(), expected_version=1)


async def test_a_change_that_was_under_way_at_a_mark_is_told_when_it_is_committed(postgres: str) -> None:
    async with open_postgres(postgres) as store:
        await store.join(Node("one"), 1_000)
        await store.save(a_head("slow"), expected_version=0)
        await store.save(a_head("quick"), expected_version=0)
        await store.join(Node("two"), 1_000)
        with psycopg.connect(postgres) as slow, psycopg.connect(postgres, autocommit=True) as quick:
            slow.execute("INSERT INTO adjourn_changes (node, runs) VALUES ('one', ARRAY['slow'])")
            begun = await store.changed(None, 10)
            quick.execute("INSERT INTO adjourn_changes (node, runs) VALUES ('one', ARRAY['quick'])")
            during = await store.changed(begun.mark, 10)
            assert [head.id for head in during.saved] == ["quick"]
            slow.commit()
            after = await store.changed(during.mark, 10)
            assert [head.id for head in after.saved] == ["slow"], "also though a later transaction was committed before"


async def test_old_changes_are_removed(postgres: str) -> None:
    async with open_postgres(postgres) as store:
        await store.join(Node("one"), 1_000)
        await store.save(a_head("old"), expected_version=0)
        await store.save(a_head("new"), expected_version=0)
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute("UPDATE adjourn_changes SET at = now() - interval '1 hour' WHERE runs = ARRAY['old']")
            await store.changed(None, 10)
            assert connection.execute("SELECT runs FROM adjourn_changes").fetchall() == [(["new"],)]


# Groups of saves.


async def test_a_thousand_saves_at_once_are_a_few_transactions(postgres: str, postgres_server: Server) -> None:
    async with open_postgres(postgres) as store:
        before = _begun(postgres_server)
        async with trio.open_nursery() as nursery:
            for n in range(1_000):
                nursery.start_soon(partial(store.save, a_head(f"run-{n}"), a_journal(), expected_version=0))
        assert _begun(postgres_server) - before < 20


def _begun(server: Server) -> int:
    """Return how many transactions have written so far. Statistics would count those of other tests late."""
    [(number,)] = server.run("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    return number


async def test_a_save_that_the_server_refuses_fails_alone(postgres: str) -> None:
    async with open_postgres(postgres) as store:
        refused: list[str] = []

        async def save(run_id: str, agent: str) -> None:
            try:
                await store.save(a_head(run_id, agent=agent), expected_version=0)
            except StoreUnavailable:
                refused.append(run_id)

        async with trio.open_nursery() as nursery:
            for n in range(10):
                nursery.start_soon(save, f"run-{n}", "support\x00" if n == 4 else "support")
        assert refused == ["run-4"]  # PostgreSQL's text can't hold NUL
        assert len((await store.list()).heads) == 9


# A server that goes away, hangs or refuses.


async def test_a_connection_that_the_server_closed_is_replaced_unseen(postgres: str, postgres_server: Server) -> None:
    async with open_postgres(postgres) as store:
        await store.save(a_head(), expected_version=0)
        assert await _saved(store, "run")
        for n in range(3):
            _terminate_all(postgres_server)
            await store.save(a_head(f"run-{n}"), expected_version=0)
            assert await _saved(store, f"run-{n}")


def _terminate_all(server: Server) -> None:
    server.run(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )


async def test_a_save_whose_connection_ends_is_unavailable_and_whole(postgres: str, postgres_server: Server) -> None:
    async with open_postgres(postgres) as store, _locked(postgres):
        failed = trio.Event()

        async def save() -> None:
            with pytest.raises(StoreUnavailable, match="PostgreSQL at"):
                await store.save(a_head(), a_journal(), expected_version=0)
            failed.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(save)
            await _until_waiting(postgres_server)
            _terminate_those_waiting(postgres_server)
        assert not await _saved(store, "run")


@asynccontextmanager
async def _locked(address: str) -> AsyncGenerator[None]:
    """Hold a lock for which every save waits."""
    with psycopg.connect(address) as connection:
        connection.execute("SELECT * FROM adjourn_store FOR UPDATE")
        yield
        connection.rollback()


async def _until_waiting(server: Server) -> None:
    while not server.run("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("times", [1, 2])
async def test_a_read_whose_connection_ends_is_repeated_once(
    times: int, postgres: str, postgres_server: Server
) -> None:
    async with open_postgres(postgres) as store:
        await store.save(a_head(), expected_version=0)
        found: list[Record | None] = []

        async def load() -> None:
            try:
                found.append(await store.load("run"))
            except StoreUnavailable:
                found.append(None)

        async with trio.open_nursery() as nursery:
            with psycopg.connect(postgres) as locking:
                locking.execute("LOCK TABLE adjourn_heads")
                nursery.start_soon(load)
                for _ in range(times):
                    await _until_waiting(postgres_server)
                    _terminate_those_waiting(postgres_server)
                if times == 1:
                    await _until_waiting(postgres_server)
        assert [each is not None for each in found] == [times == 1]


def _terminate_those_waiting(server: Server) -> None:
    server.run("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")


async def test_calls_to_a_server_that_hangs_are_given_up(postgres: str, postgres_server: Server) -> None:
    async with open_postgres(postgres) as store:
        await store.save(a_head(), expected_version=0)
        await store.load("run")
        postgres_server.freeze()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_expect_late, partial(store.save, a_head("late"), expected_version=0))
                nursery.start_soon(_expect_late, partial(store.load, "run"))
                await trio.testing.wait_all_tasks_blocked()
                assert store.give_up(0)
        finally:
            postgres_server.thaw()
        assert await _saved(store, "run")
        await store.save(next_head(a_head()), expected_version=1)


async def _expect_late(call: partial[object]) -> None:
    with pytest.raises(StoreUnavailable, match="has not answered in time"):
        await call()  # type: ignore[misc]


async def test_the_server_ends_a_statement_that_waits_too_long(postgres: str, postgres_server: Server) -> None:
    async with open_postgres(f"{postgres}%20-cstatement_timeout%3D50") as store, _locked(postgres):
        with pytest.raises(StoreUnavailable, match="statement timeout"):
            await store.save(a_head(), expected_version=0)
    async with open_postgres(postgres) as store:
        await store.save(a_head(), expected_version=0)


async def test_a_killed_server_loses_nothing_that_was_acknowledged(postgres: str, postgres_server: Server) -> None:
    async with open_postgres(postgres) as store:
        await store.save(a_head(), a_journal(), expected_version=0)
        postgres_server.kill()
        assert await _saved(store, "run")
        await store.save(next_head(a_head()), expected_version=1)


# Openings that fail.


async def test_no_server_is_unavailable_and_no_secret_is_told() -> None:
    with pytest.raises(StoreUnavailable, match=r"PostgreSQL at 127\.0\.0\.1:1, database runs: ") as refused:
        async with open_postgres("postgresql://ann:secret-word@127.0.0.1:1/runs"):
            pass
    assert "secret-word" not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["postgresql://ann:secret-word@host/runs?sslmoode=on", "postgresql://[::1:secret-word", "secret-word"]
)
async def test_an_address_that_libpq_refuses_is_invalid_and_not_told(address: str) -> None:
    with pytest.raises(InvalidParams, match="expected postgresql://user@host:port/database") as refused:
        async with open_postgres(address):
            pass
    assert "secret-word" not in str(refused.value)


async def test_a_database_without_unicode_is_refused(postgres_server: Server) -> None:
    postgres_server.run("CREATE DATABASE plain ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'")
    with pytest.raises(StoreCorrupt, match="its encoding is SQL_ASCII; adjourn needs UTF8"):
        async with open_postgres(postgres_server.address.replace("/postgres?", "/plain?")):
            pass


async def test_tables_of_a_newer_adjourn_are_left_alone(postgres: str) -> None:
    async with open_postgres(postgres):
        pass
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("UPDATE adjourn_store SET layout = 99")
        with pytest.raises(StoreTooNew, match="layout 99"):
            async with open_postgres(postgres):
                pass
        assert connection.execute("SELECT layout FROM adjourn_store").fetchall() == [(99,)]


async def test_a_role_without_rights_is_told(postgres: str, postgres_server: Server) -> None:
    postgres_server.run("CREATE ROLE visitor LOGIN")
    schema = postgres.rpartition("%3D")[2]
    postgres_server.run(f"GRANT USAGE ON SCHEMA {schema} TO visitor")
    address = postgres.replace("postgres:@", "visitor:@")
    with pytest.raises(StoreUnavailable, match="permission denied"):
        async with open_postgres(address):
            pass


# Hints.


@asynccontextmanager
async def two_nodes(address: str) -> AsyncGenerator[tuple[PostgresStore, PostgresStore]]:
    """Two nodes; hints of the first reach the second."""
    async with open_postgres(address) as one, open_postgres(address) as two:
        await one.join(Node("one"), 1_000)
        await two.join(Node("two"), 1_000)
        await _until_hinted(one, two)
        yield one, two


async def _until_hinted(one: PostgresStore, two: PostgresStore) -> None:
    """Save at one node until the other gets a hint: while its connection opens, hints are lost."""
    hinted = two.hinted("changed")
    while not hinted.is_set():
        await one.save(a_head(f"run-{next(NUMBERS)}"), expected_version=0)
    await trio.testing.wait_all_tasks_blocked()


async def test_saves_and_deletions_hint_other_nodes(postgres: str) -> None:
    async with two_nodes(postgres) as (one, two):
        hinted = two.hinted("changed")
        await one.save(a_head(), expected_version=0)
        await hinted.wait()
        hinted = two.hinted("changed")
        await one.delete("run", epoch=0)
        await hinted.wait()


async def test_a_node_that_leaves_hints_the_others(postgres: str) -> None:
    async with two_nodes(postgres) as (one, two):
        left = two.hinted("left")
        await one.leave()
        await left.wait()


async def test_a_store_in_another_schema_gets_no_hints(postgres: str, postgres_server: Server) -> None:
    async with two_nodes(postgres) as (one, _), two_nodes(postgres_server.new_schema()) as (other, another):
        left = another.hinted("left")
        await one.leave()
        await _until_hinted(other, another)  # by a later notification
        assert not left.is_set()


async def test_many_saves_are_a_few_notifications(postgres: str) -> None:
    async with two_nodes(postgres) as (one, _):
        with psycopg.connect(postgres, autocommit=True) as listening:
            [(channel,)] = listening.execute("SELECT 'adjourn_' || 'adjourn_heads'::regclass::oid").fetchall()
            listening.execute(f"LISTEN {channel}".encode())
            began = time.monotonic()
            for n in range(200):
                await one.save(a_head(f"many-{n}"), expected_version=0)
            most = 2 + (time.monotonic() - began) / listener.PAUSE_S
            assert 1 <= len(list(listening.notifies(timeout=0))) <= most


async def test_hints_come_again_after_their_connections_ended(postgres: str, postgres_server: Server) -> None:
    async with two_nodes(postgres) as (one, two):
        _terminate_all(postgres_server)
        await _until_hinted(one, two)


@pytest.mark.parametrize("reason", ["a connection pooler is in between", "refused by the server"])
async def test_without_listen_a_store_works_and_says_so_once(
    reason: str, postgres: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if "pooler" in reason:
        monkeypatch.setattr(Connection, "backend_pid", 1)
    else:
        monkeypatch.setattr(listener, "statement", lambda name: "DO $$ BEGIN RAISE 'refused by the server'; END $$")
    monkeypatch.setattr("adjourn.stores.listener.FIRST_RETRY_S", 0.0)
    caplog.set_level("INFO", "adjourn.stores")
    async with open_postgres(postgres) as one:
        await one.join(Node("one"), 1_000)
        while not caplog.records:
            await one.save(a_head(f"run-{next(NUMBERS)}"), expected_version=0)
        for _ in range(10):
            await one.save(a_head(f"run-{next(NUMBERS)}"), expected_version=0)
    [told] = caplog.messages
    assert told.startswith("changes of other nodes are seen up to a second late: PostgreSQL at ")
    assert told.endswith(reason)
