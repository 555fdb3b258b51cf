"""The figures of an actor system's memory. Data only."""

from dataclasses import dataclass

__all__ = ["SystemStatistics"]


@dataclass(frozen=True, slots=True)
class SystemStatistics:
    """What a system held at one moment.

    Attributes:
        active_runs: runs in memory: under way, or parked for less than `passivate_after_s`.
        kept_logs: event logs of runs that are not in memory: they are watched, or the run has ended a short while
            ago.
        held_bytes: bytes that all of these take in memory, about.
        budget_bytes: bytes that they may take before what is at rest leaves.
    """

    active_runs: int
    kept_logs: int
    held_bytes: int
    budget_bytes: int
