"""Declaring agents: what is kept, and what is refused."""

from typing import Any

import pytest

from adjourn.actors.agent import Agent
from adjourn.actors.testing import ScriptedModel
from adjourn.actors.tools import tool
from adjourn.protocol.messages import ModelDescriptor
from adjourn.protocol.record import Limits, Spec, SpecEntry, decode_entry, encode_entry


@tool
def look() -> str:
    """Look."""
    return ""


@tool(decision={"type": "boolean"})
def act(n: int, decision: bool) -> str:
    """Act."""
    return ""


def test_the_spec_is_what_a_run_records() -> None:
    model = ScriptedModel([], descriptor=ModelDescriptor(id="m", headers={"authorization": "secret"}))
    limits = Limits(max_turns=3)
    agent = Agent(name="a-1", model=model, instructions="Be brief.", tools=[look, act], limits=limits)
    assert agent.spec() == Spec(
        agent="a-1",
        model=ModelDescriptor(id="m"),
        instructions="Be brief.",
        tools=(look.spec, act.spec),
        limits=limits,
    )
    assert agent.spec() is agent.spec()


def test_no_header_is_recorded() -> None:
    model = ScriptedModel([], descriptor=ModelDescriptor(id="m", headers={"authorization": "secret"}))
    entry = encode_entry(SpecEntry(spec=Agent(name="a", model=model, tools=[act]).spec()))
    assert b"secret" not in entry
    assert decode_entry(entry, 1) == SpecEntry(spec=Agent(name="a", model=model, tools=[act]).spec())


def test_tools_are_found_by_name() -> None:
    agent = Agent(name="a", model=ScriptedModel([]), tools=[look, act])
    assert agent.tool("act") is act
    assert agent.tool("nothing") is None


def test_an_agent_does_not_change() -> None:
    tools = [look]
    agent = Agent(name="a", model=ScriptedModel([]), tools=tools)
    tools.append(act)
    assert agent.tools == (look,)
    with pytest.raises(AttributeError):
        agent.name = "b"  # type: ignore[misc]


BARE = ScriptedModel([], descriptor=ModelDescriptor(id="bare", api="scripted", provider="testing"))


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        ({"name": "no spaces"}, ValueError, "agent 'no spaces': a name is 1 to 64 letters"),
        ({"name": ""}, ValueError, "a name is 1 to 64 letters"),
        ({"name": "a\n"}, ValueError, "a name is 1 to 64 letters"),
        ({"name": "x" * 65}, ValueError, "a name is 1 to 64 letters"),
        ({"name": 5}, TypeError, "agent 5: name must be a string"),
        ({"instructions": None}, TypeError, "agent 'a': instructions must be a string, or a function"),
        ({"description": b""}, TypeError, "agent 'a': description must be a string"),
        ({"model": "gpt"}, ValueError, "agent 'a': model 'gpt': expected 'PROVIDER:NAME'"),
        ({"model": 5}, TypeError, "agent 'a': model must have a descriptor and a stream .*got int"),
        ({"model": ScriptedModel}, TypeError, "agent 'a': model must have a descriptor"),
        ({"tools": look}, TypeError, "agent 'a': tools must be a sequence of tools, got Tool"),
        ({"tools": [print]}, TypeError, "agent 'a': <built-in function print> is not a tool; declare it with @tool"),
        ({"tools": [look, act, look]}, ValueError, "agent 'a': two tools are called 'look'"),
        ({"limits": {"max_turns": 5}}, TypeError, "agent 'a': limits must be Limits, got dict"),
        ({"limits": Limits(max_turns="5")}, TypeError, "agent 'a': limits: Expected `int`"),  # type: ignore[arg-type]
        ({"limits": Limits(max_turns=0)}, ValueError, "agent 'a': limits: max_turns must be positive"),
        ({"limits": Limits(max_cost=-1.0)}, ValueError, "agent 'a': limits: max_cost must be positive"),
        ({"limits": Limits(on_limit="stop")}, TypeError, "agent 'a': limits: Invalid enum value"),  # type: ignore[arg-type]
        ({"model": BARE, "limits": Limits(max_cost=1.0)}, ValueError, "limits: max_cost: .*model 'bare' states none"),
        ({"limits": Limits(retention_s=-1.0)}, ValueError, "agent 'a': limits: retention_s must be positive"),
        ({"limits": Limits(parked_ttl_s=float("inf"))}, ValueError, "parked_ttl_s must be positive and finite"),
        ({"limits": Limits(parked_ttl_s=float("nan"))}, ValueError, "parked_ttl_s must be positive and finite"),
    ],
)
def test_an_agent_that_cannot_work_is_refused(wrong: dict[str, Any], error: type[Exception], said: str) -> None:
    fitting: dict[str, Any] = {"name": "a", "model": ScriptedModel([])}
    with pytest.raises(error, match=said):
        Agent(**{**fitting, **wrong})


def test_no_bound_and_no_retention_are_limits_too() -> None:
    limits = Limits(max_cost=None, parked_ttl_s=None, retention_s=0)
    assert Agent(name="a", model=ScriptedModel([]), limits=limits).spec().limits == limits
    assert Agent(name="a", model=ScriptedModel([]), limits=Limits(retention_s=None)).limits.retention_s is None


def test_an_agent_is_made_anew_with_other_limits() -> None:
    agent = Agent(name="a", model=ScriptedModel([]), tools=[look], limits=Limits(max_turns=3, retention_s=0))
    kept = agent.with_limits(retention_s=None, parked_ttl_s=60.0)
    assert kept.spec().limits == Limits(max_turns=3, retention_s=None, parked_ttl_s=60.0)
    assert kept.tool("look") is look
    assert kept.language_model is agent.language_model
    assert agent.spec().limits == Limits(max_turns=3, retention_s=0)
    with pytest.raises(ValueError, match="parked_ttl_s must be positive"):
        agent.with_limits(parked_ttl_s=0)
    with pytest.raises(TypeError, match="max_turn"):
        agent.with_limits(max_turn=1)
