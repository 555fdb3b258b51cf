"""Accessibility of each view: axe finds no fault in light or dark, and nothing is wider than a small screen."""

from collections.abc import Callable

import pytest
from chromium import Profile, expect
from served import Served
from tracked import ROOT
from visitor import Visitor

pytestmark = pytest.mark.browser
OpenProfile = Callable[..., Profile]

AXE = ROOT / "tests/actors/web/js/react-19/node_modules/axe-core/axe.min.js"
VIEWS = {  # the path of each view, and a text that the view shows once it has drawn a run
    "agents": ("/#/chat", "Does what it is told."),
    "welcome": ("/#/chat/clerk", "Does what it is told."),
    "chat": ("/#/chat/clerk/{}", "Lend somebody money."),
    "inbox": ("/#/inbox", "Pay somebody."),
    "runs": ("/#/runs", "pay 5 Ann"),
    "run": ("/#/runs/{}", "Lend somebody money."),
    "timeline": ("/#/runs/{}/timeline", "As you wish."),
    "actors": ("/#/actors", "sweeper"),
}


@pytest.fixture(scope="package")
def run_id(stage: Served) -> str:
    """Return the id of a run whose calls wait."""
    return stage.start_run("clerk", "pay 5 Ann, lend 6 Bob")


def show(visitor: Visitor, view: str, run_id: str) -> None:
    path, words = VIEWS[view]
    visitor.page.goto(visitor.profile.origin + path.format(run_id))
    expect(visitor.page.get_by_role("main").get_by_text(words).filter(visible=True).first).to_be_visible()


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing(open_profile: OpenProfile, stage: Served, run_id: str, view: str) -> None:
    assert AXE.is_file(), "run .venv/bin/python tests/actors/web/js/packages.py first"
    visitor = Visitor(open_profile(stage, reduced_motion="reduce"))
    show(visitor, view, run_id)
    visitor.page.evaluate(AXE.read_text(encoding="utf-8"))
    for scheme in ("light", "dark"):
        visitor.page.emulate_media(color_scheme=scheme)
        found = visitor.page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
        nodes = [(each["id"], node) for each in found for node in each["nodes"]]
        faults = [f"{rule}: {node['html']} {node['failureSummary']}" for rule, node in nodes]
        assert not faults, f"{scheme}:\n" + "\n".join(faults)


def test_no_view_is_wider_than_a_small_screen(open_profile: OpenProfile, stage: Served, run_id: str) -> None:
    visitor = Visitor(open_profile(stage, viewport={"width": 360, "height": 640}))
    for view in VIEWS:
        show(visitor, view, run_id)
        visitor.fits()


def test_the_message_field_covers_no_card_on_a_small_screen(
    open_profile: OpenProfile, stage: Served, run_id: str
) -> None:
    visitor = Visitor(open_profile(stage, viewport={"width": 360, "height": 640}))
    show(visitor, "chat", run_id)
    card, dock = (visitor.page.locator(each).last.bounding_box() for each in (".card", ".dock"))
    assert card is not None
    assert dock is not None
    assert card["y"] + card["height"] <= dock["y"]
