"""Model APIs, one module each: build the request, decode the stream. Bytes in, events out; no I/O."""

from collections.abc import Mapping

from . import anthropic, ollama, openai_chat, openai_responses
from .adapter import Adapter
from .message_writer import WireError

__all__ = ["ADAPTERS", "WireError"]

ADAPTERS: Mapping[str, Adapter] = {
    module.ADAPTER.api: module.ADAPTER for module in (anthropic, ollama, openai_chat, openai_responses)
}
"""By `ModelDescriptor.api`."""
