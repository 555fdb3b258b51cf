"""This system as one of the nodes of a shared store: its lease, and its claims on runs.

A node renews one lease for all its runs. While it can't, it starts no effects from one beat before the lease ends. When
it finds that the lease has ended, it takes its runs out of memory without saving, and joins again as another node.
"""

import logging
import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from math import inf

import trio

from ...protocol.errors import RunElsewhere, StaleEpoch, StoreUnavailable
from ...protocol.record import Head
from ...stores.shared import Claimed, Node, Owned, SharedStore
from ..core.mailbox import Mailbox
from .tenure import RELEASE_S

__all__ = ["Membership"]

logger = logging.getLogger("adjourn.system")

MOST_LET_GO = 1_000  # runs in a call
DOUBT_S = 60.0  # how late, at most, the store may still execute a call that has failed here


class Membership:
    """Implements `Tenure` for one node of a shared store. `lease_s`, `beat_s`: how long a lease is, how often renewed.

    `lost`: called when the lease has ended, before the node joins again.
    """

    is_shared = is_clean = True
    is_over = False

    def __init__(self, store: SharedStore, lease_s: float, beat_s: float) -> None:
        self.store, self._lease_s, self.beat_s = store, lease_s, beat_s
        self.node = _new_node(None)
        self.epoch = 0
        self.lost: Callable[[], None]  # set by the runtime
        self._held = trio.Event()
        self._ends_at = -inf  # the end of the lease, on trio's clock; the store's end is later
        self._beat = trio.Event()
        self._doubt_ends_at = -inf
        self._let_go: dict[str, int] = {}  # runs that have left memory, with the epoch of their claim

    @property
    def is_held(self) -> bool:
        """Whether effects may start. By the clock alone, so also right after this process was stopped for long."""
        return trio.current_time() < self._ends_at - self.beat_s

    @property
    def is_in_doubt(self) -> bool:
        """Whether a claim has failed lately: this node may own runs that it doesn't know of."""
        return trio.current_time() < self._doubt_ends_at

    @property
    def letting_go(self) -> list[str]:
        """The ids of runs that have left memory, but are not released in the store yet."""
        return list(self._let_go)

    def check_held(self) -> None:
        if not self.is_held:
            raise StoreUnavailable("this node could not renew its lease: its runs stand still until the store answers")

    def check(self) -> None:
        """Does nothing: a shared store is never lost."""

    def refused(self, refusal: StaleEpoch) -> None:
        logger.warning("another node has taken over a run: %s", refusal)

    async def wait_over(self) -> None:
        await trio.sleep_forever()

    async def wait_held(self) -> None:
        while not self.is_held:
            await self._held.wait()

    async def claim(self, run_id: str) -> Claimed | None:
        self.check_held()
        self._let_go.pop(run_id, None)
        with self.doubting():
            found = await self.store.claim(run_id)
        if isinstance(found, Owned):
            elsewhere = RunElsewhere(f"another node of the store owns run {run_id}", runId=run_id)
            # The url of a node that died may be this one's now. Then a request sent there would come back here.
            elsewhere.url = None if found.url == self.node.url else found.url
            raise elsewhere
        return found

    @contextmanager
    def doubting(self) -> Generator[None]:
        try:
            yield
        except StoreUnavailable:
            self._doubt_ends_at = trio.current_time() + DOUBT_S
            raise

    def let_go(self, run_id: str, epoch: int) -> None:
        self._let_go[run_id] = epoch
        self._beat.set()

    def epoch_to_delete(self, head: Head) -> int:
        return head.epoch

    def announce(self, url: str) -> None:
        """Tells the other nodes, at the next beat, which comes now, where this one is reached."""
        self.node = Node(self.node.id, url)
        self._beat.set()

    async def join(self) -> None:
        """Joins the store. Raises: StoreUnavailable."""
        sent = trio.current_time()
        self.epoch = await self.store.join(self.node, self._lease_s)
        self._hold(sent)

    async def run(self, mailbox: Mailbox[None]) -> None:
        """The actor that renews the lease, and lets runs go."""
        while True:
            self._beat = trio.Event()
            await self._renew()
            await self._tell_let_go()
            with trio.move_on_after(self.beat_s):
                await self._beat.wait()

    async def watch(self, mailbox: Mailbox[None]) -> None:
        """The actor that keeps effects from starting from one beat before the lease ends."""
        while True:
            await self.wait_held()
            await trio.sleep_until(self._ends_at - self.beat_s)
            if not self.is_held:
                self._held = trio.Event()
                logger.warning("this node could not renew its lease: its runs stand still until the store answers")

    async def leave(self) -> None:
        with trio.move_on_after(RELEASE_S, shield=True):
            try:
                await self.store.leave()
            except Exception as error:
                logger.warning("could not save that this node left in order: %s", error)

    async def _renew(self) -> None:
        sent = trio.current_time()
        try:
            if await self.store.renew(self.node, self._lease_s):
                self._hold(sent)
                return
            logger.error("this node's lease has ended: other nodes continue its runs, and it joins again")
            self.lost()
            self._let_go.clear()
            self.node = _new_node(self.node.url)
            await self.join()
        except StoreUnavailable as error:
            logger.warning("the lease was not renewed: %s", error)

    def _hold(self, sent: float) -> None:
        self._ends_at = sent + self._lease_s
        if self.is_held:
            self._held.set()

    async def _tell_let_go(self) -> None:
        while self._let_go:
            runs = list(self._let_go.items())[:MOST_LET_GO]
            try:
                await self.store.let_go(runs)
            except StoreUnavailable:
                return  # the next beat tries again
            for run_id, epoch in runs:
                if self._let_go.get(run_id) == epoch:
                    del self._let_go[run_id]


def _new_node(url: str | None) -> Node:
    return Node(secrets.token_hex(8), url)
