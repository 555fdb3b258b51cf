"""The runtime: the actor system and its runs, from activation and recovery to passivation."""

from .alone import DecisionNeeded
from .run import Run
from .system import ActorSystem, open_actor_system
from .system_statistics import SystemStatistics

__all__ = ["ActorSystem", "DecisionNeeded", "Run", "SystemStatistics", "open_actor_system"]
