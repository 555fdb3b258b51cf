"""A chat over a real gateway: a person's entries and interrupts, and the output for scripts."""

import io
import re
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from adjourn.actors import ActorSystem, Agent, client_tool, open_actor_system, tool
from adjourn.actors.cli import conversation
from adjourn.actors.cli import keyboard as keyboards
from adjourn.actors.cli.conversation import converse
from adjourn.actors.cli.exits import FAILED, REFUSED, WAITING
from adjourn.actors.cli.keyboard import Keyboard, Lines
from adjourn.actors.gateway import serve_gateway
from adjourn.actors.testing import ScriptedModel, calls, hangs
from adjourn.protocol.messages import UserMessage

APPROVED = r"approved \(y/n\): "
AT_REST = r"\(The run waits\. Enter asks again"


@tool(approval=True)
async def pay(to: str) -> str:
    """Send money."""
    return f"paid {to}"


locate = client_tool("locate", "Find out where the person is.", {"type": "object", "properties": {}})


class Written(io.StringIO):
    """Collects the output, so that a test can wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self._lot = trio.lowlevel.ParkingLot()
        self._read = 0

    def write(self, text: str, /) -> int:
        self._lot.unpark_all()
        return super().write(text)

    async def until(self, pattern: str) -> None:
        while not (found := re.compile(pattern).search(self.getvalue(), self._read)):
            await self._lot.park()
        self._read = found.end()


class Chatting:
    """A chat with an agent, used by a person or a script."""

    def __init__(self, system: ActorSystem, out: Written, keys: trio.MemorySendChannel[str]) -> None:
        self.system, self.out, self.keys = system, out, keys
        self.code: int | None = None
        self.is_over = trio.Event()

    async def type(self, entry: str, then: str) -> None:
        """Enter something. Wait for the output that follows."""
        self.keys.send_nowait(entry)
        await self.out.until(then)

    async def interrupt(self, then: str) -> None:
        signal.raise_signal(signal.SIGINT)
        await self.out.until(then)

    async def statuses(self) -> list[str]:
        """Return the statuses of all runs, the newest first."""
        return [head.status for head in (await self.system.list()).heads]

    async def said(self) -> list[str]:
        """Return the users' messages in the newest run."""
        [head, *_] = (await self.system.list()).heads
        messages = (await self.system.get(head.id)).snapshot.messages
        return [str(message.content) for message in messages if isinstance(message, UserMessage)]


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    out = Written()
    monkeypatch.setattr(keyboards, "_flush", lambda: None)

    @asynccontextmanager
    async def chatting(*responses: Any, interactive: bool = True, **options: Any) -> AsyncGenerator[Chatting]:
        keys, lines = trio.open_memory_channel[str](100)

        @asynccontextmanager
        async def open_keyboard(history: Path | None = None) -> AsyncGenerator[Keyboard]:
            yield Lines(lines, interactive)

        monkeypatch.setattr(conversation, "open_keyboard", open_keyboard)
        monkeypatch.setattr(sys, "stdout", out)
        agent = Agent(name="shop", model=ScriptedModel(responses), tools=[pay, locate])
        async with open_actor_system([agent]) as system, trio.open_nursery() as nursery:
            served = await nursery.start(partial(serve_gateway, system, port=0))
            chat = Chatting(system, out, keys)

            async def talk() -> None:
                chat.code = await converse(served.url, agent=None, come_back="adjourn chat", **options)
                chat.is_over.set()

            nursery.start_soon(talk)
            yield chat
            with trio.fail_after(30):
                keys.close()
                await chat.is_over.wait()
            nursery.cancel_scope.cancel()

    return chatting


PAY = calls(("pay", {"to": "Ann"}))
PAY_TWICE = calls(("pay", {"to": "Ann"}), ("pay", {"to": "Bob"}))


async def test_ctrl_c_at_a_decision_leaves_the_run_waiting_and_enter_asks_again(chat: Any) -> None:
    async with chat(PAY, "Done.") as person:
        await person.type("pay Ann", APPROVED)
        await person.interrupt(AT_REST)
        assert await person.statuses() == ["paused"]
        await person.type("", APPROVED)
        await person.type("y", r"reason \(optional\): ")
        await person.type("", r"shop> Done\.\nyou> ")
    assert person.code == 0


async def test_a_second_ctrl_c_leaves_the_chat_and_the_run_waits(chat: Any) -> None:
    async with chat(PAY) as person:
        await person.type("pay Ann", APPROVED)
        await person.interrupt(AT_REST)
        await person.interrupt(r"waits for a decision\. To come back to it:\n  adjourn chat --run \w+\n")
        assert await person.statuses() == ["paused"]
        await person.is_over.wait()


async def test_one_of_two_calls_can_be_left_for_later(chat: Any) -> None:
    async with chat(PAY_TWICE, "Done.") as person:
        await person.type("pay both", f'"Ann"\n(.*\n)+.*{APPROVED}')
        await person.type("/later", f'"Bob"\n(.*\n)+.*{APPROVED}')
        await person.type("/decline", f"{AT_REST}(.*\n)+you> ")
        await person.type("", f'"Ann"\n(.*\n)+.*{APPROVED}')
        await person.type("/decline", r"shop> Done\.")


