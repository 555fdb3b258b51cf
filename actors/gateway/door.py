"""Limits on connections, handshakes and failed logins. Pure: addresses and a clock come in.

Knows neither sockets nor requests. The WebSocket and HTTP servers call it before they accept a client.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Network, ip_address

from ...protocol.errors import InvalidParams
from .limits import GatewayLimits
from .refusal import Refusal

__all__ = ["Door", "FailedLogins", "Guest", "peer_of"]

MAX_PEERS = 10_000  # peers whose failed logins are kept; beyond, the peer with the oldest last failure is dropped
RETRY_S = 5  # `Retry-After` where the real wait is unknown


def peer_of(address: str) -> str:
    """Returns the rate-limit key of an IP address: the address itself, or its /64 network for IPv6.

    One IPv6 client can use every address of its network.
    """
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return str(ip.ipv4_mapped or IPv6Network((ip, 64), strict=False))


@dataclass(slots=True)
class _Count:
    """Current number, in total and per peer."""

    total: int = 0
    by_peer: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, peer: str, number: int) -> None:
        self.total += number
        self.by_peer[peer] = self.by_peer.get(peer, 0) + number
        if not self.by_peer[peer]:
            del self.by_peer[peer]


class FailedLogins:
    """Rate-limits failed logins per peer with a token bucket: `maximum` at once, refilled over `period_s`.

    Each failure costs `period_s / maximum` seconds of waiting, which pass with time. A peer that owes more than
    `period_s` less the cost of one failure must wait.

    Raises: InvalidParams for a maximum below 1.
    """

    def __init__(self, maximum: int, period_s: float, clock: Callable[[], float]) -> None:
        if maximum < 1:
            raise InvalidParams(f"max_failed_logins: expected at least 1, or None for no bound; got {maximum}")
        self._each_s = period_s / maximum
        self._most_s = period_s - self._each_s
        self._clock = clock
        self._paid_at: OrderedDict[str, float] = OrderedDict()  # when each peer's debt is paid; latest failure last

    def __len__(self) -> int:
        return len(self._paid_at)

    def wait_s(self, peer: str) -> float:
        """Seconds until the peer may try again; 0: now."""
        owed_s = self._paid_at.get(peer, -math.inf) - self._clock()
        return max(0.0, owed_s - self._most_s)

    def note(self, peer: str) -> None:
        """Counts a failed login of this peer."""
        paid_at = max(self._paid_at.pop(peer, -math.inf), self._clock()) + self._each_s
        if len(self._paid_at) >= MAX_PEERS:
            self._paid_at.popitem(last=False)
        self._paid_at[peer] = paid_at


class Guest:
    """A client that `Door.enter` accepted. The caller says when the handshake is over and when the client is gone."""

    def __init__(self, door: "Door", peer: str) -> None:
        self._door, self._peer = door, peer
        self._shakes_hands = True
        self._is_here = True

    def login_failed(self) -> None:
        """Counts a failed login: the client's credentials were missing or wrong."""
        self._door.login_failed(self._peer)

    def handshake_over(self) -> None:
        """Stops counting the client among the handshakes. Idempotent."""
        if self._shakes_hands:
            self._shakes_hands = False
            self._door.handshakes.add(self._peer, -1)

    def leave(self) -> None:
        """Stops counting the client. Idempotent."""
        self.handshake_over()
        if self._is_here:
            self._is_here = False
            self._door.connections.add(self._peer, -1)


class Door:
    """Accepts clients up to the limits. `clock`: seconds since any fixed moment."""

    def __init__(self, limits: GatewayLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self.connections, self.handshakes = _Count(), _Count()
        self._failed_logins = None
        if limits.max_failed_logins is not None:
            self._failed_logins = FailedLogins(limits.max_failed_logins, limits.failed_logins_s, clock)

    def enter(self, address: str) -> Guest | Refusal:
        """Accepts a client at this IP address for a handshake, or returns why it is refused."""
        peer = peer_of(address)
        for refusal in self._refusals(peer):
            return refusal
        self.connections.add(peer, 1)
        self.handshakes.add(peer, 1)
        return Guest(self, peer)

    def login_failed(self, peer: str) -> None:
        """Counts a failed login; the peer's next attempt may have to wait."""
        if self._failed_logins is not None:
            self._failed_logins.note(peer)

    def _refusals(self, peer: str) -> Iterator[Refusal]:
        limits = self._limits
        wait_s = 0.0 if self._failed_logins is None else self._failed_logins.wait_s(peer)
        if wait_s:
            text = "too many logins from your address have failed; try again later"
            yield Refusal(429, text, math.ceil(wait_s), "max_failed_logins")
        for what, count, most, most_per_peer in (
            ("connections", self.connections, limits.max_connections, limits.max_connections_per_peer),
            ("handshakes", self.handshakes, limits.max_handshakes, limits.max_handshakes_per_peer),
        ):
            if most_per_peer is not None and count.by_peer.get(peer, 0) >= most_per_peer:
                text = f"your address has {most_per_peer} {what} here, the maximum; close one, or try again later"
                yield Refusal(429, text, RETRY_S, f"max_{what}_per_peer")
            if count.total >= most:
                text = f"the server has {most} {what}, the maximum; try again later"
                yield Refusal(503, text, RETRY_S, f"max_{what}")
