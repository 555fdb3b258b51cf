"""Agents for the tests of the browser client: a client executes the tool of one of them."""

from adjourn.actors import Agent, tool
from adjourn.actors.testing import ScriptedModel, calls, says


@tool(runs="client")
async def locate(accuracy_m: int) -> str:
    """Find out where the user is."""


model = ScriptedModel([calls(("locate", {"accuracy_m": 10})), says("There you are.")])
agents = [Agent(name="guide", model=model, tools=[locate])]
