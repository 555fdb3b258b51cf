"""Serves the runs of an actor system to network clients, as JSON-RPC 2.0 over WebSocket."""

from .access import Action, Authenticator, Authorizer, Credentials, Principal, token_authenticator
from .limits import GatewayLimits
from .peers import Peers
from .server import Gateway, serve_gateway

__all__ = [
    "Action",
    "Authenticator",
    "Authorizer",
    "Credentials",
    "Gateway",
    "GatewayLimits",
    "Peers",
    "Principal",
    "serve_gateway",
    "token_authenticator",
]
