"""Lists of runs for people, and prefixes of ids."""

import io
from typing import Any, cast

import pytest
from rich.console import Console

from adjourn.actors.cli.durations import ago_text
from adjourn.actors.cli.listing import now, short_id, show_runs
from adjourn.actors.cli.reaching import find_run
from adjourn.actors.cli.screen import Screen
from adjourn.actors.client import Client
from adjourn.protocol.errors import Forbidden, InvalidParams
from adjourn.protocol.methods import RunPage, RunSummary, WaitingCall


def a_run(run_id: str, **fields: Any) -> RunSummary:
    return RunSummary(run_id=run_id, agent="shop", status="paused", created_at=0, updated_at=now(), seq=1, **fields)


class Listed:
    """A stand-in for a client of a gateway with these runs, in pages of two."""

    def __init__(self, *ids: str) -> None:
        self._ids = ids

    async def list(self, *, limit: int, after: str | None) -> RunPage:
        start = int(after or 0)
        runs = tuple(map(a_run, self._ids[start : start + 2]))
        return RunPage(runs=runs, after=str(start + 2) if start + 2 < len(self._ids) else None)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("abcd", "abcd1"),
        ("abcd1", "abcd1"),
        ("wxyz", "wxyz"),  # an id, though another one begins with it
        ("none", "none"),  # the gateway says that there is no such run
        ("abc", "abc"),  # too short
        ("a" * 32, "a" * 32),  # whole
    ],
)
async def test_a_run_is_found_by_a_unique_prefix_of_its_id(given: str, found: str) -> None:
    listed = Listed("wxyz9", "abce2", "abcd1", "wxyz")
    assert await find_run(cast(Client, listed), given) == found


async def test_a_prefix_of_several_ids_names_them() -> None:
    with pytest.raises(InvalidParams, match="2 runs begin with 'wxyz', expected one: wxyz1, wxyz2"):
        await find_run(cast(Client, Listed("wxyz1", "other", "wxyz2")), "wxyz")


async def test_a_user_without_the_right_to_list_runs_types_whole_ids() -> None:
    class Guarded(Listed):
        async def list(self, *, limit: int, after: str | None) -> RunPage:
            raise Forbidden("not yours")

    assert await find_run(cast(Client, Guarded()), "abcd") == "abcd"


def test_a_short_id_is_as_long_as_it_must_be() -> None:
    assert short_id("0123456789", ["0123456789", "9876543210"]) == "01234567"
    assert short_id("0123456789", ["0123456789", "0123456780"]) == "0123456789"
    assert short_id("r1", ["r1", "r1b"]) == "r1"


def test_on_a_terminal_a_run_says_how_long_it_has_waited() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, no_color=True, width=40, soft_wrap=True, highlight=False)
    call = WaitingCall(tool_call_id="c", tool_name="pay", kind="decision")
    waits = a_run("0123456789abcdef", title="Pay\x1b Ann", pending=1, calls=(call,), waiting_since=now() - 7_300_000)
    show_runs(Screen(console), [waits])
    first, *others = file.getvalue().splitlines()
    assert first.startswith("01234567  shop  paused  ")
    assert others[-1] == "    waiting 2 h: pay"
    assert max(map(len, (first, *others))) <= 40


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (60, "1 min"), (7_300, "2 h"), (90_000, "1 d")])
def test_how_long_ago_is_said_in_one_unit(seconds: int, text: str) -> None:
    assert ago_text(1_000, 1_000 + seconds * 1_000) == text
