"""`/metrics` over HTTP: only if switched on, with the access rules of all other paths."""

import pytest
from gateway_wire import scripted
from web import serving

from adjourn.actors import Agent
from adjourn.actors.gateway import Action, Principal, token_authenticator
from adjourn.actors.middleware.prometheus import PrometheusMetrics
from adjourn.actors.testing import ScriptedModel, says


def constant(accept: str) -> tuple[bytes, str]:
    return f"for {accept}".encode(), "text/plain; version=0.0.4; charset=utf-8"


async def test_metrics_are_off_by_default() -> None:
    async with serving(scripted(says("done"))) as (_, client):
        assert (await client.get("/metrics")).status_code == 404


async def test_metrics_may_come_from_any_function() -> None:
    async with serving(scripted(says("done")), metrics=constant) as (_, client):
        answer = await client.get("/metrics", headers={"accept": "text/plain"})
        assert (answer.text, answer.headers["content-type"]) == (
            "for text/plain",
            "text/plain; version=0.0.4; charset=utf-8",
        )


async def test_they_want_the_token_too() -> None:
    authenticator = token_authenticator("secret")
    async with serving(scripted(says("done")), metrics=constant, authenticator=authenticator) as (_, client):
        assert (await client.get("/metrics")).status_code == 401
        answer = await client.get("/metrics", headers={"authorization": "Bearer secret"})
        assert answer.status_code == 200


async def test_the_authorizer_is_asked() -> None:
    asked: list[str] = []

    async def nobody(principal: Principal | None, action: Action) -> bool:
        asked.append(action.method)
        return False

    async with serving(scripted(says("done")), metrics=constant, authorizer=nobody) as (_, client):
        assert (await client.get("/metrics")).status_code == 403
    assert asked == ["metrics"]


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
async def test_prometheus_reads_the_metrics_of_runs(accept: str) -> None:
    metrics = PrometheusMetrics()
    agent = Agent(name="shop", model=ScriptedModel(["Hello."]), middleware=[metrics.telemetry])
    async with serving(agent, metrics=metrics) as (_, client):
        await client.post("/runs", json={"input": "hi"})
        answer = await client.get("/metrics", headers={"accept": accept})
    assert answer.headers["content-type"].startswith(accept.partition(";")[0] or "text/plain")
    assert 'gen_ai_operation_name="chat"' in answer.text
    assert "gen_ai_client_inference_duration_seconds_count" in answer.text
    metrics.provider.shutdown()
