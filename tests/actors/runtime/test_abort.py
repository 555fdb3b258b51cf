"""Abort in every state, by anybody, once or twice: it returns when the run is over, and leaves no task."""

import threading
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
import trio
from faulty import FaultyStore
from runs import APPROVAL, YES, Ledger, agent_of, check_record, forever, kinds, parked, results, text_of
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors import ActorSystem, Agent, Run, RunSnapshot, ToolContext, client_tool, tool
from adjourn.actors.middleware import CallModel, Middleware, ModelOutcome
from adjourn.actors.models import ModelRequest, events_of
from adjourn.actors.testing import Response, ScriptedModel, calls, hangs, inspect, open_test_system, says
from adjourn.protocol.errors import RunEnded, RunNotFound
from adjourn.protocol.events import (
    MessageUpdate,
    Start,
    StreamEvent,
    TextDelta,
    TextStart,
    ToolcallDelta,
    ToolcallStart,
    UsageSoFar,
)
from adjourn.protocol.messages import AssistantMessage, Cost, ModelDescriptor, Usage
from adjourn.protocol.record import InputEntry, SpecEntry

NO_NUMBER = Usage(input=1, cost=Cost(total=float("nan")))
LOCATE = client_tool("locate", "Where?", {"type": "object"})


def slow_store() -> FaultyStore:
    store = FaultyStore()
    store.slow = 4
    return store


def actors_alive(system: ActorSystem) -> list[str]:
    return [name for name in inspect(system).children if "/" in name]


async def check_over(system: ActorSystem, run: Run, reason: str = "enough") -> None:
    """Checks that the run is aborted, its transcript complete, its end published, and nothing of it in memory."""
    snapshot = await run.wait_ended()
    assert (snapshot.status, snapshot.reason) == ("aborted", reason)
    assert snapshot.pending == snapshot.tools == ()
    assert snapshot.streaming is None
    record = await inspect(system).record(run.id)
    assert record is not None
    check_record(record)
    assert record.head.abort is not None
    assert record.head.end_seq == record.head.seq
    assert actors_alive(system) == []


# In every state.


async def test_abort_before_the_first_step() -> None:
    agent = agent_of("never said")
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        done = await run.abort("enough")
        assert (done.status, done.abandoned) == ("aborted", ())
        await check_over(system, run)
    assert agent.model.requests == []  # type: ignore[attr-defined]


async def test_abort_in_mid_stream_keeps_the_partial_text() -> None:
    agent = agent_of(hangs("three words so"))
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        assert agent.model.streaming == 1  # type: ignore[attr-defined]
        done = await run.abort("enough", by="me")
        assert agent.model.streaming == 0  # type: ignore[attr-defined]
        await check_over(system, run)
        last = (await run.snapshot()).messages[-1]
        assert isinstance(last, AssistantMessage)
        assert (text_of(last), last.stop_reason) == ("three words so", "aborted")
        head = await system.head(run.id)
        assert head.abort is not None
        assert (head.abort.by, head.abort.reason, done.seq) == ("me", "enough", head.seq)


async def test_abort_in_mid_stream_removes_incomplete_calls_and_answers_complete_ones() -> None:
    class Half:
        descriptor = ScriptedModel(()).descriptor

        async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
            yield events_of(calls(("work", {"n": 1}), text="I will"))[:-1]
            yield [ToolcallStart(content_index=2, id="c", name="work"), ToolcallDelta(content_index=2, delta='{"n')]
            await trio.sleep_forever()

    ledger = Ledger()
    agent = Agent(name="a", model=Half(), tools=[ledger.tool()])
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        await run.abort("enough")
        await check_over(system, run)
        snapshot = await run.snapshot()
        message = snapshot.messages[1]
        assert isinstance(message, AssistantMessage)
        assert text_of(message) == "I will"
        assert len(message.calls) == len(results(snapshot)) == 1
    assert ledger.begun == []


async def test_abort_in_mid_stream_is_saved_with_the_end() -> None:
    store = FaultyStore()
    async with open_test_system(agent_of(hangs("half a")), store=store) as system:
        run = await system.start("a", "go")
        await wait_all_tasks_blocked()
        before = store.attempts
        await run.abort("enough")
        assert store.attempts == before + 1
        await check_over(system, run)


