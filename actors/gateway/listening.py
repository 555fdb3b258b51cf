"""The address of a listening server, and whether listening there is allowed. Also for the HTTP server of `web/`."""

from dataclasses import dataclass
from typing import ClassVar

from ...protocol.errors import InvalidParams
from ...protocol.loopback import is_loopback
from .access import Authenticator

__all__ = ["Listening", "check_host"]


@dataclass(frozen=True)
class Listening:
    """A listening server."""

    scheme: ClassVar[str]
    addresses: tuple[tuple[str, int], ...]  # host and port of each listener

    @property
    def url(self) -> str:
        """The first address, as a URL for clients."""
        host, port = self.addresses[0]
        return f"{self.scheme}://[{host}]:{port}" if ":" in host else f"{self.scheme}://{host}:{port}"


def check_host(host: str | None, authenticator: Authenticator | None) -> None:
    """Checks that a server may listen on `host`; None is every address.

    Raises: InvalidParams for anything but loopback without an authenticator.
    """
    if authenticator is None and not is_loopback(host):
        where = "every address" if not host else repr(host)
        raise InvalidParams(f"host: listening on {where} needs an authenticator; without one, use 127.0.0.1 or ::1")
