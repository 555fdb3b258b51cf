"""Limits concurrent model calls over many runs, in this process."""

from collections.abc import Mapping

import trio

from ..models.language_model import ModelRequest
from .interface import CallModel, Middleware, ModelOutcome

__all__ = ["ConcurrencyLimit"]


class ConcurrencyLimit(Middleware):
    """Limits concurrent model calls per provider; further calls wait, first come, first served.

    `limits`: one number for every provider, or numbers by provider name (others have no limit). An abort ends the wait
    at once. Inside a `Retry`, the slot is free while the retry waits; outside, it is not.

    Args:
        limits: concurrent model calls: one number for every provider, or numbers by provider name; other providers
            then have no limit.

    Raises: ValueError.
    """

    def __init__(self, limits: int | Mapping[str, int]) -> None:
        for limit in [limits] if isinstance(limits, int) else limits.values():
            if limit < 1:
                raise ValueError(f"ConcurrencyLimit: a limit must be 1 or more, got {limit}")
        self._limits = limits if isinstance(limits, int) else dict(limits)
        self._slots: trio.lowlevel.RunVar[dict[str, trio.Semaphore]] = trio.lowlevel.RunVar("slots")

    async def model_call(self, request: ModelRequest, call_next: CallModel) -> ModelOutcome:
        """Waits for a free slot, then makes the call."""
        slots = self._slots_of(request.model.provider)
        if slots is None:
            return await call_next(request)
        async with slots:
            return await call_next(request)

    def _slots_of(self, provider: str) -> trio.Semaphore | None:
        limit = self._limits if isinstance(self._limits, int) else self._limits.get(provider)
        if limit is None:
            return None
        try:
            by_provider = self._slots.get()
        except LookupError:
            by_provider: dict[str, trio.Semaphore] = {}
            self._slots.set(by_provider)
        return by_provider.setdefault(provider, trio.Semaphore(limit))
