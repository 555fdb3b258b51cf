"""The generated part of `actors/cli/README.md`: every command, with its arguments and options, as `--help` has them."""

import re
from collections.abc import Iterator
from typing import Any

import typer

from adjourn.actors.cli.app import app

__all__ = ["commands_part"]


def commands_part() -> str:
    """Return a section for each command, in the order of `--help`."""
    return "\n".join(_command(typer.main.get_command(app), "adjourn"))


def _command(command: Any, path: str) -> Iterator[str]:
    below = getattr(command, "commands", {})
    if not below:
        yield from (f"### `{path}`", "", _sentence(command.help), "")
    if (
        rows := []
        if below
        else [_row(each) for each in command.params if each.name != "help" and not getattr(each, "hidden", False)]
    ):
        yield from ("| option | | default | variable |", "|---|---|---|---|", *rows, "")
    for name, each in below.items():
        yield from _command(each, f"{path} {name}")


def _row(param: Any) -> str:
    is_option = param.param_type_name == "option"
    name = ", ".join(f"`{each}`" for each in param.opts) if is_option else f"`{_argument(param)}`"
    default = "" if param.required or param.default in (None, False, ()) else f"`{_default(param)}`"
    variable = f"`{param.envvar}`" if getattr(param, "envvar", None) else ""
    return f"| {name} | {_cell(getattr(param, 'help', None) or '')} | {default} | {variable} |"


def _argument(param: Any) -> str:
    name = param.metavar or param.name.upper()
    return name if param.required else f"[{name}]"


def _default(param: Any) -> str:
    shown = getattr(param, "show_default", None)
    return shown if isinstance(shown, str) else str(param.default)


def _sentence(text: str | None) -> str:
    return re.sub(r"\s+", " ", (text or "").split("\f")[0].split("\b")[0]).strip()


def _cell(text: str) -> str:
    return _sentence(text).replace("|", "\\|")
