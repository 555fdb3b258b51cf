"""The actor core: mailboxes, actors, supervisors. Knows nothing of agents, runs or stores, and is usable alone.

| file | what it has |
|---|---|
| `actor.py` | the reference to an actor, and its owner's side |
| `mailbox.py`, `mail.py` | the mailbox, and one message with its answer |
| `child.py` | `ChildSpec` and `SupervisorSpec`: a tree as data |
| `supervisor.py` | starts, restarts and stops children |
| `reports.py` | dead letters and alarms of full mailboxes |
"""

from .actor import Actor, ActorRef, ActorStatistics, Ended, Watcher
from .backoff import Backoff
from .child import AutoShutdown, ChildSpec, Restart, Strategy, SupervisorSpec
from .errors import (
    ActorCrashed,
    ActorEnded,
    ActorError,
    MailboxFull,
    NameTaken,
    RestartIntensityExceeded,
)
from .mail import Mail
from .mailbox import Mailbox, MailboxStatistics
from .reports import DeadLetter, DepthAlarm, Report, ReportReader
from .supervisor import Supervisor, SupervisorStatistics, open_supervisor

__all__ = [
    "Actor",
    "ActorCrashed",
    "ActorEnded",
    "ActorError",
    "ActorRef",
    "ActorStatistics",
    "AutoShutdown",
    "Backoff",
    "ChildSpec",
    "DeadLetter",
    "DepthAlarm",
    "Ended",
    "Mail",
    "Mailbox",
    "MailboxFull",
    "MailboxStatistics",
    "NameTaken",
    "Report",
    "ReportReader",
    "Restart",
    "RestartIntensityExceeded",
    "Strategy",
    "Supervisor",
    "SupervisorSpec",
    "SupervisorStatistics",
    "Watcher",
    "open_supervisor",
]
