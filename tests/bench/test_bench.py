"""The benchmark: its baseline does the same work, its arithmetic is right, every scenario runs. No timing here."""

import re
import sqlite3
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import bench.peers
import msgspec
import pytest
import trio
from bench.agents import refund_agent
from bench.baseline import BareRun, open_committer, save_in
from bench.chart import chart
from bench.figure import Budget, Figure, Spread, compared, plain, quantile
from bench.peers import PEERS, Peer, Result, compare
from bench.repeat import interleaved
from bench.report import Report, new_report, worst_first
from bench.scenarios import SCENARIOS, ScenarioFailed, run_scenario

from adjourn.actors import open_actor_system
from adjourn.protocol.messages import AssistantMessage, ToolResultMessage
from bench import __main__ as command
from bench import (
    abort,
    core,
    fanout,
    growth,
    imports,
    instructions,
    memory,
    pause,
    repeat,
    startup,
    streaming,
    threads,
    turns,
)

FIGURES = [
    compared(1, "slow", "µs", [(30, 10), (40, 10), (10, 10)], against="bare", most=2),
    compared(4, "<fast> & good", "µs", [(1, 10)], against="bare", most=2),
    compared(7, "unbudgeted", "µs", [(90, 10)], against="bare"),
    plain(2, "heavy", "MB", [500.0], most=100),
]


# The baseline.


async def test_the_baseline_comes_to_the_same_result_as_the_runtime() -> None:
    agent = refund_agent()
    async with open_actor_system([agent]) as system:
        run = await system.start(agent, pause.QUESTION)
        await run.wait()
        await run.resume(pause.DECISION)
        snapshot = await run.wait_ended()
    ours = [m.text for m in snapshot.messages if isinstance(m, ToolResultMessage | AssistantMessage)]

    store: dict[str, bytes] = {}
    bare = BareRun("run-1", save_in(store))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bare)
        await bare.parked.wait()
        await bare.mailbox.send(pause.DECISION)
        await bare.done.wait()

    assert [message.get("text", "") for message in bare.messages[1:]] == ours
    assert msgspec.json.decode(store["run-1"])["status"] == "paused"


async def test_the_baseline_has_committed_a_save_when_it_returns(tmp_path: Path) -> None:
    path = str(tmp_path / "runs.db")
    async with open_committer(path) as save:
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(save, f"run-{number}", b"{}")
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("SELECT count(*) FROM runs").fetchone() == (5,)


# Arithmetic.


def test_ratios_are_taken_within_each_repeat_and_the_median_counts() -> None:
    assert FIGURES[0].ratio == Spread(3.0, 1.0, 4.0)
    assert FIGURES[0].ours == Spread(30, 10, 40)


@pytest.mark.parametrize(("figure", "missed"), list(zip(FIGURES, [True, False, False, True], strict=True)))
def test_a_budget_is_missed_when_the_median_is_above_it(figure: Figure, missed: bool) -> None:
    assert figure.missed is missed


def test_the_figure_furthest_over_its_budget_comes_first() -> None:
    assert [figure.name for figure in worst_first(FIGURES)] == ["heavy", "slow", "<fast> & good", "unbudgeted"]


def test_a_quantile_is_a_sample() -> None:
    samples = [float(n) for n in range(100, 0, -1)]
    assert (quantile(samples, 0.5), quantile(samples, 0.99), quantile(samples, 1.0)) == (51, 100, 100)


def test_repeats_are_interleaved_and_the_first_pair_is_dropped() -> None:
    order: list[str] = []

    async def ours() -> int:
        order.append("A")
        return len(order)

    async def bare() -> int:
        order.append("B")
        return len(order)

    assert interleaved("x", 2, ours, bare) == [(3, 4), (5, 6)]
    assert "".join(order) == "ABABAB"


def test_a_peer_is_compared_with_our_figure_of_the_same_name() -> None:
    ours = [plain(1, "memory, one after another", "µs a run", [100]), plain(8, "import adjourn.actors", "ms", [50])]
    results = [
        Result(1, "memory, one after another", "µs a run", [2700]),
        Result(8, "import other", "ms", [100]),
        Result(4, "2,000 tokens", "µs a token", [7]),
    ]
    run, cold, tokens = compare("LangGraph 1", "LangGraph", results, ours)
    assert (run.ratio, run.target, run.missed) == (27, 28, True)
    assert (cold.ratio, cold.missed) == (2, False)
    assert (tokens.ours, tokens.ratio) == (None, None)


@pytest.mark.parametrize("peer", PEERS.values(), ids=list(PEERS))
def test_a_peer_has_the_scenarios_that_it_says(peer: Peer) -> None:
    source = (Path(bench.peers.__file__).parent / peer.script).read_text(encoding="utf-8")
    measured = {int(number) for number in re.findall(r"measured\((\d+),", source)}
    assert peer.scenarios == measured | ({8} if "cold_import(" in source else set())


# The report.


def test_the_chart_is_well_formed_and_marks_missed_budgets() -> None:
    root = ElementTree.fromstring(chart(new_report(FIGURES, [], [], quick=True)))
    bars = list(root.iter("{http://www.w3.org/2000/svg}rect"))
    assert [bar.get("class") for bar in bars] == ["missed", "bar", "bar"]
    assert all(float(bar.get("width", "nan")) >= 0 for bar in bars)


