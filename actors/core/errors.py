"""The errors of the actor core; `protocol/errors.py` draws them among all others."""

from ...protocol.errors import ProgramError

__all__ = [
    "ActorCrashed",
    "ActorEnded",
    "ActorError",
    "LinkBroken",
    "MailboxFull",
    "NameTaken",
    "RestartIntensityExceeded",
]


class ActorError(ProgramError):
    """Base of the actor core's errors: ActorEnded, ActorCrashed, LinkBroken, MailboxFull, NameTaken,
    RestartIntensityExceeded."""


class ActorEnded(ActorError):
    """The actor takes no more mail: it has ended, or was asked to stop."""


class ActorCrashed(ActorError):
    """The actor crashed before it answered. The text names the cause; the log has the traceback."""


class MailboxFull(ActorError):
    """The mailbox has no room for this message now."""


class LinkBroken(ActorError):
    """An actor that the block depends on has ended. The cause is its crash, if it crashed."""


class NameTaken(ActorError):
    """A living actor has this name."""


class RestartIntensityExceeded(ActorError):
    """Children crashed more often than their supervisor may restart them. The cause is the last crash."""
