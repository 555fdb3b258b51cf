"""What a client made of a model's answer, in plain values: the same words for every wire, SDK and adapter."""

from dataclasses import dataclass
from typing import Any

Block = tuple[Any, ...]
"""("text", text) · ("thinking", text) · ("call", the provider's id, tool, arguments)"""


@dataclass(frozen=True)
class Heard:
    """A whole answer."""

    blocks: tuple[Block, ...]
    stop: str  # as `AssistantMessage.stop_reason`
    tokens: tuple[int, int, int, int]  # in (but for the next two), out, read from a cache, written to one


@dataclass(frozen=True)
class Refused:
    """The server said that something is wrong: with a status that isn't 200, or within its answer."""

    status: int | None  # None: within
    words: str  # the provider's own
    retry_after: str | None  # the header


@dataclass(frozen=True)
class Broken:
    """The answer broke off."""

    text: str  # what had come of it
