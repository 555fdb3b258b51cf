"""The actor core: mailboxes, actors, supervisors. Knows nothing of agents, runs or stores, and is usable alone."""

from .actor import Actor, ActorRef, ActorStatistics, Ended
from .errors import ActorCrashed, ActorEnded, ActorError, MailboxFull, NameTaken, RestartIntensityExceeded
from .mail import Mail
from .mailbox import Mailbox, MailboxStatistics
from .supervisor import ChildSpec, Supervisor, open_supervisor

__all__ = [
    "Actor",
    "ActorCrashed",
    "ActorEnded",
    "ActorError",
    "ActorRef",
    "ActorStatistics",
    "ChildSpec",
    "Ended",
    "Mail",
    "Mailbox",
    "MailboxFull",
    "MailboxStatistics",
    "NameTaken",
    "RestartIntensityExceeded",
    "Supervisor",
    "open_supervisor",
]
