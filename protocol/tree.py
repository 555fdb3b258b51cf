"""The living tree of an actor system, as plain data for clients. Data only."""

from typing import Literal

from .messages import Wire, shown
from .summary import RunSummary

__all__ = ["ActorMailbox", "ActorNode", "ActorRestart", "ActorTree"]


class ActorMailbox(Wire, frozen=True):
    """An actor's mailbox at one moment.

    Attributes:
        waiting: messages that the actor has not received yet.
        capacity: messages that fit.
        senders: senders that wait for room.
        unanswered: received messages whose askers still wait.
    """

    waiting: int
    capacity: int
    senders: int = 0
    unanswered: int = 0


class ActorRestart(Wire, frozen=True):
    """A restart of an actor.

    Attributes:
        name: the actor's name.
        at: when it went down, in milliseconds since the epoch.
        cause: why, for people, in at most 200 characters.
    """

    name: str
    at: int
    cause: str


class ActorNode(Wire, frozen=True):
    """An actor or a supervisor at one moment, with everything below it.

    Attributes:
        name: its name, in at most 200 characters.
        kind: what it is: an `actor`, a `supervisor`, or the actor of a `run`.
        state: `idle`: it waits for mail. `busy`: it does something else. `restarting`: it is down until its next start.
            `stopping`: it was asked to stop.
        restart: when it is restarted: `permanent`: after any end; `transient`: after a crash; `temporary`: never.
        waits_for: what it waits for, other than mail, for people: of a run `the model` or `a decision on refund_order`,
            of other actors the place in their code, as `fetch (crawler.py:31)`. None: unknown, or it waits for mail.
        started_at: when it was last started, in milliseconds since the epoch. None: it is not started.
        restarts: how often it was restarted.
        mailbox: its mailbox. None: it is a supervisor.
        run: the run, of kind `run`.
        children: of a supervisor: the living children, in the order in which they were started.
        more: of a supervisor: how many further children it has, beyond the limit or the depth.
        uncounted: True: it may have further children that `more` does not count, because some of them may be hidden
            from the client.
        restarts_left: of a supervisor: how many restarts it allows now before it gives up.
        recent: of a supervisor: the latest restarts of its children, oldest first, at most 16.
    """

    name: str
    kind: Literal["actor", "supervisor", "run"]
    state: Literal["idle", "busy", "restarting", "stopping"]
    restart: Literal["permanent", "transient", "temporary"]
    waits_for: str | None = None
    started_at: int | None = None
    restarts: int = shown(0)
    mailbox: ActorMailbox | None = None
    run: RunSummary | None = None
    children: "tuple[ActorNode, ...]" = ()
    more: int = shown(0)
    uncounted: bool = False
    restarts_left: int | None = None
    recent: tuple[ActorRestart, ...] = ()


class ActorTree(Wire, frozen=True):
    """The result of system.tree: the living actors at one moment. Runs that are not in memory have no actor.

    Attributes:
        at: that moment, in milliseconds since the epoch.
        root: the first supervisor. Its child `runs` is the supervisor of the runs.
    """

    at: int
    root: ActorNode
