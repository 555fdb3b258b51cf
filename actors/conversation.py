"""A conversation on a terminal: what is typed goes to an agent, its run is shown, and what its tools ask is asked here.

A conversation is a row of runs: each begins with all the messages so far. Ctrl-C stops the run that is under way;
again, or with no run under way, it leaves. The end of the input leaves too, and what waits goes on waiting.
"""

import signal
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import trio

from ..protocol.errors import (
    AdjournError,
    AgentNotFound,
    ConnectionLost,
    DecisionInvalid,
    InvalidParams,
    ShuttingDown,
    StoreUnavailable,
)
from ..protocol.events import Envelope, MessageUpdate
from ..protocol.messages import Message, UserMessage
from ..protocol.methods import RunSnapshot
from ..protocol.transcript import PendingCall, Transcript
from .client import Backoff, Client, open_client
from .keyboard import Keyboard, open_keyboard
from .prompt import HELP, Decision, Declined, Question, decide
from .terminal import RunView, Screen, call_line

__all__ = ["ask_decision", "converse", "send_decision"]

Stream: TypeAlias = AbstractAsyncContextManager[AsyncIterator[Envelope | RunSnapshot]]

RECONNECT = Backoff(maximum_s=2.0)  # somebody is watching
RETRY_S = 1.0
TOGETHER_S = 0.05  # calls that are announced together are shown together, before the first question


