"""How a model is found by its name or descriptor. Who serves it is `providers.py`'s, the requests `httpmodel.py`'s."""

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
    """Make known what a model costs and can do: `find_model("PROVIDER:ID")` then gives this descriptor.

    Raises: ValueError for one without id or provider, or of a provider that is neither known nor described in it."""
    completed = _completed(descriptor)
    _models[completed.provider, completed.id] = completed


def find_model(
    model: str | ModelDescriptor, *, key: str | None = None, base_url: str = "", on_request: RequestHook | None = None
) -> HTTPModel:
    """A model to ask, by `PROVIDER:NAME` (the name may hold colons) or by what describes it.

    `API:NAME` chooses another of a provider's APIs than its first, as `openai-responses:NAME` does. A model that
    nobody registered is taken to read images and files, to hear, and to be able to think; the provider will say so if
    not.

    With the extra `prices`, a model found by name has the prices and the context window that the catalogue of
    `genai-prices` knows for it at that address; `descriptor.prices_from` tells the catalogue's version and its latest
    price. The catalogue is read from the installed package, never from the network, when it is first needed. What was
    registered goes before it.

    Args:
        key: sent to this model's address, and nowhere else. None: the provider's own, or the environment's, and only
            to the provider's own address.
        base_url: of another server that speaks the same API. It is recorded with each run.
        on_request: sees each request before it is sent, without keys, and may give another in its place.

    Raises: TypeError, ValueError. Whether there is a key, and such a model, shows when it is called.
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
        return descriptor  # the environment is wrong; whoever asks the model is told
    return with_prices(descriptor, address)


def _completed(descriptor: ModelDescriptor) -> ModelDescriptor:
    """The descriptor with its API, where its provider has one. Raises: ValueError."""
    if not descriptor.id:
        raise ValueError("a model descriptor must have an id")
    provider = provider_of(descriptor)
    return descriptor if descriptor.api else msgspec.structs.replace(descriptor, api=provider.apis[0])
