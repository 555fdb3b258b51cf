"""`adjourn inbox`: lists all calls at a gateway that wait for a decision, and asks for them one by one."""

import sys
from collections import Counter
from typing import Annotated

import typer

from ...protocol.errors import AdjournError, ConnectionLost
from ...protocol.firstwords import first_words
from ...protocol.methods import RunSummary
from ..client.client import Client
from .deciding import Outcome, ask_about, settle
from .durations import ago_text
from .exits import WAITING, complain
from .keyboard import Keyboard, open_keyboard
from .listing import now, short_id, show_runs
from .prompt import Later
from .reaching import DEFAULT_URL, MAX_PAGES, PAGE, Token, Url, at_gateway
from .runs import Json, print_json
from .screen import Screen, clean

__all__ = ["inbox"]

TITLE_CHARS = 60


def inbox(
    agent: Annotated[str | None, typer.Option(help="Only runs of this agent.")] = None,
    only_list: Annotated[bool, typer.Option("--list", help="List what waits, and ask nothing.")] = False,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Decide the waiting calls of all runs, one by one, the longest wait first."""
    is_left = False

    async def body(client: Client) -> None:
        nonlocal is_left
        runs = await _waiting(client, agent)
        if as_json:
            print_json(*runs)
            return
        screen = Screen()
        if not runs:
            screen.line("Nothing waits for a decision.")
            return
        show_runs(screen, runs)
        if not only_list and (sys.stdout.isatty() or not sys.stdin.isatty()):
            async with open_keyboard() as keyboard:
                is_left = await _Walk(client, screen, keyboard).through(runs)

    at_gateway(url, token, body)
    if is_left and not sys.stdin.isatty():
        complain("something is left waiting for a decision")
        raise typer.Exit(WAITING)


async def _waiting(client: Client, agent: str | None) -> list[RunSummary]:
    """Returns the runs that wait for a decision, the longest wait first. Looks at the newest 10,000 of them."""
    runs: list[RunSummary] = []
    after = None
    for _ in range(MAX_PAGES):
        page = await client.list(agent=agent, waiting=True, limit=PAGE, after=after)
        runs += page.runs
        after = page.after
        if after is None:
            break
    return sorted(runs, key=lambda run: run.waiting_since or run.updated_at)


class _Walk:
    """Asks for a decision on each waiting call."""

    def __init__(self, client: Client, screen: Screen, keyboard: Keyboard) -> None:
        self._client, self._screen, self._keyboard = client, screen, keyboard
        self._counts = Counter[str]()

    async def through(self, runs: list[RunSummary]) -> bool:
        """Asks for all waiting decisions of these runs. Returns whether a call is left waiting."""
        ids = [run.run_id for run in runs]
        for place, run in enumerate(runs, start=1):
            if await self._run(run, f"{place} of {len(runs)}: {short_id(run.run_id, ids)}") == "end of input":
                break
        counts = self._counts
        left = sum(run.pending for run in runs) - counts["decided"] - counts["settled elsewhere"]
        self._screen.line(f"Decided {counts['decided']}; {left} left waiting.")
        return left > 0

    async def _run(self, run: RunSummary, name: str) -> Outcome | None:
        """Asks about the calls of one run. Returns the last outcome."""
        found = await self._client.get(run.run_id)
        since = "" if run.waiting_since is None else f", waiting {ago_text(run.waiting_since, now())}"
        self._screen.line("")
        about = first_words(run.title or "", TITLE_CHARS)
        self._screen.hang(clean(f"{name}  {run.agent}: {about}{since}"), 4, "bold")
        if found.stranded is not None:
            self._screen.hang(f"  stranded: {found.stranded}", 4, "red")
            return None
        outcome: Outcome | None = None
        for call in found.snapshot.pending:
            if call.kind != "decision":
                continue
            outcome = await ask_about(self._client, run.run_id, call, self._screen, self._keyboard)
            if outcome == "end of input":
                return outcome
            if isinstance(outcome, str):
                self._counts["settled elsewhere"] += 1
            elif not isinstance(outcome, Later):
                try:
                    await settle(self._client, run.run_id, call, outcome)
                    self._counts["decided"] += 1
                except ConnectionLost:
                    raise
                except AdjournError as error:
                    self._screen.hang(f"  ({error.message})", 4, "red")
        return outcome