def test_the_command_writes_its_report_and_fails_only_where_nothing_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fake(module: str, *, found: Callable[[Figure], None], **_: object) -> None:
        if module == "turns":
            raise ScenarioFailed("no luck")
        found(FIGURES[0 if module == "pause" else 3])
        if module == "memory":
            raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_scenario", fake)
    out = tmp_path / "out.json"
    assert command.main(["--only", "1", "--json", str(out), "--chart", str(tmp_path / "out.svg")]) == 0
    report = msgspec.json.decode(out.read_bytes(), type=Report)
    assert report.figures == FIGURES[:1]
    assert "missed" in capsys.readouterr().out
    assert command.main(["--only", "1,2", "--json", str(out)]) == 130  # stopped: what was measured stays
    assert msgspec.json.decode(out.read_bytes(), type=Report).figures == [FIGURES[0], FIGURES[3]]
    assert command.main(["--only", "6"]) == 1
    assert "no luck" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        command.main(["--only", "99"])


# Each scenario, tiny.


@pytest.mark.parametrize("where", [pause.in_memory, pause.in_sqlite])
async def test_pause(where: pause.Open) -> None:
    agent = refund_agent()
    assert len((await pause.our_in_turn(agent, where, 2)).finished_s) == 2
    assert (await pause.bare_in_turn(where, 2)).total_s > 0
    assert (await pause.our_at_once(agent, where, 3)).total_s > 0
    assert (await pause.bare_at_once(where, 3)).total_s > 0


@pytest.mark.slow
async def test_memory() -> None:
    tracemalloc.start()
    try:
        bare, ours = await memory.bare_parked(50), await memory.our_parked(refund_agent(), "sqlite", 50)
    finally:
        tracemalloc.stop()
    assert bare > 1000
    assert ours.parked > ours.passivated


@pytest.mark.slow
def test_startup(tmp_path: Path) -> None:
    path = str(tmp_path / "runs.db")
    startup.fill(path, 20)
    started = startup.start(path, startup.run_id(7))
    assert 0 < started.open_s < started.decided_s


@pytest.mark.parametrize("name", streaming.WIRES)
async def test_streaming(name: str) -> None:
    wire = streaming.WIRES[name]
    chunks = streaming.chunks_of(wire, 50)
    assert await streaming.our_stream(wire, chunks) > 0
    assert await streaming.bare_stream(wire, chunks) > 0


async def test_abort() -> None:
    (ours, left), (bare, _) = await abort.our_abort(10), await abort.bare_abort(10)
    assert ours > 0
    assert bare > 0
    assert left == 0


async def test_turns_write_as_much_later_as_at_first() -> None:
    written = [size for _, size in await turns.run_turns(40)]
    assert len(written) == 40
    assert written[-2] < 1.1 * written[1]


@pytest.mark.parametrize("name", core.OPERATIONS)
async def test_core(name: str) -> None:
    ours, bare, _ = core.OPERATIONS[name]
    assert await ours(3) > 0
    assert await bare(3) > 0


@pytest.mark.slow
@pytest.mark.parametrize("lagging", [False, True])
async def test_fanout(lagging: bool) -> None:
    load = fanout.Load(clients=2, events=fanout.BURST, lagging=lagging)
    assert await fanout.our_delivery_s(load) > 0
    assert await fanout.bare_delivery_s(load) > 0


@pytest.mark.parametrize("work", [threads.blocking_tool, threads.save])
async def test_threads(work: threads.Work) -> None:
    assert len(await threads.beside_busy_runs(work, 2, 3)) == 3


@pytest.mark.parametrize("cost", [growth.park, growth.close, growth.calls, growth.rows, growth.expire, growth.leave])
async def test_growth(cost: Callable[[int], Awaitable[float]]) -> None:
    assert await cost(5) > 0


@pytest.mark.parametrize("cost", [growth.longest_step, growth.leave_step])
async def test_the_longest_step_is_found(cost: Callable[[int], Awaitable[float]]) -> None:
    assert await cost(10) > 0


@pytest.mark.parametrize("side", ["ours", "bare"])
@pytest.mark.parametrize("work", list(instructions.WORKS))
async def test_the_counted_part_of_a_work_is_switched_on_and_off(
    work: str, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in ("RUNS", "TOKENS", "ABORTS"):
        monkeypatch.setattr(instructions, size, 3)
    states: list[str] = []
    monkeypatch.setattr(repeat, "_switch", states.append)
    await instructions.work_of(work, side)()
    assert states == ["on", "off"]


def test_imports() -> None:
    assert imports.import_s("import json") > 0


def test_a_scenario_that_breaks_says_why() -> None:
    said: list[str] = []
    with pytest.raises(ScenarioFailed, match=r"No module named 'bench\.nonesuch'"):
        run_scenario("nonesuch", quick=True, progress=said.append, found=said.append)
    assert said
    assert sorted(SCENARIOS) == list(range(1, 14))


def test_a_value_budget_is_of_the_value() -> None:
    assert Figure(2, "x", "s", Spread(3, 3, 3), ratio=Spread(1, 1, 1), budget=Budget("value", 2)).missed
