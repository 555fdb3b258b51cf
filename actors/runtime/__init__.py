"""The runtime: the actor system, its runs, and all that brings them into memory, carries them on and lets them rest."""

from .run import Run
from .system import ActorSystem, open_actor_system
from .system_statistics import SystemStatistics

__all__ = ["ActorSystem", "Run", "SystemStatistics", "open_actor_system"]
