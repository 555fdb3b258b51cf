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
    """The limits of an agent's runs. None means unlimited.

    Attributes:
        max_turns: model calls of one run.
        max_calls_per_turn: tool calls in one message of the model. Further ones get an error result.
        max_concurrent_tools: tools of one run that execute at the same time.
        max_result_bytes: bytes of one tool result, as JSON.
        max_input_bytes: bytes of a run's input, as JSON.
        max_cost: a run that has cost this much makes no further model call; the call that reaches it is finished.
            In the currency of the model's prices, which must be known.
        max_tokens: the same for the tokens of all model calls together, cached ones included. With either of the two,
            an answer that has tool calls and no reported usage fails the run: what it used can't be counted.
        parked_ttl_s: seconds that a run may wait, from each pause on; then it is aborted.
        retention_s: seconds that an ended run is kept. 0: it is deleted at the end. None: it is kept for ever.
        on_limit: what happens when turns, cost or tokens are nearly used up. `fail`: the run goes on until they
            are, then it fails. `answer`: the model is asked for its last turn without tools, so that the run ends
            with words.
    """

    max_turns: int = shown(100)
    max_calls_per_turn: int = shown(64)
    max_concurrent_tools: int = shown(8)
    max_result_bytes: int = shown(Bounds().max_result_bytes)
    max_input_bytes: int = shown(Bounds().max_input_bytes)
    max_cost: float | None = None
    max_tokens: int | None = None
    parked_ttl_s: float | None = shown(30 * 24 * 3600.0)
    retention_s: float | None = shown(30 * 24 * 3600.0)
    on_limit: OnLimit = "fail"


class RunLimits(Wire, frozen=True, forbid_unknown_fields=True, metaclass=NamesOptions):
    """The limits of one run, each as tight as its agent's or tighter. None: the agent's limit.

    Attributes:
        max_turns: model calls.
        max_cost: cost, in the currency of the model's prices.
        max_tokens: tokens of all model calls together, cached ones included.
        parked_ttl_s: seconds that the run may wait, from each pause on.
        on_limit: as in `Limits`. Either value may be chosen, because it allows no more than the limits do.
    """

    max_turns: Annotated[int, Meta(ge=1)] | None = None
    max_cost: Annotated[float, Meta(gt=0)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    parked_ttl_s: Annotated[float, Meta(gt=0)] | None = None
    on_limit: OnLimit | None = None


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
    """Return the reason and the message of a limit that can't be kept, because an answer of `model` came without usage.

    A model whose prices are all 0 costs nothing, whatever it reports.
    """
    if max_cost is not None and not (_is_free(model) or usage.total_tokens or usage.cost.total):
        return "maxCost", f"model {model.id!r} reported no usage, so the limit in cost can't be kept"
    if max_tokens is not None and not usage.total_tokens:
        return "maxTokens", f"model {model.id!r} reported no usage, so the limit in tokens can't be kept"
    return None


def _is_free(model: ModelDescriptor) -> bool:
    return model.cost == Cost() and not model.long_prompts


def _given(own: RunLimits) -> dict[str, float | str]:
    return {name: value for name, value in msgspec.structs.asdict(own).items() if value is not None}
