"""Monitors: an actor gets a `Down` message when another one ends.

What Erlang has and this module does not, and why:

- The reason `noproc` for an actor that is gone: a reference knows how its actor ended.
- A message at each crash: a reference survives restarts, so by default only the end for good counts. `restarts=True`
  asks for all.
- Trapping exits: `restarts=True` brings the same news as a message, and no actor can end another one with a signal.
- Monitors of a name: `Names.whereis` gives the reference. Of a node: there are none.
- Aliases, which drop late answers: `ask` always drops them.
- `demonitor` with `flush`: each `Down` names its reference, so an actor can ignore it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .actor import ActorRef, Ended
from .mailbox import Mailbox

__all__ = ["Down", "Monitors", "open_monitors"]


@dataclass(frozen=True, slots=True)
class Down:
    """The message of a monitor: an actor ended.

    Attributes:
        ref: the actor that ended.
        ended: how it ended.
        is_final: whether it ended for good. False: it is going to be restarted.
    """

    ref: ActorRef[Any]
    ended: Ended
    is_final: bool


class Monitors:
    """The monitors of one actor."""

    def __init__(self, mailbox: Mailbox[Any]) -> None:
        self._mailbox = mailbox
        self._stops: dict[ActorRef[Any], Callable[[], None]] = {}

    def add(self, ref: ActorRef[Any], *, restarts: bool = False) -> None:
        """Monitors an actor: its `Down` comes once it has ended for good; with `restarts`, also at each end before a
        restart. If it is gone already, its `Down` is in the mailbox at once. Monitoring it again changes `restarts`.

        A `Down` takes no room in the mailbox and is never lost, except if this actor itself has ended.
        """
        self.remove(ref)

        def down(ended: Ended, is_final: bool) -> None:
            if is_final:
                self._stops.pop(ref, None)
            if is_final or restarts:
                self._mailbox.put_signal(Down(ref, ended, is_final))

        stop = ref.watch(down)
        if ref.is_alive:
            self._stops[ref] = stop

    def remove(self, ref: ActorRef[Any]) -> None:
        """Stops monitoring an actor, if it is monitored. A `Down` that is in the mailbox stays there."""
        stop = self._stops.pop(ref, None)
        if stop is not None:
            stop()

    def refs(self) -> tuple[ActorRef[Any], ...]:
        """Returns the actors that are monitored, which have not ended."""
        return tuple(self._stops)


@contextmanager
def open_monitors(mailbox: Mailbox[Any]) -> Generator[Monitors]:
    """Opens the monitors of the actor that reads `mailbox`, until the block ends: so they end with this start of it.

    async def manager(mailbox):
        with open_monitors(mailbox) as monitors:
            monitors.add(worker)
            async for mail in mailbox:
                if isinstance(mail.body, Down): ...
    """
    monitors = Monitors(mailbox)
    try:
        yield monitors
    finally:
        for ref in monitors.refs():
            monitors.remove(ref)
