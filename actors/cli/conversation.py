"""A conversation on a terminal: what is typed goes to an agent, its run is shown, and what its tools ask is asked here.

A conversation is a row of runs: each begins with all the messages so far. What begins with a slash is a command, as
`commands.py` lists them. Ctrl-C stops the run that is under way; at a decision it leaves the run waiting; at the prompt
it leaves the chat. The end of the input leaves the chat too, and what waits goes on waiting.
"""

import signal
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import trio
from rich.console import Console

from ...protocol.errors import (
    AdjournError,
    AgentNotFound,
    ConnectionLost,
    DecisionInvalid,
    InvalidParams,
    ShuttingDown,
    StoreUnavailable,
)
from ...protocol.events import Envelope, MessageUpdate
from ...protocol.methods import RunSnapshot
from ...protocol.transcript import PendingCall
from ..client.chat import Chat
from ..client.client import Backoff, Client, open_client
from .asking import ask, ask_decision
from .commands import Command, Unknown, help_lines, read
from .exits import FAILED, REFUSED, WAITING
from .keyboard import Keyboard, open_keyboard
from .listing import show_runs
from .prompt import Decision, Declined, Later, Question
from .quiet import AnswerView
from .reaching import command, find_run
from .screen import Screen
from .terminal import RunView

__all__ = ["connection_notes", "converse"]

RECONNECT = Backoff(maximum_s=2.0)  # somebody is watching
RETRY_S = 1.0
TOGETHER_S = 0.05  # calls that are announced together are shown together, before the first question
MAX_HELD = 1000  # messages of a pipe that come while a run waits
SHOWN_RUNS = 10
AT_REST = "The run waits. Enter asks again, /abort stops it, /new begins another conversation, Ctrl-C leaves."


async def converse(
    url: str,
    *,
    agent: str | None,
    run_id: str | None = None,
    token: str | None = None,
    come_back: str | None,
    history: Path | None = None,
    quiet: bool = False,
) -> int:
    """Talk to an agent at a gateway, or go on with a run of one, until the person leaves.

    Returns the exit code: 0 on a terminal; where the input is a pipe, the code in `exits.py` of what went wrong first.

    Args:
        come_back: the command that gets one back to a run, but for the run's id; None: the runs go with this process.
        history: the file in which messages are kept for the next chat; None: they are not kept.
        quiet: write nothing but the agent's answers to standard output.

    Raises: what `open_client` raises, AgentNotFound, RunNotFound.
    """
    conversation = _Conversation(url, come_back, quiet)
    async with (
        open_keyboard(history) as keyboard,
        open_client(url, token=token, reconnect=RECONNECT, on_connection=conversation.connection_changed) as client,
    ):
        with trio.open_signal_receiver(signal.SIGINT) as interrupts:
            await conversation.hold(client, keyboard, interrupts, agent, run_id)
    return 0 if keyboard.interactive else conversation.exit_code


def connection_notes(note: Callable[[str], None]) -> Callable[[AdjournError | None], None]:
    """For a client's `on_connection`: notes that a connection, once there was one, is lost, and is back."""
    was_up = False

    def changed(why: AdjournError | None) -> None:
        nonlocal was_up
        if was_up:
            note("(connected again)" if why is None else "(the connection is lost; reconnecting…)")
        was_up = was_up or why is None

    return changed


@dataclass(frozen=True, slots=True)
class _Open:
    """A prompt that is open while a run is under way."""

    kind: Literal["decision", "rest"]
    scope: trio.CancelScope
    call_id: str = ""  # of the decision


