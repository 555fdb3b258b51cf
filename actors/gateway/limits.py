"""The bounds of a connection to the gateway. Data only."""

from dataclasses import dataclass

__all__ = ["GatewayLimits"]


@dataclass(frozen=True)
class GatewayLimits:
    """Bounds of one connection. Times are in seconds."""

    max_message_bytes: int = 5_000_000  # of a message from the client; beyond: close 1009
    max_in_flight: int = 64  # requests; beyond: limitExceeded
    max_subscriptions: int = 256  # runs watched at once; beyond: limitExceeded
    max_batch_bytes: int = 256_000  # of a batch of notifications, for clients that take batches
    stall_s: float = 120.0  # a client that reads nothing of what is sent to it for so long is dropped
    ping_s: float = 30.0  # after so long a silence a client is pinged
    pong_s: float = 90.0  # after so long a silence it is dropped
    handshake_s: float = 10.0  # from accepting the TCP connection to the end of the handshake, authentication included
    close_s: float = 5.0  # for requests under way and the close frame, when the server leaves
