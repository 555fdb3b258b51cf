"""A system in its own thread, used from blocking code: methods, readers, and closing."""

import contextvars
import inspect
import os
import subprocess
import sys
import threading

import pytest
import trio
from hosted import Stubborn, settle, shop, talker

from adjourn.actors import ActorSystem, Run, ToolContext, open_actor_system, tool
from adjourn.actors.hosts import (
    AsyncioRun,
    AsyncioSystem,
    BlockingRun,
    BlockingSystem,
    open_threaded_system,
)
from adjourn.actors.testing import calls, hangs
from adjourn.protocol import AgentEnd, AgentNotFound, Envelope, RunNotFound, ShuttingDown
from adjourn.protocol.methods import RunSnapshot

WORDS = " ".join(f"w{n}" for n in range(1000))


def threads_of_systems() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "adjourn"]


def test_a_run_is_started_decided_and_ends() -> None:
    with open_threaded_system([shop()]) as system:
        run = system.start("shop", "Refund order 7.", by="ann")
        parked = run.wait()
        assert (parked.status, parked.pending[0].tool_name) == ("paused", "refund")
        assert [head.id for head in system.list(waiting=True).heads] == [run.id]
        run.resume({"approved": True}, by="bob")
        ended = system.run(run.id).wait_ended()
        assert [message.text for message in ended.messages[2:]] == ["Order 7 is refunded.", "Done."]


def test_events_come_in_order_until_the_end() -> None:
    with open_threaded_system([talker(hangs("One"))]) as system:
        run = system.start("talker", "Hello.")
        seen: list[Envelope | RunSnapshot] = []
        with run.events() as events:
            for envelope in events:
                seen.append(envelope)
                if len(seen) == 3:
                    run.abort()
    assert [each.seq for each in seen] == sorted({each.seq for each in seen})
    assert isinstance(seen[-1], Envelope)
    assert isinstance(seen[-1].event, AgentEnd)


def test_a_run_waits_for_a_reader_in_another_thread_and_goes_on_when_it_has_left() -> None:
    with open_threaded_system([talker(WORDS)]) as system:
        run = system.start("talker", "Many words, please.")
        with run.events() as events:
            next(events)
            system.thread.block(settle)
            assert run.head().status == "running"
            assert run.snapshot().streaming is not None
        assert run.wait_ended().status == "completed"


def test_a_reader_that_a_loop_has_dropped_frees_the_run() -> None:
    with open_threaded_system([talker(WORDS)]) as system:
        run = system.start("talker", "Many words, please.")
        for _ in run.events():
            break
        assert run.wait_ended().status == "completed"


def test_server_sent_events_are_bytes_for_a_response() -> None:
    with open_threaded_system([talker()]) as system:
        run = system.start("talker", "Hello.")
        body = b"".join(run.sse(0))
    assert body.startswith(b": adjourn\n\n")
    assert b'"type":"agent_end"' in body


def test_errors_cross_to_the_caller() -> None:
    with open_threaded_system([talker()]) as system:
        with pytest.raises(RunNotFound):
            system.get("nowhere")
        with pytest.raises(RunNotFound):
            next(system.run("nowhere").events())
        with pytest.raises(AgentNotFound, match="known: talker"):
            system.start("nobody", "Hello.")


def test_many_threads_share_a_system() -> None:
    ended: list[str] = []
    with open_threaded_system([talker(*["Hello."] * 8)]) as system:

        def work() -> None:
            ended.append(system.start("talker", "Hello.").wait_ended().status)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert ended == ["completed"] * 8


def test_leaving_ends_the_thread_and_later_calls_raise() -> None:
    with open_threaded_system([talker()]) as system:
        run = system.start("talker", "Hello.")
        events = iter(run.events())
        next(events)
    assert threads_of_systems() == []
    for use in (run.wait, lambda: system.start("talker", "Hello."), lambda: list(run.events())):
        with pytest.raises(ShuttingDown, match="its block was left"):
            use()
    events.close()


def test_leaving_wakes_callers_in_other_threads() -> None:
    raised: list[BaseException] = []
    began = threading.Event()
    with open_threaded_system([talker(hangs())], drain_s=0) as system:
        run = system.start("talker", "Hello.")

        def wait() -> None:
            with run.events() as events:
                next(events)
                began.set()
                try:
                    run.wait_ended()
                except ShuttingDown as error:
                    raised.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        began.wait()
    thread.join()
    assert len(raised) == 1


def test_an_error_of_the_block_comes_out_and_the_thread_has_ended() -> None:
    def main() -> None:
        with open_threaded_system([talker(hangs())]) as system:
            system.start("talker", "Hello.")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        main()
    assert threads_of_systems() == []


def test_errors_of_opening_come_out_of_with() -> None:
    with pytest.raises(ValueError, match="two agents are called 'talker'"):
        open_threaded_system([talker(), talker()]).__enter__()
    assert threads_of_systems() == []


def test_a_system_is_opened_once() -> None:
    opening = open_threaded_system()
    with opening:
        pass
    with pytest.raises(RuntimeError, match="opened before"):
        opening.__enter__()


