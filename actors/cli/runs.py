"""The `adjourn runs` commands: see what runs there are at a gateway, decide for them, stop them, forget them."""

import os
import shlex
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import trio
import typer

from ...protocol.codec import CodecError, parse_json
from ...protocol.errors import AdjournError, InvalidParams, NotPending, Stranded, ToolCallIdRequired
from ...protocol.events import Status
from ...protocol.firstwords import first_words
from ...protocol.methods import RunSnapshot, RunSummary, Settled
from ...protocol.rendering import visible
from ...protocol.transcript import PendingCall, Snapshot, Transcript
from ..client.client import Client, open_client
from .asking import ask_decision
from .conversation import connection_notes
from .durations import moment_text
from .keyboard import Keyboard, open_keyboard
from .prompt import Decision, Declined
from .screen import Screen, clean
from .terminal import RunView, call_line

__all__ = ["DEFAULT_URL", "URL_VARIABLE", "app", "command", "program"]

DEFAULT_URL = "ws://127.0.0.1:8765"
URL_VARIABLE = "ADJOURN_URL"

app = typer.Typer(help="See the runs at a gateway; decide for them, stop them, forget them.", no_args_is_help=True)


HEADER = f"{'RUN':32}  {'AGENT':12}  {'STATUS':9}  {'CHANGED':11}  {'ABOUT':30}  WAITING FOR"

RunId = Annotated[str, typer.Argument(metavar="RUN", help="Its id, from `adjourn runs list`.")]
Url = Annotated[str, typer.Option(envvar=URL_VARIABLE, help="The gateway.")]
Token = Annotated[str | None, typer.Option(envvar="ADJOURN_TOKEN", show_default=False, help="For a gateway that asks.")]
Call = Annotated[str | None, typer.Option(help="The tool call's id, where several wait.")]


