"""Dependencies: made from a run's metadata when a tool first needs them, again after a restart, never recorded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio
from runs import parked, results

from adjourn.actors import Agent, Tool, ToolContext, make_tool, open_actor_system, tool
from adjourn.actors.testing import Response, ScriptedModel, calls, open_test_system


@dataclass
class Shop:
    """What a tool of these tests depends on."""

    owner: str


@tool
async def owner(context: ToolContext[Shop]) -> str:
    """Say whose shop it is."""
    return context.deps.owner


@tool
def owner_in_a_thread(context: ToolContext[Shop] | None) -> str:
    """Say the same, from a thread."""
    assert context is not None
    return context.deps.owner


@tool
async def plain(context: ToolContext) -> str:
    """Depend on nothing."""
    return str(context.deps)


def shop(*responses: Response, tools: list[Tool], deps: Any) -> Agent:
    return Agent(name="shop", model=ScriptedModel(responses), tools=tools, deps=deps)


class Makes:
    """A `deps` function that counts its calls."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    async def __call__(self, metadata: dict[str, Any]) -> Shop:
        self.calls.append(dict(metadata))
        await trio.lowlevel.checkpoint()
        made = Shop(metadata["owner"])
        metadata.clear()  # a copy
        return made


async def test_tools_share_dependencies_that_are_made_once_for_a_run() -> None:
    makes = Makes()
    first = calls(("owner", {}), ("owner_in_a_thread", {}), ("plain", {}))
    agent = shop(first, calls(("owner", {})), "done", tools=[owner, owner_in_a_thread, plain], deps=makes)
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go", metadata={"owner": "ann"})
        ended = await run.wait_ended()
    assert results(ended) == ["ann", "ann", "None", "ann"]
    assert makes.calls == [{"owner": "ann"}]
    assert ended.metadata == {"owner": "ann"}


async def test_a_run_whose_tools_ask_for_none_makes_none() -> None:
    makes = Makes()
    agent = shop(calls(("plain", {})), "done", tools=[owner, plain], deps=makes)
    async with open_test_system(agent) as system:
        await (await system.start(agent, "go")).wait_ended()
    assert makes.calls == []


async def test_they_are_made_anew_after_a_restart(tmp_path: Path) -> None:
    @tool(approval=True)
    async def close(context: ToolContext[Shop]) -> str:
        return f"{context.deps.owner} closes"

    makes = Makes()
    script = [calls(("owner", {})), calls(("close", {})), "done"]
    store = f"sqlite:///{tmp_path}/runs.db"
    for reply in (None, {"approved": True}):
        model = ScriptedModel(script if reply is None else script[2:])
        agent = Agent(name="shop", model=model, tools=[owner, close], deps=makes)
        async with open_actor_system([agent], store=store) as system:
            if reply is None:
                run_id = (run := await system.start(agent, "go", metadata={"owner": "ann"})).id
                await parked(run)
            else:
                await system.resume(run_id, reply)
                ended = await system.run(run_id).wait_ended()
    assert results(ended) == ["ann", "ann closes"]
    assert makes.calls == [{"owner": "ann"}] * 2


async def test_an_error_ends_that_call_alone_and_the_next_one_tries_again(caplog: pytest.LogCaptureFixture) -> None:
    attempts = 0

    def makes(metadata: dict[str, Any]) -> Shop:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise SystemExit("no database")
        return Shop("ann")

    agent = shop(calls(("owner", {})), calls(("owner", {})), "done", tools=[owner], deps=makes)
    async with open_test_system(agent) as system:
        ended = await (await system.start(agent, "go")).wait_ended()
    said = "owner was not executed: what it depends on could not be made: SystemExit: no database"
    assert results(ended) == [said, "ann"]
    [record] = [each for each in caplog.records if "could not be made" in each.message]
    assert record.exc_info is not None


async def test_a_tool_made_from_a_schema_gets_dependencies_too() -> None:
    async def say(arguments: dict[str, Any], context: ToolContext[Any]) -> str:
        return str(context.deps)

    said = make_tool("say", "", {"type": "object"}, say)
    agent = shop(calls(("say", {})), "done", tools=[said], deps=lambda metadata: "the shop")
    async with open_test_system(agent) as system:
        ended = await (await system.start(agent, "go")).wait_ended()
    assert results(ended) == ["the shop"]


def test_an_agent_without_deps_is_refused_where_a_tool_asks_for_them() -> None:
    with pytest.raises(TypeError, match=r"agent 'a': tool owner asks for ToolContext\[Shop\], and the agent has no"):
        Agent(name="a", model=ScriptedModel([]), tools=[owner])
    with pytest.raises(TypeError, match="agent 'a': deps must be a function of the run's metadata"):
        Agent(name="a", model=ScriptedModel([]), deps=Shop("ann"))  # type: ignore[arg-type]
