"""A conversation on a terminal: what is typed goes to an agent, its run is shown, and what its tools ask is asked here.

A conversation is a row of runs: each begins with all the messages so far. Ctrl-C stops the run that is under way;
again, or with no run under way, it leaves. The end of the input leaves too, and what waits goes on waiting.
`/agent NAME` hands the conversation over to another agent, and so maybe to another model.
"""

import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import trio

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
from .keyboard import Keyboard, open_keyboard
from .prompt import Decision, Declined, Question
from .screen import Screen
from .terminal import RunView

__all__ = ["connection_notes", "converse"]

RECONNECT = Backoff(maximum_s=2.0)  # somebody is watching
RETRY_S = 1.0
TOGETHER_S = 0.05  # calls that are announced together are shown together, before the first question


async def converse(
    url: str, *, agent: str | None, run_id: str | None = None, token: str | None = None, come_back: str | None
) -> None:
    """Talk to an agent at a gateway, or go on with a run of one, until the person leaves.

    `come_back` is the command that gets one back to it, but for the run's id; None: the runs go with this process.

    Raises: what `open_client` raises, AgentNotFound, RunNotFound.
    """
    screen = Screen()
    conversation = _Conversation(screen, url, come_back)
    async with (
        open_keyboard() as keyboard,
        open_client(url, token=token, reconnect=RECONNECT, on_connection=conversation.connection_changed) as client,
    ):
        with trio.open_signal_receiver(signal.SIGINT) as interrupts:
            await conversation.hold(client, keyboard, interrupts, agent, run_id)


def connection_notes(note: Callable[[str], None]) -> Callable[[AdjournError | None], None]:
    """For a client's `on_connection`: notes that a connection, once there was one, is lost, and is back."""
    was_up = False

    def changed(why: AdjournError | None) -> None:
        nonlocal was_up
        if was_up:
            note("(connected again)" if why is None else "(the connection is lost; reconnecting…)")
        was_up = was_up or why is None

    return changed


class _Conversation:
    """What a person sees and types of a `Chat`, which holds all that is known of the runs."""

    def __init__(self, screen: Screen, url: str, come_back: str | None) -> None:
        self._screen = screen
        self._url = url
        self._come_back = come_back
        self._client: Client
        self._keyboard: Keyboard
        self._chat: Chat
        self._view: RunView  # of the latest run
        self._leaving = trio.CancelScope()
        self.connection_changed = connection_notes(self._note)
        self._left = False
        self._aborting = False
        self._settled: set[str] = set()  # calls that need no answer of ours any more
        self._moved = trio.Event()
        self._card: tuple[str, trio.CancelScope] | None = None  # the question that is open

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
        self._chat = Chat(client, "", on_event=self._show)
        try:
            with self._leaving:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._watch_interrupts, interrupts, nursery)
                    await self._talk(agent, run_id)
                    nursery.cancel_scope.cancel()
        finally:
            self._left = True
        self._screen.end_line()
        if self._chat.is_under_way and self._come_back is not None:
            state = "waits for a decision" if self._pending else "goes on without you"
            self._screen.line(f"Run {self._chat.run_id} {state}. To come back to it:")
            self._screen.line(f"  {self._come_back} --run {self._chat.run_id}")

    @property
    def _pending(self) -> list[PendingCall]:
        return [call for call in self._chat.pending if call.kind == "decision"]

    async def _watch_interrupts(self, interrupts: AsyncIterator[int], nursery: trio.Nursery) -> None:
        async for _ in interrupts:
            if self._aborting or not self._chat.is_under_way:
                self._leaving.cancel()
            else:
                self._aborting = True
                self._screen.line("(stopping the run; Ctrl-C again leaves it to stop alone)", "yellow")
                nursery.start_soon(self._abort)

    async def _abort(self) -> None:
        try:
            await self._chat.abort("stopped by Ctrl-C")
        except AdjournError as error:
            self._tell(error)

    async def _talk(self, agent: str | None, run_id: str | None) -> None:
        if run_id is None:
            self._chat.agent = await self._choose(agent)
            self._screen.line(f"Talking to {self._chat.agent}. Ctrl-C stops a run, Ctrl-D leaves.", "dim")
        else:
            found = await self._client.get(run_id)
            self._chat.agent = found.snapshot.agent
            if found.stranded is not None:
                RunView(self._screen).snapshot(found.snapshot, found.stranded)
                self._screen.line(
                    "  (it can't be decided here; `adjourn runs decline` says no, `abort` stops it)", "yellow"
                )
                return
            await self._follow(partial(self._chat.attach, run_id), 0)
        while (entry := await ask(self._screen, self._keyboard, Question("you> "))) is not None:
            command, _, name = entry.strip().partition(" ")
            if command == "/agent":
                await self._hand_over(name.strip())
            elif text := entry.strip():
                await self._follow(partial(self._chat.send, text), len(self._chat.messages) + 1)

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
        self._view = RunView(self._screen, known=known, asks=True)
        self._aborting, self._card = False, None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._decide_all)
            try:
                await begin()
                while self._chat.is_under_way:
                    await self._chat.follow()
            except AdjournError as error:
                if isinstance(error, ConnectionLost) or self._chat.is_under_way:
                    raise
                self._tell(error)  # it could not begin, or is gone
            nursery.cancel_scope.cancel()

    def _show(self, item: Envelope | RunSnapshot) -> None:
        with self._screen.beside():
            self._view.show(item)
            if isinstance(item, Envelope) and isinstance(item.event, MessageUpdate):
                return
            self._moved.set()
            if self._card is not None and self._card[0] not in {call.tool_call_id for call in self._pending}:
                self._close_card(self._card[1])

    def _close_card(self, question: trio.CancelScope) -> None:
        """Ask no longer: the call is settled."""
        question.cancel()
        self._card = None
        self._screen.drop_prompt()
        self._keyboard.forget()  # what was half typed
        if not self._aborting:
            self._screen.line("  (settled elsewhere; no answer is needed any more)", "yellow")

    async def _decide_all(self) -> None:
        while True:
            self._moved = trio.Event()
            await trio.sleep(TOGETHER_S)
            open_calls = [call for call in self._pending if call.tool_call_id not in self._settled]
            if open_calls and not self._aborting:
                await self._decide(open_calls[0])
            else:
                await self._moved.wait()

    async def _decide(self, call: PendingCall) -> None:
        """Show one call and ask about it."""
        self._view.latest = call.tool_call_id
        decided = None
        with trio.CancelScope() as scope:
            self._card = (call.tool_call_id, scope)
            decided = await ask_decision(self._screen, self._keyboard, call)
            self._card = None
            if decided is None:
                self._leaving.cancel()
            await trio.lowlevel.checkpoint()
        if decided is not None and not scope.cancelled_caught and await self._hand_in(call, decided):
            self._settled.add(call.tool_call_id)

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
