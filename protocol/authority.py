"""Which host and port a Host or an Origin header names. No lookups, and no opinion on who is welcome.

The grammars are RFC 9110, 7.2 (Host) and RFC 6454, 7 (Origin), for what browsers and programs send of them, and nothing
else: a header that two readers could read differently is one that nobody reads. So there is no user info, no
percent-encoding, no empty port, no trailing dot, no address but in its usual form (`127.0.0.1`, `[::1]`), no
character beyond ASCII (`idna` names are fine), and one origin, of scheme http or https.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple

__all__ = ["Authority", "Origin", "parse_authority", "parse_origin"]

_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9._-]{1,253}))(?::([0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # a name that ends in one is an address: WHATWG URL, "ends in a number"
_PORTS = {"http": 80, "https": 443}


class Authority(NamedTuple):
    """A host, and a port if one was given."""

    host: str  # in lower case; addresses without brackets, IPv6 in its shortest form
    port: int | None


class Origin(NamedTuple):
    """Where a web page is from. Equal ones are the same origin: a port that goes without saying is said."""

    scheme: str  # http or https
    host: str  # as in `Authority`
    port: int


def parse_authority(text: str) -> Authority | None:
    """The host and port in `host` or `host:port`, such as a Host header; None if that isn't what it is."""
    found = _AUTHORITY.fullmatch(text.lower()) if text.isascii() else None
    if found is None:
        return None
    address, name, port = found.groups()
    host = _ipv6(address) if name is None else _host(name)
    if host is None or (port is not None and int(port) > 65535):
        return None
    return Authority(host, None if port is None else int(port))


def parse_origin(text: str) -> Origin | None:
    """The one http or https origin in an Origin header; None for anything else, `null` included."""
    scheme, _, rest = text.partition("://")
    default = _PORTS.get(scheme.lower())
    authority = parse_authority(rest)
    if default is None or authority is None:
        return None
    return Origin(scheme.lower(), authority.host, default if authority.port is None else authority.port)


def _host(name: str) -> str | None:
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(name))
        except AddressValueError:
            return None
    return name if all(map(_LABEL.fullmatch, labels)) else None


def _ipv6(address: str) -> str | None:
    try:
        return str(IPv6Address(address))
    except AddressValueError:
        return None
