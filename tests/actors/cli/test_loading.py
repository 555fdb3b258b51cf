"""Agents by address: which are found, and the error for each of the others."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adjourn.actors.cli.loading import load_agents
from adjourn.protocol.errors import InvalidParams

SHOP = """
from adjourn.actors import Agent, tools
from adjourn.actors.testing import ScriptedModel

one = Agent(name="one", model=ScriptedModel([]))
two = Agent(name="two", model=ScriptedModel([]))
both = [one, two]
twice = [one, one]
nothing = []
mixed = (one, 3)
number = 3
tool = tools.tool(name="pay", description="Pays.")(lambda: "paid")

def make():
    return both

def make_one():
    return one

async def later():
    return both

def fails():
    raise RuntimeError("no such\\nthing")
"""


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "a_shop.py").write_text(SHOP, encoding="utf-8")
    (tmp_path / "a_broken_shop.py").write_text("import nowhere_to_be_found", encoding="utf-8")
    (tmp_path / "a_leaving_shop.py").write_text("raise SystemExit(3)", encoding="utf-8")
    (tmp_path / "a_raising_shop.py").write_text("1 / 0", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop("a_shop", None)


@pytest.mark.parametrize(
    ("name", "agents"),
    [("one", ["one"]), ("both", ["one", "two"]), ("make", ["one", "two"]), ("make_one", ["one"])],
)
def test_an_agent_a_list_or_a_function_in_the_working_directory(name: str, agents: list[str]) -> None:
    assert [agent.name for agent in load_agents(f"a_shop:{name}")] == agents


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("a_shop", "'a_shop': expected module:name, where name is an Agent"),
        (":both", "expected module:name"),
        ("a_shop:", "expected module:name"),
        ("a_shop.py:both", "'a_shop.py:both' names a file; expected a module: a_shop:both"),
        ("./shops/a_shop.py:both", "expected a module: shops.a_shop:both"),
        ("a_shop:tool", "a_shop:tool is a Tool, which an agent has: Agent(name=..., model=..., tools=[pay]); expected"),
        ("no_shop:both", "there is no module 'no_shop' in "),
        ("no.shop:both", "there is no module 'no.shop' in "),
        ("a_broken_shop:both", "No module named 'nowhere_to_be_found' ("),
        ("a_raising_shop:both", "a_raising_shop.py:1)"),
        ("a_shop:three", "module 'a_shop' has no 'three'; its agents: both, one, twice, two"),
        ("a_shop:number", "a_shop:number is of type int; expected module:name"),
        ("a_shop:mixed", "a_shop:mixed is a tuple with int in it; expected"),
        ("a_shop:later", "a_shop:later is an async function; expected"),
        ("a_leaving_shop:agents", "module 'a_leaving_shop' fails: SystemExit: 3"),
        ("a_shop:nothing", "a_shop:nothing is an empty list; expected"),
        ("a_shop:twice", "a_shop:twice: two agents are called 'one'"),
        ("a_shop:fails", "a_shop:fails: the function failed: RuntimeError: no such thing ("),
    ],
)
def test_the_error_of_a_bad_module_address_is_one_line_with_the_expected_form(address: str, words: str) -> None:
    with pytest.raises(InvalidParams) as raised:
        load_agents(address)
    assert words in raised.value.message
    assert "\n" not in raised.value.message
