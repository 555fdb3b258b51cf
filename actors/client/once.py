"""One request to a gateway over a connection of its own."""

from typing import TypeVar

from ...protocol.messages import Wire
from ...protocol.methods import Params
from ...protocol.rpc import JSON
from .dial import Settings
from .link import Link, open_link

__all__ = ["request_once"]

R = TypeVar("R", bound=Wire)


async def request_once(
    url: str,
    method: str,
    params: Params,
    kind: type[R],
    *,
    token: str | None,
    principal: str | None,
    connect_timeout_s: float,
    max_message_bytes: int,
) -> R:
    """Connects, sends one request, and returns its result.

    `principal`: in whose name a node asks another, which must know the token as that of its nodes.

    Raises: ConnectionLost, Unauthorized, Forbidden, InvalidParams, and the server's error.
    """
    settings = Settings(
        url=url,
        form=JSON,
        token=token,
        ssl_context=None,
        backoff=None,
        wait_for_server=False,
        connect_timeout_s=connect_timeout_s,
        ping_interval_s=connect_timeout_s,
        close_timeout_s=1.0,
        max_message_bytes=max_message_bytes,
        principal=principal,
    )
    link = Link([settings], lambda notice, size: None, lambda lost: None)
    async with open_link(link):
        return await link.request(method, params, kind)
