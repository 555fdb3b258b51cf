"""The living tree of a system as plain data: the actors of the core's tree, and what is known of runs.

`core/tree.py` looks at the actors. Nothing here waits.
"""

import trio

from ...protocol.firstwords import first_words
from ...protocol.record import FINAL
from ...protocol.summary import run_summary
from ...protocol.tree import ActorMailbox, ActorNode, ActorRestart, ActorTree
from ..core.mailbox import MailboxStatistics
from ..core.tree import Restarted, TreeNode
from .contracts import Contracts
from .registry import RUNS, Registry
from .run_actor import RunActor

__all__ = ["ActorTrees"]

MAX_CHARS = 200  # of a text in the tree


class ActorTrees:
    """Makes one tree. `now`: the time in ms since the epoch."""

    def __init__(self, registry: Registry, contracts: Contracts, now: int) -> None:
        self._registry, self._contracts = registry, contracts
        self._now, self._trio_now = now, trio.current_time()

    def of(self, root: TreeNode) -> ActorTree:
        """Returns the tree below the system's first supervisor."""
        return ActorTree(at=self._now, root=self._node(root, ()))

    def _node(self, node: TreeNode, above: tuple[str, ...]) -> ActorNode:
        path = (*above, node.name)
        actor = self._registry.actor_named(node.name) if above[1:] == (RUNS,) else None
        where = node.place if actor is None else _waits_for(actor)
        return ActorNode(
            name=_text(node.name),
            kind=node.kind if actor is None else "run",
            state=node.state,
            restart=node.restart,
            waits_for=where and _text(where),
            started_at=None if node.uptime_s is None else self._now - int(node.uptime_s * 1000),
            restarts=node.restarts,
            mailbox=None if node.mailbox is None else _mailbox(node.mailbox),
            run=None if actor is None else run_summary(actor.state.head, stranded=self._is_stranded(actor)),
            children=tuple(self._node(child, path) for child in node.children),
            more=node.more,
            restarts_left=node.restarts_left,
            recent=tuple(map(self._restart, node.recent)),
        )

    def _restart(self, restarted: Restarted) -> ActorRestart:
        at = self._now - int((self._trio_now - restarted.at) * 1000)
        return ActorRestart(name=_text(restarted.name), at=at, cause=_text(restarted.cause))

    def _is_stranded(self, actor: RunActor) -> bool:
        return self._contracts.fault(actor.state.head, actor.state.history) is not None


def _waits_for(actor: RunActor) -> str | None:
    """Returns what a run waits for, as text for people; None if it waits for nothing but its end."""
    head = actor.state.head
    if actor.state.store_down:
        return "the store"
    if head.status in FINAL:
        return None
    words = {
        "": [call.name for call in head.calls if call.executing],
        "a decision on ": [call.name for call in head.calls if call.phase == "gated"],
        "a client for ": [call.name for call in head.calls if call.phase == "offered" or call.claim is not None],
    }
    found = [f"{what}{', '.join(dict.fromkeys(names))}" for what, names in words.items() if names]
    return "; ".join(found) or ("the model" if head.status == "running" and head.abort is None else None)


def _mailbox(found: MailboxStatistics) -> ActorMailbox:
    return ActorMailbox(
        waiting=found.waiting_mail, capacity=found.capacity, senders=found.waiting_senders, unanswered=found.unanswered
    )


def _text(text: str) -> str:
    """Returns a text on one line, cut, and without the halves of characters that the wire can't carry."""
    return first_words(text.encode("utf-8", "replace").decode(), MAX_CHARS)
