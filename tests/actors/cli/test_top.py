"""What `adjourn top` shows, and what its keys do."""

from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from adjourn.actors.cli.keys import keys_in
from adjourn.actors.cli.topview import TopView
from adjourn.actors.cli.treerows import rows_of
from adjourn.protocol.summary import RunSummary
from adjourn.protocol.tree import ActorMailbox, ActorNode, ActorRestart, ActorTree

NOW = 1_795_917_469_000


def actor(name: str, **fields: Any) -> ActorNode:
    given: dict[str, Any] = {
        "kind": "actor",
        "state": "idle",
        "restart": "permanent",
        "started_at": NOW - 90_000,
        "mailbox": ActorMailbox(waiting=0, capacity=64),
    }
    return ActorNode(name=name, **{**given, **fields})


def supervisor(name: str, *children: ActorNode, **fields: Any) -> ActorNode:
    return actor(name, kind="supervisor", mailbox=None, children=children, **fields)


def run(run_id: str, title: str) -> ActorNode:
    summary = RunSummary(
        run_id=run_id, agent="shop", status="paused", created_at=NOW, updated_at=NOW, seq=1, title=title
    )
    return actor(f"{run_id}/1", kind="run", run=summary, waits_for="a decision on refund")


CRAWLER = supervisor(
    "crawler",
    actor("fetcher", state="busy", restarts=2, mailbox=ActorMailbox(waiting=9, capacity=64)),
    actor("parser"),
    recent=(ActorRestart(name="fetcher", at=NOW - 5000, cause="crashed: ValueError: no title"),),
)
TREE = ActorTree(
    at=NOW, root=supervisor("root", supervisor("runs", run("1e9b4c70aa", "Refund order 7"), more=12), CRAWLER)
)


def names(tree: ActorTree = TREE, **options: str) -> list[str]:
    return [row.path[-1] for row in rows_of(tree, **options)]


def opened(tree: ActorTree = TREE) -> TopView:
    view = TopView("ws://here")
    view.tree = tree
    return view


def drawn(view: TopView, width: int = 80, height: int = 24) -> list[str]:
    """The window's lines."""
    console = Console(width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(view.draw(console), end="")
    return captured.get().removesuffix("\n").split("\n")


# Rows.


def test_a_tree_has_its_actors_in_order_and_says_how_many_are_missing() -> None:
    assert names() == ["root", "runs", "1e9b4c70aa/1", "", "crawler", "fetcher", "parser"]
    assert [row.more for row in rows_of(TREE) if row.node is None] == [12]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("FETCH", ["root", "crawler", "fetcher"]),
        ("refund order", ["root", "runs", "1e9b4c70aa/1", ""]),
        ("paused", ["root", "runs", "1e9b4c70aa/1", ""]),
        ("nothing like this", []),
    ],
)
def test_a_filter_keeps_the_matching_actors_and_the_supervisors_above_them(wanted: str, expected: list[str]) -> None:
    assert names(wanted=wanted) == expected


@pytest.mark.parametrize(("sort", "first"), [("mail", "fetcher"), ("restarts", "fetcher"), ("oldest", "1e9b4c70aa/1")])
def test_a_sorted_list_has_the_actors_without_supervisors(sort: str, first: str) -> None:
    found = names(sort=sort)
    assert found[0] == first
    assert set(found) == {"1e9b4c70aa/1", "fetcher", "parser"}


# The window.


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 6), (40, 10), (200, 50), (20, 3)])
def test_the_window_is_filled_and_never_overflows(width: int, height: int) -> None:
    lines = drawn(opened(), width, height)
    assert len(lines) == max(height, 4)
    assert all(cell_len(line) <= width for line in lines)


def test_a_line_shows_state_mail_restarts_uptime_and_what_an_actor_waits_for() -> None:
    lines = drawn(opened())
    fetcher = next(line for line in lines if "fetcher" in line)
    assert fetcher.split() == ["fetcher", "busy", "9/64", "2", "1", "min"]
    waiting = next(line for line in lines if "1e9b4c70" in line)
    assert "paused" in waiting
    assert "a decision on" in waiting
    assert any("… and 12 more" in line for line in lines)
    assert any("5 s ago  fetcher  crashed: ValueError: no title" in line for line in lines)


def test_names_and_causes_cannot_control_the_terminal() -> None:
    hostile = "\x1b[2J\r\n\tüñ界界界界界界界界界界界界界界界界界界界界\u202eevil"
    node = actor(hostile, waits_for=hostile)
    recent = (ActorRestart(name=hostile, at=NOW, cause=hostile),)
    lines = drawn(opened(ActorTree(at=NOW, root=supervisor("root", node, run("r", hostile), recent=recent))))
    assert len(lines) == 24
    assert all(cell_len(line) <= 80 for line in lines)
    assert not {"\x1b", "\r", "\t", "\u202e"} & set("".join(lines))


def test_the_chosen_row_stays_in_the_window() -> None:
    many = supervisor("root", *(actor(f"actor-{number:03}") for number in range(200)))
    view = opened(ActorTree(at=NOW, root=many))
    for key, expected in (("home", "root"), ("end", "actor-199"), ("page up", "actor-189"), ("up", "actor-188")):
        view.press(key)
        assert any(line.strip().startswith(expected) for line in drawn(view)), key


# Keys.


def test_enter_opens_the_chosen_run_and_q_leads_back_to_the_tree() -> None:
    view = opened()
    for key in ("down", "down", "down", "enter"):
        assert view.press(key)
    assert view.opened == "1e9b4c70aa"
    view.show_run([f"line {number}" for number in range(100)])
    assert drawn(view)[1] == "line 0"
    view.press("page down")
    assert drawn(view)[1] == "line 10"
    assert view.press("q")
    assert view.opened is None
    assert not view.press("q")


def test_a_filter_is_typed_and_may_have_the_letters_of_keys() -> None:
    view = opened()
    for key in ("/", "p", "q", "backspace", "a", "r", "s", "enter"):
        assert view.press(key)
    lines = drawn(view)
    assert any("parser" in line for line in lines)
    assert not any("fetcher  " in line for line in lines[:-6])
    assert "filter: pars" in lines[-1]
    view.press("escape")
    assert "filter" not in drawn(view)[-1].replace("/ filter", "")


def test_sorting_and_pausing_are_shown() -> None:
    view = opened()
    view.press("s")
    view.press("p")
    assert view.is_paused
    assert drawn(view)[-1].startswith("by mail  PAUSED")


@pytest.mark.parametrize("keys", [["ctrl-c"], ["q"], ["/", "ctrl-c"], ["down", "down", "down", "enter", "ctrl-c"]])
def test_ctrl_c_leaves_from_everywhere(keys: list[str]) -> None:
    view = opened()
    assert [view.press(key) for key in keys][-1] is False


def test_what_a_terminal_sends_becomes_keys() -> None:
    assert list(keys_in("a\x1b[A\x1bOB\x1b[5~\r\x7f\x03\x1b[200~/é")) == [
        "a", "up", "down", "page up", "enter", "backspace", "ctrl-c", "/", "é",
    ]  # fmt: skip
    assert list(keys_in("\x1b")) == ["escape"]
