"""The `adjourn` command: its main options, `adjourn demo`, `adjourn serve`, and what they print.

`runs.py` has `adjourn runs`, `upkeep.py` has `adjourn store`, `serving.py` runs the server, `conversation.py` the chat,
and `exits.py` turns errors into messages and exit codes.
"""

import io
import math
import os
import shlex
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import trio
import typer

from ...protocol.loopback import is_loopback
from ..agent import Agent
from ..runtime.upkeep import shown_address
from . import runs, served, upkeep
from .chat import NoHistory, chat, history_file
from .collector import collect_less
from .conversation import converse
from .demo import make_support
from .durations import kept_lines, parse_duration
from .exits import after_interrupt, exit_code, set_up_log
from .inbox import inbox
from .leaving import end_lingering_threads
from .logs import log_of_server
from .prices import price_lines
from .reaching import command, program
from .reloading import restart_process, source_times, wait_changed
from .serving import GRACE_S, LEASE_S, Place, Ready, serve
from .top import top

__all__ = ["main"]

HOST, PORT = "127.0.0.1", 8765
MAX_PORT = 65535
DEMO_STORE = "sqlite:///adjourn-demo.db"
TRY = """\
  hello | where is order 7 | refund order 7 | refund orders 7 and 8
  ship order 7 | count to 50 | count the stock"""

app = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(runs.app, name="runs")
app.add_typer(upkeep.app, name="store")

Host = Annotated[
    str, typer.Option(envvar="ADJOURN_HOST", help="Address to listen on. Other than loopback it needs a token.")
]
Port = Annotated[
    int, typer.Option(envvar="ADJOURN_PORT", min=0, max=MAX_PORT, help="Port of the gateway. 0 picks a free one.")
]
StoreAddress = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="ADJOURN_STORE",
        help="memory:, sqlite:///relative.db, sqlite:////absolute.db, postgresql://user@host/database or valkey://user@host/0",
    ),
]
OwnToken = Annotated[
    str | None,
    typer.Option("--token", envvar="ADJOURN_TOKEN", show_default=False, help="Access token that clients must send."),
]
Retention = Annotated[
    float | None,
    typer.Option(
        envvar="ADJOURN_RETENTION",
        parser=parse_duration,
        metavar="DURATION",
        show_default="as the agents say",
        help="How long to keep ended runs: 30d, 12h, 0 (delete at once), forever. Applies to new runs.",
    ),
]
ParkedTTL = Annotated[
    float | None,
    typer.Option(
        "--parked-ttl",
        envvar="ADJOURN_PARKED_TTL",
        parser=parse_duration,
        metavar="DURATION",
        show_default="as the agents say",
        help="How long a run may wait before it is stopped: 30d, 12h, forever. Applies to new runs.",
    ),
]
HttpPort = Annotated[
    int | None,
    typer.Option(
        "--http-port",
        envvar="ADJOURN_HTTP_PORT",
        min=0,
        max=MAX_PORT,
        show_default="the one after --port",
        help="Port for HTTP, with the extra `web`. 0 picks a free one.",
    ),
]
NoHttp = Annotated[bool, typer.Option("--no-http", envvar="ADJOURN_NO_HTTP", help="Serve over WebSocket only.")]
Headless = Annotated[
    bool,
    typer.Option("--headless", envvar="ADJOURN_HEADLESS", help="Serve only, with no chat, also on a terminal."),
]


@app.callback(invoke_without_command=True)
def options(
    show_version: Annotated[bool, typer.Option("--version", "-V", help="Show the version and exit.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log everything to stderr, with tracebacks.")] = False,
) -> None:
    """Serve agents whose tools stop and ask, chat with them, decide their calls."""
    set_up_log(verbose)
    if show_version:
        typer.echo(f"adjourn {version('adjourn')}")
        raise typer.Exit


