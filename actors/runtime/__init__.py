"""The runtime: the actor system, its runs, and all that brings them into memory, carries them on and lets them rest."""

from .alone import DecisionNeeded
from .run import Run
from .system import ActorSystem, open_actor_system
from .system_statistics import SystemStatistics

__all__ = ["ActorSystem", "DecisionNeeded", "Run", "SystemStatistics", "open_actor_system"]
