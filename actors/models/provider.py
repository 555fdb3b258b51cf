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

    Attributes:
        name: the name, as in `PROVIDER:NAME`.
        apis: as in `ModelDescriptor.api`; the first is meant where none is named.
        base_url: the address of the API. Empty: only `base_url_variable` tells.
        base_url_variable: a variable of the environment that goes before `base_url`.
        path: what follows the address in `base_url_variable`, unless that ends with it.
        hosts: other hosts that it serves from, or their ends, as `.openai.azure.com`.
        compat: how its chat completions differ from OpenAI's; None: unknown.
        version_variable: of the environment; where set, each request has it as `?api-version`.
        dated_path: in place of `path` where that version is a date; `{model}` is the model's id.
        key: the key. None: the environment's.
        key_variables: variables that may hold the key; the first that is set counts.
        key_header: the header that carries the key. In `authorization` it stands after "Bearer", in any other by
            itself.
        token_variables: variables asked after `key_variables`; a token is always sent as a bearer.
        needs_key: False: it may be asked without a key.
        headers: headers that are sent with each request.
        header_variables: header to variable: sent where the variable is set.
        call_id_header: the header that takes the caller's own id of a call.
        connect_timeout_s: seconds for a connection to open.
        write_timeout_s: seconds for the provider to take a piece of the request.
        idle_timeout_s: seconds without a byte, before the answer begins or within it.
        http2: True: HTTP/2, and nothing else. Needs the extra `http2`; `httpclient.py` says what it costs.
        when_unreachable: what a person may do when nothing listens there.
        sources: where these facts are from, each with its date.

    Raises: ValueError for a base URL that can't be one.
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
