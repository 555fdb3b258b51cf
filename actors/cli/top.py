"""`adjourn top`: the living actors of a gateway, refreshed on a terminal.

`topview.py` has what the keys do, `treescreen.py` draws.
"""

from functools import partial
from io import StringIO
from typing import Annotated

import trio
import typer
from rich.console import Console
from rich.live import Live

from ...protocol.errors import AdjournError, RunNotFound
from ...protocol.methods import RunSnapshot
from ..client.client import Client
from .chat import Gateway, one_gateway
from .keys import has_keys, open_keys
from .reaching import DEFAULT_URL, Token, Url, at_gateway
from .runs import print_json, print_run
from .screen import Screen
from .topview import TopView
from .treerows import rows_of
from .treescreen import head_of, restart_lines, table

__all__ = ["top"]

LIMIT = 500  # actors in a snapshot
RESTARTS = 16  # in a printed snapshot
WIDE = 160  # columns of a printed snapshot in a pipe


def top(
    context: typer.Context,
    gateway: Gateway = None,
    interval: Annotated[
        float, typer.Option(min=0.1, max=3600, metavar="SECONDS", help="Seconds between two snapshots.")
    ] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Print one snapshot and exit, also on a terminal.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the tree as a line of JSON, each interval until Ctrl-C.")
    ] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Watch the living actors of a gateway. Without a terminal, it prints them once; with --json, each interval."""
    place = one_gateway(context, gateway, url)
    if as_json:
        at_gateway(place, token, partial(_print_json, once, interval))
    elif once or not has_keys():
        at_gateway(place, token, partial(_print, place))
    else:
        view = TopView(place)
        following = _Following(view, place, interval)
        at_gateway(place, token, following.run, following.on_connection)


async def _print_json(once: bool, interval_s: float, client: Client) -> None:
    while True:
        print_json(await client.tree(limit=LIMIT))
        if once:
            return
        await trio.sleep(interval_s)


async def _print(place: str, client: Client) -> None:
    screen = Screen()
    width, tree = screen.width or WIDE, await client.tree(limit=LIMIT)
    screen.line(head_of(tree, place).plain)
    for line in table(rows_of(tree), tree.at, width):
        screen.line(line.plain)
    if restarts := restart_lines(tree, RESTARTS, width):
        screen.line("LATEST RESTARTS")
        for line in restarts:
            screen.line(line.plain)


class _Following:
    """Keeps the view up to date and passes keys to it, until a key ends it."""

    def __init__(self, view: TopView, place: str, interval_s: float) -> None:
        self._view, self._place, self._interval_s = view, place, interval_s
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._live = Live(console=self._console, screen=True, auto_refresh=False)
        self._wanted = trio.Event()  # set: the next snapshot is wanted at once

    def on_connection(self, lost: AdjournError | None) -> None:
        """Notes that the connection is lost, or there again."""
        self._view.note = "" if lost is None else "connection lost, trying again"
        self._draw()

    async def run(self, client: Client) -> None:
        """Shows the tree until the person leaves it."""
        self._view.tree = await client.tree(limit=LIMIT)  # if this is refused, the terminal stays as it is
        async with open_keys() as keys, trio.open_nursery() as nursery:
            with self._live:
                self._draw()
                nursery.start_soon(self._refresh, client)
                async for key in keys:
                    before = self._view.opened
                    if not self._view.press(key):
                        break
                    if self._view.opened != before:
                        self._wanted.set()
                    self._draw()
                nursery.cancel_scope.cancel()

    async def _refresh(self, client: Client) -> None:
        while True:
            with trio.move_on_after(self._interval_s):
                await self._wanted.wait()
            self._wanted = trio.Event()
            try:
                await self._load(client)
            except AdjournError as error:
                if not error.retryable:
                    raise
                self._view.note = error.message
            self._draw()

    async def _load(self, client: Client) -> None:
        view = self._view
        run_id = view.opened
        if run_id is not None:
            try:
                lines = _run_lines(await client.get(run_id), self._place)
            except RunNotFound as error:
                view.close_run()
                view.note = error.message
            else:
                if view.opened == run_id:
                    view.show_run(lines)
        elif not view.is_paused:
            tree = await client.tree(limit=LIMIT)
            view.tree, view.note = tree, ""

    def _draw(self) -> None:
        if self._live.is_started:
            self._live.update(self._view.draw(self._console), refresh=True)


def _run_lines(got: RunSnapshot, place: str) -> list[str]:
    """Returns a run as lines, as `adjourn runs show` prints it into a pipe."""
    text = StringIO()
    print_run(Screen(Console(file=text, highlight=False, markup=False, emoji=False, soft_wrap=True)), got, place)
    return text.getvalue().splitlines()
