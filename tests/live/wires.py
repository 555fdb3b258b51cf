"""The real models to test, from the environment."""

import os
from dataclasses import dataclass

import pytest

from adjourn.actors.models import LanguageModel, find_model


@dataclass(frozen=True)
class Wire:
    """A real model API."""

    api: str  # the part of a model's name before the colon
    gate: str  # the variable that must be set to test this API
    override: str  # the variable for another model
    default: str  # a cheap model that thinks and calls tools; empty: `override` must be set

    def open(self, name: str | None = None) -> LanguageModel:
        """Returns the model, or another model of this API."""
        name = name or os.environ.get(self.override) or self.default
        return find_model(f"{self.api}:{name}")


def _host(name: str, key: str, default: str) -> Wire:
    return Wire(name, key, f"ADJOURN_LIVE_{name.upper()}", default)


def _local(name: str) -> Wire:
    """Returns a server on this machine at its usual port. `override` must name its model."""
    return Wire(name, f"ADJOURN_LIVE_{name.upper()}", f"ADJOURN_LIVE_{name.upper()}", "")


APIS = (
    Wire("anthropic", "ANTHROPIC_API_KEY", "ADJOURN_LIVE_ANTHROPIC", "claude-haiku-5-5"),
    Wire("openai", "OPENAI_API_KEY", "ADJOURN_LIVE_OPENAI", "gpt-5.4-mini"),
    Wire("openai-responses", "OPENAI_API_KEY", "ADJOURN_LIVE_OPENAI", "gpt-5.4-mini"),
    Wire("ollama", "OLLAMA_HOST", "ADJOURN_LIVE_OLLAMA", "qwen3"),
)
PRESETS = (
    _host("azure", "ADJOURN_LIVE_AZURE", ""),  # the name of a deployment
    _host("cerebras", "CEREBRAS_API_KEY", "gpt-oss-120b"),
    _host("databricks", "DATABRICKS_TOKEN", "databricks-gpt-oss-20b"),
    _host("deepseek", "DEEPSEEK_API_KEY", "deepseek-v4-flash"),
    _host("google", "GEMINI_API_KEY", "gemini-3.8-flash"),
    _host("groq", "GROQ_API_KEY", "openai/gpt-oss-20b"),
    _host("huggingface", "HF_TOKEN", "openai/gpt-oss-20b"),
    _host("mistral", "MISTRAL_API_KEY", "mistral-small-latest"),
    _host("openrouter", "OPENROUTER_API_KEY", "openai/gpt-oss-20b"),
    _host("together", "TOGETHER_API_KEY", "openai/gpt-oss-20b"),
    _host("xai", "XAI_API_KEY", "grok-4.6"),
    _host("zai", "ZAI_API_KEY", "glm-5.1"),
    *(_local(name) for name in ("litellm", "llamacpp", "lmstudio", "vllm")),
)
WIRES = [wire for wire in APIS if os.environ.get(wire.gate)]
HOSTS = [wire for wire in PRESETS if os.environ.get(wire.gate)]
if not WIRES + HOSTS:
    gates = sorted({wire.gate for wire in (*APIS, *PRESETS)})
    raise pytest.UsageError(f"ADJOURN_LIVE=1 needs one of {', '.join(gates)}")
