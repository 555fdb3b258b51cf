"""The options of `adjourn chat`. The chat itself is in `conversation.py`, or without a gateway in `modelchat.py`."""

import os
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import trio
import typer

from .conversation import converse
from .modelchat import chat_with, default_agent
from .prices import price_lines
from .reaching import DEFAULT_URL, Token, Url, command, gateway_url, program, run_id

__all__ = ["Gateway", "NoHistory", "chat", "history_file", "one_gateway"]

NoHistory = Annotated[
    bool,
    typer.Option("--no-history", envvar="ADJOURN_NO_HISTORY", help="Save no messages to the history file."),
]


def _gateway(given: str) -> str:
    """Returns the gateway's URL. Raises: typer.BadParameter for a text with spaces: it is a message, not a URL."""
    if len(given.split()) > 1:
        piped = f"echo {shlex.quote(given)} | {program()} chat -q"
        raise typer.BadParameter(f"expected the gateway's URL, got {given!r}; to send a message: {piped}")
    return gateway_url(given)


Gateway = Annotated[
    str | None,
    typer.Argument(parser=_gateway, metavar="URL", show_default=False, help="The gateway; as --url."),
]


def chat(
    context: typer.Context,
    gateway: Gateway = None,
    url: Url = DEFAULT_URL,
    agent: Annotated[str | None, typer.Option(help="Agent to talk to. Needed if there are several.")] = None,
    run: Annotated[str | None, typer.Option(parser=run_id, metavar="RUN", help="Continue this run.")] = None,
    token: Token = None,
    model: Annotated[
        str | None,
        typer.Option(help="Model to talk to, with no gateway: PROVIDER:NAME, as ollama:qwen3:8b."),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Write only the answers to stdout; questions and errors to stderr.")
    ] = False,
    no_history: NoHistory = False,
) -> None:
    """Chat with an agent and decide what its tools ask; with --model, chat with a bare model."""
    history = history_file(no_history)
    if model is not None:
        names = {"gateway": "URL", "url": "--url", "agent": "--agent", "run": "--run", "token": "--token"}
        code = _chat_with(model, _given(context, names), history, quiet)
    else:
        place = one_gateway(context, gateway, url)
        talk = partial(converse, place, agent=agent, run_id=run, token=token, come_back=command(place, "chat"))
        code = trio.run(partial(talk, history=history, quiet=quiet))
    raise typer.Exit(code)


def one_gateway(context: typer.Context, gateway: str | None, url: str) -> str:
    """Returns the gateway's URL, given as the argument `gateway` or as --url. Raises: typer.BadParameter for both."""
    if gateway is not None and _given(context, {"url": "--url"}):
        raise typer.BadParameter("expected the gateway once: as the argument, or as --url", param_hint="URL")
    return gateway or url


def history_file(no_history: bool = False) -> Path | None:
    """Returns the history file, in the user's state directory; None: the history is not saved."""
    if no_history:
        return None
    state = os.environ.get("XDG_STATE_HOME", "")
    folder = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    return folder / "adjourn" / "history"


def _given(context: typer.Context, names: dict[str, str]) -> list[str]:
    """Returns which options were typed. Environment variables don't count: they may be meant for other commands."""
    sources = {shown: context.get_parameter_source(name) for name, shown in names.items()}
    return [shown for shown, source in sources.items() if source is not None and source.name == "COMMANDLINE"]


def _chat_with(model: str, beside: Sequence[str], history: Path | None, quiet: bool) -> int:
    if beside:
        raise typer.BadParameter(f"a chat with a model has no gateway: omit {', '.join(beside)}", param_hint="--model")
    try:
        agent = default_agent(model)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--model") from error
    if not quiet:
        for line in price_lines([agent]):
            typer.echo(line)
    return trio.run(partial(chat_with, agent, history=history, quiet=quiet))
