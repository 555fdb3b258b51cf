"""Hypothesis draws the same examples on every run and machine, however slow; it keeps no database of past failures."""

from hypothesis import settings

settings.register_profile("adjourn", derandomize=True, deadline=None, database=None)
settings.load_profile("adjourn")
