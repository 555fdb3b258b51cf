"""A chat with a model without any code: runs a default agent without tools, in memory, for one terminal."""

import re
import secrets
from pathlib import Path

from ...protocol.errors import InvalidParams
from ..agent import Agent
from ..models.catalogue import find_model
from ..models.httpmodel import HTTPModel, ProviderError
from .conversation import converse
from .serving import Place, serve

__all__ = ["chat_with", "default_agent"]


def default_agent(model: str) -> Agent:
    """Returns an agent without tools, named after the model. Raises: ValueError."""
    found = find_model(model)
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", found.descriptor.id).strip("-")[:64]
    return Agent(name=name or "model", model=found)


async def chat_with(agent: Agent, *, history: Path | None = None, quiet: bool = False) -> int:
    """Chats with a default agent until the person leaves. `history`, `quiet` and the result: as in `converse`.

    Raises: InvalidParams if the model can't be used, for example without its key."""
    assert isinstance(agent.language_model, HTTPModel)
    try:
        await agent.language_model.check()
    except ProviderError as error:
        raise InvalidParams(str(error)) from error
    token = secrets.token_urlsafe(24)  # keeps other programs on this machine out
    code = 0

    async def talk(url: str) -> None:
        nonlocal code
        code = await converse(url, agent=agent.name, token=token, come_back=None, history=history, quiet=quiet)

    await serve(
        [agent],
        store="memory:",
        place=Place("127.0.0.1", 0, token),
        ready=lambda found: None,
        stopping=lambda: None,
        meanwhile=talk,
        takes_interrupts=True,
    )
    return code
