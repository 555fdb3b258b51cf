"""Limits of runs: an agent's limits, and a run's own limits, which may only be tighter. Data and comparisons."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from .bounds import Bounds
from .messages import Cost, ModelDescriptor, Usage, Wire, shown
from .misspelt import NamesOptions

__all__ = ["Limits", "OnLimit", "RunLimits", "looser", "tightened", "uncounted"]

OnLimit = Literal["fail", "answer"]


class Limits(Wire, frozen=True, metaclass=NamesOptions):
    """The limits of an agent's runs. None means unlimited."""

    max_turns: int = shown(100)
    max_calls_per_turn: int = shown(64)
    max_concurrent_tools: int = shown(8)
    max_result_bytes: int = shown(Bounds().max_result_bytes)  # size of one tool result, as JSON
    max_input_bytes: int = shown(Bounds().max_input_bytes)  # size of a run's input, as JSON
    # A run that has reached one of these makes no further model call. The call that reaches it may finish.
    # With max_cost or max_tokens, an answer without any reported usage ends the run too: its use can't be counted.
    max_cost: float | None = None  # in the currency of the model's prices, which must be known
    max_tokens: int | None = None  # sum of all model calls, including cached tokens
    parked_ttl_s: float | None = shown(30 * 24 * 3600.0)  # how long a pause may last before the run is aborted
    retention_s: float | None = shown(30 * 24 * 3600.0)  # ended runs are deleted after it; 0 = at once, None = never
    # What happens when turns, cost or tokens are nearly used up. `fail`: the run goes on, and fails at the limit.
    # `answer`: the model gets no tools in its last turn, so that the run ends with an answer.
    on_limit: OnLimit = "fail"


class RunLimits(Wire, frozen=True, forbid_unknown_fields=True, metaclass=NamesOptions):
    """The limits of one run, each as tight as its agent's or tighter. None: the agent's limit."""

    max_turns: Annotated[int, Meta(ge=1)] | None = None
    max_cost: Annotated[float, Meta(gt=0)] | None = None  # in the currency of the model's prices
    max_tokens: Annotated[int, Meta(ge=1)] | None = None  # sum of all model calls, including cached tokens
    parked_ttl_s: Annotated[float, Meta(gt=0)] | None = None  # how long a pause may last before the run is aborted
    on_limit: OnLimit | None = None  # may differ from the agent's: neither choice exceeds the limits


def tightened(limits: Limits, own: RunLimits | None) -> Limits:
    """Return the agent's limits, with the run's `own` in place of those that it sets."""
    if own is None:
        return limits
    return msgspec.structs.replace(limits, **_given(own))


def looser(limits: Limits, own: RunLimits) -> dict[str, float]:
    """Return the names of a run's own limits that are looser than its agent's, with the agent's values."""
    found: dict[str, float] = {}
    for name, value in _given(own).items():
        allowed: float | None = getattr(limits, name)
        if isinstance(value, int | float) and allowed is not None and not value <= allowed:
            found[name] = allowed
    return found


def uncounted(
    usage: Usage, model: ModelDescriptor, max_cost: float | None, max_tokens: int | float | None
) -> tuple[str, str] | None:
    """The reason and the message of a limit that can't be kept, because an answer of `model` came without usage.

    A model whose prices are all 0 costs nothing, whatever it reports.
    """
    text = f"model {model.id!r} reported no usage, so the limit in {{}} can't be kept"
    is_free = model.cost == Cost() and not model.long_prompts
    if max_cost is not None and not is_free and not (usage.total_tokens or usage.cost.total):
        return "maxCost", text.format("cost")
    if max_tokens is not None and not usage.total_tokens:
        return "maxTokens", text.format("tokens")
    return None


def _given(own: RunLimits) -> dict[str, float | str]:
    return {name: value for name, value in msgspec.structs.asdict(own).items() if value is not None}
