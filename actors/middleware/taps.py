"""Passes a run's published events to its middleware; the run never waits for this."""

from collections.abc import Sequence
from copy import deepcopy

from ...protocol import codec
from ...protocol.events import Envelope, Event, MessageUpdate, MiddlewareError
from ...protocol.record import Head
from ..core.faults import foreign_error
from .chain import around, error_info, logger, name_of
from .interface import Middleware

__all__ = ["Taps", "taps_of"]


class Taps:
    """The middleware of one run that watches its events."""

    __slots__ = ("_failed", "_run_id", "_taps", "untold")

    def __init__(self, taps: Sequence[Middleware], run_id: str) -> None:
        self._taps, self._run_id = taps, run_id
        self._failed: set[int] = set()  # their places in `_taps`
        self.untold: list[MiddlewareError] = []  # errors that watchers haven't seen yet; at most one for each tap

    def see(self, events: Sequence[Event], last: int, time: int) -> None:
        """Passes on events that were just published; `last` is the seq of the last one."""
        for seq, event in enumerate(events, last - len(events) + 1):
            envelope = Envelope(run_id=self._run_id, seq=seq, time=time, event=event)
            for place, tap in enumerate(self._taps):
                try:
                    tap.on_event(_own(envelope))
                except BaseException as raised:  # noqa: ASYNC103  # it is not awaited
                    self._note(place, raised, envelope)

    def activate(self, head: Head) -> None:
        """Tells the middleware that the run has come into memory."""
        for tap in self._taps:
            try:
                tap.on_activation(head.id, head.agent, deepcopy(head.metadata))
            except BaseException as raised:  # noqa: ASYNC103  # it is not awaited
                where = f"middleware {name_of(tap)}, when run {head.id} came into memory"
                error_info(foreign_error(raised, where, logger), where)  # logs it

    def _note(self, place: int, raised: BaseException, envelope: Envelope) -> None:
        name = name_of(self._taps[place])
        where = f"middleware {name}, at event {envelope.seq} of run {self._run_id}"
        info = error_info(foreign_error(raised, where, logger), where)
        if place not in self._failed and not isinstance(envelope.event, MiddlewareError):
            self._failed.add(place)
            self.untold.append(MiddlewareError(middleware=name, where="event", error=info))


def _own(envelope: Envelope) -> Envelope:
    """Returns a copy, because a tool executes with the same arguments object that an event holds."""
    if isinstance(envelope.event, MessageUpdate):  # the most frequent; only texts and numbers
        return envelope
    return codec.from_json(codec.to_json(envelope), Envelope)


def taps_of(middleware: Sequence[Middleware], head: Head) -> Taps | None:
    """Returns the taps of a run that has come into memory; None if there are none."""
    taps = around(middleware, "on_event") if middleware else []
    if not taps:
        return None
    found = Taps(taps, head.id)
    found.activate(head)
    return found
