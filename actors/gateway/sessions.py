"""What all clients of one server share, over WebSocket or HTTP, and a connection for each client."""

import secrets
from importlib.metadata import version

from ...protocol import rpc
from ...protocol.methods import ServerDescription
from ..runtime.system import ActorSystem
from .access import Authorizer, Principal
from .connection import Connection
from .cursors import SealedCursors
from .guard import Guard
from .limits import GatewayLimits
from .load import Load, TotalLoad
from .nodes import Nodes
from .peers import Peers
from .procedures import Procedures
from .wanted import Wanted
from .websocket import WebSocket

__all__ = ["Sessions"]


class Sessions:
    """Makes the procedures and the connections of admitted clients."""

    def __init__(
        self, system: ActorSystem, authorizer: Authorizer | None, limits: GatewayLimits, peers: Peers | None
    ) -> None:
        self._system, self._authorizer, self._limits, self._peers = system, authorizer, limits, peers
        self._nodes = Nodes(system, peers)
        if peers is not None:
            system.watch_nodes(peers.dial)
        self._load = TotalLoad(limits.max_waiting_bytes, limits.max_waiting_total_bytes)
        self._cursors = None if authorizer is None else SealedCursors(secrets.token_bytes(32))
        per_peer = limits.max_connections_per_peer
        self.description = ServerDescription(
            name="adjourn",
            version=version("adjourn"),
            protocol=tuple(rpc.FORMATS),
            limits={
                "maxMessageBytes": limits.max_message_bytes,
                "maxFragments": limits.max_fragments,
                "maxInFlight": limits.max_in_flight,
                "maxSubscriptions": limits.max_subscriptions,
                "maxBatchBytes": limits.max_batch_bytes,
                **({} if per_peer is None else {"maxConnectionsPerPeer": per_peer}),
                **system.bounds.announced(),
            },
        )

    def procedures(self, principal: Principal | None, *, is_node: bool = False) -> Procedures:
        """Returns the methods for one client. None: an anonymous one. `is_node`: the client is a node."""
        guard = Guard(self._system, principal, self._authorizer)
        peers = None if is_node else self._peers
        return Procedures(
            self._system, self.description, guard, self._cursors, self._nodes, peers, only_own_runs=is_node
        )

    def connection(self, socket: WebSocket, wanted: Wanted, principal: Principal | None, peer: str) -> Connection:
        """Returns a connection to one client; call its `serve`."""
        return Connection(
            socket,
            wanted.form,
            self.procedures(principal, is_node=wanted.is_node),
            self._limits,
            Load(self._load),
            takes_batches=wanted.takes_batches,
            max_message_bytes=wanted.max_message_bytes,
            client=peer if principal is None else f"{principal.name} ({peer})",
        )
