"""A server: its log about its agents, at the start and when a run fails, and the names under which it answers."""

import logging
from urllib.parse import urlsplit

import pytest
import trio

from adjourn.actors import Agent
from adjourn.actors.cli.serving import Place, Ready, serve
from adjourn.actors.client import open_client
from adjourn.actors.testing import ScriptedModel


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


async def status(url: str, host: str) -> str:
    """Return the status of the answer to a WebSocket's request with this Host header."""
    head = f"GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    head += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    async with await trio.open_tcp_stream("127.0.0.1", urlsplit(url).port or 0) as stream:
        await stream.send_all(head.encode())
        return (await stream.receive_some()).split()[1].decode()


async def test_a_server_answers_under_the_name_in_its_node_url() -> None:
    statuses: list[str] = []

    async def ask(url: str) -> None:
        statuses.extend([await status(url, host) for host in ("node.test:8765", "other.test:8765")])

    await serve(
        [Agent(name="writer", model=ScriptedModel(["Hi."]))],
        store="memory:",
        place=Place("127.0.0.1", 0, node_url="ws://node.test:8765"),
        ready=lambda _: None,
        stopping=lambda: None,
        meanwhile=ask,
    )
    assert statuses == ["101", "403"]
