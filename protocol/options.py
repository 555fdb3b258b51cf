"""How a model is to be asked: what a caller may wish for beyond the conversation itself. Data only.

A wish that an API doesn't know is left out of the request, without an error.
"""

from typing import Any, Literal

from .messages import Lifetime, Wire, without_secrets
from .misspelt import NamesOptions

__all__ = ["ModelOptions", "Reasoning"]

Reasoning = Literal["minimal", "low", "medium", "high", "xhigh"]


class ModelOptions(Wire, frozen=True, metaclass=NamesOptions):
    """What an agent wishes of its model calls. None: as the provider does by itself."""

    max_tokens: int | None = None  # of one answer, thinking included
    temperature: float | None = None
    reasoning: Reasoning | None = None  # how hard to think first; None: as the model does by itself, or not at all
    cache: Literal["none", "short", "long"] | None = None  # the whole request, up to its last message; none: no caching
    cache_instructions: Lifetime | None = None  # the system prompt
    cache_tools: Lifetime | None = None
    session_id: str | None = None  # what the provider's caches are keyed by; None: the run's id
    metadata: dict[str, Any] = {}  # OpenAI's Responses API takes what is text; others its `user_id`, or nothing
    headers: dict[str, str] | None = None  # sent with each request; may hold secrets: never recorded

    @property
    def user_id(self) -> str | None:
        """The one in `metadata`, if it is a string and not empty."""
        user_id = self.metadata.get("user_id")
        return user_id if isinstance(user_id, str) and user_id else None

    def __repr__(self) -> str:
        return without_secrets(self, "ModelOptions")
