"""A system in its own thread, used from asyncio: methods, cancellation across the threads, and closing."""

import asyncio
import gc
import threading
from collections.abc import Iterator

import pytest
from hosted import Stubborn, run_asyncio, settle, shop, talker

from adjourn.actors import Agent, tool
from adjourn.actors.hosts import AsyncioSystem, open_threaded_system
from adjourn.actors.testing import calls, hangs
from adjourn.protocol import AgentEnd, Envelope, RunNotFound, ShuttingDown

WORDS = " ".join(f"w{n}" for n in range(1000))


def test_a_run_is_started_decided_and_ends() -> None:
    async def main() -> None:
        async with open_threaded_system([shop()]) as system:
            run = await system.start("shop", "Refund order 7.")
            assert (await run).status == "paused"
            await system.resume(run.id, {"approved": True})
            assert (await run.wait_ended()).messages[-1].text == "Done."

    run_asyncio(main)


def test_events_come_in_order_until_the_end() -> None:
    async def main() -> None:
        async with open_threaded_system([talker(WORDS)]) as system:
            run = await system.start("talker", "Many words, please.")
            seen = [each async for each in run.events()]
            assert [each.seq for each in seen] == sorted({each.seq for each in seen})
            assert isinstance(seen[-1], Envelope)
            assert isinstance(seen[-1].event, AgentEnd)
            assert len(seen) > 1000

    run_asyncio(main)


def test_a_run_waits_for_a_reader_in_asyncio_and_goes_on_when_it_is_dropped() -> None:
    async def main() -> None:
        async with open_threaded_system([talker(WORDS)]) as system:
            run = await system.start("talker", "Many words, please.")
            async for _ in run.events():
                await system.thread.awaited(settle)
                assert (await run.head()).status == "running"
                break
            assert (await run.wait_ended()).status == "completed"

    run_asyncio(main)


def test_a_reader_that_times_out_loses_no_event() -> None:
    async def main() -> None:
        async with open_threaded_system([shop()]) as system:
            run = await system.start("shop", "Refund order 7.")
            await run
            async with run.events() as events:
                first = [await anext(events)]
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(events), 0.01)
                await run.resume({"approved": True})
                rest = [each async for each in events]
            assert isinstance(rest[-1], Envelope)
            assert isinstance(rest[-1].event, AgentEnd)
            assert [each.seq for each in first + rest] == sorted({each.seq for each in first + rest})

    run_asyncio(main)


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collector")
def test_a_task_that_is_cancelled_inside_its_loop_over_events_frees_the_run() -> None:
    async def main() -> None:
        async with open_threaded_system([talker(WORDS)]) as system:
            run = await system.start("talker", "Many words, please.")
            began = asyncio.Event()

            async def read() -> None:
                async for _ in run.events():
                    began.set()
                    await asyncio.Event().wait()

            task = asyncio.create_task(read())
            await began.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await run.wait_ended()).status == "completed"

    run_asyncio(main)


@pytest.mark.usefixtures("without_collector")
def test_a_task_that_is_cancelled_while_it_waits_for_an_event_reads_no_longer() -> None:
    async def main() -> None:
        async with open_threaded_system([talker(hangs())], drain_s=0) as system:
            run = await system.start("talker", "Hello.")

            async def read() -> None:
                async for _ in run.events():
                    pass

            task = asyncio.create_task(read())
            await asyncio.sleep(0)
            await system.thread.awaited(settle)
            log = system.inner.runtime.registry.logs.live[run.id]
            assert log.statistics().lossless_cursors == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await system.thread.awaited(settle)
            assert log.statistics().lossless_cursors == 0

    run_asyncio(main)


async def cancelled_twice(system: AsyncioSystem, call: Stubborn) -> asyncio.Task[None]:
    """Returns a task that waits for the call and was cancelled twice; the call has started and can't end yet."""
    task = asyncio.create_task(system.thread.awaited(call))
    await system.thread.awaited(call.began.wait)
    for _ in range(2):
        task.cancel()
        await system.thread.awaited(settle)
        assert not task.done()
    return task


def test_a_cancelled_call_returns_when_it_has_ended_on_the_other_thread() -> None:
    async def main() -> None:
        async with open_threaded_system() as system:
            call = Stubborn()
            task = await cancelled_twice(system, call)
            assert not call.has_ended
            system.thread.soon(call.may_end.set)
            with pytest.raises(asyncio.CancelledError):
                await task
            assert call.has_ended

    run_asyncio(main)


