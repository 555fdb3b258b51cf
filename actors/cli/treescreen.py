"""Draws a tree of actors: a head, a line for each row, the latest restarts. No I/O."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from ...protocol.tree import ActorNode, ActorTree
from .durations import ago_text
from .screen import clean
from .treerows import Row, restarts_of

__all__ = ["Columns", "head_of", "restart_lines", "table"]

STATE, MAIL, RESTARTS, UP = 10, 7, 8, 6  # columns of the window
LEAST_NAME, MOST_NAME = 16, 60
STYLES = {
    "busy": "cyan",
    "running": "cyan",
    "paused": "yellow",
    "restarting": "red",
    "stopping": "red",
    "failed": "red",
    "stranded": "red",
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The widths of the two columns that take what is left of the window."""

    name: int
    waits_for: int

    @classmethod
    def within(cls, width: int) -> "Columns":
        """Returns the columns for a window of this width."""
        left = width - STATE - MAIL - RESTARTS - UP - 5 * 2
        name = max(LEAST_NAME, min(MOST_NAME, left // 2))
        return cls(name, max(8, left - name))


def head_of(tree: ActorTree, place: str, notes: str = "") -> Text:
    """Returns the line at the top: the gateway, and how many actors do what."""
    nodes = list(_nodes(tree.root))
    counts = Counter(_state(node) for node in nodes if node.kind != "supervisor")
    words = ", ".join(f"{count} {state}" for state, count in counts.most_common())
    text = Text(clean(f"{place}  {sum(counts.values())} actors: {words}"), "bold")
    if notes:
        text.append(f"  {notes}", "yellow")
    return text


def table(rows: Sequence[Row], now: int, width: int, selected: tuple[str, ...] | None = None) -> list[Text]:
    """Returns the column heads and a line for each row, each at most `width` columns wide. `now`: in ms."""
    columns = Columns.within(width)
    lines = [Text(_line(columns, "NAME", "STATE", "MAIL", "RESTARTS", "UP", "WAITS FOR"), "bold dim")]
    lines += [_row(row, now, columns, is_selected=row.path == selected) for row in rows]
    return lines


def restart_lines(tree: ActorTree, most: int, width: int) -> list[Text]:
    """Returns a line for each of the latest restarts, the latest first."""
    found = [f"{ago_text(each.at, tree.at):>6} ago  {each.name}  {each.cause}" for each in restarts_of(tree)[:most]]
    return [Text(_cut(clean(line), width)) for line in found]


def _nodes(node: ActorNode) -> list[ActorNode]:
    return [node, *(each for child in node.children for each in _nodes(child))]


def _row(row: Row, now: int, columns: Columns, *, is_selected: bool) -> Text:
    node, indent = row.node, "  " * min(row.depth, 8)
    if node is None:
        count = f"{row.more} more" if row.more else "perhaps more"
        return Text(_cut(f"{indent}… and {count}", columns.name + STATE), "dim")
    state = _state(node)
    box = node.mailbox
    up = "" if node.started_at is None else ago_text(node.started_at, now)
    line = _line(
        columns,
        f"{indent}{_name(node)}",
        state,
        "" if box is None else f"{box.waiting + box.senders}/{box.capacity}",
        f"{node.restarts}" if node.restarts else "",
        up,
        node.waits_for or "",
    )
    return Text(line, "reverse" if is_selected else STYLES.get(state, "dim" if node.kind == "supervisor" else ""))


def _name(node: ActorNode) -> str:
    run = node.run
    return node.name if run is None else f"{run.run_id[:8]} {run.agent} {run.title or ''}".rstrip()


def _state(node: ActorNode) -> str:
    """Returns the state to show: of a run its status, unless its actor is going down."""
    run = node.run
    if run is None or node.state in ("restarting", "stopping"):
        return node.state
    return "stranded" if run.stranded else run.status


def _line(columns: Columns, name: str, state: str, mail: str, restarts: str, up: str, waits_for: str) -> str:
    cells = (
        _fitted(name, columns.name),
        _fitted(state, STATE),
        mail.rjust(MAIL),
        restarts.rjust(RESTARTS),
        up.rjust(UP),
        _cut(clean(waits_for), columns.waits_for),
    )
    return "  ".join(cells).rstrip()


def _fitted(text: str, width: int) -> str:
    return set_cell_size(_cut(clean(text), width), width)


def _cut(text: str, width: int) -> str:
    flat = text.replace("\n", " ").replace("\t", " ")
    return flat if cell_len(flat) <= width else f"{set_cell_size(flat, width - 1)}…"
