"""A run's timeline over the wire: as a method, over HTTP, and with the Python client."""

import pytest
from gateway_wire import REFUND, scripted
from gateway_wire import serving as serving_gateway
from web import serving

from adjourn.actors.client import open_client
from adjourn.actors.testing import says
from adjourn.protocol.errors import RunNotFound

YES = {"approved": True}


async def test_http_gives_it_in_pages_without_activating_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(scripted(REFUND, says("done"))) as (system, client):
        run = await system.start("shop", "Refund order 7.", run_id="r")
        await run.wait()
        await run.resume(YES, by="bob")
        await run.wait_ended()
        whole = (await client.get("/runs/r/timeline")).json()
        assert [entry["kind"] for entry in whole["entries"]] == [
            "input", "message", "decision", "result", "message", "end",
        ]  # fmt: skip
        assert (whole["runId"], whole["from"], "next" in whole) == ("r", 0, False)
        assert system.statistics().active_runs == 0

        monkeypatch.setattr("adjourn.actors.gateway.procedures.PART_BYTES", 1)
        page = await client.get("/runs/r/timeline")
        found = page.json()["entries"]
        while "next" in page.links:
            page = await client.get(page.links["next"]["url"])
            found += page.json()["entries"]
        assert found == whole["entries"]
        assert (await client.get("/runs/r/timeline?from=-1")).status_code == 400
        assert (await client.get("/runs/other/timeline")).json()["type"] == "runNotFound"


async def test_the_client_joins_its_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adjourn.actors.gateway.procedures.PART_BYTES", 1)
    async with serving_gateway(scripted(says("hello"))) as (system, gateway):
        await (await system.start("shop", "hi", run_id="r")).wait_ended()
        async with open_client(gateway.url) as client:
            assert [type(entry).__name__ for entry in await client.timeline("r")] == [
                "TimelineInput", "TimelineMessage", "TimelineEnd",
            ]  # fmt: skip
            with pytest.raises(RunNotFound):
                await client.timeline("other")
