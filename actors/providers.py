"""Who serves models, and how a model is found by its name. No requests here: those are `httpmodel.py`'s.

The environment is read when a call is made, not when this is imported. httpx is not loaded here.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from ..protocol.messages import ModelDescriptor
from .baseurl import check_base_url, ollama_address

if TYPE_CHECKING:
    from .httpmodel import HTTPModel, RequestHook

__all__ = ["Provider", "find_model", "find_provider", "provider_of", "register_model", "register_provider"]

TIMEOUT_S = 600.0  # as in the SDKs of Anthropic (2.12) and OpenAI (3.54)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Who serves models: where, through which APIs, and how a key is sent there. Data, without any connection.

    Raises: ValueError for a base URL that can't be one.
    """

    name: str
    apis: tuple[str, ...]  # as in `ModelDescriptor.api`; the first is meant where none is named
    base_url: str
    base_url_variable: str = ""  # of the environment; goes before `base_url`
    key: str | None = field(default=None, repr=False)  # None: as the environment says
    key_variables: tuple[str, ...] = ()  # the first that is set counts
    key_header: str = "authorization"  # there a key stands after "Bearer", in any other header by itself
    token_variables: tuple[str, ...] = ()  # asked after `key_variables`; a token is always sent as a bearer
    needs_key: bool = True
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)  # sent with each request
    header_variables: Mapping[str, str] = field(default_factory=dict[str, str])  # header -> variable; sent where set
    call_id_header: str = ""  # takes the caller's own id of a call
    connect_timeout_s: float = 5.0
    write_timeout_s: float = TIMEOUT_S  # for the provider to take a piece of the request
    idle_timeout_s: float = TIMEOUT_S  # without a byte, before the answer begins or within it
    http2: bool = False  # HTTP/2, and nothing else; wants the extra `http2`. See `httpclient.py` for what it costs
    when_unreachable: str = ""  # what a person may do when nothing listens there

    def __post_init__(self) -> None:
        check_base_url(self.base_url)

    def address(self) -> str:
        """The base URL as the environment has it now, without a slash at its end. Raises: ValueError."""
        variable = self.base_url_variable
        given = os.environ.get(variable, "").strip() if variable else ""
        try:
            return check_base_url(
                (ollama_address(given) if variable == "OLLAMA_HOST" else given) if given else self.base_url
            )
        except ValueError as error:
            raise ValueError(f"{variable}: {error}") from None


_OPENAI = "https://api.openai.com/v1"
_providers: dict[str, Provider] = {
    provider.name: provider
    for provider in (
        Provider(
            name="anthropic",
            apis=("anthropic-messages",),
            base_url="https://api.anthropic.com",
            base_url_variable="ANTHROPIC_BASE_URL",
            key_variables=("ANTHROPIC_API_KEY",),
            key_header="x-api-key",
            token_variables=("ANTHROPIC_AUTH_TOKEN",),
        ),
        Provider(
            name="openai",
            apis=("openai-completions", "openai-responses"),
            base_url=_OPENAI,
            base_url_variable="OPENAI_BASE_URL",
            key_variables=("OPENAI_API_KEY",),
            header_variables={"openai-organization": "OPENAI_ORG_ID", "openai-project": "OPENAI_PROJECT_ID"},
            call_id_header="x-client-request-id",
        ),
        Provider(
            name="ollama",
            apis=("ollama-chat",),
            base_url="http://127.0.0.1:11434",
            base_url_variable="OLLAMA_HOST",
            key_variables=("OLLAMA_API_KEY",),
            needs_key=False,
            when_unreachable="Is Ollama running? `ollama serve` starts it.",
        ),
    )
}
_models: dict[tuple[str, str], ModelDescriptor] = {}


def register_provider(provider: Provider) -> None:
    """Make a provider known in this process, or another one by the name of one that is."""
    _providers[provider.name] = provider


def register_model(descriptor: ModelDescriptor) -> None:
    """Make known what a model costs and can do: `find_model("PROVIDER:ID")` then gives this descriptor.

    Raises: ValueError for one without id or provider, or of a provider that is neither known nor described in it."""
    completed = _completed(descriptor)
    _models[completed.provider, completed.id] = completed


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
        f"model {descriptor.id!r}: provider {descriptor.provider!r} is not known ({_known()}); "
        "register_provider() makes it known, or the descriptor says api and base_url"
    )


def find_model(
    model: str | ModelDescriptor, *, key: str | None = None, base_url: str = "", on_request: "RequestHook | None" = None
) -> "HTTPModel":
    """A model to ask, by `PROVIDER:NAME` (the name may hold colons) or by what describes it.

    `API:NAME` chooses another of a provider's APIs than its first, as `openai-responses:NAME` does. A model that
    nobody registered is taken to read images and to be able to think; the provider will say so if not.

    Args:
        key: sent to this model's address, and nowhere else. None: the provider's own, or the environment's, and only
            to the provider's own address.
        base_url: of another server that speaks the same API. It is recorded with each run.
        on_request: sees each request before it is sent, without keys, and may give another in its place.

    Raises: TypeError, ValueError. Whether there is a key, and such a model, shows when it is called.
    """
    from ..protocol.providers import ADAPTERS
    from .httpmodel import HTTPModel

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
    if descriptor.api not in ADAPTERS:
        raise ValueError(
            f"model {descriptor.id!r}: API {descriptor.api!r} is not known ({', '.join(sorted(ADAPTERS))})"
        )
    if descriptor.base_url:
        check_base_url(descriptor.base_url)
    return HTTPModel(descriptor, provider_of(descriptor), key=key, on_request=on_request)


def _named(text: str) -> ModelDescriptor:
    prefix, colon, name = text.partition(":")
    provider, api = _providers.get(prefix), ""
    if provider is None:
        provider, api = next((p for p in _providers.values() if prefix in p.apis), None), prefix
    if provider is None or not colon or not name.strip():
        raise ValueError(f"model {text!r}: expected 'PROVIDER:NAME' ({_known()})")
    found = _models.get((provider.name, name))
    if found is not None:
        return msgspec.structs.replace(found, api=api) if api else found
    return ModelDescriptor(
        id=name, api=api or provider.apis[0], provider=provider.name, input=("text", "image"), reasoning=True
    )


def _completed(descriptor: ModelDescriptor) -> ModelDescriptor:
    """The descriptor with its API, where its provider has one. Raises: ValueError."""
    if not descriptor.id:
        raise ValueError("a model descriptor must have an id")
    provider = provider_of(descriptor)
    return descriptor if descriptor.api else msgspec.structs.replace(descriptor, api=provider.apis[0])


def _known() -> str:
    return f"known providers: {', '.join(sorted(_providers))}"