async def test_while_a_run_waits_no_message_is_sent(chat: Any) -> None:
    async with chat(PAY) as person:
        await person.type("pay Ann", APPROVED)
        await person.interrupt(AT_REST)
        await person.type("hurry up", r"\(nothing was sent\. The run waits\.")
        assert await person.said() == ["pay Ann"]


async def test_a_call_left_waiting_and_decided_elsewhere_goes_on_here(chat: Any) -> None:
    async with chat(PAY, "Done.") as person:
        await person.type("pay Ann", APPROVED)
        await person.interrupt(AT_REST)
        await person.out.until("you> ")
        [head] = (await person.system.list()).heads
        await person.system.resume(head.id, {"approved": True})
        await person.out.until(r"shop> Done\.\nyou> ")


async def test_a_new_conversation_leaves_the_run_waiting(chat: Any) -> None:
    async with chat(PAY, "Hello.") as person:
        await person.type("pay Ann", APPROVED)
        await person.interrupt(AT_REST)
        await person.type("/new", r"\(run \w+ goes on: adjourn inbox (.*\n)+A new conversation with shop\.\nyou> ")
        await person.type("hello", r"shop> Hello\.\nyou> ")
        assert await person.said() == ["hello"]
        assert await person.statuses() == ["completed", "paused"]


async def test_abort_stops_a_run_that_waits(chat: Any) -> None:
    async with chat(PAY) as person:
        await person.type("/abort", r"\(no run is under way\)")
        await person.type("pay Ann", APPROVED)
        await person.interrupt(AT_REST)
        await person.type("/abort", r"aborted \(stopped by /abort\)\n(.*\n)*you> ")
        assert await person.statuses() == ["aborted"]


async def test_ctrl_c_while_an_answer_streams_stops_the_run(chat: Any) -> None:
    async with chat(hangs("Well, ")) as person:
        await person.type("hello", "shop> Well, ")
        await person.interrupt(r"aborted \(stopped by Ctrl-C\)\n(.*\n)*you> ")


async def test_an_unknown_command_is_sent_to_nobody_and_two_slashes_send_one(chat: Any) -> None:
    async with chat("Yes.") as person:
        await person.type("/etc is full", r"\(there is no command /etc; /help lists the commands, //etc sends it")
        assert await person.statuses() == []
        await person.type("//etc is full", r"shop> Yes\.\nyou> ")
        assert await person.said() == ["/etc is full"]


async def test_commands_show_the_runs_the_agents_and_the_conversation(chat: Any) -> None:
    async with chat("Yes.") as person:
        await person.type("/show", r"\(nothing has been said yet\)")
        await person.type("hello", r"shop> Yes\.\nyou> ")
        await person.type("/runs", r"shop +completed .* hello\n")
        await person.type("/show", r"you> hello\nshop> Yes\.\nyou> ")
        await person.type("/agent", r"another agent: shop\)")
        await person.type("/help", r"/abort +Stop the run\.\n")
        await person.type("/quit", "")
        await person.is_over.wait()


# Scripts.


async def test_a_script_ends_with_its_input_before_a_decision_too(chat: Any) -> None:
    async with chat(PAY, interactive=False) as script:
        script.keys.send_nowait("pay Ann")
        script.keys.close()
        await script.is_over.wait()
    assert script.code == WAITING
    assert "waits for a decision. To come back to it:" in script.out.getvalue()


async def test_a_script_ends_with_its_input_before_a_call_that_waits_for_a_client(chat: Any) -> None:
    async with chat(calls(("locate", {})), interactive=False) as script:
        for line in ("where am I", "and now?"):
            script.keys.send_nowait(line)
        script.keys.close()
        await script.is_over.wait()
    assert script.code == WAITING
    assert "Messages not sent, because the run waits: 1.\n" in script.out.getvalue()
    assert "waits for a client. To come back to it:" in script.out.getvalue()


async def test_a_message_that_came_while_a_run_waited_for_a_client_is_sent_when_it_is_over(chat: Any) -> None:
    async with chat(calls(("locate", {})), "At home.", "Still there.", interactive=False) as script:
        await script.type("where am I", "waits for a client")
        await script.type("and now?", r"you> and now\?\n")
        [head] = (await script.system.list()).heads
        [call] = (await script.system.get(head.id)).snapshot.pending
        token = await script.system.claim(head.id, call.tool_call_id)
        await script.system.result(head.id, call.tool_call_id, token, "home")
        await script.out.until(r"shop> At home\.\n(.*\n)*shop> Still there\.\n")
    assert script.code == 0


@pytest.mark.parametrize(
    ("responses", "entry", "code"),
    [(["Yes."], "hello", 0), ([ValueError("broken")], "hello", FAILED), (["Yes."], "/nothing", REFUSED)],
)
async def test_the_exit_code_of_a_script_says_what_went_wrong(
    chat: Any, responses: list[Any], entry: str, code: int
) -> None:
    async with chat(*responses, interactive=False) as script:
        script.keys.send_nowait(entry)
    assert script.code == code


async def test_a_quiet_chat_writes_the_answers_alone(chat: Any, capsys: pytest.CaptureFixture[str]) -> None:
    async with chat(PAY, "Done.", "**Bye.**", interactive=False, quiet=True) as script:
        for line in ("pay Ann", "y", "", "bye", "/nothing"):
            script.keys.send_nowait(line)
    assert script.out.getvalue() == "Done.\n**Bye.**\n"
    told = capsys.readouterr().err
    assert '  |   to: "Ann"\n' in told
    assert "there is no command /nothing" in told
