"""Options of one run: over the agent's, recorded, checked where they enter."""

from typing import Any

import pytest

from adjourn.actors import Agent, Tool, find_model, open_actor_system, tool
from adjourn.actors.testing import ScriptedModel, calls, says
from adjourn.protocol.errors import InvalidParams, RunIdConflict
from adjourn.protocol.options import ModelOptions, NamedTool
from adjourn.stores import MemoryStore


@tool
def look(name: str) -> str:
    """Looks a thing up."""
    return name


@tool(approval=True)
def sell(name: str) -> str:
    """Sells it."""
    return name


OWN = ModelOptions(temperature=0.1, max_tokens=50, extra={"top_k": 3})


def agent_of(model: ScriptedModel, *tools: Tool) -> Agent:
    return Agent(name="a", model=model, options=OWN, tools=tools)


async def test_a_runs_options_go_over_the_agents() -> None:
    model = ScriptedModel([says("Hi"), says("Ho")])
    agent = agent_of(model)
    async with open_actor_system([agent]) as system:
        await (await system.start(agent, "Hi", options=ModelOptions(temperature=0.9, seed=7))).wait()
        await (await system.start(agent, "Ho")).wait()
    one, other = (request.options for request in model.requests)
    assert one == ModelOptions(temperature=0.9, max_tokens=50, extra={"top_k": 3}, seed=7)
    assert other == OWN


async def test_a_runs_options_hold_in_the_next_process() -> None:
    store, options = MemoryStore(), ModelOptions(seed=7)
    first = agent_of(ScriptedModel([calls(("sell", {"name": "hat"}))]), sell)
    async with open_actor_system([first], store=store) as system:
        run = await system.start(first, "Sell the hat", options=options)
        assert (await run.wait()).status == "paused"
    model = ScriptedModel([says("Sold")])
    later = agent_of(model, sell)
    async with open_actor_system([later], store=store) as system:
        assert await system.stranded(await system.head(run.id)) is None
        await system.resume(run.id, {"approved": True})
        assert (await system.run(run.id).wait()).status == "completed"
    assert model.requests[0].options.seed == 7


async def test_only_the_first_model_call_must_call_a_tool() -> None:
    model = ScriptedModel([calls(("look", {"name": "hat"})), says("A hat")])
    agent = agent_of(model, look)
    async with open_actor_system([agent]) as system:
        run = await system.start(agent, "Look", options=ModelOptions(tool_choice=NamedTool(name="look")))
        assert (await run.wait()).status == "completed"
    assert [request.options.tool_choice for request in model.requests] == [NamedTool(name="look"), None]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"seed": 7}, "options: expected ModelOptions, got dict"),
        (ModelOptions(headers={"x-key": "sesame"}), "options: headers are never recorded"),
        (ModelOptions(extra={"stream": False}), "options: extra can't set stream: the run sets that itself"),
        (ModelOptions(extra={"big": 2**60}), "options: .*big"),
        (ModelOptions(tool_choice=NamedTool(name="no")), "options: tool_choice names 'no'; .* are: look"),
        (ModelOptions(seed="x"), "options: Expected `int"),  # type: ignore[arg-type]
    ],
)
async def test_options_are_checked_where_they_enter(options: Any, text: str) -> None:
    agent = agent_of(ScriptedModel([]), look)
    async with open_actor_system([agent]) as system:
        with pytest.raises(InvalidParams, match=text) as caught:
            await system.start(agent, "Hi", options=options)
    assert "sesame" not in str(caught.value)


async def test_a_repeated_start_has_the_same_options() -> None:
    agent = agent_of(ScriptedModel([says("Hi")]))
    async with open_actor_system([agent]) as system:
        run = await system.start(agent, "Hi", run_id="r1", options=ModelOptions(seed=7))
        await run.wait()
        assert (await system.start(agent, "Hi", run_id="r1", options=ModelOptions(seed=7))).id == "r1"
        for options in (None, ModelOptions(seed=8)):
            with pytest.raises(RunIdConflict):
                await system.start(agent, "Hi", run_id="r1", options=options)


@pytest.mark.parametrize(
    ("model", "options", "text"),
    [
        ("ollama:m", ModelOptions(tool_choice="required"), "Ollama's API can't be told to call a tool"),
        ("zai:glm", ModelOptions(tool_choice="none"), r"the server of 'zai' doesn't take this tool_choice \(none\)"),
        ("lmstudio:m", ModelOptions(tool_choice=NamedTool(name="look")), r"tool_choice \(tool\); it takes: auto, none"),
        ("deepseek:m", ModelOptions(response_schema={}), "the server of 'deepseek' takes no response_schema"),
        ("openai:m", ModelOptions(extra={"messages": []}), "extra can't set messages"),
        ("openai:m", ModelOptions(extra={"top_k": float("nan")}), "top_k"),
    ],
)
def test_declaring_an_agent_refuses_options_its_model_lacks(model: str, options: ModelOptions, text: str) -> None:
    with pytest.raises(ValueError, match=f"agent 'a': options: .*{text}"):
        Agent(name="a", model=model, options=options, tools=[look])


def test_a_forced_tool_needs_a_tool() -> None:
    with pytest.raises(ValueError, match="tool_choice makes the model call a tool, and the agent has none"):
        Agent(name="a", model="openai:m", options=ModelOptions(tool_choice="required"))
    Agent(name="a", model=find_model("openai:m"), options=ModelOptions(tool_choice="required"), tools=[look])