def test_an_error_that_ends_the_system_is_raised_when_it_is_left() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    async def crash() -> None:
        system.inner.supervisor._restarter._nursery.start_soon(broken)

    async def broken() -> None:
        fail()

    with pytest.raises(ZeroDivisionError), open_threaded_system() as system:
        system.thread.block(crash)
    assert threads_of_systems() == []


def test_a_tool_sees_the_context_variables_of_the_opener() -> None:
    tenant = contextvars.ContextVar("tenant", default="none")

    @tool
    async def whose() -> str:
        """Whose program it is."""
        return tenant.get()

    def main() -> str:
        tenant.set("ann")
        with open_threaded_system([talker(calls(("whose", {})), "Done.", tools=(whose,))]) as system:
            return system.start("talker", "Whose?").wait_ended().messages[2].text

    assert contextvars.copy_context().run(main) == "ann"


def test_a_blocking_call_on_the_systems_own_thread_is_refused() -> None:
    @tool
    async def nested(context: ToolContext) -> str:
        """Start another run."""
        with pytest.raises(RuntimeError, match="would wait for itself"):
            system.start("talker", "Hello.")
        return "refused"

    with open_threaded_system([talker(calls(("nested", {})), "Done.", tools=(nested,))]) as system:
        assert system.start("talker", "Hello.").wait_ended().messages[2].text == "refused"


def test_a_sync_tool_may_use_the_system() -> None:
    @tool
    def nested() -> str:
        """Start another run."""
        return system.start("talker", "Hello.").wait_ended().status

    agent = talker(calls(("nested", {})), "Inner.", "Outer.", tools=(nested,))
    with open_threaded_system([agent]) as system:
        assert system.start("talker", "Hello.").wait_ended().messages[2].text == "completed"


def public(of: type) -> set[str]:
    return {name for name in dir(of) if not name.startswith("_")}


@pytest.mark.parametrize("hosted", [BlockingRun, AsyncioRun])
def test_a_hosted_run_has_the_methods_of_a_run(hosted: type) -> None:
    not_for_users = {"give", "log", "open_reader"}
    assert public(Run) - public(hosted) == not_for_users


@pytest.mark.parametrize("hosted", [BlockingSystem, AsyncioSystem])
def test_a_hosted_system_has_the_methods_of_a_system(hosted: type) -> None:
    on_the_systems_thread = {
        "close_store",
        "is_active",
        "log",
        "supervisor",
        "under_way",
        "watch_changes",
        "watch_nodes",
        "web_url",
    }
    assert public(ActorSystem) - public(hosted) == on_the_systems_thread


@pytest.mark.parametrize("hosted", [BlockingRun.resume, AsyncioRun.resume])
def test_a_method_keeps_its_signature_and_its_docstring(hosted: object) -> None:
    assert inspect.signature(hosted) == inspect.signature(Run.resume)  # type: ignore[arg-type]
    assert hosted.__doc__ == Run.resume.__doc__


def test_the_arguments_are_those_of_open_actor_system() -> None:
    theirs = inspect.signature(open_actor_system).parameters
    assert inspect.signature(open_threaded_system).parameters == theirs


FORKED = """
import os
from adjourn.actors.hosts import open_threaded_system

with open_threaded_system() as system:
    if (child := os.fork()) == 0:
        try:
            system.list()
        except RuntimeError as error:
            print(error, flush=True)
    else:
        os.waitpid(child, 0)
        assert system.list().heads == ()
"""

INTERRUPTED = """
import os, signal, threading
from adjourn import Agent, open_threaded_system
from adjourn.actors.testing import ScriptedModel, hangs

def interrupt(request):
    os.kill(os.getpid(), signal.SIGINT)
    return hangs()

try:
    with open_threaded_system([Agent(name="a", model=ScriptedModel([interrupt]))]) as system:
        system.start("a", "Hello.").wait_ended()
except KeyboardInterrupt:
    print([thread.name for thread in threading.enumerate()])
"""


def python(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_is_told_to_open_a_system_of_its_own() -> None:
    said = python("import warnings; warnings.simplefilter('ignore')\n" + FORKED)
    assert "Open the system after the fork" in said


def test_ctrl_c_leaves_in_order() -> None:
    assert python(INTERRUPTED) == "['MainThread']\n"


def test_the_thread_survives_errors_of_its_calls() -> None:
    async def exits() -> None:
        raise SystemExit(3)

    with open_threaded_system() as system:
        with pytest.raises(SystemExit):
            system.thread.block(exits)
        assert system.list().heads == ()


def test_a_call_while_the_system_closes_is_refused() -> None:
    with open_threaded_system() as system:
        call = Stubborn()
        system.thread.submit(call)
        system.thread.block(call.began.wait)
        system.thread.leave(at_once=True)
        call.is_ending.wait()
        with pytest.raises(ShuttingDown, match="its block was left"):
            system.thread.block(trio.sleep_forever)
        system.thread.soon(call.may_end.set)


def test_a_call_cancelled_by_closing_raises_shutting_down() -> None:
    with open_threaded_system() as system:
        call = system.thread.submit(trio.sleep_forever)
    with pytest.raises(ShuttingDown):
        call.ended.result()
