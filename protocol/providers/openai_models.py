"""Facts about OpenAI's own models, by their names, and conversions that its two APIs share. Pure.

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

_GPT = re.compile(r"gpt-(\d)(?:\.(\d{1,2}))?")  # must be at the beginning: a router's `openai/gpt-5` doesn't count
_O_SERIES = re.compile(r"o[1-4](-|$)")
_OPENAIS_NAME = re.compile(r"gpt-\d|chatgpt-|o[1-4](-|$)")
_XHIGH_FROM = (5, 2)  # and gpt-5.1-codex-max
_NEVER_REASONS = re.compile(r"(gpt-[34]|chatgpt-|gpt-5(\.\d+)?-chat)")
_OPENAI = re.compile(r"$|https://([a-z]+\.)?api\.openai\.com(/|$)")  # an empty address means OpenAI's

_replace = msgspec.structs.replace


def generation(model: ModelDescriptor) -> tuple[int, int]:
    """Return a model's version: (5, 6) for gpt-5.6-mini; (0, 0) if it isn't named like OpenAI's models."""
    found = _GPT.match(model.id)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def named_by_openai(model: ModelDescriptor) -> bool:
    """Check whether a model is named like one of OpenAI's own."""
    return _OPENAIS_NAME.match(model.id) is not None


def never_reasons(model: ModelDescriptor) -> bool:
    """Check whether it is an OpenAI model that can't reason, whatever its descriptor says."""
    return _NEVER_REASONS.match(model.id) is not None


def reasons(model: ModelDescriptor) -> bool:
    """Check whether a model can reason, by its descriptor or name: a descriptor made from a name can't know."""
    return model.reasoning and not never_reasons(model)


def effort_of(model: ModelDescriptor, reasoning: Reasoning) -> str:
    """Return the nearest effort that an OpenAI model accepts. For other models, the effort is unchanged."""
    known, older = generation(model), _O_SERIES.match(model.id) is not None
    if reasoning == "none" and (older or known == (5, 0)):  # these models can't stop reasoning
        reasoning = "minimal"
    if reasoning == "minimal" and (older or known > (5, 0)):  # only gpt-5 itself accepts it
        return "low"
    if reasoning == "xhigh" and (older or (5, 0) <= known < _XHIGH_FROM) and "codex-max" not in model.id:
        return "high"
    return reasoning


def at_openai(model: ModelDescriptor) -> bool:
    """Check whether OpenAI itself serves the model. Many other servers refuse unknown fields."""
    return model.provider == "openai" and _OPENAI.match(model.base_url) is not None


def data_url(block: Image | File) -> str:
    """Return an image or a file as a data URL."""
    return f"data:{block.mime_type};base64,{block.data}"


def file_name(file: File) -> str:
    """Return the name of a file. These APIs require one, and infer the file's type from it."""
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
    """Return the usage of a call by the API's token counts. `prompt` includes tokens written to or read from caches.

    Cache writes cost as much as other input, unless the model has a price for them (from gpt-5.6 on it has).

    Some servers leave reasoning (x.ai, Gemini) or cached and image tokens out of the two main counts. Only the total
    includes them then. The difference counts as output if the reasoning explains it, else as input."""
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
    """Return the cost that a provider reports for a call.

    `cost` is a number (OpenRouter) or an object with a total (Perplexity). `ticks` are x.ai's, 10^10 to the dollar (its
    guide "Cost tracking", November 2026).
    """
    total = cast("dict[str, Any]", cost).get("total_cost") if isinstance(cost, dict) else cost
    if isinstance(total, int | float) and not isinstance(total, bool) and abs(total) < 2**53:
        return float(total)
    return None if ticks is None else ticks / 10**10
