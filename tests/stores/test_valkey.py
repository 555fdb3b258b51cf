"""The store in a Valkey server, on a real one: the Store contract, and what a server does to a store."""

import shutil
import ssl
import subprocess
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path

import pytest
import trio
from markdown_pages import blocks
from tracked import ROOT
from valkey_server import Server

from adjourn import Agent, open_actor_system
from adjourn.actors.testing import ScriptedModel
from adjourn.protocol.errors import StaleEpoch, StoreCorrupt, StoreTooNew, StoreUnavailable
from adjourn.protocol.record import Record
from adjourn.stores import Node, open_store
from adjourn.stores.testing import Clause, a_head, a_journal, clauses_for, next_head
from adjourn.stores.valkey import ValkeyStore, connection, open_valkey, ownership

pytestmark = pytest.mark.slow

NUMBERS = count(1)


@pytest.mark.parametrize("clause", clauses_for(ValkeyStore.claims), ids=str)
async def test_valkey_keeps_the_contract(clause: Clause, valkey: str) -> None:
    await clause.check(partial(open_store, valkey))


@pytest.fixture
def other_server(tmp_path: Path) -> Iterator[list[Server]]:
    """Servers of the test's own go into this list."""
    servers: list[Server] = []
    yield servers
    for server in servers:
        server.end()


async def _save_many(store: ValkeyStore, runs: int, **fields: object) -> None:
    async with trio.open_nursery() as nursery:
        for n in range(runs):
            head = a_head(f"run-{n}", created_at=n, **fields)
            nursery.start_soon(partial(store.save, head, a_journal(), expected_version=0))


def key_of(address: str, name: str) -> str:
    return f"{{{address.rpartition('=')[2]}}}:{name}"


# Several processes on one server.


async def test_a_later_owner_fences_the_earlier_one(valkey: str) -> None:
    async with open_valkey(valkey) as one, open_valkey(valkey) as two:
        old = (await one.acquire("one")).epoch
        await one.save(a_head(epoch=old), a_journal(), expected_version=0)
        await two.acquire("two")
        for late in (
            one.save(next_head(a_head(epoch=old)), expected_version=1),
            one.delete("run", epoch=old),
            one.release(old),
        ):
            with pytest.raises(StaleEpoch):
                await late
        assert await two.load("run") == Record(head=a_head(epoch=old), journal=a_journal())


async def test_stores_with_other_prefixes_and_databases_are_apart(valkey_server: Server, valkey: str) -> None:
    other = valkey_server.new_prefix()
    addresses = [valkey, other, valkey.replace("?", "/1?"), valkey.replace("valkey:", "redis:").replace("?", "/2?")]
    for n, address in enumerate(addresses):
        async with open_store(address) as store:
            await store.save(a_head(f"run-{n}"), expected_version=0)
    for n, address in enumerate(addresses):
        async with open_store(address, create=False) as store:
            assert [head.id for head in (await store.list()).heads] == [f"run-{n}"]


async def test_many_runs_of_dead_and_leaving_nodes_are_freed_in_steps(
    valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "AT_ONCE", 30)
    async with open_valkey(valkey) as one, open_valkey(valkey) as two:
        epoch = await one.join(Node("dead"), 0)
        await _save_many(one, 250, epoch=epoch, status="running")  # more than one script takes from dead nodes
        await two.join(Node("two"), 1_000)
        found = await two.orphans(["support"], 300)
        assert [each.head.id for each in found] == [f"run-{n}" for n in range(250)]
        await two.leave()
        await one.join(Node("one"), 1_000)
        freed = await one.orphans(["support"], 300)
        assert [each.claimed.is_clean for each in freed] == [True] * 250


async def test_old_notes_of_changes_are_removed(valkey: str, valkey_server: Server) -> None:
    key = key_of(valkey, "changes")
    old = [("XADD", key, f"{n}-1", "node", "one", "run", "old") for n in range(1, 500)]
    valkey_server.run_all([("MULTI",), *old, ("EXEC",)])
    async with open_valkey(valkey) as store:
        await store.join(Node("two"), 1_000)
        await store.save(a_head(), expected_version=0)
    assert int(valkey_server.run("XLEN", key)) < 300


