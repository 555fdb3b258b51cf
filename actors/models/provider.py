"""What is known of a provider: where it serves which APIs, whose keys go there, how its requests differ. Data only.

The environment is read when a call is made, not when this is imported.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from ...protocol.messages import Compat
from ...protocol.misspelt import names_options
from .baseurl import check_base_url, ollama_address

__all__ = ["Provider"]

TIMEOUT_S = 600.0  # as in the SDKs of Anthropic (2.12) and OpenAI (3.54)

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@names_options
@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Who serves models: where, through which APIs, and how a key is sent there. Data, without any connection.

    Raises: ValueError for a base URL that can't be one.
    """

    name: str
    apis: tuple[str, ...]  # as in `ModelDescriptor.api`; the first is meant where none is named
    base_url: str = ""  # empty: only `base_url_variable` tells
    base_url_variable: str = ""  # of the environment; goes before `base_url`
    path: str = ""  # follows the address in `base_url_variable`, unless that ends with it
    hosts: tuple[str, ...] = ()  # other hosts that it serves from, or their ends, as `.openai.azure.com`
    compat: Compat | None = None  # how its chat completions differ from OpenAI's; None: unknown
    version_variable: str = ""  # of the environment; where set, each request has it as `?api-version`
    dated_path: str = ""  # in place of `path` where that version is a date; `{model}` is the model's id
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
    sources: tuple[str, ...] = ()  # where these facts are from, each with its date

    def __post_init__(self) -> None:
        if self.base_url or not self.base_url_variable:
            check_base_url(self.base_url)

    def address(self, model_id: str = "") -> str:
        """The base URL as the environment has it now, without a slash at its end; empty where there is none.

        Raises: ValueError."""
        variable = self.base_url_variable
        given = os.environ.get(variable, "").strip() if variable else ""
        if not given:
            return check_base_url(self.base_url) if self.base_url else ""
        try:
            if variable == "OLLAMA_HOST":
                return check_base_url(ollama_address(given))
            if self.path and "://" not in given:  # a bare host
                given = f"https://{given}"
            return self._with_path(check_base_url(given), model_id)
        except ValueError as error:
            raise ValueError(f"{variable}: {error}") from None

    def query(self) -> str:
        """What each request's URL ends with: a question mark and parameters, or nothing."""
        version = self._version()
        return f"?api-version={quote(version, safe='')}" if version else ""

    def serves(self, base_url: str) -> bool:
        """Whether this base URL is one of its hosts. Ports count where `base_url` has one, as for servers at home."""
        own, other = urlsplit(self.base_url), urlsplit(base_url)
        host = other.hostname or ""
        if not host:
            return False
        at_home = own.port is not None and host == "localhost"
        if own.port == other.port and (own.hostname == host or at_home):
            return True
        return any(host == each or (each.startswith(".") and host.endswith(each)) for each in self.hosts)

    def _with_path(self, address: str, model_id: str) -> str:
        if self.dated_path and _DATE.match(self._version()):
            return address + self.dated_path.format(model=quote(model_id, safe=""))
        return address if address.endswith(self.path) else address + self.path

    def _version(self) -> str:
        return os.environ.get(self.version_variable, "").strip() if self.version_variable else ""
