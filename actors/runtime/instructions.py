"""The spec that a run records when it begins: its agent's, with instructions that a function made, if they are one."""

import inspect
import logging
from collections.abc import Mapping
from sys import getsizeof
from typing import Any

import msgspec
import trio

from ...protocol import codec
from ...protocol.record import Spec
from ..agent import Agent
from ..core.faults import foreign_error, internal_error
from .weight import weigh

__all__ = ["begun_spec", "own_bytes", "shared_spec"]

logger = logging.getLogger("adjourn.runs")


async def begun_spec(agent: Agent, spec: Spec, metadata: Mapping[str, Any]) -> Spec:
    """Returns the spec for a run with this metadata: `spec`, with the text that an `instructions` function returns.

    No checkpoint if the instructions are a text. Raises: InternalError if the function fails; the log has the cause.
    """
    if isinstance(agent.instructions, str):
        return spec
    task = trio.lowlevel.current_task()
    where = f"the instructions of agent {agent.name}"
    try:
        made: Any = agent.instructions(msgspec.to_builtins(dict(metadata)))
        text = await made if inspect.isawaitable(made) else made
        _check(text, agent.limits.max_input_bytes)
    except BaseException as raised:  # noqa: ASYNC103  # foreign_error raises what must pass
        error = foreign_error(raised, where, logger, task=task)
        raise internal_error(error, where, logger) from error  # noqa: ASYNC104
    return msgspec.structs.replace(spec, instructions=text)


def _check(text: Any, max_bytes: int) -> None:
    if not isinstance(text, str):
        raise TypeError(f"the function must return a text, got {type(text).__name__}")
    size = len(codec.to_json(text))
    if size > max_bytes:
        raise ValueError(f"the text takes {size} bytes, and at most {max_bytes} are allowed (Limits.max_input_bytes)")


def shared_spec(agent: Agent, recorded: Spec) -> Spec:
    """Returns the agent's spec to replace an equal recorded one; keeps the recorded text if a function made it."""
    if isinstance(agent.instructions, str):
        return agent.spec()
    return msgspec.structs.replace(agent.spec(), instructions=recorded.instructions)


def own_bytes(agent: Agent, spec: Spec) -> int:
    """Returns about how many bytes of memory a run's spec takes beside its agent's."""
    agents = agent.spec()
    if spec is agents:
        return 0
    return getsizeof(spec.instructions) if spec.options is agents.options else weigh(spec)
