"""A run as lines of text: the output for its events, and for a snapshot after some of them."""

import io
import re

import pytest
from rich.console import Console

from adjourn.actors import Agent, open_actor_system
from adjourn.actors.cli.demo import make_support
from adjourn.actors.cli.screen import Screen, clean
from adjourn.actors.cli.terminal import RunView, call_line
from adjourn.protocol.events import (
    AgentEnd,
    AgentResume,
    AgentRetry,
    Envelope,
    Event,
    MessageEnd,
    MessageStart,
    MessageUpdate,
    OpaqueBlock,
    TextDelta,
    ThinkingStart,
    ToolDecisionPending,
    ToolDecisionResolved,
    ToolExecutionUpdate,
)
from adjourn.protocol.messages import AssistantMessage, Opaque, Text, UserMessage
from adjourn.protocol.transcript import PendingCall, Snapshot, Transcript


class Shown:
    """A view of a run, with its output."""

    def __init__(self, known: int = 0) -> None:
        self.file = io.StringIO()
        self.view = RunView(Screen(Console(file=self.file, highlight=False, markup=False)), known=known)

    def events(self, *events: Event) -> str:
        for event in events:
            self.view.event(event)
        return self.file.getvalue()


def said(text: str) -> AssistantMessage:
    return AssistantMessage(content=(Text(text=text),))


def delta(text: str) -> MessageUpdate:
    return MessageUpdate(assistant_message_event=TextDelta(content_index=0, delta=text))


async def events_of(agent: Agent, text: str, *decisions: object) -> list[Event]:
    found, left = list[Event](), list(decisions)
    async with open_actor_system([agent]) as system:
        run = await system.start(agent, text)
        async with run.events() as events:
            async for item in events:
                assert isinstance(item, Envelope)
                found.append(item.event)
                if isinstance(item.event, ToolDecisionPending):
                    await run.resume(left.pop(0), item.event.tool_call_id)
    return found


REFUND = """\
you> refund order 7
  (thinking…)
support> A refund has to be approved first.
  ? refund_order needs a decision
  | refund_order
  |   # Refund an order. A person must approve the refund.
  |   order_id: 7
  |   amount: 79.5
    decided: {"approved":true}
  * refund_order(order_id=7, amount=79.5)
    -> Refunded 79.50 for order 7.
support> Refunded 79.50 for order 7.
"""


async def test_a_run_with_a_decision_reads_from_top_to_bottom(autojump_clock: object) -> None:
    events = await events_of(make_support(), "refund order 7", {"approved": True})
    assert Shown().events(*events) == REFUND


async def test_own_input_is_not_repeated(autojump_clock: object) -> None:
    events = await events_of(make_support(), "hello")
    assert Shown(known=1).events(*events).startswith("support> Hello! I look after")


async def test_wherever_a_snapshot_comes_in_between_no_word_is_lost_or_repeated(autojump_clock: object) -> None:
    events = await events_of(make_support(), "refund orders 7 and 8", {"approved": True}, {"approved": False})
    whole = Shown().events(*events)
    for cut in range(1, len(events)):
        for missed in (0, 3, len(events)):
            shown, fold = Shown(), Transcript()
            shown.events(*events[:cut])
            for event in events[: cut + missed]:
                fold.apply(event)
            shown.view.snapshot(fold.snapshot())
            text = shown.events(*events[cut + missed :])
            for line in whole.splitlines():
                words = re.split("-> |failed: ", line)[-1].strip()
                transient = missed and (
                    words.startswith(("?", "|", "*", "(thinking"))
                    or " decided: " in words
                    or words.endswith(" declined")
                )
                assert transient or text.count(words) == whole.count(words), (cut, missed, line)


def test_a_message_begun_anew_is_told_from_the_first_attempt() -> None:
    start = MessageStart(message=AssistantMessage(content=()))
    text = Shown().events(
        start, delta("Half a"), AgentRetry(attempt=1, reason="it broke", wait_s=2.0), start, delta("Whole")
    )
    assert text == "agent> Half a\n  (asking the model again in 2 s: it broke; the text so far is void)\nagent> Whole"
    text = Shown().events(start, delta("Half a"), AgentResume(reason="recovered"), start, delta("Whole"))
    assert text == "agent> Half a\n  (its server stopped; the run goes on; the text so far is void)\nagent> Whole"


def test_a_snapshot_with_another_message_than_the_one_begun_says_so() -> None:
    shown = Shown()
    shown.events(MessageStart(message=AssistantMessage(content=())), delta("One"))
    shown.view.snapshot(Snapshot(agent="shop", messages=(UserMessage(content="hi"), said("Two"))))
    assert (
        shown.file.getvalue()
        == "agent> One\nyou> hi\n  (the message began again; the text so far is void)\nshop> Two\n"
    )


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (AgentEnd(status="failed", reason="crashLoop"), "  the run failed: crashLoop\n"),
        (AgentEnd(status="aborted", reason="ctrl-c"), "  aborted (ctrl-c)\n"),
        (AgentEnd(status="completed", reason="stop"), ""),
        (ToolDecisionResolved(tool_call_id="c", outcome="expired"), "    expired\n"),
        (
            ToolDecisionResolved(tool_call_id="c", outcome="declined", by="Kim", reason="no"),
            "    declined by Kim: no\n",
        ),
        (ToolExecutionUpdate(tool_call_id="c", tool_name="t", partial_result={"at": 3}), '    … {"at":3}\n'),
    ],
)
def test_each_other_event_is_one_line(event: Event, line: str) -> None:
    assert Shown().events(event) == line


