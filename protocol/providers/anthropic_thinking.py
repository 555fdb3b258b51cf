"""How a Claude model is told how hard to think: that depends on its generation, which only its name tells. Pure.

Sources: platform.claude.com/docs, "Thinking", "Effort", "Preserved thinking" and the migration guides of the models,
and API version 2026-10-21, all read in November 2026.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from ..options import Reasoning

__all__ = ["Thought", "takes_temperature", "think"]

BINDING_BETA = "thinking-binding-controls-2026-08-01"

_VERSION = re.compile(r"(?<![0-9])([0-9]{1,2})(?:[-.]([0-9]{1,2}))?(?![0-9])")
_LATEST = (99, 0)  # what a Claude whose name has no version is taken for
_FIRST_THINKING = (3, 7)
_FIRST_ADAPTIVE = (4, 6)  # from here on the model decides how much, and `effort` says how hard to try
_FIRST_XHIGH = (4, 7)  # it also takes the effort `xhigh`; and takes no temperature any more
_FIRST_BOUND = (5, 1)  # a thinking block is bound to all that came before it

# These think unless they are told not to. Others don't, or can't be kept from it, or (Sonnet 5.5) not wholly.
_CAN_BE_DISABLED = (("opus", (5, 0)), ("sonnet", (5, 0)), ("haiku", (5, 5)))

_EFFORTS: dict[Reasoning, str] = {"minimal": "low"}
_BUDGETS: dict[Reasoning, int] = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16_384, "xhigh": 32_768}
_LEAST_BUDGET = 1024  # the API's own


@dataclass(frozen=True, slots=True)
class Thought:
    """What a request says of thinking."""

    params: dict[str, Any] = field(default_factory=dict[str, Any])  # of the body
    betas: tuple[str, ...] = ()
    on: bool = False  # it asks for thinking
    off: bool = False  # it forbids it: so it needs no thinking of before


def think(model_id: str, reasoning: Reasoning | None, max_tokens: int, *, replays: bool, resumes: bool) -> Thought:
    """How to ask for that much reasoning. `replays`: there is thinking of before in the transcript. `resumes`: the
    last assistant message called tools, and did not begin with thinking.

    Asking is enough: whether the descriptor says that the model can reason doesn't matter, as one made from a bare
    name doesn't know. What is no Claude, but speaks this API, is asked as the oldest thinking models are."""
    reasoning = None if reasoning == "none" else reasoning  # as little as can be is what nothing asked for gets
    version = _version(model_id)
    if version is None or version < _FIRST_ADAPTIVE:
        return _budgeted(version, reasoning, max_tokens, resumes=resumes)
    if reasoning is None and any(family in model_id and version == of for family, of in _CAN_BE_DISABLED):
        return Thought({"thinking": {"type": "disabled"}}, off=True)
    bound = replays and version >= _FIRST_BOUND
    if reasoning is None and not bound:
        return Thought()
    # Some show nothing of it by default.
    thinking: dict[str, Any] = {"type": "adaptive", "display": "summarized"}
    if bound:
        # Instructions, tools or history may have changed since. Then the model is to go on without those thoughts;
        # by default the request is refused, and all that follow it.
        thinking["block_binding"] = {"prefix_mismatch_behavior": "drop_block"}
    params: dict[str, Any] = {"thinking": thinking}
    if reasoning is not None:
        params["output_config"] = {"effort": _effort(reasoning, version)}
    return Thought(params, betas=(BINDING_BETA,) if bound else (), on=True)


def takes_temperature(model_id: str) -> bool:
    """Whether it takes a temperature while it doesn't think."""
    version = _version(model_id)
    return version is None or version < _FIRST_XHIGH


def _budgeted(
    version: tuple[int, int] | None, reasoning: Reasoning | None, max_tokens: int, *, resumes: bool
) -> Thought:
    """The older way. These models refuse to begin to think when they are given the results of their calls."""
    if reasoning is None or resumes or (version is not None and version < _FIRST_THINKING):
        return Thought()
    # The budget is part of `max_tokens`: a quarter at least stays for the answer.
    budget = max(min(_BUDGETS[reasoning], max_tokens * 3 // 4), _LEAST_BUDGET)
    if budget >= max_tokens:
        return Thought()
    return Thought({"thinking": {"type": "enabled", "budget_tokens": budget}}, on=True)


def _effort(reasoning: Reasoning, version: tuple[int, int]) -> str:
    if reasoning == "xhigh" and version < _FIRST_XHIGH:
        return "high"
    return _EFFORTS.get(reasoning, reasoning)


def _version(model_id: str) -> tuple[int, int] | None:
    """`claude-opus-4-8` -> (4, 8), `claude-3-7-sonnet-20250219` -> (3, 7), `eu.anthropic.claude-opus-5-v1` -> (5, 0).

    None for what is no Claude. A date has more digits than a version."""
    _, claude, rest = model_id.lower().rpartition("claude")
    if not claude:
        return None
    found = _VERSION.search(rest)
    return (int(found[1]), int(found[2] or 0)) if found else _LATEST
