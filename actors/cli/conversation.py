"""A conversation on a terminal: sends messages to an agent, shows its runs, and asks the person for decisions.

Each message starts a new run, with all the messages so far as its history. `commands.py` lists the slash commands.
Ctrl-C stops the current run; at a decision it leaves the run waiting; at the prompt it leaves the chat. The end of the
input leaves the chat too; a waiting run stays waiting.
"""

import signal
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import trio

from ...protocol.errors import AdjournError, AgentNotFound, ConnectionLost, InvalidParams
from ...protocol.events import Envelope
from ...protocol.methods import RunSnapshot
from ..client.chat import Chat
from ..client.client import Backoff, Client, open_client
from .asking import ask
from .commands import Command, Unknown, help_lines, read
from .dialogue import AT_REST, Dialogue
from .exits import FAILED, REFUSED, WAITING
from .keyboard import Keyboard, Lines, open_keyboard
from .listing import show_runs
from .pager import paged
from .prompt import Question
from .quiet import Screens
from .reaching import command, find_run
from .terminal import RunView

__all__ = ["connection_notes", "converse"]

RECONNECT = Backoff(maximum_s=2.0)  # short, because a person is watching
MAX_HELD = 1000  # most entries of a pipe to hold while a run waits
SHOWN_RUNS = 10


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
    """Chats with an agent at a gateway, or continues one of its runs, until the person leaves.

    Returns the exit code: 0 on a terminal; for a pipe, the code (see `exits.py`) of the first thing that went wrong.

    Args:
        come_back: the command that continues a run, without the run's id; None: the runs end with this process.
            history: the file that keeps messages for the next chat; None: messages are not kept.
            quiet: write only the agent's answers to standard output.

        Raises: as `open_client`; AgentNotFound, RunNotFound.
    """
    conversation = _Conversation(url, come_back, quiet)
    async with (
        open_keyboard(history) as keyboard,
        open_client(
            url.split(","), token=token, reconnect=RECONNECT, on_connection=conversation.connection_changed
        ) as client,
    ):
        with trio.open_signal_receiver(signal.SIGINT) as interrupts:
            await conversation.hold(client, keyboard, interrupts, agent, run_id)
    return 0 if keyboard.interactive else conversation.exit_code


def connection_notes(note: Callable[[str], None]) -> Callable[[AdjournError | None], None]:
    """Returns an `on_connection` function for a client, which notes a lost connection and a reconnection."""
    was_up = False

    def changed(why: AdjournError | None) -> None:
        nonlocal was_up
        if was_up:
            note("(connected again)" if why is None else "(connection lost; reconnecting…)")
        was_up = was_up or why is None

    return changed


