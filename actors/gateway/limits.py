"""The bounds of a gateway: who may come in, and what a connection may ask for. Data only."""

from dataclasses import dataclass

__all__ = ["GatewayLimits"]


@dataclass(frozen=True)
class GatewayLimits:
    """Bounds of one connection, and of all of them. Times are in seconds.

    A peer is an IP address, of IPv6 a /64 network: loopback is a peer like any other. **Behind a reverse proxy all
    clients are one peer**, the proxy: let it bound what each may do, and set `max_connections_per_peer`,
    `max_handshakes_per_peer` and `max_failed_logins` to None here.

    A client that is one too many gets an HTTP response with `Retry-After`, and the log a line in ten seconds at most.
    """

    max_message_bytes: int = 5_000_000  # of a message from the client; beyond: close 1009
    max_fragments: int = 4096  # frames of an unfinished message from the client; beyond: close 1009
    max_in_flight: int = 64  # requests, and those of one batch; beyond: limitExceeded
    max_subscriptions: int = 256  # runs watched at once; beyond: limitExceeded
    max_batch_bytes: int = 256_000  # of a batch of notifications, for clients that take batches
    max_waiting_bytes: int = 4_000_000  # that a client has not read; beyond: it is read, and answered, no further
    max_waiting_total_bytes: int = 128_000_000  # of all clients; beyond: the same for those with more than their share
    stall_s: float = 120.0  # a client that reads nothing of what is sent to it for so long is dropped
    ping_s: float = 30.0  # after so long a silence a client is pinged
    pong_s: float = 90.0  # after so long a silence it is dropped
    handshake_s: float = 10.0  # from accepting the TCP connection to the end of the handshake, authentication included
    close_s: float = 5.0  # for requests under way and the close frame, when the server leaves

    # Who may come in.
    max_connections: int = 512  # in all, a file descriptor each; beyond: HTTP 503
    max_connections_per_peer: int | None = 128  # beyond: HTTP 429. None: no bound
    max_handshakes: int = 128  # under way at once, in all; beyond: HTTP 503
    max_handshakes_per_peer: int | None = 64  # under way at once; beyond: HTTP 429. None: no bound
    max_failed_logins: int | None = 20  # of a peer in `failed_logins_s`; beyond: HTTP 429. None: no bound
    failed_logins_s: float = 60.0
