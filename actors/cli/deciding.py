"""Answers calls of a run from a command line: decisions, declines, claims, results."""

from typing import Any, Literal, TypeAlias, cast

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

__all__ = [
    "Outcome",
    "ask_about",
    "decision_of",
    "parsed",
    "resume_asking",
    "settle",
    "settle_one",
    "waiting_client_call",
]

Outcome: TypeAlias = Answer | Literal["settled elsewhere", "end of input"]


async def ask_about(client: Client, run: str, call: PendingCall, screen: Screen, keyboard: Keyboard) -> Outcome:
    """Shows a call and asks a person for its decision, for as long as the call waits."""
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
    """Asks for all the decisions that a run waits for, or for one. Returns False if the person left a call waiting.

    Raises: NotPending if everything was settled elsewhere, so that nothing was decided here; Stranded.
    """
    if what := (await client.get(run)).stranded:
        text = f"run {run} can't be decided here: {what}; `adjourn runs decline` still says no, `abort` stops the run"
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
        raise NotPending(f"nothing was decided here: the calls of run {run} were settled elsewhere")
    return True


async def settle_one(client: Client, run: str, key: str | None, decided: Decision | Declined) -> None:
    """Decides the call with the id `key`, or the only waiting one. Raises: ToolCallIdRequired if several wait."""
    waiting = await _waiting(client, run, key)
    if len(waiting) > 1:
        raise ToolCallIdRequired(f"{len(waiting)} calls wait; choose one with --call: {_named(waiting)}")
    if waiting:
        await settle(client, run, waiting[0], decided)
    else:  # safe to repeat: the gateway acknowledges the same decision again
        settled = await _send(client, run, decided, key, None)
        typer.echo(f"{_word(decided)}: {settled.tool_call_id}")


async def settle(client: Client, run: str, call: PendingCall, decided: Decision | Declined) -> None:
    """Decides a call that was shown, and prints that."""
    await _send(client, run, decided, call.tool_call_id, call.digest)
    edited = None if isinstance(decided, Declined) else decided.arguments
    typer.echo(f"{_word(decided)}: {clean(call_line(call.tool_name, call.input if edited is None else edited))}")


async def waiting_client_call(client: Client, run: str, key: str | None) -> str:
    """Returns the id of the client-side call `key`, or of the only one. Raises: NotPending, ToolCallIdRequired."""
    if key is not None:
        return key
    pending = (await client.get(run)).snapshot.pending
    waiting = [call for call in pending if call.kind == "client"]
    if not waiting:
        raise NotPending(f"run {run} waits for no client")
    if len(waiting) > 1:
        raise ToolCallIdRequired(f"{len(waiting)} calls wait for a client; choose one with --call: {_named(waiting)}")
    return waiting[0].tool_call_id


def decision_of(text: str, digest: str | None, arguments: str | None) -> Decision:
    """Parses a decision, and edited arguments with their digest, from a command line. Raises: typer.BadParameter."""
    value = parsed(text, "DECISION", "'{\"approved\": true}'")
    if arguments is None:
        return Decision(value, digest)
    edited = parsed(arguments, "--arguments", "'{\"amount\": 50}'")
    if not isinstance(edited, dict):
        raise typer.BadParameter("expected a JSON object with all arguments of the call", param_hint="--arguments")
    if digest is None:
        expected = "edited arguments need --digest too: `runs show RUN --json` has it, under snapshot.pending"
        raise typer.BadParameter(expected, param_hint="--arguments")
    return Decision(value, digest, cast(dict[str, Any], edited))


def parsed(text: str, name: str, example: str) -> Any:
    """Parses JSON from a command line. Raises: typer.BadParameter."""
    try:
        return parse_json(text)
    except CodecError as error:
        raise typer.BadParameter(f"expected JSON, such as {example} in quotes: {error}", param_hint=name) from error


async def _wait_settled(client: Client, run: str, key: str) -> None:
    """Returns when the call no longer waits for a decision."""
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
    return await client.resume(run, decided.value, key, decided.digest or digest, decided.arguments)


def _named(calls: list[PendingCall]) -> str:
    return clean(", ".join(f"{call.tool_call_id} {call_line(call.tool_name, call.input)}" for call in calls))


def _word(decided: Decision | Declined) -> str:
    return "declined" if isinstance(decided, Declined) else "decided"