@pytest.mark.parametrize("anew", [False, True])
async def test_a_run_deleted_while_its_long_journal_is_loaded_is_not_mixed_with_a_new_one(
    anew: bool, valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = connection.Connection.call
    late = Record(head=a_head(version=9), journal=a_journal() * 50)

    async def deleting(self: connection.Connection, *command: str) -> object:
        if command[0] == "LRANGE":
            monkeypatch.undo()
            await two.delete("run", epoch=0)
            if anew:
                await two.save(late.head, late.journal, expected_version=0)
        return await call(self, *command)

    async with open_valkey(valkey) as one, open_valkey(valkey) as two:
        await one.save(a_head(), a_journal() * 40, expected_version=0)
        monkeypatch.setattr(connection.Connection, "call", deleting)
        assert await one.load("run") == (late if anew else None)


# Groups of saves.


async def test_a_thousand_saves_at_once_are_a_few_transactions(valkey: str, valkey_server: Server) -> None:
    async with open_valkey(valkey) as store:
        valkey_server.run("CONFIG", "RESETSTAT")
        await _save_many(store, 1_000)
    stats = valkey_server.run("INFO", "commandstats").decode()
    [executed] = [line for line in stats.splitlines() if line.startswith("cmdstat_exec:")]
    assert int(executed.partition("calls=")[2].partition(",")[0]) < 20


async def test_a_server_without_memory_refuses_saves_and_keeps_what_it_has(valkey: str, valkey_server: Server) -> None:
    async with open_valkey(valkey) as store:
        await store.save(a_head(), a_journal(), expected_version=0)
        valkey_server.run("CONFIG", "SET", "maxmemory", "1")
        try:
            with pytest.raises(StoreUnavailable, match="OOM"):
                await store.save(next_head(a_head()), a_journal(), expected_version=1)
        finally:
            valkey_server.run("CONFIG", "SET", "maxmemory", "0")
        assert await store.load("run") == Record(head=a_head(), journal=a_journal())
        await store.save(next_head(a_head()), expected_version=1)


# A server that goes away, hangs or forgets.


async def test_calls_to_a_server_that_hangs_are_given_up(valkey: str, valkey_server: Server) -> None:
    async with open_valkey(valkey) as store:
        await store.save(a_head(), expected_version=0)
        await store.load("run")
        valkey_server.freeze()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_expect_unavailable, partial(store.save, a_head("late"), expected_version=0))
                nursery.start_soon(_expect_unavailable, partial(store.load, "run"))
                await trio.testing.wait_all_tasks_blocked()
                assert store.give_up(0)
        finally:
            valkey_server.thaw()
        assert await store.load("run") is not None
        await store.save(next_head(a_head()), expected_version=1)


async def _expect_unavailable(call: partial[object], match: str = "has not answered in time") -> None:
    with pytest.raises(StoreUnavailable, match=match):
        await call()  # type: ignore[misc]


