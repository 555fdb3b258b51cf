"""A model's answer as a client read it, in plain values that are the same for every API, SDK and adapter."""

from dataclasses import dataclass
from typing import Any

Block = tuple[Any, ...]
"""("text", text) · ("thinking", text) · ("call", the provider's id, tool, arguments)"""


@dataclass(frozen=True)
class Heard:
    """A complete answer."""

    blocks: tuple[Block, ...]
    stop: str  # like `AssistantMessage.stop_reason`
    tokens: tuple[int, int, int, int]  # input without cached tokens, output, cache reads, cache writes


@dataclass(frozen=True)
class Refused:
    """An error of the server: a status other than 200, or an error within its answer."""

    status: int | None  # None: the error was within the answer
    words: str  # the provider's text
    retry_after: str | None  # the header


@dataclass(frozen=True)
class Broken:
    """An incomplete answer: the connection was lost."""

    text: str  # the text so far
