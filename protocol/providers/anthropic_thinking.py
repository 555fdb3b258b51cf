"""Asks a Claude model for thinking. The fields depend on its generation, which is known only from its name. Pure.

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
_LATEST = (99, 0)  # assumed for a Claude without a version in its name
_FIRST_THINKING = (3, 7)
_FIRST_ADAPTIVE = (4, 6)  # from this version on, the model decides how much to think, guided by `effort`
_FIRST_XHIGH = (4, 7)  # also accepts the effort `xhigh`, and no longer accepts a temperature
_FIRST_BOUND = (5, 1)  # a thinking block is only valid after the same earlier messages

# Models that think by default and can be told not to. Others don't think by default, or can't be stopped completely.
_CAN_BE_DISABLED = (("opus", (5, 0)), ("sonnet", (5, 0)), ("haiku", (5, 5)))

_EFFORTS: dict[Reasoning, str] = {"minimal": "low"}
_BUDGETS: dict[Reasoning, int] = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16_384, "xhigh": 32_768}
_LEAST_BUDGET = 1024  # the API's own


@dataclass(frozen=True, slots=True)
class Thought:
    """The parts of a request about thinking."""

    params: dict[str, Any] = field(default_factory=dict[str, Any])  # fields of the body
    betas: tuple[str, ...] = ()
    on: bool = False  # the request asks for thinking
    off: bool = False  # the request forbids thinking, so it needs no earlier thinking blocks


def think(model_id: str, reasoning: Reasoning | None, max_tokens: int, *, replays: bool, resumes: bool) -> Thought:
    """Return how to ask for that much reasoning.

    The descriptor's `reasoning` is ignored, because a descriptor made from a bare name doesn't know it. Models with
    this API that aren't Claude are asked like the oldest thinking models.

    Args:
        replays: the transcript has earlier thinking blocks.
        resumes: the last assistant message called tools, and did not begin with thinking."""
    reasoning = None if reasoning == "none" else reasoning  # such models think least if nothing asks for it
    version = _version(model_id)
    if version is None or version < _FIRST_ADAPTIVE:
        return _budgeted(version, reasoning, max_tokens, resumes=resumes)
    if reasoning is None and any(family in model_id and version == of for family, of in _CAN_BE_DISABLED):
        return Thought({"thinking": {"type": "disabled"}}, off=True)
    bound = replays and version >= _FIRST_BOUND
    if reasoning is None and not bound:
        return Thought()
    # Some models return no thinking text by default.
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
    """Check whether the model accepts a temperature while it doesn't think."""
    version = _version(model_id)
    return version is None or version < _FIRST_XHIGH


def _budgeted(
    version: tuple[int, int] | None, reasoning: Reasoning | None, max_tokens: int, *, resumes: bool
) -> Thought:
    """Ask an older model, with a token budget. These models refuse to start thinking right after tool results."""
    if reasoning is None or resumes or (version is not None and version < _FIRST_THINKING):
        return Thought()
    # The budget is part of `max_tokens`. At least a quarter is left for the answer.
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

    None if it isn't a Claude. A date has more digits than a version."""
    _, claude, rest = model_id.lower().rpartition("claude")
    if not claude:
        return None
    found = _VERSION.search(rest)
    return (int(found[1]), int(found[2] or 0)) if found else _LATEST
