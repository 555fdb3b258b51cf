"""A chat for scripts: answers of the agent go to standard output; questions and errors to standard error."""

from dataclasses import dataclass

from rich.console import Console

from ...protocol.events import AgentEnd, Envelope, MessageEnd, ToolClientExecutePending, TurnEnd
from ...protocol.messages import AssistantMessage, Message
from ...protocol.methods import RunSnapshot
from ...protocol.rendering import visible
from .screen import Screen

__all__ = ["AnswerView", "Screens"]


@dataclass(frozen=True, slots=True)
class Screens:
    """The screens of a chat, one for each kind of text."""

    answers: Screen
    notes: Screen  # questions and errors
    small_talk: Screen  # greetings, and the prompt for a message
    are_quiet: bool = False

    @classmethod
    def usual(cls) -> "Screens":
        """Returns screens that write everything to standard output."""
        screen = Screen()
        return cls(screen, screen, screen)

    @classmethod
    def quiet(cls) -> "Screens":
        """Returns screens that write answers to standard output, notes to standard error, and no small talk."""
        return cls(Screen(), Screen(_console(stderr=True)), Screen(_console(quiet=True)), are_quiet=True)


class AnswerView:
    """Shows each message of an agent once, when it is complete, without the agent's name."""

    def __init__(self, answers: Screen, notes: Screen, *, known: int = 0) -> None:
        """Leaves out the first `known` messages of the run."""
        self._answers = answers
        self._notes = notes
        self._messages = known  # messages of the transcript that were shown
        self.latest = ""  # as in `RunView`

    def show(self, item: Envelope | RunSnapshot) -> None:
        """Shows an event or snapshot."""
        if isinstance(item, RunSnapshot):
            for message in item.snapshot.messages[self._messages :]:
                self._message(message)
            self._messages = max(self._messages, len(item.snapshot.messages))
            return
        match item.event:
            case MessageEnd(message=message):
                self._message(message)
                self._messages += 1
            case TurnEnd(tool_results=results):
                self._messages += len(results)
            case ToolClientExecutePending(tool_name=name):
                self._notes.hang(f"{visible(name)} waits for a client that can execute it", 4)
            case AgentEnd(status="failed" | "aborted" as status, reason=reason, error=error):
                self._notes.hang(f"the run is {status}: {error.message if error else reason}", 4, "red")
            case _:
                pass

    def _message(self, message: Message) -> None:
        if isinstance(message, AssistantMessage) and message.text:
            self._answers.line(message.text)


def _console(*, stderr: bool = False, quiet: bool = False) -> Console:
    return Console(stderr=stderr, quiet=quiet, highlight=False, markup=False, emoji=False, soft_wrap=True)
