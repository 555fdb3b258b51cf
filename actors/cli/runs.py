"""The `adjourn runs` commands: list the runs of a gateway, decide their calls, stop them, delete them."""

from functools import partial
from typing import Annotated

import typer

from ...protocol.codec import to_json
from ...protocol.events import AgentEnd, Status
from ...protocol.messages import Wire
from ...protocol.methods import RunSnapshot
from ...protocol.rendering import visible
from ...protocol.transcript import Snapshot
from ..client.client import Client
from .conversation import connection_notes
from .deciding import decision_of, parsed, resume_asking, settle_one, waiting_client_call
from .durations import moment_text
from .exits import FAILED, WAITING, complain
from .listing import HEADER, now, show_run, show_runs
from .pager import paged
from .prompt import Declined
from .reaching import DEFAULT_URL, Token, Url, at_gateway, command, find_run, run_id
from .screen import Screen
from .terminal import RunView

__all__ = ["Json", "app", "print_json", "print_run"]

app = typer.Typer(help="List the runs of a gateway, decide their calls, stop them, delete them.", no_args_is_help=True)

RunId = Annotated[str, typer.Argument(parser=run_id, metavar="RUN", help="The run's id, or a unique prefix of it.")]
Call = Annotated[str | None, typer.Option(help="The tool call's id. Needed if several calls wait.")]
ClaimToken = Annotated[str, typer.Option(help="Token that `runs claim` printed.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON lines, as the gateway sends them.")]


