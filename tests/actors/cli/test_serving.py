"""A server's log about its agents: at the start, why a model can't be called; later, each failed run."""

import logging

import pytest

from adjourn.actors import Agent
from adjourn.actors.cli.serving import Place, Ready, serve
from adjourn.actors.client import open_client


async def test_a_missing_key_is_told_at_the_start_and_a_failed_run_with_its_cause(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    at_start: list[str] = []

    def ready(found: Ready) -> None:
        at_start.extend(record.getMessage() for record in caplog.records)

    async def run_one(url: str) -> None:
        async with open_client(url) as client:
            async with client.run("writer", "go", run_id="r1") as events:
                async for _ in events:
                    pass

    await serve(
        [Agent(name="writer", model="anthropic:m")],
        store="memory:",
        place=Place("127.0.0.1", 0),
        ready=ready,
        stopping=lambda: None,
        meanwhile=run_one,
    )
    cause = "there is no key for provider 'anthropic': set ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN"
    assert at_start == [f"agent writer can't ask its model: {cause}"]
    [failed] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert failed.getMessage() == f"the run failed (modelError): {cause}"
    assert vars(failed).items() >= {"run": "r1", "agent": "writer"}.items()
