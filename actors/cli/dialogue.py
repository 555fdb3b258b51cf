"""One run in a chat: it is shown, and what its tools ask is asked, until it is over. What else is typed meanwhile is
`conversation.py`'s.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import trio

from ...protocol.errors import (
    AdjournError,
    ConnectionLost,
    DecisionInvalid,
    ShuttingDown,
    StoreUnavailable,
)
from ...protocol.events import Envelope, MessageUpdate
from ...protocol.methods import RunSnapshot
from ...protocol.transcript import PendingCall
from ..client.chat import Chat
from .asking import ask_decision
from .keyboard import Keyboard
from .prompt import Decision, Declined, Later
from .quiet import AnswerView, Screens
from .terminal import RunView

__all__ = ["AT_REST", "Dialogue", "Host"]

RETRY_S = 1.0
TOGETHER_S = 0.05  # calls that are announced together are shown together, before the first question
AT_REST = "The run waits. Enter asks again, /abort stops it, /new begins another conversation, Ctrl-C leaves."


class Host(Protocol):
    """The conversation that a run belongs to."""

    async def next_entry(self) -> str | None:
        """What is entered at the chat's prompt; None for the end of the input."""
        ...

    async def take(self, entry: str) -> None:
        """Carry out what was entered."""
        ...

    def hold_back(self, entry: str) -> None:
        """Carry out what was entered when the run is over."""
        ...

    def may_take(self) -> bool:
        """Whether there is room for another entry that is held back."""
        ...

    def leave(self) -> None:
        """End the conversation."""
        ...


@dataclass(frozen=True, slots=True)
class _Open:
    """A prompt that is open while a run is under way."""

    kind: Literal["decision", "rest"]
    scope: trio.CancelScope
    call_id: str = ""  # of the decision


class Dialogue:
    """Shows the run that a chat is about to follow, and asks about its calls."""

    def __init__(self, chat: Chat, screens: Screens, keyboard: Keyboard, host: Host, *, known: int = 0) -> None:
        """The first `known` messages of the run are not shown."""
        self._chat = chat
        self._screen = screens.notes
        self._keyboard = keyboard
        self._host = host
        self._view = (
            AnswerView(screens.answers, screens.notes, known=known)
            if screens.are_quiet
            else RunView(screens.answers, known=known, asks=True)
        )
        self.is_aborting = False
        self._settled: set[str] = set()  # calls that need no answer of ours any more
        self._later: set[str] = set()  # calls that the person leaves waiting
        self._is_told = False  # what can be done while they wait
        self._moved = trio.Event()
        self._open: _Open | None = None
        self._scope = trio.CancelScope()

    async def hold(self, begin: Callable[[], Awaitable[None]]) -> AdjournError | None:
        """Follow the run from `begin()` to its end, or until `drop`. Returns why it could not begin, or is gone."""
        refusal: AdjournError | None = None
        async with trio.open_nursery() as nursery:
            self._scope = nursery.cancel_scope
            nursery.start_soon(self._decide_all)
            try:
                await begin()
                while self._chat.is_under_way:
                    await self._chat.follow()
            except AdjournError as error:
                if isinstance(error, ConnectionLost) or self._chat.is_under_way:
                    raise
                refusal = error
            nursery.cancel_scope.cancel()
        return refusal

    def drop(self) -> None:
        """Follow the run no longer; it goes on."""
        self._scope.cancel()

    def leave_waiting(self) -> None:
        """Ask about nothing that waits now, until `ask_again`."""
        self._leave_waiting({call.tool_call_id for call in self.to_ask})

    def ask_again(self) -> None:
        """Ask about all that waits."""
        self._later.clear()

    def show(self, item: Envelope | RunSnapshot) -> None:
        """Show what the chat was told."""
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
            return self.rests
        return prompt.call_id in {call.tool_call_id for call in self._chat.pending_decisions}

    def _close(self, prompt: _Open) -> None:
        """Remove a prompt, with what was half typed there."""
        prompt.scope.cancel()
        self._open = None
        self._screen.drop_prompt()
        self._keyboard.forget()
        if prompt.kind == "decision" and not self.is_aborting:
            self._screen.line("  (settled elsewhere; no answer is needed any more)", "yellow")

    @property
    def to_ask(self) -> list[PendingCall]:
        """The calls that the person is to decide now."""
        done_with = self._settled | self._later
        return [call for call in self._chat.pending_decisions if call.tool_call_id not in done_with]

    @property
    def rests(self) -> bool:
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
            if self.to_ask and not self.is_aborting:
                await self._decide(self.to_ask[0])
            elif self.rests and not self.is_aborting and self._host.may_take():
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
            entry = await self._host.next_entry()
            self._open = None
        if entry is None:
            if not scope.cancelled_caught:
                self._host.leave()
        elif scope.cancel_called or not self.rests:  # the run went on at that moment, and may be over
            self._host.hold_back(entry)
        else:
            await self._host.take(entry)

    async def _decide(self, call: PendingCall) -> None:
        """Show one call and ask about it."""
        self._view.latest = call.tool_call_id
        decided = None
        with trio.CancelScope() as scope:
            self._open = _Open("decision", scope, call.tool_call_id)
            decided = await ask_decision(self._screen, self._keyboard, call)
            self._open = None
            if decided is None:
                self._host.leave()
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