@app.command("list")
def list_runs(
    status: Annotated[Status | None, typer.Option(help="Only runs in this status.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only runs of this agent.")] = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only runs that wait for a decision.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most runs to list.")] = 50,
    after: Annotated[str | None, typer.Option(help="Cursor that the previous list printed.")] = None,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """List runs, newest first."""

    async def body(screen: Screen, client: Client) -> None:
        page = await client.list(status=status, agent=agent, waiting=waiting, limit=limit, after=after)
        if as_json:
            print_json(*page.runs)
        else:
            show_runs(screen, page.runs, is_filtered=waiting or (status, agent, after) != (None, None, None))
        if page.after is not None:
            only = ["--status", status] if status else []
            only += ["--agent", agent] if agent else []
            only += ["--waiting"] if waiting else []
            more = command(url, "runs", "list", *only, "--after", page.after)
            typer.echo(f"There are more: {more}", err=as_json) if as_json else screen.line(f"There are more: {more}")

    with paged() as screen:
        at_gateway(url, token, partial(body, screen))


@app.command()
def show(run: RunId, as_json: Json = False, url: Url = DEFAULT_URL, token: Token = None) -> None:
    """Show a run: its messages and tool calls, and what it waits for."""

    async def body(screen: Screen, client: Client) -> None:
        got = await client.get(await find_run(client, run))
        if as_json:
            print_json(got)
        else:
            print_run(screen, got, url)

    with paged() as screen:
        at_gateway(url, token, partial(body, screen))


def print_run(screen: Screen, got: RunSnapshot, url: str) -> None:
    """Prints a run: its messages and calls, and the commands that decide what waits. `url`: of its gateway."""
    found = got.snapshot
    started = f", started by {visible(found.by)}" if found.by else ""
    screen.line(f"{found.agent} {got.run_id}: {found.status}, turn {found.turn}{started}{_end(found)}")
    view = RunView(screen)
    view.snapshot(found, got.stranded)
    view.finish()
    waiting = [call for call in found.pending if call.kind == "decision" and not got.stranded]
    for call in waiting:
        which = ["--call", call.tool_call_id] if len(waiting) > 1 else []
        expires = "" if call.due_at is None else f", expires {moment_text(call.due_at, now())}"
        screen.line(f"To decide{expires}: {command(url, 'runs', 'resume', got.run_id, *which)}")


@app.command()
def watch(
    run: Annotated[
        str | None,
        typer.Argument(
            parser=run_id, metavar="RUN", help="The run's id, or a unique prefix of it. Without it, all runs."
        ),
    ] = None,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Watch a run until it ends, or the changes of all runs until Ctrl-C."""
    screen = Screen()
    in_notes = partial(typer.echo, err=True) if as_json or run is None else partial(screen.line, style="yellow")
    if run is None:
        at_gateway(url, token, partial(_watch_list, screen, as_json), connection_notes(in_notes))
        return
    status: list[str] = []
    at_gateway(url, token, partial(_watch_run, run, screen, as_json, status), connection_notes(in_notes))
    if status[-1:] in (["failed"], ["aborted"]):
        raise typer.Exit(FAILED)


async def _watch_list(screen: Screen, as_json: bool, client: Client) -> None:
    async with client.watch_runs() as changes:
        if not as_json and screen.width is None:
            screen.line(HEADER)
        async for summary in changes:
            if as_json:
                print_json(summary)
            else:
                show_run(screen, summary)


async def _watch_run(run: str, screen: Screen, as_json: bool, status: list[str], client: Client) -> None:
    """Shows a run until it ends. Appends its last status to `status`."""
    view = RunView(screen)
    async with client.events(await find_run(client, run)) as events:
        async for item in events:
            if as_json:
                print_json(item)
            else:
                view.show(item)
            if isinstance(item, RunSnapshot):
                status.append(item.snapshot.status)
            elif isinstance(item.event, AgentEnd):
                status.append(item.event.status)


@app.command()
def resume(
    run: RunId,
    decision: Annotated[
        str | None,
        typer.Argument(metavar="DECISION", help="JSON, as '{\"approved\": true}'. Without it, you are asked."),
    ] = None,
    call: Call = None,
    arguments: Annotated[
        str | None, typer.Option(help="All arguments of the call as JSON, with your changes. Needs --digest.")
    ] = None,
    digest: Annotated[
        str | None, typer.Option(help="Digest of the arguments that you saw, from `runs show --json`.")
    ] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Decide the waiting calls of a run."""
    if decision is None and (arguments, digest) != (None, None):
        raise typer.BadParameter("expected a DECISION as JSON with --arguments or --digest", param_hint="DECISION")
    given = None if decision is None else decision_of(decision, digest, arguments)
    is_done = True

    async def body(client: Client) -> None:
        nonlocal is_done
        run_id = await find_run(client, run)
        if given is None:
            is_done = await resume_asking(client, run_id, call)
        else:
            await settle_one(client, run_id, call, given)

    at_gateway(url, token, body)
    if not is_done:
        complain("no decision was given; the run goes on waiting")
        raise typer.Exit(WAITING)


@app.command()
def decline(
    run: RunId,
    call: Call = None,
    reason: Annotated[str | None, typer.Option(help="Reason, for the model.")] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Decline a waiting call of a run."""

    async def body(client: Client) -> None:
        await settle_one(client, await find_run(client, run), call, Declined(reason))

    at_gateway(url, token, body)


@app.command()
def claim(run: RunId, call: Call = None, url: Url = DEFAULT_URL, token: Token = None) -> None:
    """Claim a call that waits for a client, before you execute it. Prints the token for `runs result`."""

    async def body(client: Client) -> None:
        run_id = await find_run(client, run)
        typer.echo(await client.claim(run_id, await waiting_client_call(client, run_id, call)))

    at_gateway(url, token, body)


@app.command()
def unclaim(
    run: RunId,
    claim_token: ClaimToken,
    call: Call = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Give back a call that you claimed and did not execute. Any client can claim it again."""

    async def body(client: Client) -> None:
        run_id = await find_run(client, run)
        call_id = await waiting_client_call(client, run_id, call)
        await client.unclaim(run_id, call_id, claim_token)
        typer.echo(f"given back: {call_id}")

    at_gateway(url, token, body)


@app.command()
def result(
    run: RunId,
    value: Annotated[str, typer.Argument(metavar="RESULT", help="The result as JSON: content blocks, or any value.")],
    claim_token: ClaimToken,
    call: Call = None,
    is_error: Annotated[bool, typer.Option("--error", help="The call failed; the result says why.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Send the result of a call that you claimed."""
    given = parsed(value, "RESULT", "'\"done\"'")

    async def body(client: Client) -> None:
        run_id = await find_run(client, run)
        call_id = await waiting_client_call(client, run_id, call)
        await client.result(run_id, call_id, claim_token, given, is_error=is_error)
        typer.echo(f"result taken: {call_id}")

    at_gateway(url, token, body)


@app.command()
def abort(
    run: RunId,
    reason: Annotated[str | None, typer.Option(help="Reason, for the record.")] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Stop a run for good. Returns when the run has ended."""

    async def body(client: Client) -> None:
        ended = await client.abort(await find_run(client, run), reason)
        left = f"; these calls would not stop: {', '.join(ended.abandoned)}" if ended.abandoned else ""
        typer.echo(f"{ended.run_id} is {ended.status}{left}")

    at_gateway(url, token, body)


@app.command()
def delete(run: RunId, url: Url = DEFAULT_URL, token: Token = None) -> None:
    """Delete a run. A run that has not ended is stopped first."""

    async def body(client: Client) -> None:
        found = await client.get(await find_run(client, run))  # fails for an unknown run; `delete` would not
        await client.delete(found.run_id)
        typer.echo(f"Deleted run {found.run_id}.")

    at_gateway(url, token, body)


def print_json(*items: Wire) -> None:
    """Prints each item as one line of JSON, in the gateway's own form."""
    for item in items:
        typer.echo(to_json(item).decode())


def _end(found: Snapshot) -> str:
    """Returns when a paused run will be stopped, or an ended run deleted."""
    if found.expires_at is None:
        return ""
    what = "is stopped" if found.status == "paused" else "is deleted"
    return f"; {what} {moment_text(found.expires_at, now())}"
