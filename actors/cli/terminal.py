"""Shows a run on a terminal: its events as lines of text. Knows nothing of gateways."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...protocol.codec import to_json
from ...protocol.events import (
    AgentEnd,
    AgentResume,
    AgentRetry,
    AgentStart,
    Envelope,
    Event,
    MessageEnd,
    MessageStart,
    MessageUpdate,
    OpaqueBlock,
    TextDelta,
    ThinkingStart,
    ToolClientClaimed,
    ToolClientExecutePending,
    ToolDecisionPending,
    ToolDecisionResolved,
    ToolExecutionEnd,
    ToolExecutionStart,
    ToolExecutionUpdate,
    TurnEnd,
)
from ...protocol.messages import AssistantMessage, Message, ToolResultMessage, UserMessage, label_of
from ...protocol.methods import RunSnapshot
from ...protocol.rendering import render_call, visible
from ...protocol.transcript import PendingCall, Snapshot
from .answer import Answer
from .screen import Screen

__all__ = ["RunView", "call_line", "card_of"]

MAX_SHOWN_CHARS = 600  # of a tool's result
MAX_CALL_CHARS = 160  # of a call on one line


class RunView:
    """Shows one run from its events and snapshots. After events, a snapshot adds only what was missed."""

    def __init__(self, screen: Screen, *, known: int = 0, asks: bool = False) -> None:
        """Leaves out the first `known` messages: the watcher has written or seen them.

        `asks`: the caller itself shows a call when it asks for the call's decision."""
        self._screen = screen
        self._asks = asks
        self._agent = ""
        self._messages = known  # messages of the transcript that were shown
        self._said = ""  # shown text of the message that streams now
        self._answer: Answer | None = None  # that message on the screen
        self._thinks = False  # whether "thinking…" was shown for that message
        self._waiting: set[str] = set()  # calls shown as waiting, ...
        self._started: set[str] = set()  # ... as started, ...
        self._results: set[str] = set()  # ... as done
        self._lines: dict[str, str] = {}  # the shown line of each call
        self.latest = ""  # the call that the last line was about

    def show(self, item: Envelope | RunSnapshot) -> None:
        """Shows an event or snapshot."""
        if isinstance(item, Envelope):
            self.event(item.event)
        else:
            self.snapshot(item.snapshot)

    def snapshot(self, snapshot: Snapshot, stranded: str | None = None) -> None:
        """Shows what a snapshot adds. `stranded`: why the run can't go on in its server."""
        self._agent = snapshot.agent
        for message in snapshot.messages[self._messages :]:
            self._message(message)
        self._messages = max(self._messages, len(snapshot.messages))
        if snapshot.streaming is not None:
            self._catch_up(snapshot.streaming)
        for tool in snapshot.tools:
            self._call(tool.tool_call_id, tool.tool_name, tool.args)
            if tool.result is not None:
                self._result(tool.tool_call_id, tool.result.content, bool(tool.is_error))
        for call in snapshot.pending:
            self._waits(call, call.kind == "decision")
        if stranded is not None:
            self._screen.hang(f"  stranded: {stranded}", 4, "red")
        if snapshot.status in ("completed", "failed", "aborted"):
            self._end(snapshot.status, snapshot.reason or "", snapshot.error.message if snapshot.error else None)

    def event(self, event: Event) -> None:
        """Shows one event."""
        match event:
            case MessageUpdate(assistant_message_event=TextDelta(delta=delta)):
                self._say(delta)
            case MessageUpdate(assistant_message_event=ThinkingStart()):
                self._think()
            case MessageUpdate(assistant_message_event=OpaqueBlock(block=block)):
                self._screen.hang(f"  (by the provider itself: {block.kind})", 4, "dim")
            case MessageStart():
                self._said, self._thinks = "", False
            case MessageEnd(message=message):
                self._message(message)
                self._messages += 1
            case ToolExecutionStart():
                self._call(event.tool_call_id, event.tool_name, event.args)
            case ToolExecutionUpdate():
                self._of(event.tool_call_id, f"… {_shown(event.partial_result)}", "dim")
            case ToolExecutionEnd():
                self._result(event.tool_call_id, event.result.content, event.is_error)
            case ToolDecisionPending():
                self._waits(event, True)
            case ToolClientExecutePending():
                self._waits(event, False)
            case ToolDecisionResolved():
                self._of(event.tool_call_id, _resolution(event), "dim")
            case ToolClientClaimed():
                self._of(event.tool_call_id, f"claimed{_by(event.by)}", "dim")
            case TurnEnd():
                self._messages += len(event.tool_results)
            case AgentResume(reason="recovered"):
                self._void("its server stopped; the run goes on")
            case AgentRetry():
                wait = f" in {event.wait_s:.0f} s" if event.wait_s >= 1 else ""
                self._void(f"asking the model again{wait}: {event.reason}")
            case AgentEnd():
                self._end(event.status, event.reason, event.error.message if event.error else None)
            case AgentStart():
                self.snapshot(Snapshot(agent=event.agent, messages=event.input))
            case _:
                pass  # of no interest to a person

    def finish(self) -> None:
        """Ends the current message, and shows its rest, which waited for the end of a word or part."""
        if self._answer is not None:
            self._answer.end()
            self._answer = None
        self._screen.end_line()

    def _message(self, message: Message) -> None:
        match message:
            case UserMessage():
                self._screen.hang(f"you> {_text(message)}", 5)
            case AssistantMessage():
                self._lines.update((call.id, call_line(call.name, call.arguments)) for call in message.calls)
                self._catch_up(message)
                self._said = ""
                self.finish()
            case ToolResultMessage():
                self._result(message.tool_call_id, message.content, message.is_error)

    def _catch_up(self, message: AssistantMessage) -> None:
        text = message.text
        if not text.startswith(self._said):  # the message began anew
            self._void("the message began again")
        self._say(text[len(self._said) :])

    def _say(self, text: str) -> None:
        if text and (self._answer is None or not self._said):
            self._answer = Answer(self._screen, f"{self._agent or 'agent'}> ")
        if text and self._answer is not None:
            self._answer.add(text)
        self._said += text

    def _think(self) -> None:
        """Shows once in a message that the model thinks, because thinking may take minutes."""
        if not self._thinks and not self._said:
            self._screen.line("  (thinking…)", "dim")
        self._thinks = True

    def _void(self, why: str) -> None:
        words = f"{why}; the text so far is void" if self._said else why
        self._said = ""
        if self._answer is not None:
            self._answer.end_void()
            self._answer = None
        self._screen.line(f"  ({words})", "yellow")

    def _call(self, key: str, name: str, arguments: Mapping[str, Any]) -> None:
        if key not in self._started:
            self._started.add(key)
            self._about(key, name, arguments)
            self._screen.hang(f"  * {self._lines[key]}", 4, "cyan")

    def _waits(self, call: PendingCall | ToolDecisionPending | ToolClientExecutePending, decision: bool) -> None:
        key = call.tool_call_id
        if key in self._waiting:
            return
        self._waiting.add(key)
        self._about(key, call.tool_name, call.input)
        if isinstance(call, ToolClientExecutePending) or not decision:
            self._screen.hang(f"  ? {self._lines[key]} waits for a client that can execute it", 4, "yellow")
            return
        self._screen.line(f"  ? {visible(call.tool_name)} needs a decision", "yellow")
        if not self._asks:
            self._screen.card(card_of(call))

    def _about(self, key: str, name: str, arguments: Mapping[str, Any]) -> None:
        self.latest = key
        self._lines[key] = call_line(name, arguments)

    def _result(self, key: str, content: Sequence[Any], is_error: bool) -> None:
        if key not in self._results:
            self._results.add(key)
            text = "\n".join(label_of(block) for block in content)
            self._of(key, f"{'failed: ' if is_error else '-> '}{_cut(text)}", "red" if is_error else "dim")

    def _of(self, key: str, text: str, style: str) -> None:
        """Writes a line about a call. It names the call, unless the line above is about the same call."""
        call = "" if key == self.latest or key not in self._lines else f"{self._lines[key]} "
        self._screen.hang(f"    {call}{text}", 7, style)

    def _end(self, status: str, reason: str, error: str | None) -> None:
        self.finish()
        if status == "failed":
            self._screen.hang(f"  the run failed: {error or reason}", 4, "red")
        elif status == "aborted":
            self._screen.hang(f"  aborted ({reason})", 4, "yellow")


def card_of(call: PendingCall | ToolDecisionPending) -> tuple[str, ...]:
    """Returns the lines that show all of a call, for a person to decide by."""
    return render_call(call.tool_name, call.description, call.input)


def call_line(name: str, arguments: Mapping[str, Any]) -> str:
    """Returns a call as one line, cut if long: `refund_order(order_id=7, amount=69.5)`. Not enough to decide by."""
    shown = (f"{key}={_shown(value)}" for key, value in arguments.items())
    return _cut(visible(f"{name}({', '.join(shown)})"), MAX_CALL_CHARS)


def _resolution(event: ToolDecisionResolved) -> str:
    words = event.outcome + _by(event.by)
    if event.outcome == "decided":
        words += f": {_shown(event.decision)}"
    return f"{words}: {event.reason}" if event.reason else words


def _by(who: str | None) -> str:
    return f" by {who}" if who else ""


def _text(message: UserMessage) -> str:
    return " ".join(label_of(block) for block in message.blocks)


def _shown(value: Any) -> str:
    return _cut(to_json(value).decode())


def _cut(text: str, most: int = MAX_SHOWN_CHARS) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"
