"""Who may come in at the gateway, from where, and what they may do. Plain checks over plain data; no sockets.

Two questions are the operator's to answer, by functions: the *authenticator* says who a client is, the *authorizer*
what it may do. Two are answered here, for browsers, which carry a stranger's page to a server that trusts its own
machine: is the page's origin welcome, and did the client mean this host (or was it a rebound DNS name)?
"""

import hmac
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TypeAlias
from urllib.parse import urlsplit

from ...protocol.errors import InvalidParams
from ...protocol.loopback import is_loopback
from ...protocol.record import Head
from ...protocol.rpc import AUTH_SUBPROTOCOL

__all__ = [
    "Authenticator",
    "Authorizer",
    "Credentials",
    "Principal",
    "is_own_host",
    "is_welcome_origin",
    "parse_origins",
    "token_authenticator",
    "token_of",
]


@dataclass(frozen=True)
class Principal:
    """Somebody the authenticator knows. The name goes into the records of what they start, decide and abort."""

    name: str


@dataclass(frozen=True)
class Credentials:
    """What a client shows of itself. Its repr has no secrets."""

    token: str | None = field(repr=False)  # of `Authorization: Bearer`, or of the subprotocol adjourn.token.<base64url>
    headers: Mapping[str, str] = field(repr=False)  # of the handshake, names in lower case
    peer: str  # its network address


Authenticator: TypeAlias = Callable[[Credentials], Awaitable[Principal | None]]
# (who, method, run): may they? Without an authenticator nobody has a name; methods about no run in particular have
# no run. Lists are asked about as a whole, then run by run, and show what is allowed.
Authorizer: TypeAlias = Callable[[Principal | None, str, Head | None], Awaitable[bool]]


def token_authenticator(token: str, *, name: str = "token") -> Authenticator:
    """Knows everybody who has the token, all as `name`; compared in constant time. Raises: InvalidParams if empty."""
    if not token:
        raise InvalidParams("token: expected a secret, got nothing")
    expected = token.encode()

    async def authenticate(credentials: Credentials) -> Principal | None:
        given = (credentials.token or "").encode("utf-8", "surrogateescape")
        return Principal(name) if hmac.compare_digest(given, expected) else None

    return authenticate


def token_of(headers: Mapping[str, str], subprotocols: Sequence[str]) -> str | None:
    """The token that a handshake carries. The header wins: a browser can't set it."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given.strip():
        return given.strip().encode("latin-1").decode("utf-8", "surrogateescape")  # headers are read as Latin-1
    for offered in subprotocols:
        if offered.startswith(AUTH_SUBPROTOCOL):
            encoded = offered.removeprefix(AUTH_SUBPROTOCOL)
            try:
                return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
            except ValueError:
                return None
    return None


def parse_origins(origins: Iterable[str]) -> frozenset[str]:
    """Configured origins, as browsers write them. Raises: InvalidParams for what is none."""
    found: set[str] = set()
    for given in origins:
        try:
            parts = urlsplit(given.lower())
            is_origin = parts.scheme in ("http", "https") and parts.hostname and parts.path in ("", "/")
        except ValueError:
            is_origin = False
        if not is_origin:
            raise InvalidParams(f"origins: expected scheme://host or scheme://host:port, got {given!r}")
        found.add(given.lower().rstrip("/"))
    return frozenset(found)


def is_welcome_origin(origin: str | None, allowed: frozenset[str]) -> bool:
    """Whether a page of this origin may connect: none at all (no browser), a loopback name, or a configured one."""
    if origin is None or origin.lower() in allowed:
        return True
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and is_loopback(parts.hostname)


def is_own_host(header: str, bind_host: str | None, allowed: frozenset[str]) -> bool:
    """Whether a Host header means this server: an address, a loopback name, the bound name, a configured origin's.

    An address can't be a rebound DNS name, so any will do."""
    try:
        host = urlsplit(f"//{header.strip().lower()}").hostname or ""
    except ValueError:
        return False
    known = {"localhost", (bind_host or "localhost").lower(), *(urlsplit(origin).hostname for origin in allowed)}
    return host in known or _address(host) is not None


def _address(host: str):
    try:
        return ip_address(host)
    except ValueError:
        return None
