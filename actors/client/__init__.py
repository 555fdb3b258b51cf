"""The client's end of the wire: a connection that comes back by itself, the methods of a gateway, a conversation.

It imports `protocol/` alone, and nothing of what runs at the other end.
"""

from .chat import Chat
from .client import Client, open_client
from .dial import Backoff

__all__ = ["Backoff", "Chat", "Client", "open_client"]