async def test_abort_in_mid_stream_waits_for_middleware_before_the_end_is_shown() -> None:
    class Watch(Middleware):
        async def model_call(self, request: ModelRequest, call_next: CallModel) -> ModelOutcome:
            try:
                return await call_next(request)
            finally:
                seen.append(inspect(system).head(request.run_id).status)

    seen: list[str] = []
    agent = Agent(name="a", model=ScriptedModel([hangs("half a")]), middleware=[Watch()])
    async with open_test_system(agent) as system:
        run = await system.start("a", "go")
        await wait_all_tasks_blocked()
        await run.abort("enough")
        assert seen == ["running"]
        await check_over(system, run)


@pytest.mark.parametrize(
    "unusable",
    [TextDelta(content_index=0, delta="\ud800"), UsageSoFar(usage=NO_NUMBER)],
    ids=["a lone surrogate", "not a number"],
)
async def test_abort_in_mid_stream_leaves_out_text_that_cannot_be_stored(unusable: StreamEvent) -> None:
    class Wrong:
        descriptor = ModelDescriptor(id="wrong")

        async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
            yield [Start(), TextStart(content_index=0), TextDelta(content_index=0, delta="so"), unusable]
            await trio.sleep_forever()

    agent = Agent(name="wrong", model=Wrong())
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        assert (await run.abort("enough")).status == "aborted"
        record = await inspect(system).record(run.id)
        assert record is not None
        assert [type(entry) for entry in record.journal] == [SpecEntry, InputEntry]


@pytest.mark.parametrize("text", ["", "half a"])
async def test_abort_counts_the_usage_that_the_model_reported(text: str) -> None:
    class Telling:
        descriptor = ModelDescriptor(id="telling")

        async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
            yield [Start(), UsageSoFar(usage=Usage(input=9000, total_tokens=9000))]
            if text:
                yield [TextStart(content_index=0), TextDelta(content_index=0, delta=text)]
                yield [UsageSoFar(usage=Usage(input=9000, output=2, total_tokens=9002))]
            await trio.sleep_forever()

    agent = Agent(name="telling", model=Telling())
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        await run.abort("enough")
        snapshot = await run.wait_ended()
    assert snapshot.usage.total_tokens == (9002 if text else 9000)
    assert [message.usage.output for message in snapshot.messages[1:]] == ([2] if text else [])  # type: ignore[union-attr]


async def test_abort_while_one_tool_executes() -> None:
    ledger = Ledger()
    agent = agent_of(calls(("work", {})), tools=[ledger.tool(body=forever)])
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        await run.abort("enough")
        assert ledger.at_once == 0
        await check_over(system, run)
        assert "may have taken effect" in results(await run.snapshot())[0]


async def test_abort_while_several_tools_execute_keeps_the_results_that_are_in() -> None:
    ledger = Ledger()
    quick, slow = ledger.tool("quick"), ledger.tool("slow", forever)
    agent = agent_of(calls(("slow", {}), ("quick", {}), ("slow", {})), tools=[quick, slow])
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        assert ledger.at_once == 2
        await run.abort("enough")
        assert ledger.at_once == 0
        await check_over(system, run)
        first, second, third = results(await run.snapshot())
        assert second == "quick"
        assert first == third
        assert "may have taken effect" in first


async def test_abort_while_calls_wait_for_a_slot() -> None:
    ledger = Ledger()
    agent = agent_of(calls(*[("work", {})] * 5), tools=[ledger.tool(body=forever)], max_concurrent_tools=2)
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        await run.abort("enough")
        await check_over(system, run)
        told = results(await run.snapshot())
        assert ["may have taken effect" in text for text in told] == [True, True, False, False, False]
    assert len(ledger.begun) == 2


async def test_abort_while_parked() -> None:
    ledger = Ledger()
    agent = agent_of(calls(("refund", {}), ("refund", {})), tools=[ledger.gated()])
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await parked(run)
        await run.abort("enough")
        await check_over(system, run)
        assert len(results(await run.snapshot())) == 2
    assert ledger.begun == []


