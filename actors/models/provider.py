"""The data about a provider: its addresses and APIs, its keys, and how its requests differ. No I/O.

Environment variables are read at each call, not at import.
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
    """A provider of models: its addresses and APIs, and how a key is sent. Data, without any connection.

    Attributes:
        name: the name, as in `PROVIDER:NAME`.
        apis: as in `ModelDescriptor.api`; the first is the default.
        base_url: the address of the API. Empty: taken from `base_url_variable` only.
        base_url_variable: an environment variable that takes precedence over `base_url`.
        path: appended to the address in `base_url_variable`, unless that ends with it.
        hosts: other hosts of the provider, or their ends, such as `.openai.azure.com`.
        compat: how its chat completions differ from OpenAI's; None: unknown.
        version_variable: an environment variable; if set, each request sends it as `?api-version`.
        dated_path: replaces `path` if that version is a date; `{model}` is the model's id.
        key: the key. None: taken from the environment.
        key_variables: environment variables for the key; the first that is set counts.
        key_header: the header for the key. In `authorization` "Bearer" precedes the key.
        token_variables: environment variables for a bearer token, used after `key_variables`.
        needs_key: False: calls without a key are allowed.
        headers: headers that are sent with each request.
        header_variables: maps headers to environment variables. A header is sent if its variable is set.
        call_id_header: the header for the caller's own id of a call.
        connect_timeout_s: seconds for a connection to open.
        write_timeout_s: seconds for the provider to read a chunk of the request.
        idle_timeout_s: seconds without a byte, before or during the answer.
        http2: True: HTTP/2 only. Needs the extra `http2`; `httpclient.py` has its drawbacks.
        when_unreachable: a hint for people when nothing listens at the address.
        sources: the sources of these facts, with dates.

    Raises: ValueError for an invalid base URL.
    """

    name: str
    apis: tuple[str, ...]
    base_url: str = ""
    base_url_variable: str = ""
    path: str = ""
    hosts: tuple[str, ...] = ()
    compat: Compat | None = None
    version_variable: str = ""
    dated_path: str = ""
    key: str | None = field(default=None, repr=False)
    key_variables: tuple[str, ...] = ()
    key_header: str = "authorization"
    token_variables: tuple[str, ...] = ()
    needs_key: bool = True
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    header_variables: Mapping[str, str] = field(default_factory=dict[str, str])
    call_id_header: str = ""
    connect_timeout_s: float = 5.0
    write_timeout_s: float = TIMEOUT_S
    idle_timeout_s: float = TIMEOUT_S
    http2: bool = False
    when_unreachable: str = ""
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.base_url or not self.base_url_variable:
            check_base_url(self.base_url)

    def address(self, model_id: str = "") -> str:
        """Returns the base URL, from the environment as it is now, without a trailing slash; empty if there is none.

        Raises: ValueError."""
        variable = self.base_url_variable
        given = os.environ.get(variable, "").strip() if variable else ""
        if not given:
            return check_base_url(self.base_url) if self.base_url else ""
        try:
            if variable == "OLLAMA_HOST":
                return check_base_url(ollama_address(given))
            if self.path and "://" not in given:  # a host without scheme and path
                given = f"https://{given}"
            return self._with_path(check_base_url(given), model_id)
        except ValueError as error:
            raise ValueError(f"{variable}: {error}") from None

    def query(self) -> str:
        """Returns the query string of each request's URL, with its question mark, or an empty string."""
        version = self._version()
        return f"?api-version={quote(version, safe='')}" if version else ""

    def serves(self, base_url: str) -> bool:
        """Whether the base URL is at one of the provider's hosts. The port must match if the provider's URL has one."""
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
