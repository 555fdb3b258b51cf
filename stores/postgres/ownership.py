"""Who owns the store or a run of it: statements for owners and for nodes. No tasks here."""

from collections.abc import Sequence

from ...protocol.errors import StaleEpoch
from ..base import Acquired
from ..heads import readable
from ..ownership import Ownership
from ..shared import Claimed, Node, Orphan, Owned
from .connection import Connection
from .statements import statement

__all__ = ["acquire", "claim", "delete", "join", "leave", "let_go", "nodes", "orphans", "owners", "release", "renew"]


async def acquire(connection: Connection, owner: str) -> Acquired:
    """Make `owner` the owner of the whole store."""
    [(epoch, is_clean)] = await connection.query(statement("acquire"), [owner])
    return Acquired(int(epoch or 0), is_clean == b"t")


async def release(connection: Connection, epoch: int) -> None:
    """Release the store. Raises: StaleEpoch unless `epoch` is the current owner's."""
    if not await connection.query(statement("release"), [epoch]):
        raise StaleEpoch(f"epoch {epoch} can't release the store: it isn't the current owner's")


async def delete(connection: Connection, run_id: str, epoch: int, node_id: str | None) -> None:
    """Delete a run in the name of a node, if any. Raises: StaleEpoch."""
    await connection.query("BEGIN")
    failed: Exception | None = None
    try:
        [(owner, is_clean)] = await connection.query(statement("may_write"))
        Ownership(int(owner or 0), is_clean == b"t").check_write(epoch)
        found = await connection.query(statement("delete_head"), [run_id, epoch, node_id])
        if found and found[0][0] == b"f":
            raise StaleEpoch(f"run {run_id}: epoch {epoch} has ended: another node owns the run")
        await connection.query(statement("delete_journal"), [run_id])
    except Exception as error:  # after a cancellation the connection is closed
        failed = error
    if failed is None:
        await connection.query("COMMIT")
        return
    if connection.is_alive():
        await connection.query("ROLLBACK")
    raise failed


async def join(connection: Connection, node: Node, lease_s: float) -> int:
    """Add a node with a lease of `lease_s` seconds. Return the epoch for runs that are saved first."""
    [(epoch,)] = await connection.query(statement("join"), [node.id, node.url, lease_s])
    return int(epoch or 0)


async def renew(connection: Connection, node: Node, lease_s: float) -> bool:
    """Renew a node's lease. False: it had ended."""
    return bool(await connection.query(statement("renew"), [node.id, node.url, lease_s]))


async def leave(connection: Connection, node_id: str) -> None:
    """Remove a node, and release all its runs."""
    await connection.query(statement("leave"), [node_id])


async def nodes(connection: Connection) -> tuple[Node, ...]:
    """Return the nodes whose lease has not ended."""
    rows = await connection.query(statement("nodes"))
    return tuple(_node(*row) for row in rows)


async def owners(connection: Connection, run_ids: Sequence[str]) -> dict[str, Node]:
    """Return the live nodes that own these runs, by run id."""
    rows = await connection.query(statement("owners"), [list(run_ids)])
    return {(run_id or b"").decode(): _node(node, url) for run_id, node, url in rows}


async def claim(connection: Connection, run_id: str, node_id: str) -> Claimed | Owned | None:
    """Make the node the owner of a run, unless another live node is."""
    claimed = await connection.query(statement("claim"), [run_id, node_id])
    if claimed:
        [(epoch, is_clean)] = claimed
        return Claimed(int(epoch or 0), is_clean == b"t")
    owner = await connection.query(statement("owner"), [run_id])
    if not owner:
        return None
    [(node, url)] = owner
    return Owned((node or b"").decode(), None if url is None else url.decode())


async def orphans(
    connection: Connection, node_id: str, agents: Sequence[str], limit: int, known: Sequence[str] | None
) -> tuple[Orphan, ...]:
    """Make the node the owner of running runs that no live node owns, or that it owns itself beside the known ones."""
    values = [node_id, list(agents), limit, None if known is None else list(known)]
    rows = await connection.query(statement("orphans"), values)
    return tuple(
        Orphan(head, Claimed(int(epoch or 0), is_clean == b"t"))
        for run_id, created_at, data, epoch, is_clean in rows
        for head in readable([(run_id, created_at, data)])
    )


async def let_go(connection: Connection, node_id: str, runs: Sequence[tuple[str, int]]) -> None:
    """Release runs, each if the node still owns it with that epoch."""
    await connection.query(statement("let_go"), [node_id, [run_id for run_id, _ in runs], [epoch for _, epoch in runs]])


def _node(node_id: bytes | None, url: bytes | None) -> Node:
    return Node((node_id or b"").decode(), None if url is None else url.decode())
