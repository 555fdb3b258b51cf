"""The server's end of the wire: JSON-RPC 2.0 over WebSocket. Who is let in, what a client may do, what it is told."""

from .access import Action, Authenticator, Authorizer, Credentials, Principal, token_authenticator
from .limits import GatewayLimits
from .server import Gateway, serve_gateway

__all__ = [
    "Action",
    "Authenticator",
    "Authorizer",
    "Credentials",
    "Gateway",
    "GatewayLimits",
    "Principal",
    "serve_gateway",
    "token_authenticator",
]
