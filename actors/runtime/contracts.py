"""Whether today's code can go on with a recorded run. No run is loaded here."""

from collections.abc import Mapping

from ...protocol.record import FINAL, Head, History
from ..agent import Agent

__all__ = ["Contracts"]


class Contracts:
    """What the loaded agents can do of recorded runs. `stranded`: runs found to want code that isn't loaded."""

    def __init__(self, agents: Mapping[str, Agent]) -> None:
        self.agents = agents
        self._stranded: set[str] = set()  # heads alone don't tell all of it

    def agent_of(self, head: Head, history: History) -> Agent | None:
        """The agent that can go on with the run; None where it, or one of its tools, isn't loaded."""
        agent = self.agents.get(head.agent)
        if agent is None or any(agent.tool(name) is None for name in history.tools):
            self._stranded.add(head.id)
            return None
        return agent

    def is_stranded(self, head: Head) -> bool:
        """Whether the run can't go on here because its agent, or one of its tools, isn't loaded.

        Of a run that has not been in memory yet, only the tools of open calls are known.
        """
        if head.status in FINAL:
            return False
        agent = self.agents.get(head.agent)
        if agent is None or head.id in self._stranded:
            return True
        return any(agent.tool(call.name) is None for call in head.calls if call.phase != "done")

    def forget(self, run_id: str) -> None:
        """Drop what is known of a deleted run."""
        self._stranded.discard(run_id)
