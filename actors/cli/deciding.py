"""Answering one call of a run from a command line: a decision, a no, a claim, a result."""

from typing import Any, Literal, TypeAlias

import trio
import typer

from ...protocol.codec import CodecError, parse_json
from ...protocol.errors import NotPending, Stranded, ToolCallIdRequired
from ...protocol.methods import RunSnapshot, Settled
from ...protocol.rendering import visible
from ...protocol.transcript import PendingCall, Transcript
from ..client.client import Client
from .asking import ask_decision
from .keyboard import Keyboard, open_keyboard
from .prompt import Answer, Decision, Declined, Later
from .screen import Screen, clean
from .terminal import call_line

__all__ = ["Outcome", "ask_about", "parsed", "resume_asking", "settle", "settle_one", "waiting_client_call"]

Outcome: TypeAlias = Answer | Literal["settled elsewhere", "end of input"]


async def ask_about(client: Client, run: str, call: PendingCall, screen: Screen, keyboard: Keyboard) -> Outcome:
    """Show a call and ask a person about it, for as long as it waits."""
    outcomes: list[Outcome] = []
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            await _wait_settled(client, run, call.tool_call_id)
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        screen.line(f"{visible(call.tool_name)} needs a decision")
        answer = await ask_decision(screen, keyboard, call)
        outcomes.append("end of input" if answer is None else answer)
        nursery.cancel_scope.cancel()
    if outcomes:
        return outcomes[0]
    screen.line("  (settled elsewhere; no answer is needed any more)")
    return "settled elsewhere"


async def resume_asking(client: Client, run: str, key: str | None) -> bool:
    """Ask about all that a run waits for, or about one call; False if the person left something waiting.

    Raises: NotPending, if nothing was decided here since it was settled elsewhere; Stranded.
    """
    if what := (await client.get(run)).stranded:
        text = f"run {run} can't be decided here: {what}; `adjourn runs decline` still says no, `abort` stops it"
        raise Stranded(text, runId=run)
    waiting = await _waiting(client, run, key)
    if not waiting:
        what = "no decision" if key is None else f"no decision on call {key!r}"
        raise NotPending(f"run {run} waits for {what}")
    screen, settled = Screen(), 0
    async with open_keyboard() as keyboard:
        for call in waiting:
            outcome = await ask_about(client, run, call, screen, keyboard)
            if outcome == "end of input" or isinstance(outcome, Later):
                return False
            if not isinstance(outcome, str):
                await settle(client, run, call, outcome)
                settled += 1
    if not settled:
        raise NotPending(f"nothing was decided here: what run {run} waited for was settled elsewhere")
    return True


async def settle_one(client: Client, run: str, key: str | None, decided: Decision | Declined) -> None:
    """Decide the call with the id `key`, or the only one that waits. Raises: ToolCallIdRequired if several do."""
    waiting = await _waiting(client, run, key)
    if len(waiting) > 1:
        raise ToolCallIdRequired(f"{len(waiting)} calls wait; say with --call which one: {_named(waiting)}")
    if waiting:
        await settle(client, run, waiting[0], decided)
    else:  # the gateway knows whether the same was decided before, and its acknowledgement got lost
        settled = await _send(client, run, decided, key, None)
        typer.echo(f"{_word(decided)}: {settled.tool_call_id}")


async def settle(client: Client, run: str, call: PendingCall, decided: Decision | Declined) -> None:
    """Decide a call that was shown, and say so."""
    await _send(client, run, decided, call.tool_call_id, call.digest)
    typer.echo(f"{_word(decided)}: {clean(call_line(call.tool_name, call.input))}")


async def waiting_client_call(client: Client, run: str, key: str | None) -> str:
    """The id of the client-side call `key`, or of the only one that waits. Raises: NotPending, ToolCallIdRequired."""
    if key is not None:
        return key
    pending = (await client.get(run)).snapshot.pending
    waiting = [call for call in pending if call.kind == "client"]
    if not waiting:
        raise NotPending(f"run {run} waits for no client")
    if len(waiting) > 1:
        raise ToolCallIdRequired(f"{len(waiting)} calls wait for a client; say with --call which: {_named(waiting)}")
    return waiting[0].tool_call_id


def parsed(text: str, name: str, example: str) -> Any:
    """The value of JSON on a command line. Raises: typer.BadParameter."""
    try:
        return parse_json(text)
    except CodecError as error:
        raise typer.BadParameter(f"expected JSON, such as {example} in quotes: {error}", param_hint=name) from error


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


async def _waiting(client: Client, run: str, key: str | None) -> list[PendingCall]:
    pending = (await client.get(run)).snapshot.pending
    return [call for call in pending if call.kind == "decision" and key in (None, call.tool_call_id)]


async def _send(client: Client, run: str, decided: Decision | Declined, key: str | None, digest: str | None) -> Settled:
    if isinstance(decided, Declined):
        return await client.decline(run, key, decided.reason)
    return await client.resume(run, decided.value, key, digest)


def _named(calls: list[PendingCall]) -> str:
    return clean(", ".join(f"{call.tool_call_id} {call_line(call.tool_name, call.input)}" for call in calls))


def _word(decided: Decision | Declined) -> str:
    return "declined" if isinstance(decided, Declined) else "decided"
