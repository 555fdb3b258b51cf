"""The providers known in this process, by name or by a base URL's host. What is known of each is in `presets.py`."""

import msgspec

from ...protocol.messages import Compat, ModelDescriptor
from ...protocol.providers.openai_models import named_by_openai
from .baseurl import check_base_url
from .presets import NARROWEST, PRESETS
from .provider import Provider

__all__ = ["compat_at", "find_provider", "known_names", "provider_by_api", "provider_of", "register_provider"]

_providers: dict[str, Provider] = {provider.name: provider for provider in PRESETS}


def register_provider(provider: Provider) -> None:
    """Make a provider known in this process, or another one by the name of one that is."""
    _providers[provider.name] = provider


def find_provider(name: str) -> Provider | None:
    """The provider of that name."""
    return _providers.get(name)


def provider_of(descriptor: ModelDescriptor) -> Provider:
    """Who serves this model. One that isn't known will do where the descriptor says `api` and `base_url`; it is then
    asked without a key, unless one is passed. Raises: ValueError."""
    known = _providers.get(descriptor.provider)
    if known is not None:
        return known
    if descriptor.api and descriptor.base_url:
        base_url = check_base_url(descriptor.base_url)
        return Provider(name=descriptor.provider, apis=(descriptor.api,), base_url=base_url, needs_key=False)
    raise ValueError(
        f"model {descriptor.id!r}: provider {descriptor.provider!r} is not known ({known_names()}); "
        "register_provider() makes it known, or the descriptor says api and base_url"
    )


def compat_at(provider: Provider, model: ModelDescriptor, base_url: str) -> Compat:
    """How chat completions of this model at this base URL differ from OpenAI's.

    What the descriptor's `compat` says comes first, then what is known of the host, then of the provider. `openai`
    names an API as well: at other hosts it says something only of OpenAI's own models, which a proxy passes on. An
    unknown host gets the narrowest request.
    """
    at_host = [each.compat for each in (provider, *_providers.values()) if each.serves(base_url)]
    by_name = provider.compat if provider.name != "openai" or named_by_openai(model) else None
    compat = next((each for each in (*at_host, by_name) if each is not None), NARROWEST)
    stated = {} if model.compat is None else _fields(model.compat)
    return msgspec.structs.replace(compat, **{name: value for name, value in stated.items() if value is not None})


def provider_by_api(api: str) -> Provider | None:
    """The first provider that serves models through this API."""
    return next((provider for provider in _providers.values() if api in provider.apis), None)


def known_names() -> str:
    """The known providers, in words."""
    return f"known providers: {', '.join(sorted(_providers))}"


def _fields(compat: Compat) -> dict[str, object]:
    return msgspec.structs.asdict(compat)
