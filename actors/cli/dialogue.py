"""One run in a chat: shows it and asks for its decisions, until its end. `conversation.py` takes the other entries."""

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
TOGETHER_S = 0.05  # wait before a question, so that calls announced together are shown together
AT_REST = "The run waits. Enter asks again, /abort stops the run, /new begins a new conversation, Ctrl-C leaves."


class Host(Protocol):
    """What a `Dialogue` needs of its conversation."""

    async def next_entry(self) -> str | None:
        """Returns the next entry at the chat's prompt; None at the end of the input."""
        ...

    async def take(self, entry: str) -> None:
        """Carries out an entry."""
        ...

    def hold_back(self, entry: str) -> None:
        """Keeps an entry, to carry it out after the run's end."""
        ...

    def may_take(self) -> bool:
        """Whether `hold_back` has room for another entry."""
        ...

    def leave(self) -> None:
        """Ends the conversation."""
        ...


@dataclass(frozen=True, slots=True)
class _Open:
    """The prompt that is open while a run is under way."""

    kind: Literal["decision", "rest"]
    scope: trio.CancelScope
    call_id: str = ""  # the call to decide


class Dialogue:
    """Shows one run of a chat, and asks for decisions on its calls."""

    def __init__(self, chat: Chat, screens: Screens, keyboard: Keyboard, host: Host, *, known: int = 0) -> None:
        """Leaves out the first `known` messages of the run."""
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
        self._settled: set[str] = set()  # calls that were answered here
        self._later: set[str] = set()  # calls that the person answered with "later"
        self._is_told = False  # whether AT_REST was shown
        self._moved = trio.Event()
        self._open: _Open | None = None
        self._scope = trio.CancelScope()

    async def hold(self, begin: Callable[[], Awaitable[None]]) -> AdjournError | None:
        """Follows the run from `begin()` to its end, or until `drop`.

        Returns the error if the run could not begin or was deleted; else None.
        """
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
        """Stops following the run. The run itself goes on."""
        self._scope.cancel()

    def leave_waiting(self) -> None:
        """Asks for none of the decisions that are open now, until `ask_again`."""
        self._leave_waiting({call.tool_call_id for call in self.to_ask})

    def ask_again(self) -> None:
        """Asks for all open decisions again."""
        self._later.clear()

    def show(self, item: Envelope | RunSnapshot) -> None:
        """Shows an event or snapshot of the run."""
        with self._screen.beside():
            self._view.show(item)
            if isinstance(item, Envelope) and isinstance(item.event, MessageUpdate):
                return
            self._moved.set()
            if self._open is not None and not self._is_wanted(self._open):
                self._close(self._open)

    def _is_wanted(self, prompt: _Open) -> bool:
        """Whether the prompt is still needed."""
        if prompt.kind == "rest":
            return self.rests
        return prompt.call_id in {call.tool_call_id for call in self._chat.pending_decisions}

    def _close(self, prompt: _Open) -> None:
        """Removes the prompt, and what was typed there so far."""
        prompt.scope.cancel()
        self._open = None
        self._screen.drop_prompt()
        self._keyboard.forget()
        if prompt.kind == "decision" and not self.is_aborting:
            self._screen.line("  (settled elsewhere; no answer is needed any more)", "yellow")

    @property
    def to_ask(self) -> list[PendingCall]:
        """The calls to ask the person about now."""
        done_with = self._settled | self._later
        return [call for call in self._chat.pending_decisions if call.tool_call_id not in done_with]

    @property
    def rests(self) -> bool:
        """Whether the run waits, but not for an answer to a question here: for "later", or for another client."""
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
        """Takes commands while the run `rests`."""
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
        elif scope.cancel_called or not self.rests:  # the run went on meanwhile, and may be over
            self._host.hold_back(entry)
        else:
            await self._host.take(entry)

    async def _decide(self, call: PendingCall) -> None:
        """Shows one call and asks for its decision."""
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
        """Stops asking about these calls until `ask_again`."""
        self._later |= call_ids
        if self._open is not None:
            self._open.scope.cancel()
            self._open = None
            self._screen.drop_prompt()
            self._screen.end_line()
        self._is_told = False

    async def _hand_in(self, call: PendingCall, decided: Decision | Declined) -> bool:
        """Sends the answer. Returns whether the call is settled: not if the decision was invalid."""
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
