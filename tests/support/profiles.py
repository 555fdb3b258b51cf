"""The profiles of the test suite: how many examples tests draw. No tests, and no strategies.

`default` is for every day; `full` (`--hypothesis-profile=full`) draws ten times as many examples. Both draw the same
examples on every machine, and keep no database of failures. A test without hypothesis that scales with the profile has
the marker `thorough`.
"""

from typing import Any

from hypothesis import HealthCheck, settings

FULL = 100  # examples of a test that gives no number
DEFAULT = 10


def register_profiles() -> None:
    """Registers both profiles and loads `default`."""
    # No health check for slow draws: a busy machine draws slowly.
    shared = settings(derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("default", shared, max_examples=DEFAULT)
    settings.register_profile("full", shared, max_examples=FULL)
    settings.load_profile("default")


def is_full() -> bool:
    """Whether the profile is `full`."""
    return settings.default.max_examples >= FULL


def repeats(full: int) -> int:
    """Returns the repeats in the current profile of a test that repeats `full` times in the profile `full`."""
    return max(1, full * settings.default.max_examples // FULL)


def examples(full: int, **others: Any) -> settings:
    """Returns hypothesis settings: `full` examples in the profile `full`, proportionally fewer in others."""
    return settings(max_examples=repeats(full), **others)
