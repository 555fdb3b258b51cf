"""A node's connections to the gateway of another node of a shared store."""

from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from ...protocol.messages import Wire
from ...protocol.methods import Params
from ...protocol.rpc import JSON, MSGPACK, Format
from .client import Client, open_at
from .dial import Settings
from .link import Link, open_link

__all__ = ["open_peer", "request_once"]

R = TypeVar("R", bound=Wire)

CONNECT_S = 3.0
CLOSE_S = 1.0
MAX_MESSAGE_BYTES = 64_000_000


def open_peer(url: str, *, token: str | None) -> AbstractAsyncContextManager[Client]:
    """Opens the client with which a node watches runs of another node, in its own name. The client does not reconnect.

    Raises: as `open_client`.
    """
    return open_at([_settings(url, MSGPACK, token, None)])


async def request_once(
    url: str, method: str, params: Params, kind: type[R], *, token: str | None, principal: str | None
) -> R:
    """Connects, sends one request, and returns its result.

    `principal`: in whose name the node asks; the other node must know the token as that of its nodes.

    Raises: ConnectionLost, Unauthorized, Forbidden, InvalidParams, and the server's error.
    """
    link = Link([_settings(url, JSON, token, principal)], lambda notice, size: None, lambda lost: None)
    async with open_link(link):
        return await link.request(method, params, kind)


def _settings(url: str, form: Format, token: str | None, principal: str | None) -> Settings:
    return Settings(
        url=url,
        form=form,
        token=token,
        ssl_context=None,
        backoff=None,
        wait_for_server=False,
        connect_timeout_s=CONNECT_S,
        ping_interval_s=CONNECT_S,
        close_timeout_s=CLOSE_S,
        max_message_bytes=MAX_MESSAGE_BYTES,
        is_node=True,
        principal=principal,
    )
