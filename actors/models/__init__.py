"""Language models: the interface that runs use, the providers, and how models are found by name."""

from .catalogue import find_model, register_model
from .httpmodel import HTTPModel, ProviderError
from .language_model import LanguageModel, ModelRequest, events_of
from .provider import Provider
from .providers import find_provider, register_provider

__all__ = [
    "HTTPModel",
    "LanguageModel",
    "ModelRequest",
    "Provider",
    "ProviderError",
    "events_of",
    "find_model",
    "find_provider",
    "register_model",
    "register_provider",
]
