"""Whole runs over real sockets: an `adjourn` process, gated tools, and the independent model server."""

import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from subprocess import PIPE, CompletedProcess
from typing import Any, NamedTuple

import msgspec
import pytest
import trio
from mockserver import MockServer

from adjourn.actors.client import open_client
from adjourn.protocol import Envelope, MessageUpdate, TextDelta, user
from adjourn.protocol.events import AgentEnd, AgentPaused
from adjourn.protocol.methods import RunSnapshot

ADJOURN = [os.sys.executable, "-m", "adjourn.actors"]
AGENTS = {
    "claude": "anthropic:claude-sonnet-4-5",
    "gpt": "openai:gpt-4.1",
    "gpt-responses": "openai-responses:gpt-4.1",
    "llama": "ollama:llama3.2",
}
PATHS = {
    "claude": "/v1/messages",
    "gpt": "/v1/chat/completions",
    "gpt-responses": "/v1/responses",
    "llama": "/api/chat",
}
pytestmark = pytest.mark.slow  # they start many processes

SHOP = f'''
from adjourn.actors import Agent, tool


@tool(decision={{"type": "boolean"}})
async def refund(order_id: int, decision: bool) -> str:
    """Pay an order's money back."""
    with open("ledger.txt", "a") as ledger:
        print("order", order_id, decision, file=ledger)
    return f"Order {{order_id}} is refunded."


agents = [Agent(name=name, model=model, tools=[refund]) for name, model in {AGENTS!r}.items()]
'''


def environment(url: str) -> dict[str, str]:
    """Returns the environment of a process whose models are all on the server."""
    proxies = ("http_proxy", "https_proxy", "all_proxy")
    clean = {name: value for name, value in os.environ.items() if name.lower() not in proxies}
    return clean | {
        "ANTHROPIC_API_KEY": "sk-ant-test",
        "ANTHROPIC_BASE_URL": url,
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": f"{url}/v1",
        "OLLAMA_HOST": url,
    }


class Shop(NamedTuple):
    """An `adjourn serve` with an agent on each API."""

    gateway: str
    models: MockServer
    ledger: Path


