"""Links: a block that fails when an actor, on which it depends, ends.

A link has one direction, other than Erlang's: the code in the block depends on the actor. Where both depend on each
other, each opens a link to the other one. A link in both directions would let an actor cancel code that is not its own;
in trio only the owner of a scope does that. To get a message instead of an error, use `open_monitors`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import trio

from .actor import ActorRef, Ended
from .errors import LinkBroken

__all__ = ["open_link"]


@contextmanager
def open_link(ref: ActorRef[Any]) -> Generator[None]:
    """Cancels the block when the actor ends, and then raises LinkBroken. A normal end for good changes nothing.

    Each other end breaks the link, also if the actor is going to be restarted: what it knew is lost. Another error of
    the block comes out instead.

    Raises: LinkBroken, also at once if the actor has ended already, in any way.
    """
    if not ref.is_alive:
        raise LinkBroken(f"actor {ref.name!r} had ended before it was linked")
    broken: list[Ended] = []

    def ended(how: Ended, is_final: bool) -> None:
        if how.how != "normal" or not is_final:
            broken.append(how)
            scope.cancel()

    scope = trio.CancelScope()
    unlink = ref.watch(ended)
    try:
        with scope:
            yield
    finally:
        unlink()
    if broken:
        raise LinkBroken(f"actor {ref.name!r} ended ({broken[0]})") from broken[0].error
