"""The structured log: one record for each call, with data for programs and none of the content."""

import logging

import pytest
import trio
from trio.testing import MockClock

from adjourn.actors import Agent, ToolError, tool
from adjourn.actors.middleware import CallLog
from adjourn.actors.testing import ScriptedModel, calls, hangs, open_test_system, says
from adjourn.protocol import AssistantMessage, Cost, Usage

SECRET = "a secret"


@tool
async def look_up(word: str) -> str:
    """Look a word up."""
    if word == "nothing":
        raise ToolError(SECRET)
    return SECRET


def records(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [record.adjourn for record in caplog.records if record.name == "adjourn.calls"]


async def run(*responses: object) -> str:
    agent = Agent(name="reader", model=ScriptedModel(responses), tools=[look_up], middleware=[CallLog()])
    async with open_test_system(agent) as system:
        run = await system.start("reader", SECRET)
        await run.wait()
        return run.id


async def test_each_call_is_a_record(caplog: pytest.LogCaptureFixture, autojump_clock: MockClock) -> None:
    usage = Usage(input=5, output=7, cache_read=2, cache_write=1, total_tokens=15, cost=Cost(total=0.5))
    answer = AssistantMessage(content=says(SECRET).content, usage=usage)
    with caplog.at_level(logging.INFO, "adjourn.calls"):
        run_id = await run(calls(("look_up", {"word": SECRET})), answer)
    first, looked_up, last = records(caplog)
    model = {"event": "model_call", "run_id": run_id, "agent": "reader", "provider": "testing", "model": "scripted"}
    assert first.items() >= {**model, "turn": 1, "outcome": "toolUse", "duration_s": 0.0}.items()
    assert last.items() >= {**model, "turn": 2, "outcome": "stop", "cost": 0.5}.items()
    counts = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    assert [last[each] for each in counts] == [5, 7, 2, 1]
    assert looked_up.items() >= {"event": "tool_call", "run_id": run_id, "tool": "look_up", "outcome": "ok"}.items()
    assert first["call_id"] != last["call_id"]
    assert str(looked_up["tool_call_id"]).startswith("call_")
    assert SECRET not in caplog.text


async def test_the_message_has_the_same_pairs(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "adjourn.calls"):
        await run("Hello")
    assert caplog.messages[0].startswith("model_call run_id=")
    assert " outcome=stop input_tokens=0 " in caplog.messages[0]


async def test_a_failed_call_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    failed = AssistantMessage(
        content=(), stop_reason="error", error_message="HTTP 400: no\nsuch model", error_kind="terminal"
    )
    with caplog.at_level(logging.WARNING, "adjourn.calls"):
        await run(calls(("look_up", {"word": "nothing"})), failed)
    tool_call, model_call = records(caplog)
    assert tool_call["outcome"] == "error"
    assert (model_call["outcome"], model_call["error_kind"]) == ("error", "terminal")
    assert caplog.messages[-1].endswith('error_kind=terminal error="HTTP 400: no such model"')
    assert {record.levelname for record in caplog.records} == {"WARNING"}


async def test_a_providers_text_can_not_forge_pairs(caplog: pytest.LogCaptureFixture) -> None:
    failed = AssistantMessage(content=(), stop_reason="error", error_message='" outcome="stop', error_kind="terminal")
    with caplog.at_level(logging.WARNING, "adjourn.calls"):
        await run(failed)
    assert caplog.messages[-1].endswith(' error="\\" outcome=\\"stop"')


async def test_a_cancelled_call_is_logged_at_debug(caplog: pytest.LogCaptureFixture, autojump_clock: MockClock) -> None:
    agent = Agent(name="reader", model=ScriptedModel([hangs()]), middleware=[CallLog("mine")])
    with caplog.at_level(logging.DEBUG, "mine"):
        async with open_test_system(agent) as system:
            started = await system.start("reader", "Hi")
            await trio.testing.wait_all_tasks_blocked()
            await started.abort()
    (record,) = [each for each in caplog.records if each.name == "mine"]
    assert (record.levelname, record.adjourn["outcome"]) == ("DEBUG", "cancelled")


async def test_a_disabled_logger_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "adjourn.calls"):
        await run("Hello")
    assert records(caplog) == []
