"""A bound on model calls at once, over many runs, in this process."""

from collections.abc import Mapping

import trio

from ..models.language_model import ModelRequest
from .interface import CallModel, Middleware, ModelOutcome

__all__ = ["ConcurrencyLimit"]


class ConcurrencyLimit(Middleware):
    """Bounds how many model calls are under way at once with each provider; the others wait, first come, first served.
    `limits`: one number for each provider, or numbers by provider name (the others are not bounded).

    An abort ends the wait at once. Inside of a `Retry` the slot is free while that waits, outside of it is not.

    Raises: ValueError.
    """

    def __init__(self, limits: int | Mapping[str, int]) -> None:
        for limit in [limits] if isinstance(limits, int) else limits.values():
            if limit < 1:
                raise ValueError(f"ConcurrencyLimit: a limit must be 1 or more, got {limit}")
        self._limits = limits if isinstance(limits, int) else dict(limits)
        self._slots: trio.lowlevel.RunVar[dict[str, trio.Semaphore]] = trio.lowlevel.RunVar("slots")

    async def model_call(self, request: ModelRequest, call_next: CallModel) -> ModelOutcome:
        """The call's own outcome, once it was its turn."""
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
