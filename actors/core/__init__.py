"""The actor core: mailboxes, actors, supervisors. It knows nothing of agents, runs or stores, and is usable alone."""

from .actor import Actor, ActorRef, ActorStatistics, Ended, NameTaken, RestartIntensityExceeded
from .mailbox import ActorCrashed, ActorEnded, ActorError, Mail, Mailbox, MailboxFull, MailboxStatistics
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
