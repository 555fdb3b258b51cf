"""Large results are checked and encoded on a thread, with the same outcome as small ones."""

import threading
from dataclasses import dataclass
from typing import Any

import pytest
import trio
from onecall import OBJECT, run, said

from adjourn.actors.tools import ToolContext, ToolOutcome, encoding, make_tool
from adjourn.actors.tools.encoding import LARGE, is_large
from adjourn.protocol.events import ToolOutput
from adjourn.protocol.messages import Text


class Hostile:
    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise SystemExit


@dataclass
class Row:
    number: int


@dataclass
class Table:
    rows: list[Row]


ROWS = [{"id": n, "name": f"customer {n}", "open": n % 2 == 0} for n in range(LARGE)]
MOST = 10_000_000


@pytest.fixture
def checked_on(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collects the threads on which results are checked, in order."""
    threads, check = list[int](), encoding.check_value

    def noting(value: object) -> None:
        threads.append(threading.get_ident())
        check(value)

    monkeypatch.setattr(encoding, "check_value", noting)
    return threads


async def result_of(value: Any) -> ToolOutcome:
    async def give(arguments: dict[str, Any], context: ToolContext) -> Any:
        return value

    return await run(make_tool("t", "", OBJECT, give), max_result_bytes=MOST)


async def test_a_large_result_is_checked_on_another_thread_and_is_the_same(checked_on: list[int]) -> None:
    outcome = await result_of(ROWS)
    assert outcome.details == ROWS
    assert outcome.details is not ROWS
    assert not outcome.is_error
    assert checked_on != [threading.get_ident()]


async def test_a_small_one_is_checked_where_it_is(checked_on: list[int]) -> None:
    assert (await result_of(ROWS[:10])).details == ROWS[:10]
    assert checked_on == [threading.get_ident()]


async def test_large_details_too(checked_on: list[int]) -> None:
    outcome = await result_of(ToolOutput(content=(Text(text="rows"),), details={"rows": ROWS}))
    assert (said(outcome), outcome.details) == ("rows", {"rows": ROWS})
    assert checked_on != [threading.get_ident()]


async def test_dataclasses_too(checked_on: list[int]) -> None:
    outcome = await result_of(Table([Row(n) for n in range(LARGE)]))
    assert outcome.details == {"rows": [{"number": n} for n in range(LARGE)]}
    assert checked_on != [threading.get_ident()]


async def test_very_many_blocks_stay_blocks() -> None:
    blocks = [Text(text=str(n)) for n in range(LARGE)]
    outcome = await result_of(blocks)
    assert (outcome.content, outcome.details) == (tuple(blocks), None)


async def test_an_invalid_value_in_a_large_result_is_named_by_its_path() -> None:
    outcome = await result_of([*ROWS, {"id": float("nan")}])
    assert outcome.is_error
    assert f"/{LARGE}/id: expected a finite number" in said(outcome)


async def test_a_tool_that_changes_a_large_result_later_changes_nothing() -> None:
    rows = [dict(row) for row in ROWS]
    outcome: list[ToolOutcome] = []

    async def take() -> None:
        outcome.append(await result_of(rows))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        await trio.lowlevel.checkpoint()
        for row in rows:
            row["name"] = "changed"
    assert outcome[0].details in (ROWS, rows)  # never a mixture of both


async def test_a_cancelled_run_still_gets_the_large_result_of_a_tool_that_has_executed() -> None:
    outcome: list[ToolOutcome] = []
    with trio.CancelScope() as scope:

        async def give(arguments: dict[str, Any], context: ToolContext) -> Any:
            scope.cancel()
            return ROWS

        outcome.append(await run(make_tool("t", "", OBJECT, give), max_result_bytes=MOST))
    assert outcome[0].details == ROWS


@pytest.mark.parametrize(
    ("value", "large"),
    [
        ("x" * 10_000_000, False),
        (None, False),
        ([0] * (LARGE - 1), False),
        ([0] * LARGE, True),
        ({"a": [[0] * (LARGE // 2), [0] * (LARGE // 2)]}, True),
        (dict.fromkeys(map(str, range(LARGE)), 1), True),
        (Table([Row(n) for n in range(LARGE)]), True),
        (Table([Row(n) for n in range(10)]), False),
        (ToolOutput(content=(), details=[0] * LARGE), True),
        (object(), False),
        (Hostile(), False),
    ],
    ids=[
        "long text",
        "none",
        "a list",
        "a long list",
        "nested",
        "a wide object",
        "dataclasses",
        "few",
        "output",
        "slots",
        "hostile",
    ],
)
def test_a_result_with_many_values_is_large(value: Any, large: bool) -> None:
    assert is_large(value) is large
