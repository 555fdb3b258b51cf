"""Restarts children on purpose, though they did not crash: all that a strategy names, or one by hand.

They are stopped from right to left, then started from left to right. A supervisor among them starts its whole subtree
before the next child starts. If one crashes meanwhile, its group is added, and this begins anew. `restarter.py` decides
which children are concerned.
"""

from __future__ import annotations

from collections.abc import Iterable

import trio

from .children import Children

__all__ = ["Regroup"]


class Regroup:
    """The children that are to be stopped and started again, and all waits before a start."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self.stopped: dict[str, trio.Event] = {}  # the children concerned; set: its last start is over
        self._waits: dict[str, trio.CancelScope] = {}  # children that wait for their next start
        self._pause = trio.CancelScope(shield=True)  # around the delay before a group starts
        self._not_up: set[str] = set()  # supervisors among the children that have not started their subtree
        self._changed = trio.lowlevel.ParkingLot()  # tasks in `wait_started` and `_wait_up`
        self._is_closed = False
        self._is_anew = False
        self.is_running = False
        self.delay_s = 0.0  # before the children are started

    def add(self, names: Iterable[str]) -> None:
        """Adds children. Then `run` must run in a task."""
        for name in names:
            if name not in self.stopped:
                self.stopped[name] = trio.Event()
                if name in self._waits:  # it is down already
                    self.stopped[name].set()
        self._is_anew = True
        self._changed.unpark_all()

    def ended(self, name: str) -> None:
        """Notes that a start of a child is over."""
        if name in self.stopped:
            self.stopped[name].set()

    def left(self, name: str) -> None:
        """Notes that a child ended for good."""
        if name in self.stopped:
            self.stopped.pop(name).set()
            self._changed.unpark_all()
        if name in self._not_up:
            self.up(name)

    def down(self, name: str) -> None:
        """Notes that a child is a supervisor and has not started its whole subtree."""
        self._not_up.add(name)

    def up(self, name: str) -> None:
        """Notes that a supervisor among the children has started its whole subtree."""
        self._not_up.discard(name)
        self._changed.unpark_all()

    def is_down(self, name: str) -> bool:
        """Whether a child waits for its next start."""
        return name in self._waits

    async def wait_turn(self, name: str, delay_s: float) -> None:
        """Waits before the next start of a child: for its turn in the group, or for `delay_s` seconds.

        `wake` and `close` end the wait too. A caller that finds the child in the group again waits again.
        """
        with trio.CancelScope(shield=True) as self._waits[name]:
            if name in self.stopped:
                await trio.sleep_forever()
            elif delay_s:
                await trio.sleep(delay_s)
            else:
                await trio.lowlevel.checkpoint()  # even if each start crashes at once, others run
        del self._waits[name]

    async def wait_started(self, name: str) -> None:
        """Waits until a child was started, and a supervisor with its whole subtree, or until it ended for good."""
        while name in self.stopped or name in self._not_up:
            await self._changed.park()

    def wake(self, name: str) -> None:
        """Ends the wait of a child, if it waits."""
        if name in self._waits:
            self._waits[name].cancel()

    def close(self) -> None:
        """Starts no further child, and ends all waits."""
        self._is_closed = True
        self._pause.cancel()
        self._changed.unpark_all()
        for wait in self._waits.values():
            wait.cancel()

    async def run(self) -> None:
        """Restarts the children that were added, until none is left."""
        self.is_running = True
        with trio.CancelScope(shield=True):
            while self.stopped and not self._is_closed:
                self._is_anew = False
                await self._stop_all()
                if not self._is_anew:
                    await self._start_all()
        self.is_running = False

    async def _stop_all(self) -> None:
        for name in reversed(tuple(self._children)):
            if name in self.stopped:
                await self._stop(name, self.stopped[name])

    async def _stop(self, name: str, stopped: trio.Event) -> None:
        if stopped.is_set():
            return
        child = self._children[name]
        child.pause()
        with trio.move_on_after(child.spec.shutdown_s):
            await stopped.wait()
        if not stopped.is_set():
            child.cancel_start()
            await stopped.wait()

    async def _start_all(self) -> None:
        delay_s, self.delay_s = self.delay_s, 0.0
        if delay_s:
            with self._pause:
                await trio.sleep(delay_s)
        for name in tuple(self._children):
            if self._is_anew or self._is_closed:
                return
            if name in self.stopped:
                del self.stopped[name]
                self.wake(name)
                await trio.lowlevel.checkpoint()
                await trio.lowlevel.checkpoint()  # the child's task wakes, then reaches its first checkpoint
                await self._wait_up(name)
                self._changed.unpark_all()

    async def _wait_up(self, name: str) -> None:
        """Waits until a supervisor has started its whole subtree, or the group begins anew, or the restarts stop."""
        while name in self._not_up and not (self._is_anew or self._is_closed):
            await self._changed.park()
