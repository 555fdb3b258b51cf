"""The gateway's methods over real sockets: requests, replies and notifications."""

import pytest
from gateway_wire import REFUND, TEXT, Door, connected, is_event, raw, scripted, serve_at_web, serving

from adjourn.actors.gateway import GatewayLimits, serve_gateway
from adjourn.actors.runtime import eventlog
from adjourn.actors.testing import calls, hangs, says
from adjourn.protocol import rpc
from adjourn.protocol.methods import RunStart


@pytest.fixture(autouse=True, params=[serve_gateway, serve_at_web])
def door(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test runs at the gateway's own door, and at that of a web server."""
    monkeypatch.setattr(Door, "serve", staticmethod(request.param))


WIRES = (rpc.JSON.subprotocol, rpc.MSGPACK.subprotocol)


@pytest.mark.parametrize("wire", WIRES)
async def test_every_method_on_both_wires(wire: str) -> None:
    agent = scripted(REFUND, calls(("refund", {"order": 8}), ("ring", {})), says("bye"))
    async with serving(agent) as (_, gateway), connected(gateway.url, offer=[wire]) as client:
        info = await client.call("server.info")
        assert info["name"] == "adjourn"
        assert info["protocol"] == list(WIRES)
        [listed] = (await client.call("agents.list"))["agents"]
        assert [(tool["name"], tool["runs"]) for tool in listed["tools"]] == [("refund", "server"), ("ring", "client")]
        assert await client.call("runs.watch") == {}

        started = await client.call("run.start", agent="shop", input="hello", runId="r", metadata={"a": 1})
        assert started == {"runId": "r", "seq": 0}
        first = await client.until(lambda note: is_event(note, "tool_decision_pending"))
        decided = await client.call("run.resume", runId="r", decision={"approved": True})
        call_id = first[-1]["params"]["event"]["toolCallId"]
        assert decided["toolCallId"] == call_id

        pending = await client.until(lambda note: is_event(note, "tool_client_execute_pending"))
        ring_id = pending[-1]["params"]["event"]["toolCallId"]
        [gated] = [note for note in pending if is_event(note, "tool_decision_pending")]
        declined = await client.call(
            "run.decline", runId="r", toolCallId=gated["params"]["event"]["toolCallId"], reason="no"
        )
        assert declined["runId"] == "r"
        token = (await client.call("run.claim", runId="r", toolCallId=ring_id))["claimToken"]
        taken = await client.call("run.result", runId="r", toolCallId=ring_id, claimToken=token, result="rang")
        assert taken["seq"] > declined["seq"]
        await client.events("agent_end")

        state = await client.call("run.get", runId="r")
        assert state["snapshot"]["status"] == "completed"
        assert state["snapshot"]["messages"][-1]["content"] == [{"type": "text", "text": "bye"}]
        [summary] = (await client.call("run.list", status="completed"))["runs"]
        assert (summary["runId"], summary["seq"]) == ("r", state["seq"])
        assert state["snapshot"]["metadata"] == {"a": 1}
        assert "metadata" not in summary  # a list of a thousand runs would be megabytes
        position = await client.call("run.subscribe", runId="r")
        assert position == {"runId": "r", "status": "completed", "seq": state["seq"]}
        snapshot = (await client.until(lambda note: note["method"] == "run.snapshot"))[-1]
        assert snapshot["params"] == state
        assert await client.call("run.unsubscribe", runId="r") == position
        aborted = await client.call("run.abort", runId="r")
        assert aborted == {"runId": "r", "status": "completed", "seq": state["seq"], "abandoned": []}
        assert await client.call("run.delete", runId="r") == {}
        assert await client.call("run.delete", runId="r") == {}
        assert (await client.refused("run.get", runId="r")).type == "runNotFound"
        gone = await client.until(lambda note: note["params"].get("deleted"))
        assert gone[-1]["params"]["runId"] == "r"


async def test_two_clients_see_the_same_events_and_one_decision_closes_the_others_card() -> None:
    async with (
        serving(scripted(REFUND, says("done"))) as (_, gateway),
        connected(gateway.url) as one,
        connected(gateway.url, offer=[rpc.MSGPACK.subprotocol]) as two,
    ):
        await one.call("run.start", agent="shop", input="hello", runId="r")
        await two.call("run.subscribe", runId="r", after=0)
        seen = [await client.events("agent_paused") for client in (one, two)]
        await one.call("run.resume", runId="r", decision={"approved": True})
        assert (await two.refused("run.resume", runId="r", decision={"approved": False})).type == "decisionConflict"
        for client, so_far in zip((one, two), seen, strict=True):
            so_far += await client.events("agent_end")
        assert seen[0] == seen[1]
        assert "tool_decision_resolved" in [kind for _, kind in seen[1]]


async def test_typed_errors_reach_the_client_and_consume_nothing() -> None:
    async with serving(scripted(REFUND, says("done"))) as (_, gateway), connected(gateway.url) as client:
        await client.call("run.start", agent="shop", input="hello", runId="r")
        await client.events("agent_paused")
        error = await client.refused("run.resume", runId="r", decision={"approved": "perhaps"})
        assert (error.type, error.data["errors"][0]["path"]) == ("decisionInvalid", "/approved")
        assert (await client.refused("run.start", agent="nobody", input="hello")).type == "agentNotFound"
        assert (await client.refused("run.start", agent="shop", input="other", runId="r")).type == "runIdConflict"
        assert (await client.refused("run.claim", runId="r", toolCallId="no")).type == "notPending"
        assert (await client.refused("run.start", agent="shop", input="hi", metadata={"n": 2**60})).code == -32602
        assert (await client.refused("run.get", run="r")).type == "invalidParams"
        await client.refused("run.fly", runId="r")
        assert client.frames[-1]["error"]["code"] == rpc.METHOD_NOT_FOUND
        await client.call("run.resume", runId="r", decision={"approved": True})
        await client.events("agent_end")


async def test_a_start_may_be_repeated() -> None:
    async with serving(scripted(REFUND)) as (_, gateway), connected(gateway.url) as client:
        assert (await client.call("run.start", agent="shop", input="hello", runId="r"))["runId"] == "r"
        before = await client.events("agent_paused")
        assert (await client.call("run.start", agent="shop", input="hello", runId="r"))["runId"] == "r"
        assert await client.events("agent_paused") == before


async def test_a_disconnect_is_not_an_abort() -> None:
    async with serving(scripted(hangs("so"))) as (system, gateway):
        async with connected(gateway.url) as client:
            await client.call("run.start", agent="shop", input="hello", runId="r")
        assert (await system.get("r")).snapshot.status == "running"


# Where a subscription begins, and ends.


async def test_reconnecting_within_the_ring_replays_exactly_what_was_missed() -> None:
    async with serving(scripted(says("one two three"))) as (_, gateway):
        async with connected(gateway.url) as client:
            await client.call("run.start", agent="shop", input="hello", runId="r")
            everything = await client.events("agent_end")
        for after, _kind in everything:
            async with connected(gateway.url) as client:
                await client.call("run.subscribe", runId="r", after=after)
                missed = [event for event in everything if event[0] > after]
                assert (await client.events("agent_end") if missed else []) == missed
                await client.call("server.info")
                assert client.waiting == []


async def test_reconnecting_below_the_floor_or_above_the_latest_gives_a_snapshot_and_then_the_tail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(scripted(REFUND, says("done"))) as (system, gateway), connected(gateway.url) as driver:
        with monkeypatch.context() as small:
            small.setattr(eventlog, "MAX_EVENTS", 4)
            small.setattr(eventlog, "IDLE_EVENTS", 4)
            await (await system.start("shop", "hello", run_id="r")).wait()
            latest = (await driver.call("run.subscribe", runId="r"))["seq"]
        async with connected(gateway.url) as low, connected(gateway.url) as high:
            await low.call("run.subscribe", runId="r", after=1)
            await high.call("run.subscribe", runId="r", after=latest + 100)
            for client in (low, high):
                first = await client.note()
                assert (first["method"], first["params"]["seq"]) == ("run.snapshot", latest)
                assert first["params"]["snapshot"]["pending"][0]["toolName"] == "refund"
            await driver.call("run.resume", runId="r", decision={"approved": True})
            for client in (low, high):
                assert (await client.events("agent_resume"))[0] == (latest + 1, "tool_decision_resolved")


async def test_numbers_of_a_deleted_run_are_met_with_a_snapshot_of_its_namesake() -> None:
    async with serving(scripted(says("one"), says("two"))) as (_, gateway), connected(gateway.url) as client:
        await client.call("run.start", agent="shop", input="hello", runId="r")
        numbers = [seq for seq, _kind in await client.events("agent_end")]
        await client.call("run.delete", runId="r")
        await client.call("run.start", agent="shop", input="again", runId="r")
        assert (await client.events("agent_end"))[0][1] == "agent_start"  # its starter gets the events
        for seen in numbers:
            await client.call("run.subscribe", runId="r", after=seen)
            note = await client.note()
            assert note["method"] == "run.snapshot"
            assert note["params"]["snapshot"]["messages"][0]["content"] == "again"


async def test_the_reply_comes_before_the_first_notification_and_after_unsubscribe_comes_none() -> None:
    async with serving(scripted(REFUND, says("a b c d e f g h"))) as (_, gateway), connected(gateway.url) as client:
        start = await client.ask("run.start", agent="shop", input="hello", runId="r")
        await client.reply(start)
        assert client.frames[0]["id"] == start
        await client.events("agent_paused")
        client.frames.clear()
        subscribed = [await client.ask("run.subscribe", runId="r", after=after) for after in (0, 0, 0)]
        for asked in subscribed:
            await client.reply(asked)
        assert client.frames[0]["id"] == subscribed[0]
        client.frames.clear()
        gone = await client.ask("run.unsubscribe", runId="r")
        decided = await client.ask("run.resume", runId="r", decision={"approved": True})
        await client.reply(gone)
        await client.reply(decided)
        await client.call("server.info")
        after_it = client.frames[[frame.get("id") for frame in client.frames].index(gone) :]
        assert [frame for frame in after_it if "method" in frame] == []


async def test_a_subscription_at_its_end_frees_its_place() -> None:
    limits = GatewayLimits(max_subscriptions=1)
    agents = scripted(says("one"), name="one"), scripted(REFUND, name="two")
    async with serving(*agents, limits=limits) as (_, gateway), connected(gateway.url) as client:
        await client.call("run.start", agent="one", input="hello")
        await client.events("agent_end")
        await client.call("run.start", agent="two", input="hello", runId="r")
        error = await client.refused("run.start", agent="two", input="hello")
        assert (error.type, error.data["limit"], error.data["maximum"]) == ("limitExceeded", "maxSubscriptions", 1)
        assert len((await client.call("run.list"))["runs"]) == 2
        await client.call("run.subscribe", runId="r")
        await client.call("run.unsubscribe", runId="r")
        assert (await client.refused("run.subscribe", runId="no")).type == "runNotFound"


async def test_no_run_starves_the_others() -> None:
    talkative = scripted(says(" ".join(["word"] * 400)), name="talkative")
    terse = scripted(says("hi"), name="terse")
    async with serving(talkative, terse) as (system, gateway), connected(gateway.url) as client:
        for name in ("talkative", "terse"):
            run = await system.start(name, "hello", run_id=name)
            await run.wait_ended()
        for name in ("talkative", "terse"):
            await client.ask("run.subscribe", runId=name, after=0)
        await client.until(lambda note: is_event(note, "agent_end"))
        seen = [frame["params"]["runId"] for frame in client.frames if "method" in frame]
        assert seen[-1] == "terse"
        assert seen.count("talkative") < 100


# Slow clients.


async def test_a_client_that_reads_nothing_holds_nobody_up_and_catches_up_by_a_snapshot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(eventlog, "MAX_EVENTS", 32)
    words = " ".join(["x" * 500] * 2000)
    async with (
        serving(scripted(says(words))) as (system, gateway),
        raw(gateway, receive_bytes=4096) as sleeper,
        connected(gateway.url) as reader,
    ):
        await sleeper.request()
        await sleeper.send(
            TEXT, rpc.request(1, "run.start", RunStart(agent="shop", input="hello", run_id="r"), rpc.JSON)
        )
        await reader.call("runs.watch")
        await reader.until(lambda note: note["params"]["status"] == "completed")
        end = (await system.get("r")).seq
        methods: list[str] = []
        last = 0
        while last < end:
            opcode, payload = await sleeper.frame()
            message = rpc.JSON.decode(payload, dict) if opcode == TEXT else {}
            if "method" in message:
                assert message["params"]["seq"] > last
                last = message["params"]["seq"]
                methods.append(message["method"])
        assert methods[-1] == "run.snapshot"
        assert len(methods) < end / 2
