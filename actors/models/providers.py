"""Who serves models: the providers known in this process. How a model is found by its name is `catalogue.py`'s.

The environment is read when a call is made, not when this is imported.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...protocol.messages import ModelDescriptor
from ...protocol.misspelt import names_options
from .baseurl import check_base_url, ollama_address

__all__ = ["Provider", "find_provider", "known_names", "provider_by_api", "provider_of", "register_provider"]

TIMEOUT_S = 600.0  # as in the SDKs of Anthropic (2.12) and OpenAI (3.54)


@names_options
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


def provider_by_api(api: str) -> Provider | None:
    """The first provider that serves models through this API."""
    return next((provider for provider in _providers.values() if api in provider.apis), None)


def known_names() -> str:
    """The known providers, in words."""
    return f"known providers: {', '.join(sorted(_providers))}"
