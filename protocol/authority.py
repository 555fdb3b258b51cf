"""Parses the host and port in Host and Origin headers. No lookups, and no decision about access.

The grammars are RFC 9110, 7.2 (Host) and RFC 6454, 7 (Origin), restricted to what browsers and programs really send,
so that no two parsers can read a header differently. Refused are: user info, percent-encoding, empty ports, trailing
dots, addresses in an unusual form (`127.0.0.1` and `[::1]` are usual), characters outside ASCII (`idna` names are
fine), lists of origins, and origins of a scheme other than http or https.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple

__all__ = ["Authority", "Origin", "parse_authority", "parse_origin"]

_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9._-]{1,253}))(?::([0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # such a last label marks an address: WHATWG URL, "ends in a number"
_PORTS = {"http": 80, "https": 443}


class Authority(NamedTuple):
    """A host, and a port if one was given."""

    host: str  # in lower case; addresses without brackets, IPv6 in its shortest form
    port: int | None


class Origin(NamedTuple):
    """The origin of a web page. `port` is always set, so two values are equal if the origins are the same."""

    scheme: str  # http or https
    host: str  # as in `Authority`
    port: int


def parse_authority(text: str) -> Authority | None:
    """Parse `host` or `host:port`, such as a Host header. Return None if the text is anything else."""
    found = _AUTHORITY.fullmatch(text.lower()) if text.isascii() else None
    if found is None:
        return None
    address, name, port = found.groups()
    host = _ipv6(address) if name is None else _host(name)
    if host is None or (port is not None and int(port) > 65535):
        return None
    return Authority(host, None if port is None else int(port))


def parse_origin(text: str) -> Origin | None:
    """Parse an Origin header with one http or https origin. Return None for anything else, including `null`."""
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
