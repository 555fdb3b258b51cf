"""Every API: the vendor's SDK and our adapter read the same from an independent server.

And the server reads the same from the SDK's requests and from the adapter's.
"""

import ours
import pytest
import trio
from asking import answer, failure
from heard import Broken, Heard, Refused
from mockserver import MockServer
from sdks import SDKS, Sdk

from adjourn.protocol.events import TextDelta, ToolcallDelta

HELLO = 'Hello, wörld! ☕ 🎉\nA second line, with "quotes" and a \\ in it.'
BROKEN = "This one never gets to its end, however long you wait for it."


def named(sdk: Sdk) -> str:
    return type(sdk).__name__


@pytest.fixture(params=SDKS, ids=named)
def sdk(request: pytest.FixtureRequest) -> Sdk:
    return request.param


async def in_thread(sdk: Sdk, server: MockServer, question: str) -> object:
    return await trio.to_thread.run_sync(sdk.ask, server.url, question)


@pytest.mark.parametrize(
    "question",
    [
        "Say hello",
        "Say it slowly",
        "Say too much",
        "Think first",
        "Think in secret",
        "What is the weather in Oslo?",
        "Compare two cities",
        "Call before you speak",
    ],
)
async def test_sdk_and_adapter_read_the_same_answer(server: MockServer, sdk: Sdk, question: str) -> None:
    expected = await in_thread(sdk, server, question)
    assert isinstance(expected, Heard)
    assert expected.blocks
    assert ours.heard(sdk, answer(await ours.ask(sdk, server.url, question))) == expected


async def test_an_answer_is_read_as_it_was_written(server: MockServer, sdk: Sdk) -> None:
    message = answer(await ours.ask(sdk, server.url, "Say it slowly"))
    assert message.text == HELLO
    assert (message.stop_reason, message.model, message.error_message) == ("stop", sdk.model.split(":")[1], None)
    usage = message.usage
    assert (usage.input, usage.output, usage.total_tokens) == ((13, 17, 30) if sdk.counts else (0, 0, 0))


async def test_an_answer_comes_as_it_is_said(server: MockServer, sdk: Sdk) -> None:
    heard = await ours.ask(sdk, server.url, "Say it slowly")
    deltas = [event.delta for event in heard if isinstance(event, TextDelta)]
    assert len(deltas) > len(HELLO) / 4
    assert "".join(deltas) == HELLO


async def test_sdk_and_adapter_read_the_same_after_a_tool_result(server: MockServer, sdk: Sdk) -> None:
    expected = await trio.to_thread.run_sync(sdk.tell_weather, server.url)
    assert isinstance(expected, Heard)
    assert expected.blocks == (("text", "It snows in Oslo."),)
    assert ours.heard(sdk, answer(await ours.tell_weather(sdk, server.url))) == expected


async def test_the_server_understands_the_same_of_both(server: MockServer, sdk: Sdk) -> None:
    await trio.to_thread.run_sync(sdk.tell_weather, server.url)
    expected = server.requests(sdk.path)[-1]
    await ours.tell_weather(sdk, server.url)
    understood = server.requests(sdk.path)[-1]
    assert len(understood["messages"]) == 4
    for message in (*understood["messages"], *expected["messages"]):
        message["content"] = message.get("content") or None  # SDKs write empty content differently
    for part in ("model", "messages", "tools", "stream"):
        assert understood[part] == expected[part]


@pytest.mark.parametrize(
    ("question", "status", "kind", "retry_after_s"),
    [
        ("Ask too often", 429, "transient", 7.0),
        ("Ask as a stranger", 401, "terminal", None),
        ("Ask for a failure", 500, "transient", None),
    ],
)
async def test_sdk_and_adapter_read_the_same_refusal(
    server: MockServer, sdk: Sdk, question: str, status: int, kind: str, retry_after_s: float | None
) -> None:
    expected = await in_thread(sdk, server, question)
    assert isinstance(expected, Refused)
    failed = failure(await ours.ask(sdk, server.url, question))
    assert (failed.status, failed.retry_after_s, failed.error.error_kind) == (status, retry_after_s, kind)
    assert expected.status == status
    message = failed.error.error_message or ""
    assert expected.words in message
    assert str(status) in message
    assert ours.KEY not in message


async def test_an_answer_that_breaks_off_is_an_error_for_both_and_its_beginning_is_kept(
    server: MockServer, sdk: Sdk
) -> None:
    expected = await in_thread(sdk, server, "Break off")
    assert isinstance(expected, Broken)
    assert BROKEN.startswith(expected.text)
    failed = failure(await ours.ask(sdk, server.url, "Break off"))
    assert failed.error.error_kind == "transient"
    assert failed.error.text
    assert BROKEN.startswith(failed.error.text)
    assert len(failed.error.text) < len(BROKEN)


@pytest.mark.parametrize("sdk", [sdk for sdk in SDKS if sdk.ids], ids=named)  # Ollama's calls come whole
async def test_a_call_that_breaks_off_is_an_error_for_both_and_is_dropped(server: MockServer, sdk: Sdk) -> None:
    expected = await in_thread(sdk, server, "Break a call off")
    assert isinstance(expected, Broken)
    heard = await ours.ask(sdk, server.url, "Break a call off")
    assert any(isinstance(event, ToolcallDelta) for event in heard)
    assert failure(heard).error.calls == []
