"""`adjourn store`: maintenance of stores that no process has open."""

from typing import Annotated

import typer

from ..runtime.upkeep import compact_store

__all__ = ["app"]

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


def _size(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB"
