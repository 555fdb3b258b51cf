"""The figures of an actor system's memory. Data only."""

from dataclasses import dataclass

__all__ = ["SystemStatistics"]


@dataclass(frozen=True, slots=True)
class SystemStatistics:
    """What a system held at one moment."""

    active_runs: int
    """Runs in memory: running, or parked for less than `passivate_after_s`."""
    kept_logs: int
    """Event logs of runs that are not in memory: the run is watched, or ended a short while ago."""
    held_bytes: int
    """About how many bytes of memory these runs and all logs take."""
    budget_bytes: int
    """`memory_budget_bytes`: above it, parked runs and unwatched logs leave memory."""
