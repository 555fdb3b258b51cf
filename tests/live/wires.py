"""Which real models take part, as the environment says."""

import os
from dataclasses import dataclass

import pytest

from adjourn.actors.models import LanguageModel, find_model


@dataclass(frozen=True)
class Wire:
    """A real API."""

    api: str  # as it stands before the colon of a model's name
    gate: str  # the variable without which it takes no part
    override: str  # the variable that names another model
    default: str  # a cheap one that thinks and calls tools

    def open(self, name: str | None = None) -> LanguageModel:
        """The model, or another one of that API."""
        name = name or os.environ.get(self.override) or self.default
        return find_model(f"{self.api}:{name}")


ALL = (
    Wire("anthropic", "ANTHROPIC_API_KEY", "ADJOURN_LIVE_ANTHROPIC", "claude-haiku-5-5"),
    Wire("openai", "OPENAI_API_KEY", "ADJOURN_LIVE_OPENAI", "gpt-5.4-mini"),
    Wire("openai-responses", "OPENAI_API_KEY", "ADJOURN_LIVE_OPENAI", "gpt-5.4-mini"),
    Wire("ollama", "OLLAMA_HOST", "ADJOURN_LIVE_OLLAMA", "qwen3"),
)
WIRES = [wire for wire in ALL if os.environ.get(wire.gate)]
if not WIRES:
    raise pytest.UsageError(f"ADJOURN_LIVE=1 needs one of {', '.join(sorted({wire.gate for wire in ALL}))}")