class _Conversation:
    """Connects a `Chat`, which knows the runs, with what a person types and sees."""

    def __init__(self, url: str, come_back: str | None, quiet: bool) -> None:
        self._screens = Screens.quiet() if quiet else Screens.usual()
        self._screen = self._screens.notes
        self._url = url
        self._come_back = come_back
        self._client: Client
        self._keyboard: Keyboard
        self._chat: Chat
        self._dialogue: Dialogue  # for the latest run
        self._leaving = trio.CancelScope()
        self.connection_changed = connection_notes(self._note)
        self.exit_code = 0  # of the first thing that went wrong
        self._left = False
        self._is_paging = False  # a pager has the terminal
        self._held: deque[str] = deque()  # entries that came while a run waited; taken after the run's end

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
        """Chats until the person leaves."""
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
            self._screen.line(f"Messages not sent, because the run waits: {len(self._held)}.")
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
            if self._is_paging:
                continue  # the pager has got the Ctrl-C too, and it is the pager's
            if not self._chat.is_under_way or self._dialogue.is_aborting:
                self.leave()
            elif self._dialogue.to_ask:
                self._dialogue.leave_waiting()
            elif self._dialogue.rests:
                self.leave()
            else:
                self._screen.hang("(stopping the run; Ctrl-C again leaves the chat without waiting)", 1, "yellow")
                nursery.start_soon(self._abort, "stopped by Ctrl-C")

    async def _abort(self, reason: str) -> None:
        self._dialogue.is_aborting = True
        try:
            await self._chat.abort(reason)
        except AdjournError as error:
            self._tell(error)

    # Entries.

    async def _talk(self, agent: str | None, run_id: str | None) -> None:
        if run_id is None:
            self._chat.agent = await self._choose(agent)
            self._screens.small_talk.hang(
                f"Talking to {self._chat.agent}. /help lists the commands, Ctrl-D leaves.", 0, "dim"
            )
        else:
            found = await self._client.get(await find_run(self._client, run_id))
            self._chat.agent = found.snapshot.agent
            if found.stranded is not None:
                RunView(self._screen).snapshot(found.snapshot, found.stranded)
                self._screen.line(
                    "  (the run can't be decided here; `adjourn runs decline` says no, `abort` stops it)", "yellow"
                )
                self._went_wrong(WAITING)
                return
            await self._follow(partial(self._chat.attach, found.run_id), 0)
        while (entry := self._held.popleft() if self._held else await self.next_entry()) is not None:
            await self.take(entry)

    async def next_entry(self) -> str | None:
        """As `Host.next_entry`."""
        return await ask(self._screens.small_talk, self._keyboard, Question("you> "), is_message=True)

    def may_take(self) -> bool:
        """As `Host.may_take`."""
        return len(self._held) < MAX_HELD

    def leave(self) -> None:
        """As `Host.leave`."""
        self._leaving.cancel()

    def hold_back(self, entry: str) -> None:
        """As `Host.hold_back`."""
        self._held.append(entry)

    async def take(self, entry: str) -> None:
        """Carries out a command, or sends a message."""
        match read(entry):
            case Unknown(name=name):
                self._refuse(f"there is no command {name}; /help lists the commands, /{name} sends it as a message")
            case Command(name=name, rest=rest):
                try:
                    await self._carry_out(name, rest)
                except ConnectionLost:
                    raise
                except AdjournError as error:
                    self._tell(error)
            case "":
                self._ask_again()
            case text if not self._chat.is_under_way:
                await self._follow(partial(self._chat.send, text), len(self._chat.messages) + 1)
            case text if self._keyboard.interactive:
                self._refuse(f"nothing was sent. {AT_REST}")
            case _:
                self.hold_back(entry)

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
                self._ask_again()
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
                self.leave()

    def _ask_again(self) -> None:
        if self._chat.is_under_way:
            self._dialogue.ask_again()

    async def _show_all(self) -> None:
        if self._chat.run_id is None:
            self._screen.line("(nothing has been said yet)", "yellow")
        else:
            found = await self._client.get(self._chat.run_id)
            if self._may_page():
                await self._page(found)
            else:
                RunView(self._screen, asks=True).snapshot(found.snapshot, found.stranded)

    def _may_page(self) -> bool:
        """Whether a pager gets the terminal for itself: no run is under way that writes, and no thread reads lines."""
        is_at_rest = not self._chat.is_under_way and not self._screens.are_quiet
        return is_at_rest and self._keyboard.interactive and not isinstance(self._keyboard, Lines)

    async def _page(self, found: RunSnapshot) -> None:
        def show() -> None:
            with paged() as screen:
                RunView(screen, asks=True).snapshot(found.snapshot, found.stranded)
                screen.end_line()

        self._is_paging = True
        try:
            await trio.to_thread.run_sync(show)
        finally:
            self._is_paging = False

    def _begin_anew(self) -> None:
        """Begins a new conversation with the same agent."""
        if self._chat.is_under_way:
            if self._come_back is not None:
                self._screen.hang(f"(run {self._chat.run_id} goes on: {command(self._url, 'inbox')})", 1, "yellow")
            self._dialogue.drop()
        self._chat = self._new_chat(self._chat.agent)
        self._screen.line(f"A new conversation with {self._chat.agent}.", "dim")

    async def _choose(self, name: str | None) -> str:
        names = [agent.name for agent in await self._client.agents()]
        if name in names:
            return name
        if name is None and len(names) == 1:
            return names[0]
        known = ", ".join(names) or "none"
        if name is None:
            raise InvalidParams(f"there are several agents; choose one with --agent: {known}")
        raise AgentNotFound(f"there is no agent {name!r} at {self._url}; known: {known}")

    async def _hand_over(self, name: str) -> None:
        """Switches to another agent, which gets the whole conversation."""
        names = [agent.name for agent in await self._client.agents()]
        if name in names:
            self._chat.agent = name
            self._screen.line(f"Now talking to {name}.", "dim")
        else:
            self._screen.line(f"(/agent NAME switches to another agent: {', '.join(names)})", "yellow")

    # Following a run.

    async def _follow(self, begin: Callable[[], Awaitable[None]], known: int) -> None:
        """Shows a run until its end and asks for its decisions. The person has seen its first `known` messages."""
        chat = self._chat
        self._dialogue = Dialogue(chat, self._screens, self._keyboard, self, known=known)
        refusal = await self._dialogue.hold(begin)
        if refusal is not None:
            self._went_wrong(REFUSED)
            self._tell(refusal)
        elif chat.status in ("failed", "aborted"):
            self._went_wrong(FAILED)

    def _show(self, item: Envelope | RunSnapshot) -> None:
        self._dialogue.show(item)

    def _tell(self, error: AdjournError) -> None:
        self._screen.hang(f"  ({error.message})", 4, "red")
