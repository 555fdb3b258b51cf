"""Where browsers reach the other live nodes of a shared store: the store has their ids, each node its own URL."""

import trio

from ...protocol.errors import AdjournError
from ..runtime.system import ActorSystem
from .peers import Peers

__all__ = ["Nodes"]

ANSWER_S = 3.0  # for a node to describe itself
MOST = 32  # nodes


class Nodes:
    """The other nodes of a system's store. Keeps each node's answer, because a node announces its URLs only once."""

    def __init__(self, system: ActorSystem, peers: Peers | None) -> None:
        self._system, self._peers = system, peers
        self._known: dict[str, str | None] = {}  # by the node's id; None: browsers don't reach it

    async def urls(self, by: str | None) -> tuple[str, ...]:
        """Returns the URLs for browsers of the nodes that have one and answer, within `ANSWER_S` seconds. `by`: the
        client's name.

        Raises: StoreUnavailable.
        """
        if self._peers is None:
            return ()
        live = {node.id: node.url for node in (await self._system.nodes())[:MOST] if node.url is not None}
        for node_id in self._known.keys() - live:
            del self._known[node_id]
        with trio.move_on_after(ANSWER_S):
            async with trio.open_nursery() as nursery:
                for node_id in live.keys() - self._known:
                    nursery.start_soon(self._ask, self._peers, node_id, live[node_id], by)
        return tuple(sorted({url for node_id in live if (url := self._known.get(node_id)) is not None}))

    async def _ask(self, peers: Peers, node_id: str, url: str, by: str | None) -> None:
        try:
            self._known[node_id] = (await peers.describe(url, by)).url
        except AdjournError:
            return  # the node can't be reached, or refuses: the next call of `urls` asks it again
