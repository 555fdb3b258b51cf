"""Which run the code at hand works for, so that a log line can name it. Tools see it too, also in worker threads."""

from contextvars import ContextVar

__all__ = ["RUNNING"]

RUNNING: ContextVar[tuple[str, str] | None] = ContextVar("adjourn_run", default=None)
"""The run's id and its agent's name; None outside of runs."""