class _Conversation:
    """What a person sees and types of a `Chat`, which holds all that is known of the runs."""

    def __init__(self, url: str, come_back: str | None, quiet: bool) -> None:
        self._answers = Screen()
        self._screen = _screen(stderr=True) if quiet else self._answers  # what a person must see
        self._small_talk = _screen(quiet=True) if quiet else self._answers  # what a script has no use for
        self._quiet = quiet
        self._url = url
        self._come_back = come_back
        self._client: Client
        self._keyboard: Keyboard
        self._chat: Chat
        self._view: RunView | AnswerView  # of the latest run
        self._leaving = trio.CancelScope()
        self._following = trio.CancelScope()  # of the run that is under way
        self.connection_changed = connection_notes(self._note)
        self.exit_code = 0  # of what went wrong first
        self._left = False
        self._aborting = False
        self._settled: set[str] = set()  # calls that need no answer of ours any more
        self._later: set[str] = set()  # calls that the person leaves waiting
        self._is_told = False  # what can be done while they wait
        self._held: deque[str] = deque()  # messages of a pipe that came while a run waited
        self._moved = trio.Event()
        self._open: _Open | None = None

    def _note(self, text: str) -> None:
        if not self._left:
            with self._screen.beside():
                self._screen.line(text, "yellow")

    async def hold(
        self,
        client: Client,
        keyboard: Keyboard,
        interrupts: AsyncIterator[int],
        agent: str | None,
        run_id: str | None,
    ) -> None:
        """Talk until the person leaves."""
        self._client, self._keyboard = client, keyboard
        self._chat = self._new_chat("")
        try:
            with self._leaving:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._watch_interrupts, interrupts, nursery)
                    await self._talk(agent, run_id)
                    nursery.cancel_scope.cancel()
        finally:
            self._left = True
        self._screen.end_line()
        if self._chat.is_under_way:
            self._went_wrong(WAITING)
            self._tell_what_is_left()

    def _tell_what_is_left(self) -> None:
        if self._held:
            self._screen.line(f"Not sent, since the run waits: {len(self._held)} of the messages.")
        if self._come_back is not None:
            state = "goes on without you"
            if self._chat.pending:
                state = f"waits for a {'decision' if self._chat.pending_decisions else 'client'}"
            self._screen.line(f"Run {self._chat.run_id} {state}. To come back to it:")
            self._screen.line(f"  {self._come_back} --run {self._chat.run_id}")

    def _new_chat(self, agent: str) -> Chat:
        return Chat(self._client, agent, on_event=self._show)

    def _went_wrong(self, code: int) -> None:
        self.exit_code = self.exit_code or code

    async def _watch_interrupts(self, interrupts: AsyncIterator[int], nursery: trio.Nursery) -> None:
        async for _ in interrupts:
            if self._to_ask and not self._aborting:
                self._leave_waiting({call.tool_call_id for call in self._to_ask})
            elif self._rests or self._aborting or not self._chat.is_under_way:
                self._leaving.cancel()
            else:
                self._screen.hang("(stopping the run; Ctrl-C again leaves it to stop alone)", 1, "yellow")
                nursery.start_soon(self._abort, "stopped by Ctrl-C")

    async def _abort(self, reason: str) -> None:
        self._aborting = True
        try:
            await self._chat.abort(reason)
        except AdjournError as error:
            self._tell(error)

    # What is typed.

    async def _talk(self, agent: str | None, run_id: str | None) -> None:
        if run_id is None:
            self._chat.agent = await self._choose(agent)
            self._small_talk.hang(f"Talking to {self._chat.agent}. /help lists the commands, Ctrl-D leaves.", 0, "dim")
        else:
            found = await self._client.get(await find_run(self._client, run_id))
            self._chat.agent = found.snapshot.agent
            if found.stranded is not None:
                RunView(self._screen).snapshot(found.snapshot, found.stranded)
                self._screen.line(
                    "  (it can't be decided here; `adjourn runs decline` says no, `abort` stops it)", "yellow"
                )
                return
            await self._follow(partial(self._chat.attach, found.run_id), 0)
        while (entry := self._held.popleft() if self._held else await self._next_entry()) is not None:
            await self._take(entry)

    async def _next_entry(self) -> str | None:
        return await ask(self._small_talk, self._keyboard, Question("you> "), is_message=True)

    async def _take(self, entry: str) -> None:
        """Carry out a command, or send a message."""
        match read(entry):
            case Unknown(name=name):
                self._refuse(f"there is no command {name}; /help lists them, and /{name} sends it as a message")
            case Command(name=name, rest=rest):
                try:
                    await self._carry_out(name, rest)
                except ConnectionLost:
                    raise
                except AdjournError as error:
                    self._tell(error)
            case "":
                self._later.clear()  # asks again
            case text if not self._chat.is_under_way:
                await self._follow(partial(self._chat.send, text), len(self._chat.messages) + 1)
            case text if self._keyboard.interactive:
                self._refuse(f"nothing was sent. {AT_REST}")
            case text:
                self._held.append(entry)

    def _refuse(self, text: str) -> None:
        self._went_wrong(REFUSED)
        self._screen.hang(f"({text})", 1, "yellow")

    async def _carry_out(self, name: str, rest: str) -> None:
        match name:
            case "/help":
                for line in help_lines():
                    self._screen.hang(f"  {line}", 12)
            case "/show":
                await self._show_all()
                self._later.clear()
            case "/runs":
                show_runs(self._screen, (await self._client.list(limit=SHOWN_RUNS)).runs)
            case "/agent":
                await self._hand_over(rest)
            case "/new":
                self._begin_anew()
            case "/abort" if self._chat.is_under_way:
                await self._abort("stopped by /abort")
            case "/abort":
                self._screen.line("(no run is under way)", "yellow")
            case _:
                self._leaving.cancel()

    async def _show_all(self) -> None:
        if self._chat.run_id is None:
            self._screen.line("(nothing has been said yet)", "yellow")
        else:
            found = await self._client.get(self._chat.run_id)
            RunView(self._screen, asks=True).snapshot(found.snapshot, found.stranded)

    def _begin_anew(self) -> None:
        """Begin a new conversation with the same agent."""
        if self._chat.is_under_way and self._come_back is not None:
            self._screen.hang(f"(run {self._chat.run_id} goes on: {command(self._url, 'inbox')})", 1, "yellow")
        self._chat = self._new_chat(self._chat.agent)
        self._following.cancel()
        self._screen.line(f"A new conversation with {self._chat.agent}.", "dim")

    async def _choose(self, name: str | None) -> str:
        names = [agent.name for agent in await self._client.agents()]
        if name in names:
            return name
        if name is None and len(names) == 1:
            return names[0]
        known = ", ".join(names) or "none"
        if name is None:
            raise InvalidParams(f"there are several agents; say with --agent which one: {known}")
        raise AgentNotFound(f"there is no agent {name!r} at {self._url}; known: {known}")

    async def _hand_over(self, name: str) -> None:
        """Go on with another agent; it gets all that was said."""
        names = [agent.name for agent in await self._client.agents()]
        if name in names:
            self._chat.agent = name
            self._screen.line(f"Talking to {name} from now on.", "dim")
        else:
            self._screen.line(f"(/agent NAME goes on with another agent; there are: {', '.join(names)})", "yellow")

    # A run.

    async def _follow(self, begin: Callable[[], Awaitable[None]], known: int) -> None:
        """Show a run until it is over, and ask what it asks. Its first `known` messages have been seen."""
        chat = self._chat
        if self._quiet:
            self._view = AnswerView(self._answers, self._screen, known=known)
        else:
            self._view = RunView(self._screen, known=known, asks=True)
        self._aborting, self._open = False, None
        self._later.clear()
        async with trio.open_nursery() as nursery:
            self._following = nursery.cancel_scope
            nursery.start_soon(self._decide_all)
            try:
                await begin()
                while chat.is_under_way:
                    await chat.follow()
            except AdjournError as error:
                if isinstance(error, ConnectionLost) or chat.is_under_way:
                    raise
                self._went_wrong(REFUSED)
                self._tell(error)  # it could not begin, or is gone
            nursery.cancel_scope.cancel()
        if chat.status in ("failed", "aborted"):
            self._went_wrong(FAILED)

    def _show(self, item: Envelope | RunSnapshot) -> None:
        with self._screen.beside():
            self._view.show(item)
            if isinstance(item, Envelope) and isinstance(item.event, MessageUpdate):
                return
            self._moved.set()
            if self._open is not None and not self._is_wanted(self._open):
                self._close(self._open)

    def _is_wanted(self, prompt: _Open) -> bool:
        """Whether the run still waits for what the prompt is there for."""
        if prompt.kind == "rest":
            return self._rests
        return prompt.call_id in {call.tool_call_id for call in self._chat.pending_decisions}

    def _close(self, prompt: _Open) -> None:
        """Remove a prompt, with what was half typed there."""
        prompt.scope.cancel()
        self._open = None
        self._screen.drop_prompt()
        self._keyboard.forget()
        if prompt.kind == "decision" and not self._aborting:
            self._screen.line("  (settled elsewhere; no answer is needed any more)", "yellow")

    @property
    def _to_ask(self) -> list[PendingCall]:
        """The calls that the person is to decide now."""
        done_with = self._settled | self._later
        return [call for call in self._chat.pending_decisions if call.tool_call_id not in done_with]

    @property
    def _rests(self) -> bool:
        """Whether the run waits for somebody, and nothing is to be asked here now."""
        waiting = [call for call in self._chat.pending if call.tool_call_id not in self._settled]
        is_left = any(call.tool_call_id in self._later for call in waiting)
        return (is_left or (bool(waiting) and self._chat.status == "paused")) and all(
            call.kind == "client" or call.tool_call_id in self._later for call in waiting
        )

    async def _decide_all(self) -> None:
        while True:
            self._moved = trio.Event()
            await trio.sleep(TOGETHER_S)
            if self._to_ask and not self._aborting:
                await self._decide(self._to_ask[0])
            elif self._rests and not self._aborting and len(self._held) < MAX_HELD:
                await self._rest()
            else:
                await self._moved.wait()

    async def _rest(self) -> None:
        """Take commands while the run waits for somebody else, or for later."""
        if self._later and self._keyboard.interactive and not self._is_told:
            self._is_told = True
            self._screen.hang(f"({AT_REST})", 1, "yellow")
        entry = None
        with trio.CancelScope() as scope:
            self._open = _Open("rest", scope)
            entry = await self._next_entry()
            self._open = None
            if entry is None:
                self._leaving.cancel()
            await trio.lowlevel.checkpoint()
        if entry is not None and not scope.cancelled_caught:
            await self._take(entry)

    async def _decide(self, call: PendingCall) -> None:
        """Show one call and ask about it."""
        self._view.latest = call.tool_call_id
        decided = None
        with trio.CancelScope() as scope:
            self._open = _Open("decision", scope, call.tool_call_id)
            decided = await ask_decision(self._screen, self._keyboard, call)
            self._open = None
            if decided is None:
                self._leaving.cancel()
            await trio.lowlevel.checkpoint()
        if scope.cancelled_caught or decided is None:
            return
        if isinstance(decided, Later):
            self._leave_waiting({call.tool_call_id})
        elif await self._hand_in(call, decided):
            self._settled.add(call.tool_call_id)

    def _leave_waiting(self, call_ids: set[str]) -> None:
        """Ask about these calls no longer, until the person wants it."""
        self._later |= call_ids
        if self._open is not None:
            self._open.scope.cancel()
            self._open = None
            self._screen.drop_prompt()
            self._screen.end_line()
        self._is_told = False

    async def _hand_in(self, call: PendingCall, decided: Decision | Declined) -> bool:
        """Whether that settles it; where the run found the decision invalid, it doesn't."""
        while True:
            try:
                if isinstance(decided, Declined):
                    await self._chat.decline(call.tool_call_id, decided.reason)
                else:
                    await self._chat.respond_with_decision(decided.value, call.tool_call_id)
                return True
            except (ShuttingDown, StoreUnavailable) as error:
                self._tell(error)
                await trio.sleep(RETRY_S)
            except ConnectionLost:
                raise
            except AdjournError as error:
                self._tell(error)
                return not isinstance(error, DecisionInvalid)

    def _tell(self, error: AdjournError) -> None:
        self._screen.hang(f"  ({error.message})", 4, "red")


def _screen(*, stderr: bool = False, quiet: bool = False) -> Screen:
    return Screen(Console(stderr=stderr, quiet=quiet, highlight=False, markup=False, emoji=False, soft_wrap=True))
