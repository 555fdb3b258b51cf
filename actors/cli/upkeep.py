"""`adjourn store`: maintenance of stores that no process has open."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

import trio
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..runtime.upkeep import Migrated, compact_store, migrate_store, shown_address
from .exits import complain

__all__ = ["app"]

LINES = 10  # of progress, if standard error is not a terminal

app = typer.Typer(no_args_is_help=True, help="Maintain a store that no process has open.")


@app.callback()
def _store() -> None:
    """Maintain a store that no process has open."""


@app.command()
def compact(
    path: Annotated[str, typer.Argument(metavar="PATH", help="The file of an SQLite store, as adjourn.db.")],
) -> None:
    """Free the disk space of deleted runs in a store's file."""
    done = compact_store(path.removeprefix("sqlite:///"))
    typer.echo(f"{path}: {_size(done.before)} before, {_size(done.after)} now")


@app.command()
def migrate(
    source: Annotated[str, typer.Argument(metavar="FROM", help="Store to copy from: sqlite:///… or postgresql://…")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Store to copy to. Created if it does not exist.")],
    merge: Annotated[bool, typer.Option("--merge", help="Add the runs whose ids TO does not have.")] = False,
) -> None:
    """Copy all runs of a store to another store. Call it again if it was interrupted: it copies the rest."""
    with _progress() as progress:
        done = trio.run(partial(migrate_store, source, target, merge=merge, progress=progress))
    present = f"; {done.present:,} were there already" if done.present else ""
    typer.echo(f"{shown_address(target)}: {done.copied:,} runs copied{present}")
    if done.unreadable:
        complain(f"{done.unreadable:,} runs of {shown_address(source)} can't be read, and were not copied")
        raise typer.Exit(1)


@contextmanager
def _progress() -> Generator[Callable[[Migrated], None]]:
    """Shows progress on stderr while the block runs: a bar on a terminal, else a line for each tenth."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
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


def _size(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB"
