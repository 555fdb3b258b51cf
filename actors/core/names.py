"""Names of actors, for a whole tree or program. A supervisor's own names are `Supervisor.whereis`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .actor import ActorRef, Ended
from .errors import ActorEnded, NameTaken

__all__ = ["Names"]


class Names:
    """A registry of names. Each names one living actor, over its restarts, and is free when it ends for good.

    Make one for a program and hand it to those who need it. Erlang's registry is a global; this one is an object, so
    two systems in one process do not share names. Erlang's process groups (`pg`) have no counterpart here: several
    actors under one name are a list that the program keeps.
    """

    def __init__(self) -> None:
        self._refs: dict[str, tuple[ActorRef[Any], Callable[[], None]]] = {}

    def register(self, name: str, ref: ActorRef[Any]) -> None:
        """Gives an actor a name; it may have several.

        Raises: NameTaken if another living actor has the name, or this one has it already; ActorEnded if the actor has
            ended.
        """
        if name in self._refs:
            raise NameTaken(f"the name {name!r} belongs to {self._refs[name][0]!r}")
        if not ref.is_alive:
            raise ActorEnded(f"{ref!r} can't be named {name!r}: it has ended")

        def free(_ended: Ended, is_final: bool) -> None:
            if is_final:
                del self._refs[name]

        self._refs[name] = ref, ref.watch(free)

    def unregister(self, name: str) -> None:
        """Frees a name. Does nothing if it is free."""
        if name in self._refs:
            _, unwatch = self._refs.pop(name)
            unwatch()

    def whereis(self, name: str) -> ActorRef[Any] | None:
        """Returns the living actor of this name, if there is one."""
        return self._refs[name][0] if name in self._refs else None

    def registered(self) -> tuple[str, ...]:
        """Returns all names in use, sorted."""
        return tuple(sorted(self._refs))
