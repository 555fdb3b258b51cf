"""The taps of one run: middleware that looks at events as they are published. It never holds the run up."""

from collections.abc import Sequence

from ...protocol.events import Envelope, Event, MiddlewareError
from .chain import around, error_info, name_of
from .interface import Middleware

__all__ = ["Taps", "taps_of"]


class Taps:
    """Those of one run's middleware that look at its events."""

    __slots__ = ("_failed", "_run_id", "_taps", "untold")

    def __init__(self, taps: Sequence[Middleware], run_id: str) -> None:
        self._taps, self._run_id = taps, run_id
        self._failed: set[int] = set()  # their places
        self.untold: list[MiddlewareError] = []  # what watchers are to be told, one event for each tap at most

    def see(self, events: Sequence[Event], last: int, time: int) -> None:
        """Let each see events that have just been published; `last` is the number of the last of them."""
        for seq, event in enumerate(events, last - len(events) + 1):
            envelope = Envelope(run_id=self._run_id, seq=seq, time=time, event=event)
            for place, tap in enumerate(self._taps):
                try:
                    tap.on_event(envelope)
                except Exception as error:
                    self._note(place, error, envelope)

    def _note(self, place: int, error: Exception, envelope: Envelope) -> None:
        name = name_of(self._taps[place])
        info = error_info(error, f"middleware {name}, at event {envelope.seq} of run {self._run_id}")
        if place not in self._failed and not isinstance(envelope.event, MiddlewareError):
            self._failed.add(place)
            self.untold.append(MiddlewareError(middleware=name, where="event", error=info))


def taps_of(middleware: Sequence[Middleware], run_id: str) -> Taps | None:
    """The taps of one run; None where there are none."""
    taps = around(middleware, "on_event") if middleware else []
    return Taps(taps, run_id) if taps else None
