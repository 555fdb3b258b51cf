"""What is known of OpenAI's own models by their names, and what its two APIs say in the same way. Pure.

Sources: OpenAI's list of models and its guides to reasoning, images and prompt caching (as of October 2026).
"""

import re
from typing import Any, cast

import msgspec

from ..messages import File, Image, ModelDescriptor, Usage
from ..options import Reasoning
from .decoding import priced

__all__ = [
    "at_openai",
    "cost_of",
    "data_url",
    "effort_of",
    "file_name",
    "generation",
    "named_by_openai",
    "never_reasons",
    "reasons",
    "usage_of",
]

_GPT = re.compile(r"gpt-(\d)(?:\.(\d{1,2}))?")  # at the beginning: not what a router calls openai/gpt-5
_O_SERIES = re.compile(r"o[1-4](-|$)")
_OPENAIS_NAME = re.compile(r"gpt-\d|chatgpt-|o[1-4](-|$)")
_XHIGH_FROM = (5, 2)  # and gpt-5.1-codex-max
_NEVER_REASONS = re.compile(r"(gpt-[34]|chatgpt-|gpt-5(\.\d+)?-chat)")
_OPENAI = re.compile(r"$|https://([a-z]+\.)?api\.openai\.com(/|$)")  # no address: the API's own

_replace = msgspec.structs.replace


def generation(model: ModelDescriptor) -> tuple[int, int]:
    """(5, 6) for gpt-5.6-mini; (0, 0) for what isn't called like one of OpenAI's."""
    found = _GPT.match(model.id)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def named_by_openai(model: ModelDescriptor) -> bool:
    """Whether it is called like one of OpenAI's own models."""
    return _OPENAIS_NAME.match(model.id) is not None


def never_reasons(model: ModelDescriptor) -> bool:
    """Whether it is one of OpenAI's that can't, whatever its descriptor says."""
    return _NEVER_REASONS.match(model.id) is not None


def reasons(model: ModelDescriptor) -> bool:
    """Whether it can reason: as the descriptor says, but one made from a bare name can't know."""
    return model.reasoning and not never_reasons(model)


def effort_of(model: ModelDescriptor, reasoning: Reasoning) -> str:
    """How hard to think, in the nearest word that one of OpenAI's models knows: it refuses others. What isn't called
    like one gets the word as it stands."""
    known, older = generation(model), _O_SERIES.match(model.id) is not None
    if reasoning == "none" and (older or known == (5, 0)):  # which can't be kept from it
        reasoning = "minimal"
    if reasoning == "minimal" and (older or known > (5, 0)):  # which alone knows it
        return "low"
    if reasoning == "xhigh" and (older or (5, 0) <= known < _XHIGH_FROM) and "codex-max" not in model.id:
        return "high"
    return reasoning


def at_openai(model: ModelDescriptor) -> bool:
    """Whether OpenAI itself serves it, and not another who speaks its API: many of those refuse a field that they
    don't know."""
    return model.provider == "openai" and _OPENAI.match(model.base_url) is not None


def data_url(block: Image | File) -> str:
    """An image or a file as these APIs take it."""
    return f"data:{block.mime_type};base64,{block.data}"


def file_name(file: File) -> str:
    """The name of a file. These APIs want one, and tell its type by it."""
    endings = {"application/pdf": "file.pdf", "text/plain": "file.txt"}
    return file.name or endings.get(file.mime_type, "file")


def usage_of(
    model: ModelDescriptor,
    *,
    prompt: int,
    output: int,
    total: int = 0,
    reasoning: int = 0,
    cache_read: int = 0,
    cache_write: int = 0,
    provider_cost: float | None = None,
) -> Usage:
    """What a call took, by the tokens that the API counts: `prompt` includes what went into the cache and came from it.
    What is written costs as any other input, unless the model has a price for it (from gpt-5.6 on it does).

    Some servers count reasoning (x.ai, Gemini) or cached and image tokens beside the two main counts, and tell them in
    the total alone. What the total has more is output where the reasoning explains it, else input."""
    prompt, output = max(prompt, 0), max(output, 0)
    beside = max(total - prompt - output, 0)
    thought = min(beside, reasoning) if reasoning > output or reasoning == beside else 0
    prompt, output = prompt + beside - thought, output + thought
    read = min(max(cache_read, 0), prompt)
    written = min(max(cache_write, 0), prompt - read)
    if model.cost is not None and not model.cost.cache_write:
        model = _replace(model, cost=_replace(model.cost, cache_write=model.cost.input))
    return priced(
        model,
        input=prompt - read - written,
        output=output,
        cache_read=read,
        cache_write=written,
        reasoning=reasoning,
        provider_cost=provider_cost,
    )


def cost_of(cost: Any, ticks: int | None) -> float | None:
    """What a provider says that a call costs. `cost` is a number (OpenRouter) or an object with a total (Perplexity);
    `ticks`, of which a dollar has 10^10, are x.ai's (its guide "Cost tracking", November 2026)."""
    total = cast("dict[str, Any]", cost).get("total_cost") if isinstance(cost, dict) else cost
    if isinstance(total, int | float) and not isinstance(total, bool) and abs(total) < 2**53:
        return float(total)
    return None if ticks is None else ticks / 10**10