@pytest.mark.parametrize("claimed", [False, True])
async def test_abort_while_a_client_has_the_call(claimed: bool) -> None:
    agent = agent_of(calls(("locate", {})), tools=[LOCATE])
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        (call_id,) = await parked(run)
        token = await system.claim(run.id, call_id) if claimed else "none"
        await run.abort("enough")
        await check_over(system, run)
        with pytest.raises(RunEnded):
            await system.result(run.id, call_id, token, "late")


async def test_abort_while_passivated(autojump_clock: MockClock) -> None:
    agent = agent_of(calls(("refund", {})), tools=[Ledger().gated()])
    async with open_test_system(agent, passivate_after_s=10) as system:
        run = await system.start(agent, "go")
        await parked(run)
        await trio.sleep(60)
        assert actors_alive(system) == []
        assert (await run.abort("enough")).status == "aborted"
        await check_over(system, run)


async def test_abort_after_the_end_tells_how_it_ended() -> None:
    agent = agent_of("hi")
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await run.wait_ended()
        done = await run.abort()
        head = await system.head(run.id)
        assert (done.status, done.seq) == ("completed", head.end_seq)


# Twice, by many, from everywhere.


async def test_abort_is_idempotent_and_the_first_reason_holds() -> None:
    agent = agent_of(hangs("words"))
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        ends = []

        async def abort(reason: str) -> None:
            ends.append(await run.abort(reason))

        async with trio.open_nursery() as nursery:
            for n in range(5):
                nursery.start_soon(abort, f"reason {n}")
        ends.append(await run.abort("late"))
        assert all(end == ends[0] for end in ends)
        assert len(ends) == 6
        reason = (await run.snapshot()).reason
        assert reason is not None
        await check_over(system, run, reason)


async def test_a_reader_may_abort_from_inside_its_loop() -> None:
    agent = agent_of(says("words " * 500))
    names: list[str] = []
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        with trio.fail_after(10):
            async with run.events() as events:
                async for envelope in events:
                    assert not isinstance(envelope, RunSnapshot)
                    if isinstance(envelope.event, MessageUpdate) and "abort" not in names:
                        names.append("abort")
                        await run.abort("enough")
                    names += kinds([envelope.event])
        await check_over(system, run)
    assert names[-1] == "agent_end"
    assert names.count("agent_end") == 1


async def test_a_tool_may_abort_its_own_run() -> None:
    async def body(arguments: dict[str, Any], context: ToolContext) -> Any:
        await system.abort(context.run_id, "enough")
        raise AssertionError("it goes no further")

    agent = agent_of(calls(("work", {})), tools=[Ledger().tool(body=body)])
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        with trio.fail_after(10):
            await check_over(system, run)


@pytest.mark.parametrize("tools", [1, 2])
async def test_a_decision_at_the_same_time_as_an_abort_has_one_outcome(tools: int) -> None:
    ledger = Ledger()
    agent = agent_of(
        calls(*[("refund", {})] * tools), says("done"), tools=[ledger.tool("refund", forever, decision=APPROVAL)]
    )
    outcome: list[str] = []

    async def decide(call_id: str) -> None:
        try:
            await run.resume(YES, call_id)
            outcome.append("decided")
        except RunEnded:
            outcome.append("ended")

    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        waiting = await parked(run)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run.abort, "enough")
            for call_id in waiting:
                nursery.start_soon(decide, call_id)
        await check_over(system, run)
        assert len(outcome) == tools
        assert len(ledger.begun) <= outcome.count("decided")
        assert await ended_or_decided(run, waiting) == outcome.count("decided")


async def ended_or_decided(run: Run, call_ids: Sequence[str]) -> int:
    """Returns how many of the calls were decided; the others got RunEnded."""
    decided = 0
    for call_id in call_ids:
        try:
            await run.resume(YES, call_id)
            decided += 1
        except RunEnded:
            pass
    return decided


async def test_an_abort_that_meets_the_end_of_the_model_call_answers() -> None:
    # The asker waits for the lock behind the model's last save; by the time it has it, the run is parked.
    ledger = Ledger()
    for ticks in range(12):
        agent = agent_of(calls(("refund", {})), says("done"), tools=[ledger.gated()])
        async with open_test_system(agent, store=slow_store()) as system:
            run = await system.start(agent, "go")
            for _ in range(ticks):
                await trio.lowlevel.checkpoint()
            with trio.fail_after(10):
                assert (await run.abort("enough")).status == "aborted"
            await check_over(system, run)
    assert ledger.begun == []


