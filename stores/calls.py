"""The functions that each store at a server has, in modules: each function is a call over one connection. No code here.

`postgres/reads.py` has the functions of `Reads`, `postgres/ownership.py` those of `Owning`, and so on. `ServedStore`
calls them for its methods of the same names.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from ..protocol.events import Status
from ..protocol.record import Head, Record
from .base import Acquired, Page
from .lane import Link
from .saves import Save
from .shared import Changed, Claimed, Node, Orphan, Owned

__all__ = ["Changes", "Owning", "Reads", "Saves"]

Over = TypeVar("Over", bound=Link, contravariant=True)  # a connection


class Reads(Protocol[Over]):
    """Functions that read."""

    async def load(self, connection: Over, run_id: str) -> Record | None: ...

    async def page(
        self,
        connection: Over,
        *,
        status: Status | None,
        agent: str | None,
        waiting: bool,
        limit: int,
        cursor: tuple[int, str] | None,
    ) -> Page: ...

    async def count(self, connection: Over, status: Status) -> int: ...

    async def due(self, connection: Over, now: int, limit: int, cursor: tuple[int, str]) -> tuple[Head, ...]: ...

    async def versions(self, connection: Over, run_ids: Sequence[str]) -> Mapping[str, int]: ...


class Owning(Protocol[Over]):
    """Functions for owners and nodes."""

    async def acquire(self, connection: Over, owner: str) -> Acquired: ...

    async def release(self, connection: Over, epoch: int) -> None: ...

    async def delete(self, connection: Over, run_id: str, epoch: int, node_id: str | None) -> None: ...

    async def join(self, connection: Over, node: Node, lease_s: float) -> int: ...

    async def renew(self, connection: Over, node: Node, lease_s: float) -> bool: ...

    async def leave(self, connection: Over, node_id: str) -> None: ...

    async def nodes(self, connection: Over) -> Sequence[Node]: ...

    async def owners(self, connection: Over, run_ids: Sequence[str]) -> Mapping[str, Node]: ...

    async def claim(self, connection: Over, run_id: str, node_id: str) -> Claimed | Owned | None: ...

    async def orphans(
        self, connection: Over, node_id: str, agents: Sequence[str], limit: int, known: Sequence[str] | None
    ) -> tuple[Orphan, ...]: ...

    async def let_go(self, connection: Over, node_id: str, runs: Sequence[tuple[str, int]]) -> None: ...


class Changes(Protocol[Over]):
    """Functions for what other nodes have changed."""

    async def changed(self, connection: Over, node_id: str, mark: str | None, limit: int) -> Changed: ...


class Saves(Protocol[Over]):
    """Functions that save."""

    async def save_all(
        self, connection: Over, saves: Sequence[Save], node_id: str | None
    ) -> Sequence[Exception | None]:
        """Save different runs, as this node, if any. Return for each None, or why it was not saved."""
        ...
