"""A decision at the terminal: the whole call is shown first, in any window; a no is accepted before its end."""

import io
import re
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from trio.testing import wait_all_tasks_blocked

from adjourn.actors.cli import keyboard as keyboards
from adjourn.actors.cli.asking import ask_decision
from adjourn.actors.cli.keyboard import Lines
from adjourn.actors.cli.prompt import HELP, Answer, Decision, Declined, Later
from adjourn.actors.cli.screen import Screen
from adjourn.protocol.transcript import PendingCall

APPROVAL = {"type": "object", "properties": {"approved": {"type": "boolean"}}, "required": ["approved"]}
SCRIPT = "\n".join([f"echo step {n}" for n in range(1, 80)] + ["rm -rf /"])
YES = Decision({"approved": True})
LAST, QUESTION = "  |     | rm -rf /\n", "  approved (y/n): "


def call(
    script: str = SCRIPT,
    schema: dict[str, Any] = APPROVAL,
    due_at: int | None = None,
    editable: bool | tuple[str, ...] = False,
) -> PendingCall:
    return PendingCall(
        tool_call_id="c",
        tool_name="run_script",
        input={"host": "build-7", "script": script},
        kind="decision",
        schema=schema,
        digest="d",
        due_at=due_at,
        editable=editable,
        description="Runs a script.",
    )


class Terminal:
    """A terminal window with a keyboard."""

    def __init__(self, width: int = 80, height: int = 24, interactive: bool = True) -> None:
        self.file = io.StringIO()
        self.console = Console(
            file=self.file, force_terminal=interactive, width=width, height=height, highlight=False, markup=False,
            no_color=True, soft_wrap=True,
        )  # fmt: skip
        self.screen = Screen(self.console)
        self.keys, lines = trio.open_memory_channel[str](100)
        self.keyboard = Lines(lines, interactive)
        self.result: Answer | None = None
        self.is_over = False

    async def ask(self, asked: PendingCall) -> None:
        self.result = await ask_decision(self.screen, self.keyboard, asked)
        self.is_over = True

    async def type(self, entry: str) -> str:
        """Type an entry. Return the output that follows."""
        before = len(self.text)
        self.keys.send_nowait(entry)
        await wait_all_tasks_blocked()
        return self.text[before:]

    @property
    def text(self) -> str:
        return re.sub(r"\x1b\[[0-9;]*m", "", self.file.getvalue())


@pytest.fixture(autouse=True)
def no_terminal_to_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyboards, "_flush", lambda: None)


SHORT = """\
  | run_script
  |   # Runs a script.
  |   host: "build-7"
  |   script: "ls"
  (/decline [reason] says no, /later decides later, /again starts over)
  approved (y/n): """


async def test_a_call_that_fits_is_shown_whole_above_the_question(nursery: trio.Nursery) -> None:
    terminal = Terminal()
    nursery.start_soon(terminal.ask, call("ls"))
    await wait_all_tasks_blocked()
    assert terminal.text == SHORT
    await terminal.type("y")
    assert terminal.result == YES


async def test_a_long_call_takes_no_answer_before_its_end_was_shown(nursery: trio.Nursery) -> None:
    terminal = Terminal()
    nursery.start_soon(terminal.ask, call())
    await wait_all_tasks_blocked()
    assert terminal.text.count("\n") == 23
    assert terminal.text.endswith("-- line 23 of 84; Enter: more, /end: the rest, /decline [reason]: no -- ")
    for entry in ("y", "yes", "true", '{"approved": true}', "q", "/en", "d"):
        shown = await terminal.type(entry)
        assert shown.startswith("  Read the rest before you decide.\n-- line 23 of 84; ")
    assert (await terminal.type("")).splitlines()[0] == "  |     | echo step 20"
    await terminal.type(" ")
    assert LAST not in terminal.text
    assert "-- line 69 of 84; " in terminal.text
    shown = await terminal.type("")
    assert shown.count("\n") == 84 - 69 + 1
    assert shown.index(LAST) < shown.index(QUESTION)
    await terminal.type("y")
    assert terminal.result == YES
    assert re.findall(r"echo step (\d+)\n", terminal.text) == [str(n) for n in range(1, 80)]


async def test_a_no_is_taken_at_any_page(nursery: trio.Nursery) -> None:
    for pages in range(4):
        terminal = Terminal()
        nursery.start_soon(terminal.ask, call())
        await wait_all_tasks_blocked()
        for _ in range(pages):
            await terminal.type("")
        await terminal.type("/decline  not on that host ")
        assert terminal.result == Declined("not on that host")


async def test_a_call_may_be_left_for_later_at_any_page(nursery: trio.Nursery) -> None:
    for entries in (["/later"], ["", "/later"], ["/end", "/later"]):
        terminal = Terminal()
        nursery.start_soon(terminal.ask, call())
        await wait_all_tasks_blocked()
        for entry in entries:
            await terminal.type(entry)
        assert terminal.result == Later()


async def test_the_rest_can_be_shown_at_once_and_the_call_again_from_its_beginning(nursery: trio.Nursery) -> None:
    terminal = Terminal()
    nursery.start_soon(terminal.ask, call())
    await wait_all_tasks_blocked()
    first = terminal.text
    await terminal.type("")
    assert await terminal.type("/again") == first
    shown = await terminal.type("/end")
    assert shown.count("\n") == 84 - 23 + 1
    assert shown.endswith(QUESTION)


