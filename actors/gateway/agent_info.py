"""Descriptions of agents, as lists show them. No I/O."""

from ...protocol.methods import AgentInfo, ToolInfo
from ..agent import Agent

__all__ = ["agent_info"]


def agent_info(agent: Agent) -> AgentInfo:
    """Returns what clients need to know about an agent: to start it, and to decide or execute its tool calls."""
    return AgentInfo(
        name=agent.name,
        description=agent.description,
        model=agent.language_model.descriptor.id,
        tools=tuple(
            ToolInfo(
                name=tool.spec.name,
                description=tool.spec.description,
                parameters=tool.spec.parameters,
                decision=tool.spec.decision,
                runs=tool.spec.runs,
                approval=tool.spec.approval,
                editable=tool.spec.editable,
            )
            for tool in agent.tools
        ),
    )
