"""Checks the Host and Origin headers: the server's own names, and the web pages that may send requests. Pure.

Both headers protect a server on this machine from a stranger's page in a browser on this machine. Origin tells whose
page it is. Host reveals DNS rebinding: a stranger's name that resolves to this server. Both are parsed strictly
(`protocol.authority`). A repeated header is refused, because a proxy in front may have read the other value.
"""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

import idna

from ...protocol.authority import Origin, parse_authority, parse_origin
from ...protocol.errors import InvalidParams
from ...protocol.loopback import is_loopback
from .refusal import Refusal

__all__ = ["Headers", "Sources", "values_of"]

Headers = Sequence[tuple[bytes, bytes]]  # names in lower case, values without surrounding white space


def values_of(headers: Headers, name: bytes) -> list[str]:
    """Returns each value of a header, in order, read as Latin-1."""
    return [value.decode("latin-1") for key, value in headers if key == name]


class Sources:
    """The names of one server, and the web pages that it answers.

    Args:
        host: the address that the server listens on; None or empty is every address.
        origins: web pages that may connect, besides those of this machine, as `https://example.org`. Their host names
            are also names of the server.

    Raises: InvalidParams for invalid `origins`.
    """

    def __init__(self, host: str | None, origins: Iterable[str]) -> None:
        self._origins = frozenset(map(_configured, origins))
        self._names = {"localhost", (host or "localhost").lower(), *(origin.host for origin in self._origins)}

    def refusal(self, version: str, headers: Headers) -> Refusal | None:
        """Returns why a request is refused; None if it is allowed. `version`: of HTTP, as `1.1`."""
        if version < "1.1":
            return Refusal(505, f"expected HTTP/1.1, got HTTP/{version}; does a proxy in between speak it?")
        for name in (b"host", b"origin", b"authorization"):
            if len(values_of(headers, name)) > 1:
                return Refusal(400, f"expected one {name.decode().title()} header, got several")
        hosts, origins = values_of(headers, b"host"), values_of(headers, b"origin")
        if not hosts:
            return Refusal(400, "expected a Host header")
        if not self._is_own(hosts[0]):
            return Refusal(403, f"{hosts[0]!r} is not a name of this gateway; see its origins")
        if origins and not self._is_welcome(origins[0]):
            return Refusal(403, f"pages of origin {origins[0]!r} may not connect here; see the gateway's origins")
        return None

    def _is_own(self, header: str) -> bool:
        """Whether a Host header names this server. Every IP address does: DNS rebinding needs a name."""
        authority = parse_authority(header)
        return authority is not None and (authority.host in self._names or _is_address(authority.host))

    def _is_welcome(self, header: str) -> bool:
        """Whether an Origin header names this machine or a configured origin."""
        origin = parse_origin(header)
        return origin is not None and (origin in self._origins or is_loopback(origin.host))


def _configured(given: str) -> Origin:
    """Parses a configured origin; its host name may have non-ASCII letters."""
    text = given[:-1] if given.endswith("/") else given
    scheme, separator, rest = text.partition("://")
    if not rest.isascii():
        name, colon, port = rest.partition(":")
        try:
            rest = idna.encode(name, uts46=True).decode() + colon + port
        except idna.IDNAError as error:
            raise InvalidParams(f"origins: {given!r} has a host name that browsers can't send: {error}") from error
    origin = parse_origin(scheme + separator + rest)
    if origin is None:
        raise InvalidParams(f"origins: expected http(s)://host or http(s)://host:port, got {given!r}")
    return origin


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