async def test_each_answer_has_a_bound(valkey: str, valkey_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_valkey(valkey) as store:
        await store.save(a_head(), expected_version=0)
        monkeypatch.setattr(connection, "ANSWER_S", 0.05)
        monkeypatch.setattr(connection, "CONNECT_S", 0.05)
        valkey_server.freeze()
        try:
            late = partial(store.save, a_head("late"), expected_version=0)
            await _expect_unavailable(late, "no answer within 0.05 s")
            await _expect_unavailable(late, "Valkey at 127")
            with pytest.raises(StoreUnavailable):
                async with open_valkey(valkey):
                    pass
        finally:
            valkey_server.thaw()


async def test_a_killed_server_loses_nothing_that_was_acknowledged(valkey: str, valkey_server: Server) -> None:
    async with open_valkey(valkey) as store:
        await store.save(a_head(), a_journal(), expected_version=0)
        await store.load("run")
        valkey_server.end()
        try:
            await _expect_unavailable(partial(store.save, a_head("late"), expected_version=0), "Valkey at 127")
            await _expect_unavailable(partial(store.save, a_head("late"), expected_version=0), "Valkey at 127")
        finally:
            valkey_server.start()
        assert await store.load("run") == Record(head=a_head(), journal=a_journal())
        await store.save(next_head(a_head()), expected_version=1)


async def test_scripts_that_the_server_has_forgotten_are_loaded_again(valkey: str, valkey_server: Server) -> None:
    async with open_valkey(valkey) as store:
        await store.save(a_head(), expected_version=0)
        valkey_server.run("SCRIPT", "FLUSH")
        await _expect_unavailable(partial(store.save, next_head(a_head()), expected_version=1), "No matching script")
        await store.save(next_head(a_head()), expected_version=1)


async def test_a_journal_that_the_server_has_evicted_is_corrupt(valkey: str, valkey_server: Server) -> None:
    async with open_valkey(valkey) as store:
        await store.save(a_head(), a_journal(), expected_version=0)
        valkey_server.run("DEL", key_of(valkey, "journal:run"))
        with pytest.raises(StoreCorrupt, match="should have 5 entries and has 0"):
            await store.load("run")


# Openings, settings and permissions.


async def test_no_server_is_unavailable_and_no_secret_is_told() -> None:
    with pytest.raises(StoreUnavailable, match=r"Valkey at 127\.0\.0\.1:1, database 0, prefix adjourn: ") as refused:
        async with open_valkey("valkey://ann:secret-word@127.0.0.1:1"):
            pass
    assert "secret-word" not in str(refused.value)


async def test_a_wrong_password_is_told_and_not_shown(valkey: str) -> None:
    with pytest.raises(StoreUnavailable, match="invalid username-password pair") as refused:
        async with open_valkey(valkey.replace("//", "//ann:secret-word@")):
            pass
    assert "secret-word" not in str(refused.value)


async def test_a_store_of_a_newer_adjourn_is_left_alone(valkey: str, valkey_server: Server) -> None:
    async with open_valkey(valkey):
        pass
    valkey_server.run("HSET", key_of(valkey, "store"), "layout", "99")
    with pytest.raises(StoreTooNew, match="layout 99"):
        async with open_valkey(valkey):
            pass
    assert valkey_server.run("HGET", key_of(valkey, "store"), "layout") == b"99"


async def test_a_warning_names_the_settings_that_could_lose_runs(
    valkey: str, tmp_path: Path, other_server: list[Server], caplog: pytest.LogCaptureFixture
) -> None:
    async with open_valkey(valkey):
        assert caplog.messages == []
    other_server.append(Server(tmp_path, "--maxmemory-policy", "allkeys-lru", "--appendfsync", "always"))
    async with open_valkey(other_server[0].address):
        [warned] = caplog.messages
    assert warned.endswith("because the server lacks the settings appendonly yes, maxmemory-policy noeviction")


async def test_the_permissions_on_the_page_are_enough(
    valkey: str, valkey_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    page = (ROOT / "stores/README.md").read_text(encoding="utf-8")
    [rules] = [block for block in blocks(page, "text") if block.startswith("~{adjourn}:*")]
    prefix = valkey.rpartition("=")[2]
    words = rules.replace("adjourn", prefix).split()
    assert valkey_server.run("ACL", "SETUSER", "shop", "reset", "on", ">word", *words) == b"OK"
    address = valkey.replace("//", "//shop:word@")
    agent = Agent(name="greeter", model=ScriptedModel(["Hello!"]))
    async with open_actor_system([agent], store=address) as one, open_actor_system([agent], store=address) as two:
        run = await one.start("greeter", "Greet me.")
        assert (await run.wait_ended()).status == "completed"
        assert [head.id for head in (await two.list()).heads] == [run.id]
        await two.delete(run.id)
    async with open_valkey(address) as one, open_valkey(address) as two:
        await one.join(Node("one"), 1_000)
        await two.join(Node("two"), 1_000)
        await _until_hinted(one, two)
    assert caplog.messages == []


async def test_a_user_who_may_not_read_the_settings_or_send_hints_can_use_the_store(
    valkey: str, valkey_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    valkey_server.run("ACL", "SETUSER", "plain", "reset", "on", ">word", "~*", "resetchannels", "+@all", "-config")
    async with open_valkey(valkey.replace("//", "//plain:word@")) as store:
        await store.join(Node("one"), 1_000)
        await store.save(a_head(), expected_version=0)
        await store.delete("run", epoch=0)
        await store.leave()
    assert caplog.messages == []


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
async def test_the_connection_is_encrypted_and_the_certificate_checked(
    valkey: str, valkey_server: Server, tmp_path: Path
) -> None:
    made = f"req -x509 -newkey rsa:2048 -nodes -subj /CN=x -addext subjectAltName=IP:127.0.0.1 -keyout {tmp_path}/key"
    subprocess.run(["openssl", *made.split(), "-out", f"{tmp_path}/cert"], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")

    async def relay(client: trio.SSLStream[trio.SocketStream]) -> None:
        with suppress(trio.BrokenResourceError):
            async with await trio.open_tcp_stream("127.0.0.1", valkey_server.port) as server:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_pass_on, client, server)
                    nursery.start_soon(_pass_on, server, client)

    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_ssl_over_tcp, relay, 0, context, host="127.0.0.1")
        [listener] = await nursery.start(serve)
        port = listener.transport_listener.socket.getsockname()[1]
        address = valkey.replace("valkey:", "valkeys:").replace(str(valkey_server.port), str(port))
        with pytest.raises(StoreUnavailable, match="self-signed certificate"):
            async with open_valkey(address):
                pass
        async with open_valkey(f"{address}&cacert={tmp_path}/cert") as store:
            await store.save(a_head(), a_journal(), expected_version=0)
            assert await store.load("run") is not None
        nursery.cancel_scope.cancel()


async def _pass_on(source: trio.abc.ReceiveStream, to: trio.abc.SendStream) -> None:
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        async for data in source:
            await to.send_all(data)
    await to.aclose()


async def test_a_cluster_keeps_a_store_in_one_slot(tmp_path: Path, other_server: list[Server]) -> None:
    server = Server(tmp_path, "--cluster-enabled", "yes", "--appendonly", "yes", "--appendfsync", "always")
    other_server.append(server)
    assert server.run("CLUSTER", "ADDSLOTSRANGE", "0", "16383") == b"OK"
    while b"cluster_state:ok" not in server.run("CLUSTER", "INFO"):
        await trio.lowlevel.checkpoint()
    async with open_valkey(server.address) as store:
        epoch = await store.join(Node("one", "ws://one.test"), 1_000)
        head = a_head(epoch=epoch, status="running", next_due=1, waiting_since=1)
        await store.save(head, a_journal(), expected_version=0)
        assert (await store.list(agent="support", waiting=True)).heads == await store.due(1) == (head,)
        await store.let_go([("run", epoch)])
        [orphan] = await store.orphans(["support"], 1)
        await store.delete("run", epoch=orphan.claimed.epoch)
        await store.leave()


# Hints.


@asynccontextmanager
async def two_nodes(address: str) -> AsyncGenerator[tuple[ValkeyStore, ValkeyStore]]:
    """Two nodes; hints of the first reach the second."""
    async with open_valkey(address) as one, open_valkey(address) as two:
        await one.join(Node("one"), 1_000)
        await two.join(Node("two"), 1_000)
        await _until_hinted(one, two)
        yield one, two


async def _until_hinted(one: ValkeyStore, two: ValkeyStore) -> None:
    """Save at one node until the other gets a hint: while its connection opens, hints are lost."""
    hinted = two.hinted("changed")
    while not hinted.is_set():
        with suppress(StoreUnavailable):
            await one.save(a_head(f"hint-{next(NUMBERS)}"), expected_version=0)
    await trio.testing.wait_all_tasks_blocked()


async def test_saves_and_deletions_hint_other_nodes(valkey: str) -> None:
    async with two_nodes(valkey) as (one, two):
        hinted = two.hinted("changed")
        await one.save(a_head(), expected_version=0)
        await hinted.wait()
        hinted = two.hinted("changed")
        await one.delete("run", epoch=0)
        await hinted.wait()


async def test_a_node_that_leaves_hints_the_others_but_not_those_of_another_store(
    valkey: str, valkey_server: Server
) -> None:
    async with two_nodes(valkey) as (one, two), two_nodes(valkey_server.new_prefix()) as (other, another):
        left, foreign = two.hinted("left"), another.hinted("left")
        await one.leave()
        await left.wait()
        await _until_hinted(other, another)  # by a later hint
        assert not foreign.is_set()


async def test_hints_come_again_after_their_connections_ended(valkey: str, valkey_server: Server) -> None:
    async with two_nodes(valkey) as (one, two):
        valkey_server.run("CLIENT", "KILL", "TYPE", "pubsub")
        await _until_hinted(one, two)


async def test_without_subscriptions_a_store_works_and_says_so_once(
    valkey: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refused(self: object, channel: str) -> AsyncGenerator[bytes]:
        raise connection.Disconnected("no subscriptions here")
        yield b""

    monkeypatch.setattr(connection.Connection, "subscribed", refused)
    monkeypatch.setattr("adjourn.stores.listener.FIRST_RETRY_S", 0.0)
    caplog.set_level("INFO", "adjourn.stores")
    async with open_valkey(valkey) as one:
        await one.join(Node("one"), 1_000)
        while not caplog.records:
            await one.save(a_head(f"run-{next(NUMBERS)}"), expected_version=0)
    [told] = caplog.messages
    assert told.startswith("changes of other nodes are seen up to a second late: Valkey at ")
    assert told.endswith("no subscriptions here")
