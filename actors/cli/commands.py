"""The slash commands of a chat, and how an entry is read. Pure."""

from dataclasses import dataclass

__all__ = ["COMMANDS", "Command", "Unknown", "help_lines", "read"]

COMMANDS = {
    "/help": "Show this list.",
    "/show": "Show the conversation again, and ask again for open decisions.",
    "/runs": "List the newest runs at the gateway.",
    "/agent": "List the agents; with a name, switch to that agent.",
    "/new": "Begin a new conversation. A waiting run stays waiting.",
    "/abort": "Stop the run.",
    "/quit": "Leave.",
}
KEYS = {
    "//TEXT": "Send /TEXT as a message.",
    "Alt-Enter": "Begin a new line in the message.",
    "Ctrl-C": "Stop the run; at a decision, leave it waiting; at the prompt, leave the chat.",
    "Ctrl-D": "Leave.",
}


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command and the rest of its line."""

    name: str
    rest: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """An entry that begins with a slash but names no command."""

    name: str


def read(entry: str) -> Command | Unknown | str:
    """Returns the command or message of an entry; empty text means that nothing is to be sent."""
    text = entry.strip()
    if text.startswith("//"):
        return text[1:]
    if not text.startswith("/"):
        return text
    name, *rest = text.split(maxsplit=1)
    return Command(name, "".join(rest)) if name in COMMANDS else Unknown(name)


def help_lines() -> list[str]:
    """Returns the commands and keys, one a line."""
    return [f"{name:10} {text}" for name, text in (COMMANDS | KEYS).items()]
