"""Runs over HTTP: requests, responses and errors."""

from typing import Any

import httpx
import pytest
import trio
import trio.testing
from gateway_wire import REFUND, scripted
from web import names, parsed, reading, serving

from adjourn.actors import open_actor_system
from adjourn.actors.gateway import Action, Credentials, GatewayLimits, Principal, token_authenticator
from adjourn.actors.testing import calls, hangs, says
from adjourn.actors.web import web_app
from adjourn.protocol.errors import InvalidParams

YES = {"approved": True}


async def start(client: httpx.AsyncClient, run_id: str = "r", **body: Any) -> list[dict[str, Any]]:
    return parsed(await client.post("/runs", json={"input": "hello", "runId": run_id, **body}))


async def test_a_run_streams_until_it_parks_and_a_decision_answers_with_the_stream_that_goes_on() -> None:
    async with serving(scripted(REFUND, says("done"))) as (_, client):
        first = await client.post("/runs", json={"messages": [{"role": "user", "content": "hello"}]})
        run_id = first.headers["x-run-id"]
        assert first.headers["location"] == f"/runs/{run_id}"
        before = parsed(first)
        assert names(before)[0] == "agent_start"
        assert names(before)[-2:] == ["tool_decision_pending", "agent_paused"]

        after = parsed(await client.post("/runs", json={"runId": run_id, "decision": YES}))
        assert names(after)[0] == "tool_decision_resolved"
        assert names(after)[-1] == "agent_end"
        assert before[-1]["seq"] < after[0]["seq"]
        assert after[-2]["event"].get("status", "completed") == "completed"


async def test_a_resume_goes_by_the_path_too_and_begins_behind_the_last_event_that_the_client_has() -> None:
    async with serving(scripted(REFUND, says("done"))) as (_, client):
        before = await start(client)
        seen = {"last-event-id": str(before[-3]["seq"])}
        after = parsed(await client.post("/runs/r/resume", json={"decision": YES}, headers=seen))
        assert after[:2] == before[-2:]
        assert names(after)[-1] == "agent_end"


async def test_a_repeated_decision_is_answered_with_a_snapshot() -> None:
    async with serving(scripted(REFUND, says("done"))) as (_, client):
        await start(client)
        await client.post("/runs/r/resume", json={"decision": YES})
        [again] = parsed(await client.post("/runs/r/resume", json={"decision": YES}))
        assert again["snapshot"]["status"] == "completed"


async def test_an_invalid_decision_is_told_with_paths_and_consumes_nothing() -> None:
    async with serving(scripted(REFUND, says("done"))) as (_, client):
        await start(client)
        refused = await client.post("/runs/r/resume", json={"decision": {"approved": "maybe"}})
        assert refused.status_code == 409
        assert refused.headers["content-type"] == "application/problem+json"
        problem = refused.json()
        assert (problem["type"], problem["status"]) == ("decisionInvalid", 409)
        assert [error["path"] for error in problem["errors"]] == ["/approved"]
        assert names(parsed(await client.post("/runs/r/resume", json={"decision": YES})))[-1] == "agent_end"


async def test_the_trace_of_a_start_is_recorded_with_the_run() -> None:
    trace = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "vendor=1"}
    async with serving(scripted(says("done"))) as (_, client):
        [begun, *_] = parsed(await client.post("/runs", json={"input": "hello", "user": "ann"}, headers=trace))
        assert begun["event"]["metadata"] == {"user": "ann", **trace}


async def test_the_same_start_again_is_the_same_run_and_another_is_refused() -> None:
    async with serving(scripted(REFUND, says("done"))) as (_, client):
        first = await start(client)
        assert (await start(client))[-1]["seq"] == first[-1]["seq"]
        other = await client.post("/runs", json={"input": "other", "runId": "r"})
        assert (other.status_code, other.json()["type"]) == (409, "runIdConflict")


async def test_a_client_that_accepts_json_gets_the_run_id_and_the_run_goes_on() -> None:
    json_please = {"accept": "application/json"}
    async with serving(scripted(REFUND, says("done"))) as (system, client):
        answer = await client.post("/runs", json={"input": "hello"}, headers=json_please)
        assert answer.status_code == 202
        run = system.run(answer.json()["runId"])
        assert (await run.wait()).status == "paused"
        answer = await client.post(f"/runs/{run.id}/resume", json={"decision": YES}, headers=json_please)
        assert answer.status_code == 202
        assert (await run.wait()).status == "completed"


async def test_a_reader_that_comes_again_gets_exactly_the_events_behind_its_last() -> None:
    async with serving(scripted(says("one two three"))) as (_, client):
        everything = await start(client)
        for number in (0, 3, len(everything) - 2):
            seen = str(everything[number]["seq"])
            again = parsed(await client.get("/runs/r/events", headers={"last-event-id": seen}))
            assert again == everything[number + 1 :]
            assert parsed(await client.get(f"/runs/r/events?after={seen}")) == again
        both = await client.get("/runs/r/events?after=0", headers={"last-event-id": str(everything[-2]["seq"])})
        assert parsed(both) == everything[-1:]


