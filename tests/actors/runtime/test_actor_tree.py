"""The living tree of a system: its own actors, those of the program, and the runs in memory."""

import logging
from typing import Any

import pytest
import trio
from echo import echo
from faulty import FaultyStore
from runs import YES, Ledger, agent_of, forever, parked, sleeps
from trio.testing import wait_all_tasks_blocked

from adjourn.actors import ActorSystem, ChildSpec, SupervisorSpec, client_tool
from adjourn.actors.testing import calls, hangs, inspect, open_test_system, says
from adjourn.protocol.tree import ActorNode
from adjourn.stores.memory import MemoryStore


def runs_of(system: ActorSystem, **bounds: Any) -> tuple[ActorNode, ...]:
    """The nodes of the runs in memory."""
    (runs,) = (each for each in system.observe(**bounds).root.children if each.name == "runs")
    return runs.children


async def test_a_parked_run_shows_its_status_its_agent_and_its_waiting_calls(autojump_clock: Any) -> None:
    agent = agent_of(calls(("refund", {})), says("done"), tools=[Ledger().gated()])
    async with open_test_system(agent) as system:
        run = await system.start(agent, "Refund order 7.", by="ann")
        (call,) = await parked(run)
        await trio.sleep(5)
        (node,) = runs_of(system)
        assert (node.kind, node.state, node.restart) == ("run", "idle", "temporary")
        assert node.waits_for == "a decision on refund"
        assert node.mailbox is not None
        assert node.mailbox.waiting == 0
        assert node.run is not None
        assert (node.run.run_id, node.run.agent, node.run.status, node.run.title, node.run.started_by) == (
            run.id,
            "a",
            "paused",
            "Refund order 7.",
            "ann",
        )
        assert [each.tool_call_id for each in node.run.calls] == [call]
        assert node.started_at == system.observe().at - 5000
        assert not node.run.stranded


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model", "the model"),
        ("tool", "work"),
        ("client", "a client for locate"),
        ("several", "work; a decision on refund; a client for locate"),
    ],
)
async def test_a_run_tells_what_it_waits_for(name: str, expected: str) -> None:
    turns = {
        "model": hangs(),
        "tool": calls(("work", {})),
        "client": calls(("locate", {})),
        "several": calls(("work", {}), ("refund", {}), ("locate", {}), ("work", {})),
    }
    tools = [
        Ledger().tool(body=forever),
        Ledger().gated(),
        client_tool("locate", "Where?", {"type": "object"}),
    ]
    agent = agent_of(turns[name], says("done"), tools=tools)
    async with open_test_system(agent, drain_s=0) as system:
        await system.start(agent, "go")
        await wait_all_tasks_blocked()
        (node,) = runs_of(system)
        assert node.waits_for == expected


async def test_a_run_whose_store_is_away_waits_for_the_store(autojump_clock: Any) -> None:
    agent = agent_of(calls(("work", {})), says("done"), tools=[Ledger().tool(body=sleeps(5))])
    store = FaultyStore(MemoryStore())
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        store.down = True
        await trio.sleep(6)
        assert [node.waits_for for node in runs_of(system)] == ["the store"]
        store.down = False
        await run.wait_ended()
        assert runs_of(system) == ()


async def test_runs_that_are_not_in_memory_have_no_actor_and_observing_does_not_activate_them() -> None:
    agent = agent_of(calls(("refund", {})), says("done"), tools=[Ledger().gated()])
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await parked(run)
        inspect(system).passivate()
        await wait_all_tasks_blocked()
        assert runs_of(system) == ()
        await run.resume(YES)
        await run.wait_ended()


async def test_actors_of_the_program_are_in_the_same_tree_and_stop_with_the_system(
    autojump_clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "adjourn.actors")  # half a character in a captured log breaks pytest's workers
    stopped: list[str] = []

    async def own(mailbox: Any) -> None:
        await echo(mailbox)
        stopped.append("own")

    async with open_test_system() as system:
        await system.supervisor.start_supervisor(SupervisorSpec("shop", (ChildSpec("half a char\udcffacter", own),)))
        (ref,) = system.supervisor.supervisor("shop").children()
        await trio.sleep(2)
        await ref.tell(FileNotFoundError("no\n file"))
        await trio.sleep(3)
        tree = system.observe()
        assert tree.root.children[0].name == "runs"
        shop = tree.root.children[-1]
        assert (shop.name, shop.kind, shop.restarts_left) == ("shop", "supervisor", 2)
        (restart,) = shop.recent
        assert (restart.name, restart.cause) == ("half a char?acter", "crashed: FileNotFoundError: no file")
        assert restart.at == tree.at - 3000
        assert (shop.children[0].kind, shop.children[0].restarts) == ("actor", 1)
    assert stopped == ["own"]


async def test_many_runs_leave_the_other_actors_in_a_small_tree() -> None:
    agent = agent_of(hangs())
    async with open_test_system(agent, drain_s=0) as system:
        for _ in range(20):
            await system.start(agent, "go")
        system.supervisor.start_child(ChildSpec("own", echo))
        tree = system.observe(limit=12)
        names = [each.name for each in tree.root.children]
        assert {"runs", "sweeper", "own"} <= set(names)
        runs = tree.root.children[names.index("runs")]
        assert (len(runs.children), runs.more) == (12 - 1 - len(names), 20 - (12 - 1 - len(names)))
