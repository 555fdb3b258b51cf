"""The bounds of a run: an agent's, and those of one run, which only tighten them. Data and plain comparisons."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from .bounds import Bounds
from .messages import Wire, shown
from .misspelt import NamesOptions

__all__ = ["Limits", "OnLimit", "RunLimits", "looser", "tightened"]

OnLimit = Literal["fail", "answer"]


class Limits(Wire, frozen=True, metaclass=NamesOptions):
    """Bounds of one run. Each has a default; None means unbounded."""

    max_turns: int = shown(100)
    max_calls_per_turn: int = shown(64)
    max_concurrent_tools: int = shown(8)
    max_result_bytes: int = shown(Bounds().max_result_bytes)  # of one tool result, as JSON
    max_input_bytes: int = shown(Bounds().max_input_bytes)  # of a run's input, as JSON
    # A run that has used these up makes no further model call; the call that does so is let finish.
    max_cost: float | None = None  # in the currency of the model's prices, which must be known
    max_tokens: int | None = None  # of all model calls together, cached ones included
    parked_ttl_s: float | None = shown(30 * 24 * 3600.0)  # from each pause on
    retention_s: float | None = shown(30 * 24 * 3600.0)  # of a run that is over; 0 = deleted at the end, None = never
    # When turns, cost or tokens are nearly used up. `fail`: the run goes on until they are, then it fails. `answer`:
    # the model is asked for its last turn without tools, so that the run ends with words.
    on_limit: OnLimit = "fail"


class RunLimits(Wire, frozen=True, forbid_unknown_fields=True, metaclass=NamesOptions):
    """Limits of one run, each as tight as its agent's or tighter. None: the agent's own."""

    max_turns: Annotated[int, Meta(ge=1)] | None = None
    max_cost: Annotated[float, Meta(gt=0)] | None = None  # in the currency of the model's prices
    max_tokens: Annotated[int, Meta(ge=1)] | None = None  # of all model calls together, cached ones included
    parked_ttl_s: Annotated[float, Meta(gt=0)] | None = None  # seconds from each pause on
    on_limit: OnLimit | None = None  # either may be chosen: it allows no more than the limits do


def tightened(limits: Limits, own: RunLimits | None) -> Limits:
    """The limits that hold for a run with limits of its `own`."""
    if own is None:
        return limits
    return msgspec.structs.replace(limits, **_given(own))


def looser(limits: Limits, own: RunLimits) -> dict[str, float]:
    """Those of a run's own limits that its agent's don't allow, by name, with the agent's."""
    found: dict[str, float] = {}
    for name, value in _given(own).items():
        allowed: float | None = getattr(limits, name)
        if isinstance(value, int | float) and allowed is not None and not value <= allowed:
            found[name] = allowed
    return found


def _given(own: RunLimits) -> dict[str, float | str]:
    return {name: value for name, value in msgspec.structs.asdict(own).items() if value is not None}
