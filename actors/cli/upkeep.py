"""`adjourn store`: maintenance and checks of stores."""

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

import trio
import typer

from ..runtime.upkeep import Fault, Migrated, check_store, compact_store, migrate_store, shown_address
from .exits import complain
from .runs import print_json
from .screen import clean

__all__ = ["app"]

SO_FAR_S = 5.0  # between two lines of progress without a known end
LINES = 10  # of progress, if standard error is not a terminal

app = typer.Typer(no_args_is_help=True, help="Maintain or check a store.")


@app.callback()
def _store() -> None:
    """Maintain or check a store."""


@app.command()
def compact(
    path: Annotated[str, typer.Argument(metavar="PATH", help="The file of an SQLite store, as adjourn.db.")],
) -> None:
    """Free the disk space of deleted runs in a store's file."""
    done = compact_store(path.removeprefix("sqlite:///"))
    typer.echo(f"{path}: {_size(done.before)} before, {_size(done.after)} now")


@app.command()
def migrate(
    source: Annotated[
        str, typer.Argument(metavar="FROM", help="Store to copy from: sqlite:///…, postgresql://… or valkey://…")
    ],
    target: Annotated[str, typer.Argument(metavar="TO", help="Store to copy to. Created if it does not exist.")],
    merge: Annotated[bool, typer.Option("--merge", help="Add the runs whose ids TO does not have.")] = False,
) -> None:
    """Copy all runs of a store to another store. Call it again if it was interrupted: it copies the rest."""
    with _progress() as progress:
        done = trio.run(partial(migrate_store, source, target, merge=merge, progress=progress))
    present = f"; {done.present:,} were there already" if done.present else ""
    typer.echo(f"{shown_address(target)}: copied {done.copied:,} of {done.total:,} runs{present}")
    if done.unreadable:
        complain(f"runs of {shown_address(source)} that can't be read, and were not copied: {done.unreadable:,}")
        raise typer.Exit(1)


@app.command()
def check(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="Store to check: sqlite:///…, postgresql://… or valkey://…")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print each fault as a JSON line, and nothing else.")] = False,
) -> None:
    """Say what is wrong with a store, and change nothing. Exits with 1 if anything is. The store may be in use."""
    faults = 0

    def tell(fault: Fault) -> None:
        nonlocal faults
        faults += 1
        if as_json:
            print_json(fault)
        else:
            typer.echo(clean(f"run {fault.run_id}: {fault.message}" if fault.run_id is not None else fault.message))

    runs = trio.run(check_store, address, tell, _SoFar())
    if not as_json:
        typer.echo(f"{shown_address(address)}: {runs:,} runs checked; faults: {faults:,}")
    if faults:
        raise typer.Exit(1)


@contextmanager
def _progress() -> Generator[Callable[[Migrated], None]]:
    """Shows progress on stderr while the block runs: a bar on a terminal, else a line for each tenth."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console  # loaded only when needed
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("runs", total=None)
        yield lambda done: bar.update(task, total=done.total, completed=done.copied + done.present)


class _Lines:
    """Writes a line to stderr each time another tenth is done."""

    def __init__(self) -> None:
        self._tenths = 0

    def __call__(self, done: Migrated) -> None:
        count = done.copied + done.present
        tenths = LINES * count // max(done.total, 1)
        if tenths > self._tenths:
            self._tenths = tenths
            typer.echo(f"{count:,} of {done.total:,} runs", err=True)


class _SoFar:
    """Writes to stderr how many runs were checked so far, at most each `SO_FAR_S` seconds."""

    def __init__(self) -> None:
        self._told_at = time.monotonic()

    def __call__(self, runs: int) -> None:
        if time.monotonic() - self._told_at >= SO_FAR_S:
            self._told_at = time.monotonic()
            typer.echo(f"{runs:,} runs checked so far", err=True)


def _size(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB"
