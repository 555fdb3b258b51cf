"""The actor core: mailboxes, actors, supervisors. Knows nothing of agents, runs or stores, and is usable alone.

| file | what it has |
|---|---|
| `actor.py` | the reference to an actor, and its owner's side |
| `mailbox.py`, `mail.py` | the mailbox, and one message with its answer |
| `child.py` | `ChildSpec` and `SupervisorSpec`: a tree as data |
| `supervisor.py`, `restarter.py`, `regroup.py` | starts, restarts and stops children |
| `children.py` | the living children of a supervisor |
| `monitors.py`, `links.py` | how one actor learns that another one ended |
| `names.py` | names for a whole program |
| `timers.py` | messages to oneself, later or periodically |
| `reports.py` | dead letters and alarms of full mailboxes |
| `tree.py` | the living tree as plain data |
"""

from .actor import Actor, ActorRef, ActorStatistics, Ended, Watcher
from .backoff import Backoff
from .child import AutoShutdown, ChildSpec, Restart, Strategy, SupervisorSpec
from .errors import (
    ActorCrashed,
    ActorEnded,
    ActorError,
    LinkBroken,
    MailboxFull,
    NameTaken,
    RestartIntensityExceeded,
)
from .links import open_link
from .mail import Mail
from .mailbox import Mailbox, MailboxStatistics
from .monitors import Down, Monitors, open_monitors
from .names import Names
from .reports import DeadLetter, DepthAlarm, Report, ReportReader, Reports
from .supervisor import Supervisor, SupervisorStatistics, open_supervisor
from .timers import Timer, Timers, open_timers
from .tree import ActorState, Restarted, TreeNode

__all__ = [
    "Actor",
    "ActorCrashed",
    "ActorEnded",
    "ActorError",
    "ActorRef",
    "ActorState",
    "ActorStatistics",
    "AutoShutdown",
    "Backoff",
    "ChildSpec",
    "DeadLetter",
    "DepthAlarm",
    "Down",
    "Ended",
    "LinkBroken",
    "Mail",
    "Mailbox",
    "MailboxFull",
    "MailboxStatistics",
    "Monitors",
    "NameTaken",
    "Names",
    "Report",
    "ReportReader",
    "Reports",
    "Restart",
    "RestartIntensityExceeded",
    "Restarted",
    "Strategy",
    "Supervisor",
    "SupervisorSpec",
    "SupervisorStatistics",
    "Timer",
    "Timers",
    "TreeNode",
    "Watcher",
    "open_link",
    "open_monitors",
    "open_supervisor",
    "open_timers",
]
