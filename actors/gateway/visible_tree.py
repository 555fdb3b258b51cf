"""Leaves out of a tree of actors what a client may not see. No I/O."""

from collections.abc import Awaitable, Callable

from msgspec import structs

from ...protocol.summary import RunSummary
from ...protocol.tree import ActorNode, ActorTree
from ..runtime.registry import RUNS

__all__ = ["visible_tree"]


async def visible_tree(tree: ActorTree, sees: Callable[[RunSummary], Awaitable[bool]]) -> ActorTree:
    """Returns the tree with only those runs that `sees` accepts.

    Runs that were cut off become uncounted: their number would count hidden runs too.
    """
    root = tree.root
    children = [await _runs(each, sees) if each.name == RUNS else each for each in root.children]
    return structs.replace(tree, root=structs.replace(root, children=tuple(children)))


async def _runs(node: ActorNode, sees: Callable[[RunSummary], Awaitable[bool]]) -> ActorNode:
    """Returns the supervisor of the runs. A child without a run is a run that is leaving memory: it stays hidden."""
    children = [each for each in node.children if each.run is not None and await sees(each.run)]
    return structs.replace(node, children=tuple(children), more=0, uncounted=node.more > 0)
