"""The client of a gateway: a connection that reconnects by itself, the gateway's methods, and a conversation.

Imports only `protocol/`, no server code.
"""

from .chat import Chat
from .client import Client, open_client
from .dial import Backoff

__all__ = ["Backoff", "Chat", "Client", "open_client"]