@pytest.fixture(scope="module")
def shop(server: MockServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(SHOP)
    (folder / "ledger.txt").touch()
    command = [*ADJOURN, "serve", "shop:agents", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, env=environment(server.url), stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = next(found[0] for line in process.stdout if (found := re.search(r"ws://\S+", line)))
            yield Shop(url, server, folder / "ledger.txt")
        finally:
            process.kill()


async def until(events: AsyncIterator[Envelope | RunSnapshot], kind: type[Any]) -> list[Envelope]:
    """Returns the next events, up to the first one of this kind."""
    seen: list[Envelope] = []
    async for item in events:
        assert isinstance(item, Envelope)  # a reader from the first event on gets no snapshot
        seen.append(item)
        if isinstance(item.event, kind):
            return seen
    raise AssertionError(f"the run ended without {kind.__name__}")


def said(events: list[Envelope]) -> list[str]:
    """Returns the pieces of text in these events, in order."""
    updates = [each.event.assistant_message_event for each in events if isinstance(each.event, MessageUpdate)]
    return [update.delta for update in updates if isinstance(update, TextDelta)]


@pytest.mark.parametrize("agent", AGENTS)
async def test_a_run_streams_parks_is_decided_and_goes_on(agent: str, shop: Shop) -> None:
    before = shop.ledger.read_text()
    async with open_client(shop.gateway) as client, client.run(agent, "Refund order 7, please.") as events:
        first = await until(events, AgentPaused)
        assert "".join(said(first)) == "Let me see to it."
        assert len(said(first)) > 1
        run_id = first[0].run_id
        (waiting,) = (await client.get(run_id)).snapshot.pending
        assert (waiting.tool_name, waiting.input) == ("refund", {"order_id": 7})
        assert shop.ledger.read_text() == before
        await client.resume(run_id, True)
        rest = await until(events, AgentEnd)
        assert "".join(said(rest)) == "Your money is on its way."
        assert isinstance(rest[-1].event, AgentEnd)
        assert rest[-1].event.status == "completed"
        assert rest[-1].event.usage.input == (60 if agent != "llama" else 0)  # the server counts no tokens for it
    assert shop.ledger.read_text() == f"{before}order 7 True\n"


@pytest.mark.parametrize("agent", AGENTS)
async def test_an_abort_in_mid_stream_ends_at_once_and_keeps_the_partial_message(agent: str, shop: Shop) -> None:
    async with open_client(shop.gateway) as client, client.run(agent, "Tell me a long story.") as events:
        run_id = (await until(events, MessageUpdate))[0].run_id
        aborted = await client.abort(run_id)
        assert aborted.status == "aborted"
        *_, last = (await client.get(run_id)).snapshot.messages
        assert last.stop_reason == "aborted"
        assert len(last.text) < len("Once upon a time, and a time")


@pytest.mark.parametrize(
    ("first", "second"), [("claude", "gpt"), ("gpt", "llama"), ("llama", "gpt-responses"), ("gpt-responses", "claude")]
)
async def test_a_conversation_starts_with_one_provider_and_ends_with_another(
    first: str, second: str, shop: Shop
) -> None:
    async with open_client(shop.gateway) as client:
        async with client.run(first, "Refund order 7, please.") as events:
            run_id = (await until(events, AgentPaused))[0].run_id
            await client.resume(run_id, True)
            await until(events, AgentEnd)
        messages = (await client.get(run_id)).snapshot.messages
        async with client.run(second, [*messages, user("What did you do?")]) as events:
            run_id = (await until(events, AgentEnd))[0].run_id
        *_, last = (await client.get(run_id)).snapshot.messages
        assert (last.text, last.provider) == ("I refunded order 7.", AGENTS[second].split(":")[0].split("-")[0])
    understood = shop.models.requests(PATHS[second])[-1]["messages"]
    (at,) = [index for index, message in enumerate(understood) if message.get("tool_calls")]
    (call,), result = understood[at]["tool_calls"], understood[at + 1]
    assert msgspec.json.decode(call["function"]["arguments"]) == {"order_id": 7}
    assert (result["role"], result["content"]) == ("tool", "Order 7 is refunded.")
    assert result.get("tool_call_id", call["id"]) == call["id"]  # the journal has no id for Ollama
    assert understood[-1] == {"role": "user", "content": "What did you do?"}


async def adjourn(*args: str, url: str, stdin: str) -> "CompletedProcess[bytes]":
    """Runs the command to its end."""
    return await trio.run_process(
        [*ADJOURN, *args],
        stdin=stdin.encode(),
        env=environment(url),
        capture_stdout=True,
        capture_stderr=True,
        check=False,
    )


async def test_a_chat_is_handed_over_from_one_model_to_another(shop: Shop) -> None:
    lines = "Refund order 7\ny\n/agent llama\nWhat did you do?\n/agent nobody\n"
    done = await adjourn("chat", shop.gateway, "--agent", "claude", url=shop.models.url, stdin=lines)
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode()
    assert "claude> Let me see to it.\n" in text
    assert "claude> Your money is on its way.\n" in text
    assert "Now talking to llama.\nyou> What did you do?\nllama> I refunded order 7.\n" in text
    assert "(/agent NAME switches to another agent: claude, gpt, gpt-responses, llama)" in text


async def test_a_chat_with_a_model_needs_no_code(server: MockServer) -> None:
    done = await adjourn("chat", "--model", "ollama:gpt-4o", url=server.url, stdin="What did you do?\n")
    assert (done.returncode, done.stderr) == (0, b"")
    assert "gpt-4o> I refunded order 7.\n" in done.stdout.decode()


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        ("ollama:none-such", "the server has no model 'none-such'; there are: "),
        ("nobody:model", "expected 'PROVIDER:NAME' (known providers: anthropic, azure"),
    ],
)
async def test_a_chat_with_a_model_that_is_not_there_says_so(model: str, complaint: str, server: MockServer) -> None:
    done = await adjourn("chat", "--model", model, url=server.url, stdin="")
    assert done.returncode in (1, 2)
    assert complaint in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


async def test_a_chat_with_a_server_that_is_not_there_says_so() -> None:
    done = await adjourn("chat", "--model", "ollama:llama3.2", url="http://127.0.0.1:1", stdin="")
    assert done.returncode == 1
    assert (
        done.stderr == b"adjourn: nothing listens at http://127.0.0.1:1. Is Ollama running? `ollama serve` starts it.\n"
    )