# Blocking functions.


async def test_a_thread_that_would_not_stop_is_left_behind_and_named() -> None:
    release, begun = threading.Event(), threading.Event()

    @tool
    def block() -> None:
        """Block."""
        begun.set()
        release.wait(60)

    agent = agent_of(calls(("block", {})), tools=[block])
    try:
        async with open_test_system(agent, cleanup_s=0.05) as system:
            run = await system.start(agent, "go")
            assert await trio.to_thread.run_sync(begun.wait, 10)
            done = await run.abort("enough")
            await check_over(system, run)
            (call,) = (await run.snapshot()).messages[1].calls  # type: ignore[union-attr]
            assert done.abandoned == (call.id,)
    finally:
        release.set()


async def test_abort_waits_for_a_thread_that_stops_in_time() -> None:
    begun = threading.Event()

    @tool
    def block() -> None:
        """Block."""
        begun.set()
        while True:
            trio.from_thread.check_cancelled()
            threading.Event().wait(0.001)

    agent = agent_of(calls(("block", {})), tools=[block])
    async with open_test_system(agent, cleanup_s=30) as system:
        run = await system.start(agent, "go")
        assert await trio.to_thread.run_sync(begun.wait, 10)
        with trio.fail_after(10):
            assert (await run.abort("enough")).abandoned == ()
        await check_over(system, run)
        assert not inspect(system).threads


# What comes after.


async def test_the_transcript_of_an_aborted_run_can_be_sent_on() -> None:
    ledger = Ledger()
    agent = agent_of(
        calls(("work", {}), ("refund", {})), says("fine"), tools=[ledger.tool(body=forever), ledger.gated()]
    )
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        await run.abort("enough")
        await check_over(system, run)  # fails if a call has no result
        messages = (await run.snapshot()).messages
        again = await system.start(agent, messages)
        assert (await again.wait_ended()).status == "completed"
        assert list(agent.model.requests[-1].messages)[: len(messages)] == list(messages)  # type: ignore[attr-defined]


async def test_delete_aborts_a_running_run_and_leaves_nothing() -> None:
    responses: list[Response] = [hangs("words"), calls(("refund", {})), says("over")]
    for response in responses:
        agent = agent_of(response, tools=[Ledger().gated()])
        async with open_test_system(agent) as system:
            run = await system.start(agent, "go")
            await wait_all_tasks_blocked()
            await system.delete(run.id)
            assert await inspect(system).record(run.id) is None
            assert actors_alive(system) == []
            with pytest.raises(RunNotFound):
                await run.snapshot()


async def test_with_no_retention_an_aborted_run_is_gone_when_abort_returns() -> None:
    agent = agent_of(*[calls(("refund", {}))] * 2, tools=[Ledger().gated()], retention_s=0.0)
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await parked(run)
        await run.abort("enough")
        assert await inspect(system).record(run.id) is None
        again = await system.start(agent, "go")
        await again.wait()
        await system.delete(again.id)  # its abort already deletes the run: no error


async def test_updates_of_a_stopped_tool_reach_nobody() -> None:
    shown = trio.Event()

    async def body(arguments: dict[str, Any], context: ToolContext) -> Any:
        try:
            await trio.sleep_forever()
        finally:
            shown.set()
            with trio.CancelScope(shield=True):
                await context.update("late")

    agent = agent_of(calls(("work", {})), tools=[Ledger().tool(body=body)])
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        async with run.events() as events:
            await run.abort("enough")
            names = kinds([envelope.event async for envelope in events])  # type: ignore[union-attr]
        assert shown.is_set()
        assert names[-1] == "agent_end"
        await check_over(system, run)


async def test_a_decision_after_an_abort_is_told_that_the_run_ended() -> None:
    agent = agent_of(calls(("refund", {})), tools=[Ledger().gated()])
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        (call_id,) = await parked(run)
        await run.abort("enough")
        for verb in (lambda: run.resume(YES), lambda: run.resume(YES, call_id), lambda: run.decline(call_id)):
            with pytest.raises(RunEnded):
                await verb()
