"""Runs a supervisor's children in their tasks: restarts those that end, and gives up after too many restarts.

`regroup.py` restarts several children as one, `intensity.py` and `backoff.py` count and delay restarts.
"""

from __future__ import annotations

import logging
from contextvars import copy_context
from typing import Any

import trio

from .actor import Ended
from .backoff import Delays
from .child import GROUPED, SupervisorSpec
from .children import Child, Children
from .errors import RestartIntensityExceeded
from .intensity import Intensity
from .regroup import Regroup
from .reports import DeadLetter, Reports
from .tree import RestartLog

__all__ = ["Restarter"]

logger = logging.getLogger("adjourn.actors")

_CUT_SHORT = Ended("crashed")  # one for all children, to save memory


class Restarter:
    """The living children of one supervisor, and the decisions on their restarts.

    `nursery`: for the children's tasks. `body`: the supervisor's block, cancelled if the supervisor stops by itself.
    """

    def __init__(self, nursery: trio.Nursery, body: trio.CancelScope, spec: SupervisorSpec, reports: Reports) -> None:
        self.children: Children = {}
        self.regroup = Regroup(self.children)
        self.intensity = Intensity(spec.max_restarts, spec.within_s)
        self.log = RestartLog()
        self.failure: RestartIntensityExceeded | None = None  # why the supervisor gave up
        self.is_stopping = False
        self._nursery, self._body = nursery, body
        self._spec, self._reports = spec, reports
        self._delays = Delays(spec.backoff) if spec.backoff is not None else None
        self._significant = 0  # living significant children
        self._context = copy_context()  # children see the context variables of the task that opened the supervisor

    def start(self, child: Child[Any]) -> None:
        """Starts a child, to the right of all others."""
        spec = child.spec
        self.children[spec.name] = child
        self._significant += spec.significant
        self._context.run(self._nursery.start_soon, self._tend, spec.name, child, name=spec.name)

    def restart(self, names: list[str]) -> None:
        """Stops these children and starts them again. `regroup.wait_started` waits for it."""
        self.regroup.add(names)
        if not self.regroup.is_running:
            self.regroup.is_running = True
            self._context.run(self._nursery.start_soon, self.regroup.run, name="regroup")

    async def stop_all(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """Stops all children from right to left; with `simple_one_for_one`, all at the same time.

        If cancelled, cancels the rest in the same order.
        """
        self.is_stopping = True
        self.regroup.close()
        right_to_left = list(reversed(self.children.values()))
        try:
            if self._spec.strategy == "simple_one_for_one":
                await _stop_together(right_to_left)
            for child in right_to_left:
                if child.ref.is_alive:  # after `_stop_together`: it is cancelled, and this only waits for it
                    await child.stop(child.spec.shutdown_s)
        finally:
            with trio.CancelScope(shield=True):
                for child in right_to_left:
                    if child.ref.is_alive:
                        child.cancel()
                        await child.ref.wait_ended()
            if error is not None:
                raise error  # if stopping was cancelled, the body's own error must still come out

    async def _tend(self, name: str, child: Child[Any]) -> None:
        """Runs one child, with its restarts."""
        ended = _CUT_SHORT
        try:
            ended = await child.run_once()
            while self._restarts(name, child, ended):
                child.prepare_restart(ended)
                await self._wait_turn(name, child)
                if child.is_stopping or self.is_stopping:
                    break
                child.resume()
                ended = await child.run_once()
        except BaseException as error:
            # An interrupt is not the child's crash: no restart; it goes on through the block to the program.
            ended = Ended("crashed", error)
            raise
        finally:
            self._end(name, child, ended)

    async def _wait_turn(self, name: str, child: Child[Any]) -> None:
        """Waits until the child may be started again, or must not be."""
        await self.regroup.wait_turn(name, self._delay_s(name))
        while name in self.regroup.stopped and not (child.is_stopping or self.is_stopping):
            await self.regroup.wait_turn(name, 0)

    def _end(self, name: str, child: Child[Any], ended: Ended) -> None:
        del self.children[name]
        for body in child.end(ended):
            self._reports.put(DeadLetter(name, body, str(ended)))
        if self._delays is not None:
            self._delays.forget(name)
        if child.spec.significant:
            self._lost_significant(name, by_itself=not child.is_stopping and name not in self.regroup.stopped)
        self.regroup.left(name)

    def _restarts(self, name: str, child: Child[Any], ended: Ended) -> bool:
        """Whether to restart after this end. Fails the supervisor if there were too many restarts."""
        if child.spec.restart == "temporary" or child.is_stopping or self.is_stopping:
            return False
        if name in self.regroup.stopped:
            self.log.add(name, ended, on_purpose=True)
            self.regroup.ended(name)
            return True
        if child.spec.restart == "transient" and ended.how != "crashed":
            return False
        if not self.intensity.allows(trio.current_time()):
            self._fail(name, ended)
            return False
        self.log.add(name, ended, on_purpose=False)
        if self._spec.strategy in GROUPED:
            self._restart_group(name)
        return True

    def _restart_group(self, name: str) -> None:
        names = list(self.children)
        if self._spec.strategy == "rest_for_one":
            names = names[names.index(name) :]
        self.regroup.delay_s = max(self.regroup.delay_s, self._delay_s(name))
        self.restart(names)
        self.regroup.ended(name)

    def _delay_s(self, name: str) -> float:
        if self._delays is None or name in self.regroup.stopped:
            return 0.0
        return self._delays.next_s(name, trio.current_time())

    def _lost_significant(self, name: str, *, by_itself: bool) -> None:
        self._significant -= 1
        if by_itself and (self._spec.auto_shutdown == "any_significant" or not self._significant):
            logger.info("supervisor stops: its significant child %r ended", name)
            self.is_stopping = True
            self._body.cancel()

    def _fail(self, name: str, ended: Ended) -> None:
        text = (
            f"child {name!r} ended ({ended}), after {self._spec.max_restarts} restarts within {self._spec.within_s} s"
        )
        logger.error("supervisor gives up: %s", text)
        self.failure = RestartIntensityExceeded(text)
        self.failure.__cause__ = ended.error
        self.is_stopping = True
        self._body.cancel()


async def _stop_together(children: list[Child[Any]]) -> None:
    """Asks all children to stop, and cancels each after its own `shutdown_s`, or at once if this call is cancelled.

    Returns when each has ended or is cancelled. Waits for one after the other: those with the shortest bound come
    first, so each is cancelled in time.
    """
    began = trio.current_time()
    for child in children:
        child.ask_to_stop()
    try:
        for child in sorted(children, key=lambda child: child.spec.shutdown_s):
            if child.ref.is_alive:
                with trio.CancelScope(deadline=began + child.spec.shutdown_s):
                    await child.ref.wait_ended()
                if child.ref.is_alive:
                    child.cancel()
    finally:
        for child in children:
            if child.ref.is_alive:
                child.cancel()
