"""The tree of actors on the page."""

from collections.abc import Callable

import pytest
from chromium import Profile, expect
from served import Served
from visitor import Visitor

pytestmark = pytest.mark.browser
OpenProfile = Callable[..., Profile]


def test_the_tree_of_actors_follows_the_server_and_leads_to_a_run(open_profile: OpenProfile, own_stage: Served) -> None:
    visitor = Visitor(open_profile(own_stage), "/#/runs")
    visitor.page.get_by_role("link", name="Actors", exact=True).click()
    main = visitor.page.get_by_role("main")
    expect(main.get_by_text("sweeper", exact=True)).to_be_visible()
    own_stage.start_run("clerk", "lend 5 Ann")  # comes by itself
    run = main.get_by_role("link", name="lend 5 Ann")
    expect(run).to_contain_text("Waiting")
    expect(run).to_contain_text("waits for a decision on lend")
    run.click()
    visitor.card("lend").sees("Ann")


def test_a_folded_supervisor_stays_folded_and_opens_by_keyboard(open_profile: OpenProfile, own_stage: Served) -> None:
    own_stage.start_run("clerk", "lend 5 Ann")
    visitor = Visitor(open_profile(own_stage), "/#/actors")
    main = visitor.page.get_by_role("main")
    first, second = (main.get_by_role("link", name=f"lend {name}", include_hidden=True) for name in ("5 Ann", "6 Bob"))
    expect(first).to_be_visible()
    main.get_by_text("runs", exact=True).click()
    expect(first).to_be_hidden()
    own_stage.start_run("clerk", "lend 6 Bob")
    expect(second).to_be_attached()  # the tree was refreshed meanwhile
    expect(second).to_be_hidden()
    visitor.page.keyboard.press("Enter")  # the focus has stayed
    expect(second).to_be_visible()
