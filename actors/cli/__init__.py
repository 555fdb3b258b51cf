"""The `adjourn` command: serves agents, chats with them in a terminal, lists runs and decides their calls."""

from .app import main

__all__ = ["main"]
