"""A transcript made with any providers, made fit for the next one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..messages import Message, ModelDescriptor

__all__ = ["Rules", "hand_over"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a model API takes of a transcript."""

    call_ids: Literal["passthrough", "safe64", "mistral9", "openai40"] = "safe64"  # the form of tool call ids
    unsigned_thinking: bool = False  # it takes back its own thinking without a signature


def hand_over(messages: Sequence[Message], target: ModelDescriptor, rules: Rules) -> list[Message]:
    """The messages as `target` takes them."""
    return list(messages)
