"""Loads agents by their address `module:name`. Imports the user's own code."""

import importlib
import inspect
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from ...protocol.errors import InvalidParams
from ..agent import Agent
from ..tools.declaration import Tool
from .tracebacks import place_of

__all__ = ["load_agents"]

EXPECTED = "expected module:name, where name is an Agent, a list of Agents, or a function that gives either"


def load_agents(address: str) -> list[Agent]:
    """Loads the agents at `module:name`. Also looks for the module in the working directory.

    Raises: InvalidParams; if the module itself fails, with the module's error in one line.
    """
    module, _, name = address.partition(":")
    if not module or not name:
        raise InvalidParams(f"{address!r}: {EXPECTED}, as in shop:agents")
    if module.endswith(".py") or "/" in module:
        meant = module.removesuffix(".py").strip("./").replace("/", ".")
        raise InvalidParams(f"{address!r} names a file; expected a module: {meant}:{name}")
    value = _attribute(_module(module), module, name)
    if callable(value) and not isinstance(value, Tool):
        try:
            value = value()
        except Exception as error:
            raise InvalidParams(f"{address}: the function failed: {_one_line(error)}") from error
    if inspect.iscoroutine(value):
        value.close()
        raise InvalidParams(f"{address} is an async function; {EXPECTED}, not async")
    agents: list[Any] = [value] if isinstance(value, Agent) else _items(value)
    if not agents or not all(isinstance(agent, Agent) for agent in agents):
        raise InvalidParams(f"{address} is {_kind(value)}; {EXPECTED}")
    names = [agent.name for agent in agents]
    if twice := sorted({each for each in names if names.count(each) > 1}):
        raise InvalidParams(f"{address}: two agents are called {twice[0]!r}")
    return agents


def _module(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise InvalidParams(f"there is no module {name!r} in {here} or among the installed packages") from error
        raise InvalidParams(f"module {name!r} fails: {_one_line(error)}") from error
    except (Exception, SystemExit) as error:
        raise InvalidParams(f"module {name!r} fails: {_one_line(error)}") from error


def _attribute(module: ModuleType, module_name: str, name: str) -> Any:
    try:
        return getattr(module, name)
    except AttributeError as error:
        names = vars(module)
        found = sorted(key for key, value in names.items() if _is_agents(value))
        hint = f"; its agents: {', '.join(found)}" if found else ""
        raise InvalidParams(f"module {module_name!r} has no {name!r}{hint}") from error


def _is_agents(value: Any) -> bool:
    items = _items(value)
    return isinstance(value, Agent) or (len(items) > 0 and all(isinstance(item, Agent) for item in items))


def _items(value: Any) -> list[Any]:
    return list(cast(Iterable[Any], value)) if isinstance(value, list | tuple) else []


def _kind(value: Any) -> str:
    kind = type(value).__name__
    if isinstance(value, Tool):
        return f"a Tool, which an agent has: Agent(name=..., model=..., tools=[{value.spec.name}])"
    wrong = {type(item).__name__ for item in _items(value) if not isinstance(item, Agent)}
    if wrong:
        return f"a {kind} with {', '.join(sorted(wrong))} in it"
    return f"an empty {kind}" if isinstance(value, list | tuple) else f"of type {kind}"


def _one_line(error: BaseException) -> str:
    text, place = " ".join(str(error).split()), place_of(error)
    words = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"{words} ({place})" if place else words
