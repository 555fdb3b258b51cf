"""The trio events that the hints of other nodes set. No I/O here."""

import trio

from .shared import Hint

__all__ = ["Hints"]


class Hints:
    """One event for each kind of hint: `SharedStore.hinted` returns it, and the next hint of that kind sets it."""

    def __init__(self) -> None:
        self._events: dict[Hint, trio.Event] = {}

    def event(self, hint: Hint) -> trio.Event:
        """Return the event that the next such hint sets."""
        return self._events.setdefault(hint, trio.Event())

    def arrived(self, hint: Hint) -> None:
        """Set the event of such hints. The next call of `event` returns a new one."""
        event = self._events.pop(hint, None)
        if event is not None:
            event.set()
