"""The other nodes of a shared store, as their gateways see each other: who may ask in whose name, and how to ask.

A request about a run that another node executes is sent to that node's gateway, in the client's name. The events of
such runs come from there too, over one connection for all watched runs of a node. Nodes mark their connections with
`NODE_HEADER`. Over such a connection a gateway serves only the runs that its own node executes, so no request goes in
circles.
"""

import hmac
from contextlib import AbstractAsyncContextManager
from typing import TypeVar
from urllib.parse import unquote

import trio

from ...protocol.errors import ConnectionLost, RunElsewhere, StoreUnavailable, Unauthorized
from ...protocol.messages import Wire
from ...protocol.methods import METHODS, Params, ServerDescription, ServerInfo
from ...protocol.rpc import NODE_HEADER, PRINCIPAL_HEADER
from ..client.client import Client
from ..client.peer import open_peer, request_once
from .access import Authenticator, Credentials, NodePrincipal, Principal

__all__ = ["Peers"]

R = TypeVar("R", bound=Wire)

ABORT_S = 20.0  # for a run to end: its node answers an abort then
PAUSE_S = 0.2  # before a request is tried again
_METHOD_OF = {method.params: (name, method.result) for name, method in METHODS.items()}


class Peers:
    """Asks other nodes, and recognises them.

    Args:
        token: the secret that all nodes share. None: none, so only nodes without an authenticator can be asked.
        names_clients: nodes ask in the names of their clients. The token must then be known to no client, because its
            holder may act in anybody's name. False: nodes ask in the name to which the token belongs.
        lease_s: the lease of the nodes.
    """

    def __init__(self, token: str | None = None, *, names_clients: bool = True, lease_s: float = 10.0) -> None:
        self._token, self._names_clients = token, names_clients
        # A node that is cut off from the store answers late. Meanwhile its lease ends, and its runs may be claimed.
        self._answer_s = lease_s / 2
        self.patience_s = lease_s + ABORT_S  # for all attempts

    def recognizing(self, authenticator: Authenticator) -> Authenticator:
        """Returns an authenticator that also accepts the nodes' token: with the name of the client that a node asks
        for, or as a `NodePrincipal` if the node watches runs in its own name.
        """
        if self._token is None or not self._names_clients:
            return authenticator
        expected = self._token.encode()

        async def authenticate(credentials: Credentials) -> Principal | None:
            name = credentials.headers.get(PRINCIPAL_HEADER)
            given = (credentials.token or "").encode("utf-8", "surrogateescape")
            if hmac.compare_digest(given, expected):
                if name is not None:
                    return Principal(unquote(name))
                if NODE_HEADER in credentials.headers:
                    return NodePrincipal("a node")
            return await authenticator(credentials)

        return authenticate

    def dial(self, url: str) -> AbstractAsyncContextManager[Client]:
        """Opens a connection to watch runs of the node at `url`. `ActorSystem.watch_nodes` takes this function."""
        return open_peer(url, token=self._token)

    async def ask(self, elsewhere: RunElsewhere, params: Params, by: str | None) -> Wire:
        """Returns the answer of the node that owns the run. `by`: the client's name.

        Raises: RunElsewhere if that node does not answer, or the run has left it; the node's error.
        """
        if elsewhere.url is None:
            raise elsewhere
        try:
            with trio.fail_after(self._answer_s):
                return await self._request(elsewhere.url, params, by)
        except (ConnectionLost, RunElsewhere, StoreUnavailable, trio.TooSlowError) as error:
            raise elsewhere from error
        except Unauthorized as error:
            raise StoreUnavailable(f"{elsewhere.message}, which refuses this node: {error.message}") from error

    async def describe(self, url: str, by: str | None) -> ServerDescription:
        """Returns how the node at this URL describes itself. `by`: the client's name. Raises: any AdjournError."""
        found = await self._request(url, ServerInfo(), by)
        assert isinstance(found, ServerDescription)
        return found

    async def _request(self, url: str, params: Params, by: str | None) -> Wire:
        name, result = _METHOD_OF[type(params)]
        return await request_once(
            url,
            name,
            params,
            result,
            token=self._token,
            principal=by if self._names_clients else None,
        )