@app.command()
def demo(
    host: Host = HOST,
    port: Port = PORT,
    store: StoreAddress = DEMO_STORE,
    token: OwnToken = None,
    retention: Retention = None,
    parked_ttl: ParkedTTL = None,
    http_port: HttpPort = None,
    no_http: NoHttp = False,
    headless: Headless = False,
    no_history: NoHistory = False,
) -> None:
    """Serve the demo agent, which needs no key and no network, and chat with it."""
    ledger = _beside(store, ".refunds.txt")
    with_chat = not headless and sys.stdin.isatty() and sys.stdout.isatty()
    lines = [f"Each refund that is executed is a line in {ledger}"] if ledger else []
    agents = _kept([make_support(ledger)], retention, parked_ttl)
    place = _place(host, port, token, http_port, http=not no_http)
    _serve(agents, store, place, chat=with_chat, lines=lines, to_try=TRY, history=history_file(no_history))


@app.command("serve")
def serve_agents(
    agents: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:NAME", envvar="ADJOURN_AGENTS", help="An Agent, a list, or a function giving either."
        ),
    ],
    host: Host = HOST,
    port: Port = PORT,
    store: StoreAddress = "sqlite:///adjourn.db",
    token: OwnToken = None,
    retention: Retention = None,
    parked_ttl: ParkedTTL = None,
    http_port: HttpPort = None,
    no_http: NoHttp = False,
    origin: served.Origins = None,
    log_format: served.Format = None,
    reload: served.Reload = False,
    metrics: served.WithMetrics = False,
    node_url: served.NodeUrl = None,
    public_url: served.PublicUrl = None,
    lease: served.Lease = None,
) -> None:
    """Serve your own agents."""
    place = _place(host, port, token, http_port, http=not no_http)
    if public_url is not None and place.http_port is None:
        raise typer.BadParameter("needs HTTP: install the extra `web`, and omit --no-http", param_hint="--public-url")
    place = replace(place, origins=tuple(origin or ()), node_url=node_url, public_url=public_url)
    measure = served.metrics_of(place) if metrics else None
    before = source_times(Path.cwd()) if reload else {}
    loaded = _kept(served.loaded(agents, before if reload else None), retention, parked_ttl)
    log_of_server(log_format)
    if measure is not None:
        place = replace(place, metrics=measure)
        loaded = [replace(agent, middleware=(measure.telemetry, *agent.middleware)) for agent in loaded]
    wait = partial(wait_changed, Path.cwd(), before) if reload else None
    _serve(loaded, store, place, changed=wait, lease_s=lease or LEASE_S)


app.command()(chat)
app.command()(inbox)
app.command()(top)


def _kept(agents: Sequence[Agent], retention_s: float | None, parked_ttl_s: float | None) -> list[Agent]:
    """Returns the agents with the durations from the command line. None: the agent's own duration stays."""
    if parked_ttl_s == 0:
        raise typer.BadParameter(
            "with 0 no run could wait; expected a longer duration, or forever", param_hint="--parked-ttl"
        )
    given = {"retention_s": retention_s, "parked_ttl_s": parked_ttl_s}
    limits = {name: None if value == math.inf else value for name, value in given.items() if value is not None}
    return [agent.with_limits(**limits) if limits else agent for agent in agents]


def _place(host: str, port: int, token: str | None, http_port: int | None, *, http: bool) -> Place:
    """Returns where to listen. HTTP is served if the extra `web` is installed."""
    if not (token or is_loopback(host)):
        expected = "an address other than loopback needs an access token: set ADJOURN_TOKEN, or give --token"
        raise typer.BadParameter(expected, param_hint="--host")
    if token and not (token.isascii() and token.isprintable()):
        raise typer.BadParameter("expected printable ASCII", param_hint="--token")
    installed = all(find_spec(name) is not None for name in ("hypercorn", "markdown_it", "starlette"))
    if http_port is not None and not installed:
        raise typer.BadParameter("HTTP needs the extra `web`: pip install 'adjourn[web]'", param_hint="--http-port")
    if not (http and installed):
        return Place(host, port, token)
    if http_port is None and port == MAX_PORT:
        expected = f"HTTP needs a port too, and there is none after {port}: give --http-port, or --no-http"
        raise typer.BadParameter(expected, param_hint="--port")
    return Place(host, port, token, http_port=(port and port + 1) if http_port is None else http_port)


