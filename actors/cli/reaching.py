"""How commands reach a gateway: the options that name it, a client for it, and command lines for the same gateway."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import trio
import typer

from ...protocol.errors import AdjournError, Forbidden, InvalidParams
from ...protocol.methods import RUN_ID_PATTERN
from ..client.client import Client, open_client

__all__ = [
    "DEFAULT_URL",
    "MAX_PAGES",
    "PAGE",
    "SHORTEST",
    "URL_VARIABLE",
    "Token",
    "Url",
    "at_gateway",
    "command",
    "find_run",
    "gateway_url",
    "program",
    "run_id",
]

DEFAULT_URL = "ws://127.0.0.1:8765"
URL_VARIABLE = "ADJOURN_URL"
SHORTEST, LONGEST = 4, 32  # characters of a prefix; ids made by the runtime have 32
PAGE, MAX_PAGES = 1000, 10  # runs a page, and pages to search
MAX_NAMED = 5  # most ids in a message


def gateway_url(given: str) -> str:
    """Returns the gateway's URL as `ws://` or `wss://`.

    Accepts also `http://` and `https://`, `HOST:PORT`, `HOST` with the port on which servers listen by default, and
    several of these, separated by commas.
    """
    if "," in given:
        return ",".join(map(gateway_url, given.split(",")))
    scheme, found, rest = given.strip().partition("://")
    if not found:
        return _usual_url(scheme) if scheme else given
    same = {"http": "ws", "https": "wss"}
    return f"{same.get(scheme.lower(), scheme)}://{rest}"


def _usual_url(place: str) -> str:
    """Returns the URL of a gateway at `HOST` or `HOST:PORT`, maybe with a path."""
    host, slash, path = place.partition("/")
    has_port = ":" in host.rpartition("]")[2]  # not those of an IPv6 address in brackets
    return f"ws://{host}{'' if has_port else f':{urlsplit(DEFAULT_URL).port}'}{slash}{path}"


Url = Annotated[
    str,
    typer.Option(
        envvar=URL_VARIABLE,
        parser=gateway_url,
        metavar="URL",
        help="The gateway: ws://HOST:PORT, or HOST:PORT. Several, with commas: gateways that share a store.",
    ),
]
Token = Annotated[
    str | None, typer.Option(envvar="ADJOURN_TOKEN", show_default=False, help="Access token of the gateway.")
]


def run_id(given: str) -> str:
    """Returns the text unchanged. Raises: typer.BadParameter unless it can be a run's id or the beginning of one."""
    if re.match(RUN_ID_PATTERN, given) is None:
        raise typer.BadParameter(f"expected a run's id or its first characters, of A-Z a-z 0-9 _ -; got {given!r}")
    return given


def at_gateway(
    url: str,
    token: str | None,
    body: Callable[[Client], Awaitable[None]],
    on_connection: Callable[[AdjournError | None], None] | None = None,
) -> None:
    """Calls `body` with a client of the gateway. Raises: as `open_client` and `body`."""

    async def main() -> None:
        async with open_client(url.split(","), token=token, on_connection=on_connection) as client:
            await body(client)

    trio.run(main)


async def find_run(client: Client, given: str) -> str:
    """Returns the id of the run with this id or unique prefix. Any other text is returned unchanged.

    Searches the newest 10,000 runs. Raises: InvalidParams if several ids begin with the prefix.
    """
    if not SHORTEST <= len(given) < LONGEST:
        return given
    found: list[str] = []
    after = None
    for _ in range(MAX_PAGES):
        try:
            page = await client.list(limit=PAGE, after=after)
        except Forbidden:
            break
        found += [run.run_id for run in page.runs if run.run_id.startswith(given)]
        after = page.after
        if given in found or after is None:
            break
    if given in found or not found:
        return given
    if len(found) > 1:
        raise InvalidParams(f"{len(found)} runs begin with {given!r}, expected one: {', '.join(found[:MAX_NAMED])}")
    return found[0]


def command(url: str, *words: str) -> str:
    """Returns a command line with `words` for the gateway at `url`, to type in this shell."""
    at: tuple[str, ...] = () if url == DEFAULT_URL == os.environ.get(URL_VARIABLE, DEFAULT_URL) else (url,)
    if at and words[0] != "chat":
        at = ("--url", url)
    return f"{program()} {shlex.join((*words, *at))}"


def program() -> str:
    """Returns `adjourn` if the shell finds it under that name, else the path that this process was called by."""
    called, found = Path(sys.argv[0]), shutil.which("adjourn")
    is_found = found is not None and Path(found).resolve() == called.resolve()
    return "adjourn" if is_found or called.name != "adjourn" else shlex.quote(sys.argv[0])