async def converse(
    url: str, *, agent: str | None, run_id: str | None = None, token: str | None = None, come_back: str = "adjourn chat"
) -> None:
    """Talk to an agent at a gateway, or go on with a run of one, until the person leaves.

    `come_back` is the command that gets one back to it, but for the run's id.

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


async def ask_decision(screen: Screen, keyboard: Keyboard, schema: dict[str, object]) -> Decision | Declined | None:
    """What a person decides; None when the input ends first. May be cancelled at any time: nothing has happened."""
    keyboard.forget()
    questions = decide(schema)
    question = next(questions)
    while True:
        entry = await _ask(screen, keyboard, Question(f"  {question.prompt}", question.lines))
        if entry is None:
            return None
        try:
            question = questions.send(entry)
        except StopIteration as end:
            return end.value


async def send_decision(client: Client, run_id: str, call: PendingCall, decided: Decision | Declined) -> None:
    """Hand a decision in. Raises: as `Client.resume`."""
    if isinstance(decided, Declined):
        await client.decline(run_id, call.tool_call_id, decided.reason)
    else:
        await client.resume(run_id, decided.value, call.tool_call_id, call.digest)


async def _ask(screen: Screen, keyboard: Keyboard, question: Question) -> str | None:
    for line in question.lines:
        screen.line(f"  {line}")
    with screen.prompting(question.prompt):
        entry = await keyboard.line()
    screen.typed(entry, echoed=keyboard.interactive)
    return entry


class _Conversation:
    def __init__(self, screen: Screen, url: str, come_back: str) -> None:
        self._screen = screen
        self._url = url
        self._come_back = come_back
        self._client: Client
        self._keyboard: Keyboard
        self._leaving = trio.CancelScope()
        self._was_up = False
        self._lost = False
        self._left = False
        self._helped = False
        self._agent = ""
        self._history: list[Message] = []
        self._run_id: str | None = None  # of the run under way
        self._aborting = False
        self._pending: tuple[PendingCall, ...] = ()
        self._settled: set[str] = set()  # calls that need no answer of ours any more
        self._moved = trio.Event()
        self._card: tuple[str, trio.CancelScope] | None = None  # the question that is open

    def connection_changed(self, why: AdjournError | None) -> None:
        """Say that the connection is lost, or back."""
        if why is not None and self._was_up:
            self._note("(the connection is lost; reconnecting…)")
        elif why is None and self._lost:
            self._note("(connected again)")
        self._was_up = self._was_up or why is None
        self._lost = why is not None

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
        try:
            with self._leaving:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._watch_interrupts, interrupts, nursery)
                    await self._talk(agent, run_id)
                    nursery.cancel_scope.cancel()
        finally:
            self._left = True
        self._screen.end_line()
        if self._run_id is not None:
            state = "waits for a decision" if self._pending else "goes on without you"
            self._screen.line(f"Run {self._run_id} {state}. To come back to it:")
            self._screen.line(f"  {self._come_back} --run {self._run_id}")

    async def _watch_interrupts(self, interrupts: AsyncIterator[int], nursery: trio.Nursery) -> None:
        async for _ in interrupts:
            if self._run_id is None or self._aborting:
                self._leaving.cancel()
            else:
                self._aborting = True
                self._screen.line("(stopping the run; Ctrl-C again leaves it to stop alone)", "yellow")
                nursery.start_soon(self._abort, self._run_id)

    async def _abort(self, run_id: str) -> None:
        try:
            await self._client.abort(run_id, "stopped by Ctrl-C")
        except AdjournError as error:
            self._tell(error)

    async def _talk(self, agent: str | None, run_id: str | None) -> None:
        if run_id is None:
            self._agent = await self._choose(agent)
            self._screen.line(f"Talking to {self._agent}. Ctrl-C stops a run, Ctrl-D leaves.", "dim")
        else:
            self._agent = (await self._client.get(run_id)).snapshot.agent
            await self._follow(run_id, self._client.events(run_id), 0)
        while (entry := await _ask(self._screen, self._keyboard, Question("you> "))) is not None:
            if entry.strip():
                await self._send(entry.strip())

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

    async def _send(self, text: str) -> None:
        messages = [*self._history, UserMessage(content=text, timestamp=int(time.time() * 1000))]
        run_id = uuid.uuid4().hex
        try:
            await self._follow(run_id, self._client.run(self._agent, messages, run_id), len(messages))
        except ConnectionLost:
            raise
        except AdjournError as error:
            self._tell(error)

    # A run.

    async def _follow(self, run_id: str, stream: Stream, known: int) -> None:
        """Show a run until it is over; ask what it asks. Its first `known` messages have been seen."""
        view, fold = RunView(self._screen, known=known), Transcript()
        self._pending, self._card = (), None
        async with stream as events, trio.open_nursery() as nursery:
            self._run_id, self._aborting = run_id, False
            nursery.start_soon(self._decide_all, run_id, view)
            try:
                async for item in events:
                    with self._screen.beside():
                        fold = self._show(item, view, fold)
            except ConnectionLost:
                raise
            except AdjournError as error:  # the run is gone
                self._tell(error)
            nursery.cancel_scope.cancel()
        self._run_id = None
        self._history = list(fold.messages)

    def _show(self, item: Envelope | RunSnapshot, view: RunView, fold: Transcript) -> Transcript:
        if isinstance(item, RunSnapshot):
            fold = Transcript(item.snapshot)
            view.snapshot(item.snapshot)
        else:
            fold.apply(item.event)
            view.event(item.event)
        if not (isinstance(item, Envelope) and isinstance(item.event, MessageUpdate)):
            self._pending = tuple(call for call in fold.snapshot().pending if call.kind == "decision")
            self._moved.set()
            if self._card is not None and self._card[0] not in {call.tool_call_id for call in self._pending}:
                self._close_card(self._card[1])
        return fold

    def _close_card(self, question: trio.CancelScope) -> None:
        """Ask no longer: the call is settled."""
        question.cancel()
        self._card = None
        self._screen.drop_prompt()
        self._keyboard.forget()  # what was half typed
        if not self._aborting:
            self._screen.line("  (settled elsewhere; no answer is needed any more)", "yellow")

    async def _decide_all(self, run_id: str, view: RunView) -> None:
        while True:
            self._moved = trio.Event()
            await trio.sleep(TOGETHER_S)
            open_calls = [call for call in self._pending if call.tool_call_id not in self._settled]
            if open_calls and not self._aborting:
                await self._decide(run_id, open_calls[0], is_clear=view.latest == open_calls[0].tool_call_id)
            else:
                await self._moved.wait()

    async def _decide(self, run_id: str, call: PendingCall, *, is_clear: bool) -> None:
        """Ask about one call; `is_clear`: the line above is about it."""
        if not is_clear:
            self._screen.line(f"  {call_line(call.tool_name, call.input)}:", "yellow")
        if not self._helped:
            self._screen.line(f"  ({HELP})", "dim")
            self._helped = True
        decided = None
        with trio.CancelScope() as scope:
            self._card = (call.tool_call_id, scope)
            decided = await ask_decision(self._screen, self._keyboard, call.schema or {})
            self._card = None
            if decided is None:
                self._leaving.cancel()
            await trio.lowlevel.checkpoint()
        if decided is not None and not scope.cancelled_caught and await self._hand_in(run_id, call, decided):
            self._settled.add(call.tool_call_id)

    async def _hand_in(self, run_id: str, call: PendingCall, decided: Decision | Declined) -> bool:
        """Whether that settles it; where the run found the decision invalid, it doesn't."""
        while True:
            try:
                await send_decision(self._client, run_id, call, decided)
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
        self._screen.line(f"  ({error.message})", "red")