@app.command("list")
def list_runs(
    status: Annotated[Status | None, typer.Option(help="Only those.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only runs of this agent.")] = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only runs that wait for a decision.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    after: Annotated[str | None, typer.Option(help="Go on where a list ended.")] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """List runs, newest first."""

    async def body(client: Client) -> None:
        page = await client.list(status=status, agent=agent, waiting=waiting, limit=limit, after=after)
        for line in _table(page.runs):
            typer.echo(line)
        if page.after is not None:
            only = ["--status", status] if status else []
            only += ["--agent", agent] if agent else []
            only += ["--waiting"] if waiting else []
            typer.echo(f"There are more: {command(url, 'runs', 'list', *only, '--after', page.after)}")

    _at(url, token, body)


@app.command()
def show(run: RunId, url: Url = DEFAULT_URL, token: Token = None) -> None:
    """Show a run: what was said and done, and what it waits for."""

    async def body(client: Client) -> None:
        got = await client.get(run)
        found = got.snapshot
        started = f", started by {visible(found.by)}" if found.by else ""
        typer.echo(f"{found.agent} {run}: {found.status}, turn {found.turn}{started}{_end(found)}")
        RunView(Screen()).snapshot(found, got.stranded)
        waiting = [call for call in found.pending if call.kind == "decision" and not got.stranded]
        for call in waiting:
            which = ["--call", call.tool_call_id] if len(waiting) > 1 else []
            expires = "" if call.due_at is None else f", expires {moment_text(call.due_at, _now())}"
            typer.echo(f"To decide{expires}: {command(url, 'runs', 'resume', run, *which)}")

    _at(url, token, body)


@app.command()
def watch(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Its id; without it, the list is watched.")] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Watch a run until it is over, or every change of any run until Ctrl-C."""
    if run is None:
        _at(url, token, _watch_list, connection_notes(partial(typer.echo, err=True)))
    else:
        screen = Screen()
        _at(url, token, partial(_watch_run, run, screen), connection_notes(partial(screen.line, style="yellow")))


async def _watch_list(client: Client) -> None:
    async with client.watch_runs() as changes:
        typer.echo(HEADER)
        async for summary in changes:
            typer.echo(_row(summary))


async def _watch_run(run: str, screen: Screen, client: Client) -> None:
    view = RunView(screen)
    async with client.events(run) as events:
        async for item in events:
            view.show(item)


@app.command()
def resume(
    run: RunId,
    decision: Annotated[str | None, typer.Argument(metavar="[DECISION]", help="As JSON; else you are asked.")] = None,
    call: Call = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Decide what a run waits for."""
    given = None if decision is None else Decision(_json(decision))
    _at(url, token, partial(_resume, run, given, call))


async def _resume(run: str, given: Decision | None, key: str | None, client: Client) -> None:
    if given is not None:
        await _settle_one(client, run, key, given)
        return
    if what := (await client.get(run)).stranded:
        text = f"run {run} can't be decided here: {what}; `adjourn runs decline` still says no, `abort` stops it"
        raise Stranded(text, runId=run)
    waiting = await _waiting(client, run, key)
    if not waiting:
        what = "no decision" if key is None else f"no decision on call {key!r}"
        raise NotPending(f"run {run} waits for {what}")
    screen = Screen()
    async with open_keyboard() as keyboard:
        settled = 0
        for call in waiting:
            decided = await _ask(client, run, call, screen, keyboard)
            if decided is not None:
                await _settle(client, run, call, decided)
                settled += 1
    if not settled:
        raise NotPending(f"nothing was decided here: what run {run} waited for was settled elsewhere")


async def _ask(
    client: Client, run: str, call: PendingCall, screen: Screen, keyboard: Keyboard
) -> Decision | Declined | None:
    """What a person decides; None where the call is settled elsewhere meanwhile."""
    decided: Decision | Declined | None = None
    is_settled = False
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            nonlocal is_settled
            await _wait_settled(client, run, call.tool_call_id)
            is_settled = True
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        screen.line(f"{visible(call.tool_name)} needs a decision")
        decided = await ask_decision(screen, keyboard, call)
        nursery.cancel_scope.cancel()
    if decided is None and not is_settled:
        raise InvalidParams("nothing was decided; the run goes on waiting")
    if decided is None:
        screen.line("  (settled elsewhere; no answer is needed any more)")
    return decided


async def _wait_settled(client: Client, run: str, key: str) -> None:
    """Wait until a call waits for no decision any more."""
    fold = Transcript()
    async with client.events(run) as events:
        async for item in events:
            if isinstance(item, RunSnapshot):
                fold = Transcript(item.snapshot)
            else:
                fold.apply(item.event)
            if key not in {call.tool_call_id for call in fold.snapshot().pending}:
                return


@app.command()
def decline(
    run: RunId,
    call: Call = None,
    reason: Annotated[str | None, typer.Option(help="For the model.")] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Say no to what a run waits for."""

    async def body(client: Client) -> None:
        await _settle_one(client, run, call, Declined(reason))

    _at(url, token, body)


@app.command()
def abort(
    run: RunId,
    reason: Annotated[str | None, typer.Option(help="For the record.")] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Stop a run for good; returns when it is over."""

    async def body(client: Client) -> None:
        ended = await client.abort(run, reason)
        left = f"; it left behind what would not stop: {', '.join(ended.abandoned)}" if ended.abandoned else ""
        typer.echo(f"{run} is {ended.status}{left}")

    _at(url, token, body)


@app.command()
def delete(run: RunId, url: Url = DEFAULT_URL, token: Token = None) -> None:
    """Forget a run; one that isn't over is stopped first."""

    async def body(client: Client) -> None:
        await client.get(run)  # deleting what is not there is no error; a misspelt id is one
        await client.delete(run)
        typer.echo(f"{run} is forgotten")

    _at(url, token, body)


def command(url: str, *words: str) -> str:
    """The command line of `words` for the gateway at `url`, as it can be typed where this one was."""
    at: tuple[str, ...] = () if url == DEFAULT_URL == os.environ.get(URL_VARIABLE, DEFAULT_URL) else (url,)
    if at and words[0] == "runs":
        at = ("--url", url)
    return f"{program()} {shlex.join((*words, *at))}"


def program() -> str:
    """The name under which a shell finds this command, or else the path by which it was called."""
    called, found = Path(sys.argv[0]), shutil.which("adjourn")
    is_found = found is not None and Path(found).resolve() == called.resolve()
    return "adjourn" if is_found or called.name != "adjourn" else shlex.quote(sys.argv[0])


def _at(
    url: str,
    token: str | None,
    body: Callable[[Client], Awaitable[None]],
    on_connection: Callable[[AdjournError | None], None] | None = None,
) -> None:
    async def main() -> None:
        async with open_client(url, token=token, on_connection=on_connection) as client:
            await body(client)

    trio.run(main)


async def _waiting(client: Client, run: str, key: str | None) -> list[PendingCall]:
    pending = (await client.get(run)).snapshot.pending
    return [call for call in pending if call.kind == "decision" and key in (None, call.tool_call_id)]


async def _settle_one(client: Client, run: str, key: str | None, decided: Decision | Declined) -> None:
    waiting = await _waiting(client, run, key)
    if len(waiting) > 1:
        calls = ", ".join(f"{call.tool_call_id} {call_line(call.tool_name, call.input)}" for call in waiting)
        raise ToolCallIdRequired(f"{len(waiting)} calls wait; say with --call which one: {clean(calls)}")
    if waiting:
        await _settle(client, run, waiting[0], decided)
    else:  # the gateway knows whether the same was decided before, and its acknowledgement got lost
        settled = await _send(client, run, decided, key, None)
        typer.echo(f"{_word(decided)}: {settled.tool_call_id}")


async def _settle(client: Client, run: str, call: PendingCall, decided: Decision | Declined) -> None:
    await _send(client, run, decided, call.tool_call_id, call.digest)
    typer.echo(f"{_word(decided)}: {clean(call_line(call.tool_name, call.input))}")


async def _send(client: Client, run: str, decided: Decision | Declined, key: str | None, digest: str | None) -> Settled:
    if isinstance(decided, Declined):
        return await client.decline(run, key, decided.reason)
    return await client.resume(run, decided.value, key, digest)


def _word(decided: Decision | Declined) -> str:
    return "declined" if isinstance(decided, Declined) else "decided"


def _json(text: str) -> Any:
    try:
        return parse_json(text)
    except CodecError as error:
        raise typer.BadParameter(
            f"expected JSON, such as '{{\"approved\": true}}' in quotes: {error}", param_hint="DECISION"
        ) from error


def _table(runs: tuple[RunSummary, ...]) -> list[str]:
    if not runs:
        return ["There are no runs."]
    return [HEADER, *map(_row, runs)]


def _row(run: RunSummary) -> str:
    changed = _stamp(run.updated_at)
    status = "deleted" if run.deleted else "stranded" if run.stranded else run.status
    title = first_words(clean(run.title or ""), 30)
    return f"{run.run_id:32}  {run.agent:12}  {status:9}  {changed:11}  {title:30}  {_waits_for(run)}".rstrip()


def _waits_for(run: RunSummary) -> str:
    """The tools whose calls wait, since when, and until when."""
    names = ", ".join(dict.fromkeys(call.tool_name for call in run.calls))
    more = f" and {run.pending - len(run.calls)} more" if run.pending > len(run.calls) else ""
    since = "" if run.waiting_since is None else f" since {_stamp(run.waiting_since)}"
    until = "" if run.due_at is None else f", expires {moment_text(run.due_at, _now())}"
    return f"{names}{more}{since}{until}"


def _end(found: Snapshot) -> str:
    """When a paused run is stopped, or one that is over deleted."""
    if found.expires_at is None:
        return ""
    what = "is stopped" if found.status == "paused" else "is deleted"
    return f"; {what} {moment_text(found.expires_at, _now())}"


def _stamp(at: int) -> str:
    return datetime.fromtimestamp(at / 1000).strftime("%m-%d %H:%M")


def _now() -> int:
    return int(time.time() * 1000)
