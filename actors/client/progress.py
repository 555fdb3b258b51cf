"""A chat's progress in one run: the folded state, and which callbacks were called. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...protocol.events import AgentPaused, Envelope
from ...protocol.messages import Message
from ...protocol.methods import RunSnapshot
from ...protocol.transcript import Snapshot, Transcript

__all__ = ["Progress"]


@dataclass(slots=True)
class Progress:
    """How far a run has been folded, and which callbacks were called for it."""

    run_id: str | None  # None: only history, no run yet
    fold: Transcript
    seq: int | None = None  # of the last folded event; None: a snapshot comes first
    told: int = 0  # messages for which on_message was called, or is not needed
    announced: set[str] = field(default_factory=set[str])  # tool call ids for which on_decision_pending was called
    called: set[str] = field(default_factory=set[str])  # tool call ids for which on_tool_call was called
    answered: set[str] = field(default_factory=set[str])  # tool call ids for which the server accepted our answer
    due: int = 0  # seq of our last accepted request: earlier pauses of the run don't count
    is_begun: bool = False  # whether the server has the run, and lets us watch it
    is_finished: bool = False  # whether on_finish was called

    @classmethod
    def history(cls, messages: Sequence[Message]) -> "Progress":
        """Returns the state before a run: only the messages so far."""
        return cls(None, Transcript(Snapshot(messages=tuple(messages))))

    @property
    def is_behind(self) -> bool:
        """Whether more events are certain to come without anyone's action."""
        return self.seq is None or self.seq < self.due or self.fold.status == "running"

    def take_in(self, item: Envelope | RunSnapshot) -> None:
        """Folds the next item of the run."""
        if isinstance(item, Envelope):
            self.fold.apply(item.event)
        else:
            self.fold = Transcript(item.snapshot)
            self.told = len(item.snapshot.messages) if self.seq is None else self.told
        self.seq = item.seq

    def rests(self, item: Envelope | RunSnapshot, before: int) -> bool:
        """Whether the run has paused with `item`, or is still paused after our last answer. `before`: the previous
        seq.
        """
        pauses = isinstance(item.event, AgentPaused) if isinstance(item, Envelope) else item.seq != before
        is_new = (pauses and item.seq >= self.due) or before < self.due <= item.seq
        return self.fold.status == "paused" and is_new