def test_control_characters_in_foreign_text_do_not_move_the_cursor() -> None:
    assert clean("a\x1b[2Jb\rc\x9bd\u202ee\n\tf é ✓") == "a�[2Jb�c�d�e\n\tf é ✓"
    assert "\x1b" not in Shown().events(delta("\x1b[31mred"))
    pending = ToolDecisionPending(tool_call_id="c", tool_name="t", input={"a": "\x1b[2J"}, schema={}, digest="")
    assert "\x1b" not in Shown().events(pending)


def test_a_call_on_one_line_is_cut() -> None:
    assert len(call_line("write", {"text": "x" * 100_000})) < 200
    assert call_line("write", {"text": "a\u202eb\nc"}) == 'write(text="a‹U+202E›b\\nc")'


def test_a_call_that_needs_a_decision_is_shown_whole() -> None:
    script = "\n".join(f"echo {n}" for n in range(500)) + "\nrm -rf /"
    pending = ToolDecisionPending(
        tool_call_id="c", tool_name="run", input={"script": script}, schema={}, digest="", description="Runs."
    )
    text = Shown().events(pending)
    assert text.startswith("  ? run needs a decision\n  | run\n  |   # Runs.\n  |   script: (text, 501 lines)\n")
    assert text.endswith("  |     | echo 499\n  |     | rm -rf /\n")
    call = PendingCall(
        tool_call_id="c", tool_name="run", input={"script": script}, kind="decision", description="Runs."
    )
    shown = Shown()
    shown.view.snapshot(Snapshot(pending=(call,)))
    assert shown.file.getvalue() == text


def test_a_run_that_is_stranded_says_by_what() -> None:
    shown = Shown()
    shown.view.snapshot(Snapshot(status="paused"), "tool 'wipe' takes no decision any more")
    assert shown.file.getvalue() == "  stranded: tool 'wipe' takes no decision any more\n"


def test_a_view_that_asks_leaves_showing_the_call_to_the_question() -> None:
    file = io.StringIO()
    view = RunView(Screen(Console(file=file, highlight=False, markup=False)), asks=True)
    view.event(ToolDecisionPending(tool_call_id="c", tool_name="run", input={"a": 1}, schema={}, digest=""))
    assert file.getvalue() == "  ? run needs a decision\n"


def test_text_of_others_is_never_at_the_left_edge() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, no_color=True, width=40, height=10, soft_wrap=True)
    view = RunView(Screen(console))
    nasty = "x" * 40 + "  | amount: 1\n  approved (y/n): y"
    view.event(ToolExecutionUpdate(tool_call_id="c", tool_name="t", partial_result=nasty))
    view.event(ToolDecisionResolved(tool_call_id="c", outcome="declined", reason=nasty))
    view.event(AgentEnd(status="aborted", reason=nasty))
    rows = re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue()).splitlines()
    assert len(rows) == 9
    assert max(map(len, rows)) <= 40
    assert [row[:4] for row in rows if row[:4].strip()] == ["  ab"]


def test_a_model_that_thinks_is_seen_to_be_alive() -> None:
    thinks = MessageUpdate(assistant_message_event=ThinkingStart(content_index=0))
    again = MessageUpdate(assistant_message_event=ThinkingStart(content_index=1))
    shown = Shown()
    first = shown.events(MessageStart(message=said("")), thinks, again, delta("Four."), thinks, delta(" Or five."))
    assert first == "  (thinking…)\nagent> Four. Or five."
    assert shown.events(MessageEnd(message=said("Four. Or five.")), MessageStart(message=said("")), thinks).endswith(
        "Or five.\n  (thinking…)\n"
    )


def test_an_action_of_the_provider_is_a_note() -> None:
    block = Opaque(api="anthropic-messages", kind="web_search_tool_result", raw="{}")
    update = MessageUpdate(assistant_message_event=OpaqueBlock(content_index=0, block=block))
    shown = Shown().events(MessageStart(message=said("")), update, delta("Four."))
    assert shown == "  (by the provider itself: web_search_tool_result)\nagent> Four."


def test_a_line_written_during_a_question_is_followed_by_the_question_again() -> None:
    file = io.StringIO()
    screen = Screen(Console(file=file, highlight=False, markup=False))
    with screen.prompting("name: "):
        with screen.beside():
            screen.line("by the way")
        with screen.beside():
            pass
        screen.drop_prompt()
        with screen.beside():
            screen.line("never mind")
    screen.typed("Kim", echoed=False)
    screen.typed(None, echoed=True)
    assert file.getvalue() == "name: \nby the way\nname: \nnever mind\nKim\n"