async def test_without_a_last_event_or_with_one_that_never_was_a_snapshot_comes_first() -> None:
    async with serving(scripted(says("hello"))) as (_, client):
        last = (await start(client))[-1]["seq"]
        for headers in ({}, {"last-event-id": ""}, {"last-event-id": str(last + 1000)}):
            [snapshot] = parsed(await client.get("/runs/r/events", headers=headers))
            assert (snapshot["seq"], snapshot["snapshot"]["status"]) == (last, "completed")
        up_to_date = await client.get("/runs/r/events", headers={"last-event-id": str(last)})
        assert (up_to_date.status_code, up_to_date.content) == (204, b"")


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "9" * 17, "٣"])
async def test_a_malformed_last_event_id_is_refused(given: str) -> None:
    async with serving(scripted(says("hello"))) as (_, client):
        await start(client)
        refused = await client.get("/runs/r/events", headers={"last-event-id": given.encode()})
        assert (refused.status_code, refused.json()["type"]) == (400, "invalidParams")


async def test_a_cut_stream_is_taken_up_where_it_was_cut_while_the_run_goes_on() -> None:
    async with serving(scripted(REFUND, says("done"))) as (system, client):
        async with reading(client, "POST", "/runs", {"input": "hello", "runId": "r"}) as reader:
            seen = [await reader.event() for _ in range(3)]
        await system.run("r").wait()
        async with reading(client, "GET", "/runs/r/events", last_event_id=str(seen[-1]["seq"])) as reader:
            while (event := await reader.event()) is not None:
                seen.append(event)
                if event["event"]["type"] == "agent_paused":
                    await system.run("r").resume(YES)
        assert [envelope["seq"] for envelope in seen] == list(range(seen[0]["seq"], seen[-1]["seq"] + 1))
        assert names(seen)[-1] == "agent_end"


async def test_two_readers_of_one_run_have_all_events_each() -> None:
    async with serving(scripted(REFUND, says("done"))) as (system, client):
        await start(client)
        found: list[list[dict[str, Any]]] = []

        async def read() -> None:
            found.append(parsed(await client.get("/runs/r/events?after=0")))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            await system.run("r").resume(YES)
        assert found[0] == found[1]


# The other requests.


async def test_client_side_calls_are_claimed_answered_and_given_back() -> None:
    claimant = "c" * 16
    async with serving(scripted(calls(("ring", {}), ("ring", {})), says("done"))) as (system, client):
        pending = [each["event"] for each in await start(client) if "toolName" in each.get("event", {})]
        one, two = [each["toolCallId"] for each in pending if each["type"] == "tool_client_execute_pending"]
        claimed = await client.post("/runs/r/claim", json={"toolCallId": one, "claimant": claimant})
        token = claimed.json()["claimToken"]
        again = await client.post("/runs/r/claim", json={"toolCallId": one, "claimant": claimant})
        assert again.json()["claimToken"] == token
        taken = await client.post("/runs/r/claim", json={"toolCallId": one})
        assert (taken.status_code, taken.json()["type"]) == (409, "claimTaken")
        back = await client.post("/runs/r/unclaim", json={"toolCallId": one, "claimToken": token})
        assert back.json()["seq"] > 0
        token = (await client.post("/runs/r/claim", json={"toolCallId": one})).json()["claimToken"]
        result = {"toolCallId": one, "claimToken": token, "result": "rang"}
        assert (await client.post("/runs/r/result", json=result)).status_code == 200
        declined = await client.post("/runs/r/decline", json={"toolCallId": two, "reason": "no bell"})
        assert declined.json()["toolCallId"] == two
        assert (await system.run("r").wait()).status == "completed"


