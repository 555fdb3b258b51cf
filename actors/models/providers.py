"""The registry of providers in this process, by name or by host. `presets.py` has their data."""

import msgspec

from ...protocol.messages import Compat, ModelDescriptor
from ...protocol.providers.openai_models import named_by_openai
from .baseurl import check_base_url
from .presets import NARROWEST, PRESETS
from .provider import Provider

__all__ = ["compat_at", "find_provider", "known_names", "provider_by_api", "provider_of", "register_provider"]

_providers: dict[str, Provider] = {provider.name: provider for provider in PRESETS}


def register_provider(provider: Provider) -> None:
    """Registers a provider in this process. Replaces a known provider of the same name."""
    _providers[provider.name] = provider


def find_provider(name: str) -> Provider | None:
    """Returns the provider of that name; None if unknown."""
    return _providers.get(name)


def provider_of(descriptor: ModelDescriptor) -> Provider:
    """Returns the provider of this model.

    An unknown provider is accepted if the descriptor has `api` and `base_url`. It gets no key unless one is passed.
    Raises: ValueError.
    """
    known = _providers.get(descriptor.provider)
    if known is not None:
        return known
    if descriptor.api and descriptor.base_url:
        base_url = check_base_url(descriptor.base_url)
        return Provider(name=descriptor.provider, apis=(descriptor.api,), base_url=base_url, needs_key=False)
    raise ValueError(
        f"model {descriptor.id!r}: provider {descriptor.provider!r} is not known ({known_names()}); "
        "call register_provider(), or give the descriptor api and base_url"
    )


def compat_at(provider: Provider, model: ModelDescriptor, base_url: str) -> Compat:
    """Returns how chat completions of this model at this base URL differ from OpenAI's.

    The descriptor's `compat` comes first, then the host's, then the provider's. `openai` is also the name of an API:
    at other hosts OpenAI's `compat` applies only to OpenAI's own models, behind a proxy. An unknown host gets the
    narrowest request.
    """
    at_host = [each.compat for each in (provider, *_providers.values()) if each.serves(base_url)]
    by_name = provider.compat if provider.name != "openai" or named_by_openai(model) else None
    compat = next((each for each in (*at_host, by_name) if each is not None), NARROWEST)
    stated = {} if model.compat is None else _fields(model.compat)
    return msgspec.structs.replace(compat, **{name: value for name, value in stated.items() if value is not None})


def provider_by_api(api: str) -> Provider | None:
    """Returns the first provider with this API."""
    return next((provider for provider in _providers.values() if api in provider.apis), None)


def known_names() -> str:
    """Returns the names of the known providers, for messages."""
    return f"known providers: {', '.join(sorted(_providers))}"


def _fields(compat: Compat) -> dict[str, object]:
    return msgspec.structs.asdict(compat)
