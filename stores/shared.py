"""Stores that several nodes use at once: each run has its own owner, and its own epoch. No implementation here.

A *node* is a process with a lease in the store, which it renews. It owns the runs that it has claimed, until it lets
them go, leaves, or its lease ends; then any other node may claim them. A claim raises the run's epoch, and a save or
delete with an older epoch raises StaleEpoch: so a node that was frozen past its lease can't write to runs that others
have claimed since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import trio

from ..protocol.record import Head
from .base import Store

__all__ = ["CHANGES_KEPT_S", "Changed", "Claimed", "Hint", "Node", "Orphan", "Owned", "SharedStore"]

CHANGES_KEPT_S = 60  # how long a mark of `changed` is valid, at least

# "changed": another node has saved or deleted a run. "left": another node has left, so its runs have no owner.
Hint: TypeAlias = Literal["changed", "left"]


@dataclass(frozen=True, slots=True)
class Node:
    """A process that uses a shared store.

    Attributes:
        id: the node's id, never used before.
        url: where other nodes reach its gateway; None: nowhere.
    """

    id: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run that this node owns now.

    Attributes:
        epoch: the run's epoch, greater than all before; saves must have it.
        is_clean: the owner before has let the run go, or it had none. False: the owner's lease ended.
    """

    epoch: int
    is_clean: bool


@dataclass(frozen=True, slots=True)
class Owned:
    """A run that another live node owns.

    Attributes:
        node: that node's id.
        url: where that node is reached; None: nowhere.
    """

    node: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Orphan:
    """A running run that no live node owned, and that this node has claimed.

    Attributes:
        head: the run's head.
        claimed: the claim.
    """

    head: Head
    claimed: Claimed


@dataclass(frozen=True, slots=True)
class Changed:
    """Runs that other nodes have changed since a mark.

    Attributes:
        mark: where the next look begins. Only the store knows what it means.
        saved: the present heads of runs that were saved.
        deleted: the last heads of runs that were deleted.
        is_complete: False: more runs have changed than the limit, and the next look doesn't have them either.
    """

    mark: str
    saved: tuple[Head, ...] = ()
    deleted: tuple[Head, ...] = ()
    is_complete: bool = True


@runtime_checkable
class SharedStore(Store, Protocol):
    """A store for several nodes at once. Its methods raise StoreUnavailable as those of `Store`.

    Leases are measured by the store's own clock, so the clocks of the nodes don't matter.
    """

    async def join(self, node: Node, lease_s: float) -> int:
        """Join as a node, with a lease of `lease_s` seconds. Runs that are saved first from now on belong to the node.

        A node that joins again, under another id, leaves its runs to the end of the earlier lease.

        Returns: the epoch for runs that are saved first.
        """
        ...

    async def renew(self, node: Node, lease_s: float) -> bool:
        """Renew the node's lease, which then ends in `lease_s` seconds, and store its url.

        Returns: False if the lease had ended: other nodes may own its runs. Then nothing changes.
        """
        ...

    async def leave(self) -> None:
        """Let all runs of the node go, and end the lease. Idempotent."""
        ...

    async def claim(self, run_id: str) -> Claimed | Owned | None:
        """Own a run, unless another live node does. None: the run doesn't exist, or is over and needs no owner."""
        ...

    async def orphans(
        self, agents: Sequence[str], limit: int, *, known: Sequence[str] | None = None
    ) -> tuple[Orphan, ...]:
        """Own running runs of these agents that no live node owns, the oldest first.

        Each run goes to one node, also if several nodes call this at once. Runs whose heads can't be read are skipped.

        Args:
            agents: the names of agents whose runs this node can continue.
            limit: maximum number of runs.
            known: after a call that failed, the ids of all runs that the node knows it owns: runs that it owns beside
                them are returned too, as clean, also if they are paused.
        """
        ...

    async def versions(self, run_ids: Sequence[str]) -> Mapping[str, int]:
        """Return the stored versions of these runs, by id; without those that don't exist."""
        ...

    async def owners(self, run_ids: Sequence[str]) -> Mapping[str, Node]:
        """Return the live nodes that own these runs, by run id; without runs that are over, missing or without owner.

        Unlike `claim`, it changes nothing.
        """
        ...

    async def nodes(self) -> Sequence[Node]:
        """Return the nodes whose lease has not ended."""
        ...

    async def changed(self, mark: str | None, limit: int) -> Changed:
        """Return the runs that other nodes have saved or deleted since a mark.

        No change is left out because it was under way at the mark, and a run may be told more than once. Runs whose
        heads can't be read are skipped.

        Args:
            mark: from the last look, at most a minute ago; None: return only a mark, of this moment.
            limit: maximum number of runs.
        """
        ...

    def hinted(self, hint: Hint) -> trio.Event:
        """Return the event that the next hint of this kind sets. Never waits.

        A hint says that another node has changed something. It only saves time: it may come late or never, several may
        come as one, and a store may have none. So callers also look at the store at intervals. Get the event before
        you look at the store, so that no hint is missed. An event is set once; call this again for the next hint.

        A hint comes after its change, so a look after the hint finds the change. Own changes give no hints.
        """
        ...

    async def let_go(self, runs: Sequence[tuple[str, int]]) -> None:
        """Let runs go, given by id and epoch, so that any node may claim them at once. Others are left alone."""
        ...