async def test_a_run_is_got_by_its_state_listed_by_pages_aborted_and_deleted() -> None:
    async with serving(scripted(*[hangs("well")] * 3)) as (system, client):
        for run_id in ("a", "b", "c"):
            await client.post("/runs", json={"input": "x", "runId": run_id}, headers={"accept": "application/json"})
        page = await client.get("/runs?limit=2&status=running")
        following = page.links["next"]["url"]
        rest = await client.get(following)
        assert "next" not in rest.links
        assert {run["runId"] for run in page.json()["runs"] + rest.json()["runs"]} == {"a", "b", "c"}

        assert {run["title"] for run in page.json()["runs"]} == {"x"}

        aborted = await client.post("/runs/a/abort", json={"reason": "enough"})
        assert aborted.json()["status"] == "aborted"
        state = await client.get("/runs/a")
        assert state.json()["snapshot"]["reason"] == "enough"
        known = await client.get("/runs/a", headers={"if-none-match": state.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")
        assert (await client.head("/runs/a")).headers["etag"] == state.headers["etag"]

        assert (await client.delete("/runs/a")).status_code == 204
        assert (await client.delete("/runs/a")).status_code == 204
        assert (await client.get("/runs/a")).json()["type"] == "runNotFound"
        for run_id in ("b", "c"):
            await system.run(run_id).abort()


async def test_health_agents_and_server_info() -> None:
    async with serving(scripted(says("hello"))) as (_, client):
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert [agent["name"] for agent in (await client.get("/agents")).json()["agents"]] == ["shop"]
        assert (await client.get("/server")).json()["name"] == "adjourn"


async def test_head_and_options_are_answered_and_other_verbs_refused_as_problems() -> None:
    async with serving(scripted(says("hello"))) as (_, client):
        await start(client)
        head = await client.head("/runs/r/events")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"].startswith("text/event-stream")
        options = await client.options("/runs")
        assert options.status_code == 204
        assert set(options.headers["allow"].split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}
        wrong = await client.put("/runs")
        assert (wrong.status_code, wrong.json()["title"]) == (405, "Method Not Allowed")
        assert "POST" in wrong.headers["allow"]
        assert (await client.get("/nothing")).json()["status"] == 404


# Access.


async def test_bodies_have_a_media_type_and_bounds() -> None:
    async with serving(scripted(says("hello")), limits=GatewayLimits(max_message_bytes=1000, close_s=1)) as (_, client):
        form = await client.post("/runs", data={"input": "hello"})
        assert form.status_code == 415
        big = await client.post("/runs", json={"input": "x" * 1000})
        assert (big.status_code, big.json()["type"]) == (413, "limitExceeded")


async def test_strange_hosts_and_origins_are_refused() -> None:
    async with serving(scripted(says("hello")), origins=["https://shop.example"]) as (_, client):
        assert (await client.get("/runs", headers={"host": "evil.com"})).status_code == 403
        assert (await client.get("/runs", headers={"origin": "https://evil.com"})).status_code == 403
        assert (await client.get("/runs", headers={"origin": "null"})).status_code == 403
        welcome = await client.get("/runs", headers={"origin": "https://shop.example"})
        assert welcome.headers["access-control-allow-origin"] == "https://shop.example"
        here = await client.get("/runs", headers={"origin": "http://127.0.0.1:3000"})
        assert here.headers["access-control-allow-origin"] == "http://127.0.0.1:3000"
        assert "X-Run-Id" in welcome.headers["access-control-expose-headers"]
        asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
        preflight = await client.options("/runs", headers=asked)
        assert preflight.headers["access-control-allow-origin"] == "https://shop.example"


async def test_a_page_of_another_origin_may_send_a_token_and_read_why_it_is_refused() -> None:
    origin = {"origin": "http://localhost:3000"}
    asked = {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}
    async with serving(scripted(says("hello")), authenticator=token_authenticator("secret")) as (_, client):
        preflight = await client.options("/runs", headers=origin | asked)
        assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, origin["origin"])
        assert "Authorization" in preflight.headers["access-control-allow-headers"]
        refused = await client.get("/runs", headers=origin)
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, origin["origin"])
        assert (await client.options("/runs", headers=asked)).status_code == 401, "not a preflight of a browser"


async def test_any_origin_is_refused_at_the_start() -> None:
    async with open_actor_system() as system:
        with pytest.raises(InvalidParams, match="by name"):
            web_app(system, origins=["*"])


async def test_a_token_is_asked_for_and_the_authorizer_is_the_gateways() -> None:
    async def read_only(principal: Principal | None, action: Action) -> bool:
        assert principal == Principal("token")
        return action.method in ("run.get", "run.list")

    async with serving(scripted(says("hello")), authenticator=token_authenticator("secret"), authorizer=read_only) as (
        _,
        client,
    ):
        anonymous = await client.get("/runs")
        assert (anonymous.status_code, anonymous.headers["www-authenticate"]) == (401, "Bearer")
        assert (await client.get("/healthz")).status_code == 200
        client.headers["authorization"] = "Bearer secret"
        assert (await client.get("/runs")).status_code == 200
        refused = await client.post("/runs", json={"input": "hello"})
        assert (refused.status_code, refused.json()["type"]) == (403, "forbidden")


async def test_an_authenticator_that_fails_lets_nobody_in() -> None:
    async def broken(credentials: Credentials) -> Principal | None:
        raise ValueError("secret of the database")

    async with serving(scripted(says("hello")), authenticator=broken) as (_, client):
        refused = await client.get("/runs")
        assert (refused.status_code, refused.json()["type"]) == (500, "internal")
        assert "database" not in refused.text
