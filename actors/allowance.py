"""What runs may use of the outside, together: a budget over many runs, and a bound on calls at once. Middleware.

What a single run may use stands in its `Limits`, which outlive the process. What is here counts in this process alone.
"""

from collections.abc import Mapping

import trio

from .middleware import CallModel, EndRun, Middleware, ModelOutcome
from .models import ModelRequest

__all__ = ["Budget", "ConcurrencyLimit"]


class Budget(Middleware):
    """A budget that all runs share whose agents carry this very object. Where it is used up, a run that wants another
    model call ends as failed with the reason `maxCost`, `maxTokens` or `maxTurns`.

    Calls that are under way when it runs out are let finish, so it may be overdrawn by as many. Inside of a `Retry`
    each attempt counts, also as a model call; outside of it a call counts once, with what its last attempt has used.

    Raises: ValueError.
    """

    guards = True

    def __init__(
        self,
        *,
        max_cost: float | None = None,  # in the currency of the models' prices; a model without prices costs nothing
        max_tokens: int | None = None,  # read, written and cached
        max_turns: int | None = None,  # model calls
    ) -> None:
        self.limits = {"maxCost": max_cost, "maxTokens": max_tokens, "maxTurns": max_turns}
        self.used: dict[str, float] = {"maxCost": 0.0, "maxTokens": 0, "maxTurns": 0}
        for reason, limit in self.limits.items():
            if limit is not None and not limit > 0:
                raise ValueError(f"Budget: {reason} must be positive, got {limit}")

    async def model_call(self, request: ModelRequest, call_next: CallModel) -> ModelOutcome:
        """The call's own outcome. Raises: EndRun."""
        for reason, limit in self.limits.items():
            if limit is not None and self.used[reason] >= limit:
                raise EndRun(reason, f"the budget of {limit:g} {_UNITS[reason]} is used up")
        self.used["maxTurns"] += 1
        outcome = await call_next(request)
        self.used["maxCost"] += outcome.message.usage.cost.total
        self.used["maxTokens"] += outcome.message.usage.total_tokens
        return outcome


_UNITS = {"maxCost": "in cost", "maxTokens": "tokens", "maxTurns": "model calls"}


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
