"""The profiles of the test suite: how often tests repeat what they draw. No tests, and no strategies.

`default` is for every day; `full` (`--hypothesis-profile=full`) draws ten times as many examples. Both draw the same
ones on every machine, and keep no database of failures. A test that scales with the profile without being drawn by
hypothesis has the marker `thorough`.
"""

from typing import Any

from hypothesis import HealthCheck, settings

FULL = 100  # examples of a test that asks for no number
DEFAULT = 10


def register_profiles() -> None:
    """Make both profiles known, and load `default`."""
    # A machine that is busy draws slowly: that says nothing about the test.
    shared = settings(derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("default", shared, max_examples=DEFAULT)
    settings.register_profile("full", shared, max_examples=FULL)
    settings.load_profile("default")


def is_full() -> bool:
    """Whether tests draw all that they can draw."""
    return settings.default.max_examples >= FULL


def repeats(full: int) -> int:
    """How often a test repeats something in the current profile that it repeats `full` times in `full`."""
    return max(1, full * settings.default.max_examples // FULL)


def examples(full: int, **others: Any) -> settings:
    """Hypothesis settings of a test that draws `full` examples in the profile `full`, in others their share."""
    return settings(max_examples=repeats(full), **others)
