"""A tree of actors as rows: which ones are shown, and in which order. Pure, no terminal."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...protocol.tree import ActorNode, ActorRestart, ActorTree

__all__ = ["SORTS", "Row", "restarts_of", "rows_of"]


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        path: the names from the root down to the actor.
        node: the actor or supervisor; None: a row that says how many further children there are.
        more: how many; 0: their number is unknown.
        depth: levels below the root; 0 in a sorted list.
    """

    path: tuple[str, ...]
    node: ActorNode | None
    depth: int
    more: int = 0


def _mail(node: ActorNode) -> int:
    return 0 if node.mailbox is None else node.mailbox.waiting + node.mailbox.senders


# The orders, by name: by what rows are sorted, the largest first; None: as a tree.
SORTS: dict[str, Callable[[ActorNode], int] | None] = {
    "tree": None,
    "mail": _mail,
    "restarts": lambda node: node.restarts,
    "youngest": lambda node: node.started_at or 0,
    "oldest": lambda node: -(node.started_at or 0),
}


def rows_of(tree: ActorTree, sort: str = "tree", wanted: str = "") -> list[Row]:
    """Returns the rows of a tree.

    `sort`: one of SORTS. `wanted`: only actors with this text in their name, their state, what they wait for, or their
    run; a tree also keeps the supervisors above them.
    """
    key = SORTS[sort]
    rows = list(_below(tree.root, (), wanted.lower()))
    if key is None:
        return rows
    return sorted(
        (Row(row.path, row.node, 0) for row in rows if row.node is not None and row.node.kind != "supervisor"),
        key=lambda row: 0 if row.node is None else -key(row.node),
    )


def restarts_of(tree: ActorTree) -> list[ActorRestart]:
    """Returns the latest restarts of the whole tree, the latest first."""
    found = [restart for row in rows_of(tree) if row.node is not None for restart in row.node.recent]
    return sorted(found, key=lambda restart: -restart.at)


def _below(node: ActorNode, above: tuple[str, ...], wanted: str) -> Iterator[Row]:
    path = (*above, node.name)
    rows = [row for child in node.children for row in _below(child, path, wanted)]
    if rows or wanted in _words(node):
        yield Row(path, node, len(above))
        yield from rows
        if node.more or node.uncounted:
            yield Row((*path, ""), None, len(path), node.more)


def _words(node: ActorNode) -> str:
    run = node.run
    about = () if run is None else (run.agent, run.status, run.title or "", run.started_by or "")
    return "\n".join((node.name, node.kind, node.state, node.waits_for or "", *about)).lower()
