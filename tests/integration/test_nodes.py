"""Several systems on one PostgreSQL database: any takes a decision, and continues the runs of one that left."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from adjourn import Agent, Limits, ToolContext, open_actor_system, tool
from adjourn.actors.runtime import ActorSystem
from adjourn.actors.runtime.membership import Membership
from adjourn.actors.testing import ScriptedModel, calls
from adjourn.protocol.errors import RunElsewhere, StoreUnavailable

pytestmark = pytest.mark.slow

APPROVAL = {"type": "object", "properties": {"approved": {"type": "boolean"}}, "required": ["approved"]}


def shop(began: Path, *, block: bool = False) -> Agent:
    """An agent whose refund must be approved, and writes down each start of its tool."""

    @tool(decision=APPROVAL)
    async def refund(order: int, context: ToolContext) -> str:
        """Refund an order."""
        with began.open("a") as file:
            file.write(f"{context.run_id}\n")
        if block:
            await trio.sleep_forever()
        return f"refunded {order}"

    model = ScriptedModel([calls(("refund", {"order": 7})), "Done."], per_message=True)
    return Agent(name="shop", model=model, tools=[refund])


@asynccontextmanager
async def node(address: str, agent: Agent, **options: float) -> AsyncGenerator[ActorSystem]:
    """A system with a short lease."""
    options = {"lease_s": 0.6, "beat_s": 0.1, "passivate_after_s": 60.0, **options}
    async with open_actor_system([agent], store=address, **options) as system:  # type: ignore[arg-type]
        yield system


def starts(began: Path) -> int:
    return len(began.read_text().split()) if began.exists() else 0


async def until(true: Callable[[], bool]) -> None:
    with trio.fail_after(30):
        while not true():
            await trio.sleep(0.01)


async def in_the_end(work: Callable[[], object]) -> object:
    """Call until the run's owner has let it go."""
    with trio.fail_after(30):
        while True:
            try:
                return await work()  # type: ignore[misc]
            except RunElsewhere:
                await trio.sleep(0.01)


async def test_any_node_takes_the_decision_of_a_run_that_left_memory(postgres: str, tmp_path: Path) -> None:
    began = tmp_path / "began"
    async with node(postgres, shop(began), passivate_after_s=0) as one, node(postgres, shop(began)) as two:
        run = await one.start("shop", "refund order 7")
        await run.wait()
        await in_the_end(lambda: two.resume(run.id, {"approved": True}))
        assert (await two.run(run.id).wait_ended()).status == "completed"
        assert (await run.wait_ended()).status == "completed", "the first node sees it too"
    assert starts(began) == 1


async def test_a_run_in_memory_elsewhere_names_its_node(postgres: str, tmp_path: Path) -> None:
    agent = shop(tmp_path / "began")
    async with node(postgres, agent) as one, node(postgres, agent) as two:
        tenure = one.runtime.tenure
        assert isinstance(tenure, Membership)
        tenure.announce("ws://one.test")
        run = await one.start("shop", "refund order 7")
        await run.wait()

        async def ask() -> None:
            with pytest.raises(RunElsewhere) as refused:
                await two.resume(run.id, {"approved": True})
            urls.append(refused.value.url)

        urls: list[str | None] = []
        while urls[-1:] != ["ws://one.test"]:  # after the next beat
            await ask()
        assert (await two.get(run.id)).snapshot.status == "paused", "reading needs no owner"
        await one.resume(run.id, {"approved": True})
        assert (await two.run(run.id).wait_ended()).status == "completed"


async def test_runs_of_a_node_that_left_go_on_elsewhere_at_once(postgres: str, tmp_path: Path) -> None:
    began = tmp_path / "began"
    async with node(postgres, shop(began, block=True), drain_s=0) as one:
        run = await one.start("shop", "refund order 7")
        await run.wait()
        await run.resume({"approved": True})
        await until(lambda: starts(began) == 1)
    async with node(postgres, shop(began)) as two:
        ended = await two.run(run.id).wait_ended()
        assert ended.status == "completed"
        assert starts(began) == 1, "a tool that had started is not started again"
        head = await two.head(run.id)
        assert head.recoveries == 0, "its owner left in order"


async def test_a_node_that_lost_its_lease_joins_again_and_others_carry_on(postgres: str, tmp_path: Path) -> None:
    began = tmp_path / "began"
    async with node(postgres, shop(began, block=True)) as one, node(postgres, shop(began)) as two:
        run = await one.start("shop", "refund order 7")
        await run.wait()
        await run.resume({"approved": True})
        await until(lambda: starts(began) == 1)
        await _expire(one)
        ended = await two.run(run.id).wait_ended()
        assert ended.status == "completed"
        assert starts(began) == 1
        await until(lambda: not one.under_way())
        again = await one.start("shop", "hello again", run_id="again")
        await again.wait()


async def _expire(system: ActorSystem) -> None:
    """End the lease of a node whose beats are late."""
    tenure = system.runtime.tenure
    assert isinstance(tenure, Membership)
    await tenure.store.renew(tenure.node, 0)


async def test_a_deadline_set_on_a_node_that_left_is_kept_by_another(postgres: str, tmp_path: Path) -> None:
    agent = shop(tmp_path / "began")

    agent = replace(agent, limits=Limits(parked_ttl_s=1))
    async with node(postgres, agent) as two:
        async with node(postgres, agent) as one:
            run = await one.start("shop", "refund order 7")
            await run.wait()
        ended = await two.run(run.id).wait_ended()
        assert ended.status == "aborted"


async def test_a_watcher_of_all_runs_is_told_what_other_nodes_change(postgres: str, tmp_path: Path) -> None:
    agent = shop(tmp_path / "began")
    told: list[tuple[str, str, bool]] = []
    missed = trio.Event()
    async with node(postgres, agent) as one, node(postgres, agent) as two:
        two.watch_changes(lambda head, deleted: told.append((head.id, head.status, deleted)), missed.set)
        await one.start("shop", "refund order 7", run_id="first")
        await until(lambda: bool(told) or missed.is_set())  # what changes before the first look is missed
        run = await one.start("shop", "refund order 7", run_id="run")
        await run.wait()
        await until(lambda: ("run", "paused", False) in told)
        await one.delete("run")
        await until(lambda: ("run", "aborted", True) in told)


async def test_a_database_that_hangs_stops_new_effects(postgres: str, postgres_server, tmp_path: Path) -> None:
    agent = shop(tmp_path / "began")
    async with node(postgres, agent, store_timeout_s=0.2) as one:
        run = await one.start("shop", "refund order 7")
        await run.wait()
        postgres_server.freeze()
        try:
            await until(lambda: not one.runtime.tenure.is_held)
            with pytest.raises(StoreUnavailable):
                await run.resume({"approved": True})
        finally:
            postgres_server.thaw()
        await until(lambda: one.runtime.tenure.is_held)
        await _decided(run)
        assert (await run.wait_ended()).status == "completed"


async def _decided(run) -> None:
    while True:
        try:
            await run.resume({"approved": True})
            return
        except StoreUnavailable:
            await trio.sleep(0.01)
