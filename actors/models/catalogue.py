"""Finds models by name or descriptor. `providers.py` knows the providers, `httpmodel.py` makes the requests."""

from typing import Any

import msgspec

from ...protocol.messages import ModelDescriptor
from ...protocol.providers import ADAPTERS
from .baseurl import check_base_url
from .httpmodel import HTTPModel, RequestHook
from .prices import with_prices
from .providers import find_provider, known_names, provider_by_api, provider_of

__all__ = ["find_model", "register_model"]

_models: dict[tuple[str, str], ModelDescriptor] = {}


def register_model(descriptor: ModelDescriptor) -> None:
    """Registers what a model costs and can do: `find_model("PROVIDER:ID")` then returns a model with this descriptor.

    Raises: ValueError for a descriptor without id or provider; also if the provider is unknown and `api` or `base_url`
    is missing."""
    completed = _completed(descriptor)
    _models[completed.provider, completed.id] = completed


def find_model(
    model: str | ModelDescriptor, *, key: str | None = None, base_url: str = "", on_request: RequestHook | None = None
) -> HTTPModel:
    """Returns a model, by `PROVIDER:NAME` (the name may contain colons) or by its descriptor.

    `API:NAME` chooses an API other than the provider's first one, for example `openai-responses:NAME`. A model without
    a registered descriptor is assumed to take images, files and audio, and to be able to think. If it can't, the
    provider answers with an error.

    With the extra `prices`, a model found by name gets its prices and context window from the catalogue of
    `genai-prices`; `descriptor.prices_from` has the catalogue's version and the date of its latest price. The
    catalogue is read from the installed package when first needed, never from the network. Registered descriptors take
    precedence.

    Args:
        key: sent only to this model's address. None: the key of the provider or of the environment, sent only to the
            provider's own address.
        base_url: another server that speaks the same API. Recorded with each run.
        on_request: gets each request before it is sent, without keys, and may return another request to send.

    Raises: TypeError, ValueError. A missing key or an unknown model is an error only when the model is called.
    """
    given: Any = model
    if isinstance(given, str):
        descriptor = _named(given)
    elif isinstance(given, ModelDescriptor):
        descriptor = given
    else:
        raise TypeError(f"model: expected 'PROVIDER:NAME' or a ModelDescriptor, got {type(given).__name__}")
    if base_url:
        descriptor = msgspec.structs.replace(descriptor, base_url=base_url)
    descriptor = _completed(descriptor)
    if isinstance(given, str):
        descriptor = _priced(descriptor)
    if descriptor.api not in ADAPTERS:
        raise ValueError(
            f"model {descriptor.id!r}: API {descriptor.api!r} is not known ({', '.join(sorted(ADAPTERS))})"
        )
    if descriptor.base_url:
        check_base_url(descriptor.base_url)
    return HTTPModel(descriptor, provider_of(descriptor), key=key, on_request=on_request)


def _named(text: str) -> ModelDescriptor:
    prefix, colon, name = text.partition(":")
    provider, api = find_provider(prefix), ""
    if provider is None:
        provider, api = provider_by_api(prefix), prefix
    if provider is None or not colon or not name.strip():
        raise ValueError(f"model {text!r}: expected 'PROVIDER:NAME' ({known_names()})")
    found = _models.get((provider.name, name))
    if found is not None:
        return msgspec.structs.replace(found, api=api) if api else found
    return ModelDescriptor(
        id=name,
        api=api or provider.apis[0],
        provider=provider.name,
        input=("text", "image", "file", "audio"),
        reasoning=True,
    )


def _priced(descriptor: ModelDescriptor) -> ModelDescriptor:
    try:
        address = descriptor.base_url or provider_of(descriptor).address()
    except ValueError:
        return descriptor  # an invalid variable; the model call reports the error
    return with_prices(descriptor, address)


def _completed(descriptor: ModelDescriptor) -> ModelDescriptor:
    """Returns the descriptor, with the provider's first API if it names none. Raises: ValueError."""
    if not descriptor.id:
        raise ValueError("a model descriptor must have an id")
    provider = provider_of(descriptor)
    return descriptor if descriptor.api else msgspec.structs.replace(descriptor, api=provider.apis[0])
