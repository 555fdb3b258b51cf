"""What an actor system holds in memory. Data only."""

from dataclasses import dataclass

__all__ = ["SystemStatistics"]


@dataclass(frozen=True, slots=True)
class SystemStatistics:
    """What a system held at one moment."""

    active_runs: int
    """Runs in memory: under way, or parked for less than `passivate_after_s`."""
    kept_logs: int
    """Event logs of runs that are not in memory: they are watched, or the run has ended a short while ago."""
    held_bytes: int
    """What all of these take in memory, about."""
    budget_bytes: int
    """What they may take before what is at rest leaves."""
