"""The errors of the actor core; `protocol/errors.py` draws them among all others."""

from ...protocol.errors import ProgramError

__all__ = ["ActorCrashed", "ActorEnded", "ActorError", "MailboxFull", "NameTaken", "RestartIntensityExceeded"]


class ActorError(ProgramError):
    """Whatever the actor core raises: ActorEnded, ActorCrashed, MailboxFull, NameTaken, RestartIntensityExceeded."""


class ActorEnded(ActorError):
    """The actor takes no mail any more: it has ended, or has been asked to stop."""


class ActorCrashed(ActorError):
    """The actor crashed while it owed this answer. The text names the cause; the log has its traceback."""


class MailboxFull(ActorError):
    """There is no room for this mail now."""


class NameTaken(ActorError):
    """A living child of this supervisor has this name."""


class RestartIntensityExceeded(ActorError):
    """Children crashed more often than their supervisor restarts them. The cause is the last crash."""
