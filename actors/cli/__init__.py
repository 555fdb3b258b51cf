"""The `adjourn` command: serving agents, talking to them in a terminal, seeing and deciding runs."""

from .app import main

__all__ = ["main"]
