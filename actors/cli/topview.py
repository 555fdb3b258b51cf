"""What `adjourn top` shows and what its keys do: pure state, drawn by rich. Reads no keys and asks no gateway."""

from collections.abc import Sequence

from rich.console import Console, Group
from rich.text import Text

from ...protocol.tree import ActorTree
from .screen import clean
from .treerows import SORTS, Row, rows_of
from .treescreen import head_of, restart_lines, table

__all__ = ["TopView"]

KEYS = "q quit  ↑↓ choose  Enter open a run  s sort  / filter  p pause"
RUN_KEYS = "q back  ↑↓ scroll"
MOST_RESTARTS = 5
MOST_WANTED = 60  # characters of a filter


class TopView:
    """The state of the view. `press` changes it, `draw` shows it."""

    def __init__(self, place: str) -> None:
        """`place`: the gateway, as people name it."""
        self.tree: ActorTree | None = None
        self.opened: str | None = None  # the run that is shown in place of the tree
        self.note = ""  # such as a lost connection
        self.is_paused = False
        self._place = place
        self._sort, self._wanted, self._is_typing = "tree", "", False
        self._selected: tuple[str, ...] | None = None
        self._above = 0  # rows that have left the window at the top
        self._lines: Sequence[str] = ()  # of the opened run

    def show_run(self, lines: Sequence[str]) -> None:
        """Shows these lines as the opened run."""
        self._lines = lines

    def close_run(self) -> None:
        """Shows the tree again."""
        self.opened, self._lines, self._above = None, (), 0

    def press(self, key: str) -> bool:
        """Does what a key stands for. Returns False if the view is to be left."""
        if key == "ctrl-c":
            return False
        if self._is_typing:
            self._type(key)
        elif self.opened is not None:
            self._press_in_run(key)
        elif key in ("q", "ctrl-d"):
            return False
        else:
            self._press_in_tree(key)
        return True

    def draw(self, console: Console) -> Group:
        """Returns what fills the window."""
        width, height = console.size
        if self.opened is not None:
            return Group(*self._run(console, width, height))
        return Group(*(() if self.tree is None else self._tree(self.tree, width, height)))

    # Keys.

    def _type(self, key: str) -> None:
        if key in ("enter", "escape"):
            self._is_typing = False
            self._wanted = self._wanted if key == "enter" else ""
        elif key == "backspace":
            self._wanted = self._wanted[:-1]
        elif len(key) == 1:
            self._wanted = (self._wanted + key)[:MOST_WANTED]

    def _press_in_run(self, key: str) -> None:
        steps = {"up": -1, "k": -1, "down": 1, "j": 1, "page up": -10, "page down": 10, " ": 10}
        if key in ("q", "escape", "backspace", "enter"):
            self.close_run()
        elif key in steps:
            self._above = max(0, self._above + steps[key])

    def _press_in_tree(self, key: str) -> None:
        steps = {"up": -1, "k": -1, "down": 1, "j": 1, "page up": -10, "page down": 10, "home": -(10**6), "end": 10**6}
        if key in steps:
            self._choose(steps[key])
        elif key == "s":
            names = list(SORTS)
            self._sort = names[(names.index(self._sort) + 1) % len(names)]
        elif key == "/":
            self._is_typing = True
        elif key == "escape":
            self._wanted = ""
        elif key == "p":
            self.is_paused = not self.is_paused
        elif key == "enter":
            self._open()

    def _choose(self, step: int) -> None:
        rows = self._rows()
        if rows:
            at = self._at(rows)
            at = max(0, min(len(rows) - 1, at + step)) if self._selected is not None else 0
            self._selected = rows[at].path

    def _open(self) -> None:
        for row in self._rows():
            if row.path == self._selected and row.node is not None and row.node.run is not None:
                self.opened, self._above = row.node.run.run_id, 0
                self.note = ""

    def _rows(self) -> list[Row]:
        return [] if self.tree is None else rows_of(self.tree, self._sort, self._wanted)

    def _at(self, rows: Sequence[Row]) -> int:
        return next((at for at, row in enumerate(rows) if row.path == self._selected), 0)

    # Drawing.

    def _tree(self, tree: ActorTree, width: int, height: int) -> list[Text]:
        restarts = restart_lines(tree, min(MOST_RESTARTS, max(0, (height - 8) // 3)), width)
        foot = [Text(""), Text("LATEST RESTARTS", "bold dim"), *restarts] if restarts else []
        room = max(1, height - 3 - len(foot))
        rows = self._rows()
        self._above = _scrolled(self._above, self._at(rows), len(rows), room)
        shown = table(rows[self._above : self._above + room], tree.at, width, self._selected)
        empty = [Text("No actor matches the filter.", "dim")] if not rows else []
        filling = [Text("")] * (room - len(shown) + 1 - len(empty))
        head = head_of(tree, self._place, self.note)
        return [_line(each, width) for each in (head, *shown, *empty, *filling, *foot, self._foot())]

    def _foot(self) -> Text:
        if self._is_typing:
            return Text(f"filter: {self._wanted}▏ (Enter: keep, Esc: clear)", "bold")
        marks = [
            f"by {self._sort}" if self._sort != "tree" else "",
            f"filter: {self._wanted}" if self._wanted else "",
            "PAUSED" if self.is_paused else "",
        ]
        text = Text("  ".join(mark for mark in marks if mark), "bold yellow")
        return text.append("  " if text else "", "").append(KEYS, "dim not bold")

    def _run(self, console: Console, width: int, height: int) -> list[Text]:
        lines = [piece for line in self._lines for piece in Text(clean(line)).wrap(console, width)]
        room = max(1, height - 2)
        self._above = max(0, min(self._above, len(lines) - room))
        shown = lines[self._above : self._above + room]
        head = Text(f"run {self.opened}", "bold").append(f"  {self.note}" if self.note else "", "yellow")
        filling = [Text("")] * (room - len(shown))
        return [_line(each, width) for each in (head, *shown, *filling, Text(RUN_KEYS, "dim"))]


def _scrolled(above: int, at: int, count: int, room: int) -> int:
    """Returns how many rows to leave out at the top, so that row `at` is in the window."""
    above = min(max(above, at - room + 1), at)
    return max(0, min(above, count - room))


def _line(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis")
    text.no_wrap = True
    return text
