"""What may be typed in a chat beside messages: commands, which begin with a slash. Pure."""

from dataclasses import dataclass

__all__ = ["COMMANDS", "Command", "Unknown", "help_lines", "read"]

COMMANDS = {
    "/help": "Show this list.",
    "/show": "Show the conversation again; ask again for what waits for a decision.",
    "/runs": "List the newest runs at the gateway.",
    "/agent": "List the agents; with a name, go on with that one.",
    "/new": "Begin a new conversation. A run that waits goes on waiting.",
    "/abort": "Stop the run.",
    "/quit": "Leave.",
}
KEYS = {
    "//TEXT": "Send TEXT with a slash before it.",
    "Alt-Enter": "Begin another line of the message.",
    "Ctrl-C": "Stop the run; at a decision, leave it waiting; at the prompt, leave.",
    "Ctrl-D": "Leave.",
}


@dataclass(frozen=True, slots=True)
class Command:
    """A command, with the rest of its line."""

    name: str
    rest: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """What begins with a slash and is no command."""

    name: str


def read(entry: str) -> Command | Unknown | str:
    """What was entered: a command, or the message to send; empty if there is nothing to send."""
    text = entry.strip()
    if text.startswith("//"):
        return text[1:]
    if not text.startswith("/"):
        return text
    name, *rest = text.split(maxsplit=1)
    return Command(name, "".join(rest)) if name in COMMANDS else Unknown(name)


def help_lines() -> list[str]:
    """The commands and keys, a line each."""
    return [f"{name:10} {text}" for name, text in (COMMANDS | KEYS).items()]
