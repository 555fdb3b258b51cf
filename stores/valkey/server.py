"""Which server and which of its keys a store uses, read from the store's address. No I/O but reading certificates."""

import re
import ssl
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from ...protocol.errors import InvalidParams

__all__ = ["Server", "server_at"]

_SCHEMES = {"valkey": False, "redis": False, "valkeys": True, "rediss": True}  # True: TLS
_FORM = "expected valkey://user@host:6379/0?prefix=adjourn, or valkeys://… for TLS"
_PREFIX = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_PORT = 6379


@dataclass(frozen=True)
class Server:
    """A server, and the place of a store there.

    Attributes:
        host: the server's name or IP address.
        port: its TCP port.
        database: the number of the database.
        prefix: the word that all keys of the store begin with, in braces.
        user: the user's name; None: the default user.
        password: the user's password, if any.
        tls: how the connection is encrypted; None: it isn't.
    """

    host: str
    port: int = _PORT
    database: int = 0
    prefix: str = "adjourn"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """Return the server and the store's place there, for messages."""
        return f"Valkey at {self.host}:{self.port}, database {self.database}, prefix {self.prefix}"


def server_at(address: str) -> Server:
    """Return the server at a store's address. Reads the certificates that the address names.

    Raises: InvalidParams if the address is invalid, or a certificate can't be read. The message doesn't quote the
    address, which may have a password.
    """
    try:
        parts = urlsplit(address)
        port = parts.port
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        database = int(parts.path.strip("/") or 0)
    except ValueError:
        raise InvalidParams(f"store address: {_FORM}") from None
    prefix = options.pop("prefix", "adjourn")
    if parts.scheme not in _SCHEMES or not parts.hostname or parts.fragment or database < 0:
        raise InvalidParams(f"store address: {_FORM}")
    if not _PREFIX.fullmatch(prefix):
        raise InvalidParams("store address: expected a prefix of 1 to 64 letters, digits, '_', '.' and '-'")
    return Server(
        host=parts.hostname,
        port=port or _PORT,
        database=database,
        prefix=prefix,
        user=parts.username and unquote(parts.username),
        password=parts.password and unquote(parts.password),
        tls=_tls(parts, options),
    )


def _tls(parts: SplitResult, options: dict[str, str]) -> ssl.SSLContext | None:
    is_encrypted = _SCHEMES[parts.scheme]
    known = ("cacert", "cert", "key") if is_encrypted else ()
    for name in options:
        if name not in known:
            expected = ", ".join(["prefix", *known])
            raise InvalidParams(f"store address: unknown option {name!r}; expected one of: {expected}")
    if not is_encrypted:
        return None
    try:
        context = ssl.create_default_context(cafile=options.get("cacert"))
        if "cert" in options:
            context.load_cert_chain(options["cert"], options.get("key"))
    except (OSError, ValueError) as error:
        raise InvalidParams(f"store address: the certificates can't be read: {error}") from error
    return context
