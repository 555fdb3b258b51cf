"""How far a chat has come with one run: what is folded, and which callbacks were called for it. No I/O."""

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

    run_id: str | None  # None: there is only history, no run yet
    fold: Transcript
    seq: int | None = None  # of the last event that is folded; None: a snapshot will come first
    told: int = 0  # messages that on_message was called for, or need not be
    announced: set[str] = field(default_factory=set[str])  # tool call ids that on_decision_pending was called for
    called: set[str] = field(default_factory=set[str])  # tool call ids that on_tool_call was called for
    answered: set[str] = field(default_factory=set[str])  # tool call ids for which the server accepted our answer
    due: int = 0  # seq of our last request that the server accepted: the run's pauses before it don't count
    is_begun: bool = False  # whether the server has the run, and lets us watch it
    is_finished: bool = False  # whether on_finish was called

    @classmethod
    def history(cls, messages: Sequence[Message]) -> "Progress":
        """The state before a run: only the messages so far."""
        return cls(None, Transcript(Snapshot(messages=tuple(messages))))

    @property
    def is_behind(self) -> bool:
        """Whether events are certain to come without anybody's doing."""
        return self.seq is None or self.seq < self.due or self.fold.status == "running"

    def take_in(self, item: Envelope | RunSnapshot) -> None:
        """Fold the next item of the run."""
        if isinstance(item, Envelope):
            self.fold.apply(item.event)
        else:
            self.fold = Transcript(item.snapshot)
            self.told = len(item.snapshot.messages) if self.seq is None else self.told
        self.seq = item.seq

    def rests(self, item: Envelope | RunSnapshot, before: int) -> bool:
        """Whether the run waits for somebody since `item`, which came after `before`: it has paused now, or is still
        paused after our last answer.
        """
        pauses = isinstance(item.event, AgentPaused) if isinstance(item, Envelope) else item.seq != before
        is_new = (pauses and item.seq >= self.due) or before < self.due <= item.seq
        return self.fold.status == "paused" and is_new
