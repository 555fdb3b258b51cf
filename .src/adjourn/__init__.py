"""The names that most servers and clients need. Each is loaded at its first use.

Import all other names from the packages beside this file: `adjourn.actors` and its rooms, `adjourn.protocol`,
`adjourn.stores`. This file only loads names.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .actors import (
        ActorSystem,
        Agent,
        Middleware,
        Run,
        Tool,
        ToolContext,
        ToolError,
        client_tool,
        open_actor_system,
        tool,
    )
    from .actors.client import Client, open_client
    from .actors.gateway import serve_gateway
    from .actors.hosts import open_threaded_system
    from .protocol import AdjournError, Limits, ModelOptions

    __version__: str

__all__ = [
    "ActorSystem",
    "AdjournError",
    "Agent",
    "Client",
    "Limits",
    "Middleware",
    "ModelOptions",
    "Run",
    "Tool",
    "ToolContext",
    "ToolError",
    "__version__",
    "client_tool",
    "open_actor_system",
    "open_client",
    "open_threaded_system",
    "serve_gateway",
    "tool",
]

_HOMES = {
    "AdjournError": ".protocol",
    "Client": ".actors.client",
    "Limits": ".protocol",
    "ModelOptions": ".protocol",
    "open_client": ".actors.client",
    "open_threaded_system": ".actors.hosts",
    "serve_gateway": ".actors.gateway",
}
"""Which package a name comes from, where that is not `.actors`."""


if not TYPE_CHECKING:  # with a `__getattr__`, type checkers would accept every name

    def __getattr__(name: str) -> object:
        """Loads a public name and keeps it. Raises: AttributeError for any other name."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = _version() if name == "__version__" else _load(name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _load(name: str) -> object:
    return getattr(import_module(_HOMES.get(name, ".actors"), __name__), name)


def _version() -> str:
    from importlib.metadata import version

    return version("adjourn")
