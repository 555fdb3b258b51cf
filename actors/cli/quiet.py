"""A chat for scripts: the agent's answers go to standard output, what a person must see to standard error."""

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
    """Where what is said in a chat goes, by its kind."""

    answers: Screen
    notes: Screen  # what a person must see: questions, what went wrong
    small_talk: Screen  # what a script has no use for: greetings, the prompt for a message
    are_quiet: bool = False

    @classmethod
    def usual(cls) -> "Screens":
        """All goes to standard output."""
        screen = Screen()
        return cls(screen, screen, screen)

    @classmethod
    def quiet(cls) -> "Screens":
        """Answers to standard output, notes to standard error, small talk nowhere."""
        return cls(Screen(), Screen(_console(stderr=True)), Screen(_console(quiet=True)), are_quiet=True)


class AnswerView:
    """Shows the complete messages of an agent, each once, without its name."""

    def __init__(self, answers: Screen, notes: Screen, *, known: int = 0) -> None:
        """The first `known` messages of the run are not shown."""
        self._answers = answers
        self._notes = notes
        self._messages = known  # how many of the transcript have been seen
        self.latest = ""  # as `RunView.latest`

    def show(self, item: Envelope | RunSnapshot) -> None:
        """Show what a watcher was sent."""
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
