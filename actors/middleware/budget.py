"""A budget shared by many runs of one process. `Limits` bounds a single run, also across restarts."""

from ...protocol.limits import uncounted
from ..models.language_model import ModelRequest
from ..models.prices import unpriced
from .interface import CallModel, EndRun, Middleware, ModelOutcome

__all__ = ["Budget"]


class Budget(Middleware):
    """A budget shared by all runs whose agents have this object as middleware. Once it is used up, a run that wants
    another model call ends as failed, with the reason `maxCost`, `maxTokens` or `maxTurns`.

    With `max_cost`, a run whose model has no prices ends at its first model call: its cost can't be counted. With
    `max_cost` or `max_tokens`, a run ends after an answer for which the provider reported no usage.

    Calls in progress when the budget is used up finish, so it may be exceeded by their usage. Inside a `Retry`, each
    attempt counts as a model call with its own usage. Outside a `Retry`, the whole call counts once, with its last
    attempt's usage.

    Args:
        max_cost: cost, in the currency of the models' prices, which must be known.
        max_tokens: input, output and cached tokens.
        max_turns: model calls.

    Raises: ValueError.
    """

    def __init__(
        self,
        *,
        max_cost: float | None = None,
        max_tokens: int | None = None,
        max_turns: int | None = None,
    ) -> None:
        self.limits = {"maxCost": max_cost, "maxTokens": max_tokens, "maxTurns": max_turns}
        self.used: dict[str, float] = {"maxCost": 0.0, "maxTokens": 0, "maxTurns": 0}
        for reason, limit in self.limits.items():
            if limit is not None and not limit > 0:
                raise ValueError(f"Budget: {reason} must be positive, got {limit}")

    async def model_call(self, request: ModelRequest, call_next: CallModel) -> ModelOutcome:
        """Makes the call, if budget is left. Raises: EndRun, also after the call, where its usage isn't known."""
        if self.limits["maxCost"] is not None and (fault := unpriced(request.model)):
            raise EndRun("maxCost", fault)
        for reason, limit in self.limits.items():
            if limit is not None and self.used[reason] >= limit:
                raise EndRun(reason, f"the budget of {limit:g} {_UNITS[reason]} is used up")
        self.used["maxTurns"] += 1
        outcome = await call_next(request)
        self.used["maxCost"] += outcome.message.usage.cost.total
        self.used["maxTokens"] += outcome.message.usage.total_tokens
        self._check_counted(request, outcome)
        return outcome

    def _check_counted(self, request: ModelRequest, outcome: ModelOutcome) -> None:
        if outcome.message.stop_reason in ("error", "aborted"):
            return  # a refused call has no usage
        limits = self.limits
        if found := uncounted(outcome.message.usage, request.model, limits["maxCost"], limits["maxTokens"]):
            raise EndRun(*found)


_UNITS = {"maxCost": "in cost", "maxTokens": "tokens", "maxTurns": "model calls"}
