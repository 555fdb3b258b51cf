"""A budget over many runs, in this process. What one run may use stands in its `Limits`, which outlive the process."""

from ..models.language_model import ModelRequest
from .interface import CallModel, EndRun, Middleware, ModelOutcome

__all__ = ["Budget"]


class Budget(Middleware):
    """A budget that all runs share whose agents carry this very object. Where it is used up, a run that wants another
    model call ends as failed with the reason `maxCost`, `maxTokens` or `maxTurns`.

    Calls that are under way when it runs out are let finish, so it may be overdrawn by as many. Inside of a `Retry`
    each attempt counts, also as a model call; outside of it a call counts once, with what its last attempt has used.

    Raises: ValueError.
    """

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
