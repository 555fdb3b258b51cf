"""Who owns the store or a run of it: scripts for owners and for nodes. No tasks here."""

from collections.abc import Sequence

from ...protocol.errors import StaleEpoch
from ..base import Acquired
from ..heads import readable
from ..shared import Claimed, Node, Orphan, Owned
from .connection import Connection
from .saves import refusal

__all__ = ["acquire", "claim", "delete", "join", "leave", "let_go", "nodes", "orphans", "owners", "release", "renew"]

AT_ONCE = 200  # runs for one script


async def acquire(connection: Connection, owner: str) -> Acquired:
    """Make `owner` the owner of the whole store."""
    epoch, is_clean = await connection.call(*connection.script("acquire", owner))
    return Acquired(epoch, is_clean == 1)


async def release(connection: Connection, epoch: int) -> None:
    """Release the store. Raises: StaleEpoch unless `epoch` is the current owner's."""
    if not await connection.call(*connection.script("release", epoch)):
        raise StaleEpoch(f"epoch {epoch} can't release the store: it isn't the current owner's")


async def delete(connection: Connection, run_id: str, epoch: int, node_id: str | None) -> None:
    """Delete a run in the name of a node, if any. Raises: StaleEpoch."""
    answer = await connection.call(*connection.script("delete", node_id or "", run_id, epoch))
    if (error := refusal(run_id, epoch, answer)) is not None:
        raise error


async def join(connection: Connection, node: Node, lease_s: float) -> int:
    """Add a node with a lease of `lease_s` seconds. Return the epoch for runs that are saved first."""
    return await connection.call(*connection.script("join", node.id, node.url or "", _ms(lease_s)))


async def renew(connection: Connection, node: Node, lease_s: float) -> bool:
    """Renew a node's lease. False: it had ended."""
    return bool(await connection.call(*connection.script("renew", node.id, node.url or "", _ms(lease_s))))


async def leave(connection: Connection, node_id: str) -> None:
    """Remove a node, and release all its runs."""
    while await connection.call(*connection.script("leave", node_id, AT_ONCE)) == AT_ONCE:
        pass


async def nodes(connection: Connection) -> tuple[Node, ...]:
    """Return the nodes whose lease has not ended."""
    return tuple(Node(node.decode(), _url(url)) for node, url in await connection.call(*connection.script("nodes")))


async def owners(connection: Connection, run_ids: Sequence[str]) -> dict[str, Node]:
    """Return the live nodes that own these runs, by run id."""
    found: dict[str, Node] = {}
    for start in range(0, len(run_ids), AT_ONCE):
        rows = await connection.call(*connection.script("owners", *run_ids[start : start + AT_ONCE]))
        found |= {run_id.decode(): Node(node.decode(), _url(url)) for run_id, node, url in rows}
    return found


async def claim(connection: Connection, run_id: str, node_id: str) -> Claimed | Owned | None:
    """Make the node the owner of a run, unless another live node is."""
    answer = await connection.call(*connection.script("claim", run_id, node_id))
    if answer is None:
        return None
    word, *found = answer
    if word == b"claimed":
        return Claimed(found[0], found[1] == 1)
    return Owned(found[0].decode(), _url(found[1]))


async def orphans(
    connection: Connection, node_id: str, agents: Sequence[str], limit: int, known: Sequence[str] | None
) -> tuple[Orphan, ...]:
    """Make the node the owner of running runs that no live node owns, or that it owns itself beside the known ones."""
    unknown: Sequence[str] = ()
    if known is not None:
        owned = await connection.call("ZRANGE", connection.key("owned", node_id), 0, -1)
        unknown = sorted({run_id.decode() for run_id in owned}.difference(known))
    found: list[Orphan] = []
    while len(found) < limit:
        asked = min(AT_ONCE, limit - len(found))
        rows = await connection.call(*connection.script("orphans", node_id, asked, len(agents), *agents, *unknown))
        if rows is None:  # runs of dead nodes were freed, and there are more of them
            continue
        for run_id, created_at, data, epoch, is_clean in rows:
            found += [Orphan(head, Claimed(epoch, is_clean == 1)) for head in readable([(run_id, created_at, data)])]
        if len(rows) < asked:
            break
        taken = {row[0].decode() for row in rows}
        unknown = [run_id for run_id in unknown if run_id not in taken]
    return tuple(found)


async def let_go(connection: Connection, node_id: str, runs: Sequence[tuple[str, int]]) -> None:
    """Release runs, each if the node still owns it with that epoch."""
    for start in range(0, len(runs), AT_ONCE):
        words = [word for run in runs[start : start + AT_ONCE] for word in run]
        await connection.call(*connection.script("let_go", node_id, *words))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _url(stored: bytes | None) -> str | None:
    return stored.decode() if stored else None