def _serve(
    agents: Sequence[Agent],
    store: str,
    place: Place,
    *,
    chat: bool = False,
    lines: Sequence[str] = (),
    to_try: str | None = None,
    history: Path | None = None,
    changed: Callable[[], Awaitable[Path]] | None = None,
    lease_s: float = LEASE_S,
) -> None:
    changes: list[Path] = []

    def ready(found: Ready) -> None:
        if found.http_url is not None:
            typer.echo(f"Open {(place.public_url or found.http_url).rstrip('/')}/ in a browser")
        typer.echo(f"adjourn serves {', '.join(agent.name for agent in agents)} at {found.url}")
        if found.http_url is not None:
            typer.echo(f"and over HTTP at {found.http_url}")
        typer.echo(
            f"Runs are kept in {shown_address(store)}"
            if store != "memory:"
            else "Runs are kept in memory, for this process only"
        )
        for line in (*kept_lines(agents), *price_lines(agents), *lines):
            typer.echo(line)
        if to_try is not None:
            typer.echo("Try:" if chat else f"Try, in {command(found.url, 'chat')}:")
            typer.echo(to_try)
        for line in _found(found):
            typer.echo(line)
        sys.stdout.flush()

    def stopping() -> None:
        typer.echo(f"{after_interrupt()}Stopping; another signal stops at once")
        sys.stdout.flush()

    async def converse_here(url: str) -> None:
        come_back = _served_again(url, place.host, store)
        await converse(url, agent=agents[0].name, token=place.token, come_back=come_back, history=history)

    async def watch(url: str) -> None:
        assert changed is not None
        changes.append(await changed())
        typer.echo(f"{changes[0]} has changed: restarting")

    options: dict[str, Any] = {"meanwhile": converse_here if chat else watch if changed else None, "lease_s": lease_s}
    collect_less()
    trio.run(
        partial(
            serve, agents, store=store, place=place, ready=ready, stopping=stopping, takes_interrupts=chat, **options
        ),
    )
    if changes:
        restart_process()
    if not chat:
        typer.echo("Stopped")
    end_lingering_threads(GRACE_S)


def _found(found: Ready) -> Iterator[str]:
    """Yields lines about the runs that were in the store at the start."""
    if found.going_on:
        yield f"{_runs(found.going_on, 'goes', 'go')} on where the last process left off"
    if found.waiting:
        yield f"{_runs(found.waiting, 'is', 'are')} waiting for a decision: {command(found.url, 'inbox')}"
    if found.stranded:
        yield f"{_runs(found.stranded, 'is', 'are')} stranded: their agents, or a tool of them, are not loaded"


def _runs(count: int, singular: str, plural: str) -> str:
    return f"1 run {singular}" if count == 1 else f"{count} runs {plural}"


def _beside(store: str, suffix: str) -> Path | None:
    """Returns the path of a file beside the store's file; None if the store has no file."""
    path = store.removeprefix("sqlite:///")
    return Path(path).with_suffix(suffix) if path not in (store, "", "/") else None


def _served_again(url: str, host: str, store: str) -> str | None:
    """Returns the commands to restart the demo and to chat with it again; None if its runs are only in memory."""
    options = (
        ("--host", host, HOST),
        ("--port", str(urlsplit(url).port), str(PORT)),
        ("--store", shown_address(store), DEMO_STORE),
    )
    given = [word for name, value, usual in options if value != usual for word in (name, value)]
    again = f"{program()} {shlex.join(['demo', *given])}"
    return None if store == "memory:" else f"{again}\n  in another terminal: {command(url, 'chat')}"


def main(args: Sequence[str] | None = None) -> None:
    """Runs the command line, and exits."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # shows "?" for characters that the terminal can't encode
    words = sys.argv[1:] if args is None else list(args)
    sys.exit(exit_code(app, _verbose_first(words)))


def _open_closed_streams() -> None:
    """Opens the null device for a standard stream that the shell has closed, as `<&-` does: Python makes it None."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def _verbose_first(words: list[str]) -> list[str]:
    """Returns the command line with `--verbose` before the command, where typer accepts it."""
    end = words.index("--") if "--" in words else len(words)
    others = [word for word in words[:end] if word != "--verbose"]
    return [*["--verbose"][: end - len(others)], *others, *words[end:]]