def test_an_error_while_a_call_is_cancelled_comes_out() -> None:
    async def main() -> None:
        async with open_threaded_system() as system:
            call = Stubborn(ZeroDivisionError())
            task = await cancelled_twice(system, call)
            system.thread.soon(call.may_end.set)
            with pytest.raises(ZeroDivisionError) as raised:
                await task
            assert raised.value is call.error

    run_asyncio(main)


def test_a_timeout_of_asyncio_bounds_a_wait() -> None:
    async def main() -> None:
        async with open_threaded_system([talker(hangs())], drain_s=0) as system:
            run = await system.start("talker", "Hello.")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await run.wait()
            assert system.inner.runtime.registry.logs.live[run.id].statistics().status_waiters == 0

    run_asyncio(main)


def test_errors_cross_to_the_caller() -> None:
    async def main() -> None:
        async with open_threaded_system([talker()]) as system:
            with pytest.raises(RunNotFound):
                await system.get("nowhere")
            with pytest.raises(RunNotFound):
                async with system.run("nowhere").events():
                    pass

    run_asyncio(main)


def test_a_second_loop_and_blocking_threads_share_the_system() -> None:
    async def main() -> None:
        async with open_threaded_system([talker("One.", "Two.")]) as system:

            async def elsewhere() -> str:
                return (await (await system.start("talker", "Hello.")).wait_ended()).status

            assert await asyncio.to_thread(asyncio.run, elsewhere()) == "completed"
            started = await asyncio.to_thread(system.blocking.start, "talker", "Hello.")
            assert (await asyncio.to_thread(started.wait_ended)).status == "completed"

    run_asyncio(main)


def test_the_loop_that_tools_need_is_not_blocked() -> None:
    async def main() -> None:
        async with open_threaded_system() as system:
            with pytest.raises(RuntimeError, match="would hold up the asyncio loop"):
                system.blocking.list()

    run_asyncio(main)


def test_a_trio_tool_can_not_await_asyncio_methods() -> None:
    async def main() -> None:
        @tool
        async def nested() -> str:
            """Start another run."""
            with pytest.raises(RuntimeError, match="no asyncio loop runs here"):
                await system.start("talker", "Hello.")
            return "refused"

        async with open_threaded_system([talker(calls(("nested", {})), "Done.", tools=(nested,))]) as system:
            run = await system.start("talker", "Hello.")
            assert (await run).messages[2].text == "refused"

    run_asyncio(main)


def test_leaving_ends_the_thread_and_later_calls_raise() -> None:
    async def main() -> None:
        async with open_threaded_system([talker()]) as system:
            run = await system.start("talker", "Hello.")
        assert [thread.name for thread in threading.enumerate() if thread.name == "adjourn"] == []
        with pytest.raises(ShuttingDown, match="its block was left"):
            await run.get()

    run_asyncio(main)


def test_a_cancelled_block_is_left_and_the_thread_has_ended() -> None:
    async def main() -> None:
        entered = asyncio.Event()

        async def block() -> None:
            async with open_threaded_system([talker(hangs())]) as system:
                await system.start("talker", "Hello.")
                entered.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(block())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [thread.name for thread in threading.enumerate() if thread.name == "adjourn"] == []

    run_asyncio(main)


def test_errors_of_opening_come_out_of_async_with() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="two agents"):
            async with open_threaded_system([talker(), talker()]):
                pass

    run_asyncio(main)
    assert [thread.name for thread in threading.enumerate() if thread.name == "adjourn"] == []


def test_opening_that_is_cancelled_leaves_no_thread() -> None:
    may_open = threading.Event()

    def agents() -> Iterator[Agent]:
        may_open.wait()
        yield talker()

    async def main() -> None:
        task = asyncio.create_task(open_threaded_system(agents()).__aenter__())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        may_open.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_asyncio(main)
    assert [thread.name for thread in threading.enumerate() if thread.name == "adjourn"] == []


def test_a_busy_system_does_not_block_asyncio() -> None:
    """Submitting a call does not wait for the other loop, which may be busy for long."""

    async def main() -> None:
        async with open_threaded_system() as system:
            is_busy, may_end = threading.Event(), threading.Event()

            def work() -> None:
                is_busy.set()
                may_end.wait()

            system.thread.soon(work)
            is_busy.wait()
            listing = asyncio.create_task(system.list())
            await asyncio.sleep(0)
            may_end.set()
            assert (await listing).heads == ()

    run_asyncio(main)