async def test_input_typed_before_the_question_was_shown_does_not_answer_it(nursery: trio.Nursery) -> None:
    terminal = Terminal()
    for entry in ("y", "/end", "y"):
        terminal.keys.send_nowait(entry)
    nursery.start_soon(terminal.ask, call())
    await wait_all_tasks_blocked()
    assert "-- line 23 of 84; " in terminal.text
    for entry in ("/end", "y", "y"):  # all at once, as in a paste
        terminal.keys.send_nowait(entry)
    await wait_all_tasks_blocked()
    assert terminal.text.endswith(QUESTION)
    assert not terminal.is_over


async def test_a_pipe_gets_all_at_once_and_its_answers_count(nursery: trio.Nursery) -> None:
    terminal = Terminal(interactive=False)
    terminal.keys.send_nowait("y")
    nursery.start_soon(terminal.ask, call("x" * 1000 + "\n" + SCRIPT))
    await wait_all_tasks_blocked()
    assert terminal.result == YES
    assert "-- line" not in terminal.text
    assert f"  |     | {'x' * 1000}\n" in terminal.text
    assert terminal.text.index(LAST) < terminal.text.index(QUESTION)


async def test_a_window_that_changes_its_size_gets_pages_of_its_new_size(nursery: trio.Nursery) -> None:
    terminal = Terminal(200, 50)
    nursery.start_soon(terminal.ask, call("a" * 300 + "\n" + SCRIPT))
    await wait_all_tasks_blocked()
    assert terminal.text.count("\n") == 49
    terminal.console.size = (40, 10)  # type: ignore[assignment]
    assert (await terminal.type("")).count("\n") == 8  # the prompt takes two
    terminal.console.size = (80, 100)  # type: ignore[assignment]
    assert (await terminal.type("")).endswith(f"  ({HELP})\n{QUESTION}")


async def test_a_question_that_fills_the_window_comes_after_the_call_was_seen(nursery: trio.Nursery) -> None:
    terminal = Terminal()
    nursery.start_soon(terminal.ask, call("ls", {"enum": [f"choice {n}" for n in range(40)]}))
    await wait_all_tasks_blocked()
    assert terminal.text.endswith(
        'script: "ls"\n-- line 4 of 4; Enter: more, /end: the rest, /decline [reason]: no -- '
    )
    await terminal.type("")
    await terminal.type("3")
    assert terminal.result == Decision("choice 2")


async def test_other_output_between_two_pages_is_followed_by_the_prompt_again(nursery: trio.Nursery) -> None:
    terminal = Terminal()
    nursery.start_soon(terminal.ask, call())
    await wait_all_tasks_blocked()
    with terminal.screen.beside():
        terminal.screen.hang("    -> done\n  approved (y/n): y", 7)
    assert terminal.text.endswith(
        "no -- \n    -> done\n         approved (y/n): y\n"
        "-- line 23 of 84; Enter: more, /end: the rest, /decline [reason]: no -- "
    )
    assert (await terminal.type("")).splitlines()[0] == "  |     | echo step 20"


async def test_a_call_settled_elsewhere_while_it_is_read_leaves_nothing_behind(nursery: trio.Nursery) -> None:
    terminal = Terminal()
    with trio.CancelScope() as scope:
        nursery.start_soon(wait_and_cancel, scope)
        await terminal.ask(call())
    assert scope.cancelled_caught
    with terminal.screen.beside():
        terminal.screen.line("later")
    assert terminal.text.endswith("later\n")


async def wait_and_cancel(scope: trio.CancelScope) -> None:
    await wait_all_tasks_blocked()
    scope.cancel()


async def test_the_end_of_the_input_between_two_pages_decides_nothing(nursery: trio.Nursery) -> None:
    terminal = Terminal()
    nursery.start_soon(terminal.ask, call())
    await wait_all_tasks_blocked()
    terminal.keys.close()
    await wait_all_tasks_blocked()
    assert (terminal.is_over, terminal.result) == (True, None)


async def test_a_call_that_expires_says_when(nursery: trio.Nursery) -> None:
    terminal = Terminal()
    nursery.start_soon(terminal.ask, call("ls", due_at=2**53))
    await wait_all_tasks_blocked()
    assert re.search(r'script: "ls"\n  Expires in \d+ days\.\n  \(/decline', terminal.text)


@pytest.mark.parametrize(("editable", "words"), [(True, "All arguments"), (("host", "script"), "host, script")])
async def test_a_call_whose_arguments_can_be_changed_says_where(
    nursery: trio.Nursery, editable: bool | tuple[str, ...], words: str
) -> None:
    terminal = Terminal()
    nursery.start_soon(terminal.ask, call("ls", editable=editable))
    await wait_all_tasks_blocked()
    assert f"  {words} can be changed: on the page, or with" in terminal.text


ENTRIES = st.lists(st.sampled_from(["", "y", "n", "/end", "/again", "/nothing", "yes"]), max_size=12)
SIZES = st.tuples(st.integers(30, 100), st.integers(1, 60))


@given(ENTRIES, st.lists(SIZES, min_size=1, max_size=5))
def test_no_input_in_any_window_answers_before_the_end_was_shown(
    entries: list[str], sizes: list[tuple[int, int]]
) -> None:
    async def main() -> None:
        terminal = Terminal(*sizes[0])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(terminal.ask, call())
            await wait_all_tasks_blocked()
            for place, entry in enumerate(entries):
                terminal.console.size = sizes[place % len(sizes)]  # type: ignore[assignment]
                await terminal.type(entry)
            nursery.cancel_scope.cancel()
        if QUESTION in terminal.text:
            before = terminal.text.partition(QUESTION)[0]
            assert before.rindex("| rm -rf /\n") > before.rindex("| echo step 79\n")
        assert not isinstance(terminal.result, Decision) or QUESTION in terminal.text

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyboards, "_flush", lambda: None)
        trio.run(main)
