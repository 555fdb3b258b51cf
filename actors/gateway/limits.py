"""The limits of a gateway and of each connection. Data only."""

from dataclasses import dataclass

from ...protocol.misspelt import names_options

__all__ = ["GatewayLimits"]


@names_options
@dataclass(frozen=True)
class GatewayLimits:
    """Limits of one connection, and of all connections. Times are in seconds.

    A peer is one IPv4 address or one IPv6 /64 network; loopback is no exception. **Behind a reverse proxy all clients
    are one peer**, the proxy: let the proxy limit each client, and set `max_connections_per_peer`,
    `max_handshakes_per_peer` and `max_failed_logins` to None here.

    A client over a limit gets an HTTP response with `Retry-After`; the log gets at most one line in ten seconds.

    Attributes:
        max_message_bytes: one message from the client. Beyond: close 1009.
        max_fragments: frames of one unfinished message from the client; beyond: close 1009.
        max_in_flight: requests, also those in one batch; beyond: limitExceeded.
        max_subscriptions: runs watched at once; beyond: limitExceeded.
        max_batch_bytes: one batch of notifications, for clients that take batches.
        max_waiting_bytes: unread by one client; beyond: its requests wait.
        max_waiting_total_bytes: unread by all clients; beyond: the same for clients above the average.
        stall_s: a client that accepts no bytes for so long is dropped.
        ping_s: a client that was silent for so long is pinged.
        pong_s: a client that was silent for so long is dropped.
        handshake_s: from accepting the TCP connection to the end of authentication.
        close_s: for requests in flight and the close frame, when the server stops.
        max_connections: connections in total, one file descriptor each. Beyond: HTTP 503.
        max_connections_per_peer: connections of one peer. Beyond: HTTP 429. None: no limit.
        max_handshakes: handshakes in progress, in total. Beyond: HTTP 503.
        max_handshakes_per_peer: handshakes of one peer in progress. Beyond: HTTP 429. None: no limit.
        max_failed_logins: failed logins of one peer in `failed_logins_s`. Beyond: HTTP 429. None: no limit.
        failed_logins_s: how far back failed logins count.
    """

    max_message_bytes: int = 5_000_000
    max_fragments: int = 4096
    max_in_flight: int = 64
    max_subscriptions: int = 256
    max_batch_bytes: int = 256_000
    max_waiting_bytes: int = 4_000_000
    max_waiting_total_bytes: int = 128_000_000
    stall_s: float = 120.0
    ping_s: float = 30.0
    pong_s: float = 90.0
    handshake_s: float = 10.0
    close_s: float = 5.0
    max_connections: int = 512
    max_connections_per_peer: int | None = 128
    max_handshakes: int = 128
    max_handshakes_per_peer: int | None = 64
    max_failed_logins: int | None = 20
    failed_logins_s: float = 60.0
