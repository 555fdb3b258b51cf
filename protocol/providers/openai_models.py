"""What is known of OpenAI's own models by their names, and of what its two APIs share. Pure.

Sources: OpenAI's list of models and its guides to reasoning and prompt caching (as of October 2026).
"""

import re

from .. import codec
from ..messages import ModelDescriptor

__all__ = ["BREAKPOINTS_FROM", "cache_key", "generation", "keeps_long", "reasons"]

BREAKPOINTS_FROM = (5, 6)  # of the cache; models from here on refuse the older wish for a retention
_RETENTION_FROM = (4, 1)
_MAX_KEY = 64  # characters

_GPT = re.compile(r"gpt-(\d)(?:\.(\d{1,2}))?")  # at the beginning: not what a router calls openai/gpt-5
_NEVER_REASONS = re.compile(r"(gpt-[34]|chatgpt-|gpt-5(\.\d+)?-chat)")


def generation(model: ModelDescriptor) -> tuple[int, int]:
    """(5, 6) for gpt-5.6-mini; (0, 0) for what isn't called like one of OpenAI's."""
    found = _GPT.match(model.id)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def reasons(model: ModelDescriptor) -> bool:
    """Whether it can reason: as the descriptor says, but one made from a bare name can't know."""
    return model.reasoning and not _NEVER_REASONS.match(model.id)


def keeps_long(model: ModelDescriptor) -> bool:
    """Whether it takes the wish that its cache be kept for a day."""
    return _RETENTION_FROM <= generation(model) < BREAKPOINTS_FROM


def cache_key(text: str) -> str:
    """The text, or its digest where it is longer than the APIs' keys may be."""
    return text if len(text) <= _MAX_KEY else codec.digest(text)
