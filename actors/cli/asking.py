"""Asks a person at the terminal to decide a call. The caller carries out the answer.

The whole call is shown before the question, page by page if the window is too small.
"""

import time
from typing import Literal

from ...protocol.rendering import visible
from ...protocol.transcript import PendingCall
from .durations import moment_text
from .keyboard import Keyboard
from .paging import Pages, hanging
from .prompt import HELP, Answer, Declined, Later, Question, decide
from .screen import Screen
from .terminal import card_of

__all__ = ["ask", "ask_decision"]

UNSEEN = "Read the rest before you decide."


async def ask_decision(screen: Screen, keyboard: Keyboard, call: PendingCall) -> Answer | None:
    """Shows the whole `call` and returns the person's answer; None if the input ends first.

    A decision is accepted only after the last line was shown; a decline or a "later" at any page. Text typed before
    a question is shown does not answer it. Safe to cancel at any time: nothing has been sent.
    """
    questions = decide(call.schema or {})
    question = next(questions)
    question = Question(question.prompt, (*_about(call), *question.lines))
    keyboard.forget()
    shown = await _show(screen, keyboard, Pages(card_of(call)), question)
    if shown != "all":
        return shown
    keyboard.forget()
    while True:
        entry = await ask(screen, keyboard, Question(f"  {question.prompt}", question.lines))
        if entry is None:
            return None
        try:
            question = questions.send(entry)
        except StopIteration as end:
            return end.value


async def ask(screen: Screen, keyboard: Keyboard, question: Question, *, is_message: bool = False) -> str | None:
    """Asks the question and returns what the person enters; None at the end of the input.

    `is_message`: as in `Keyboard.entry`.
    """
    for line in question.lines:
        screen.hang(f"  {line}", 4)
    return await keyboard.entry(screen, visible(question.prompt), is_message=is_message)


def _about(call: PendingCall) -> tuple[str, ...]:
    """Returns the lines to show before the first question."""
    expires = () if call.due_at is None else (f"Expires {moment_text(call.due_at, int(time.time() * 1000))}.",)
    return (*expires, *_editable(call), f"({HELP})")


def _editable(call: PendingCall) -> tuple[str, ...]:
    if not call.editable:
        return ()
    which = "All arguments" if call.editable is True else ", ".join(visible(name) for name in call.editable)
    return (f"{which} can be changed: on the page, or with `adjourn runs resume --arguments`.",)


# Page by page.


async def _show(
    screen: Screen, keyboard: Keyboard, pages: Pages, question: Question
) -> Literal["all"] | Declined | Later | None:
    """Shows the pages, and leaves room for the question below the last one. A pipe gets all lines at once."""
    while keyboard.interactive and not pages.fits(screen.width, max(0, screen.height - _rows(screen, question))):
        _print(screen, pages, max(1, screen.height - _rows(screen, _more(pages))))
        entry = await _ask_more(screen, keyboard, pages)
        if not isinstance(entry, str):
            return entry
        if entry == "/end":
            break
        if entry == "/again":
            pages.restart()
    _print(screen, pages, None)
    return "all"


async def _ask_more(screen: Screen, keyboard: Keyboard, pages: Pages) -> str | Declined | Later | None:
    """Asks between two pages. Accepts an empty entry, `/end`, `/again`, `/later` or a decline, nothing else."""
    question = _more(pages)
    while True:
        entry = await ask(screen, keyboard, question)
        if entry is None:
            return None
        command, _, rest = entry.strip().partition(" ")
        if command == "/decline":
            return Declined(rest.strip() or None)
        if command == "/later":
            return Later()
        if command in ("", "/end", "/again"):
            return command
        question = Question(question.prompt, (UNSEEN,))


def _more(pages: Pages) -> Question:
    return Question(f"-- line {pages.shown} of {pages.total}; Enter: more, /end: the rest, /decline [reason]: no -- ")


def _print(screen: Screen, pages: Pages, height: int | None) -> None:
    for row in pages.take(screen.width, height):
        screen.line(row)


def _rows(screen: Screen, question: Question) -> int:
    """Returns how many rows of the window the question takes, including the entry's row."""
    texts = (*(f"  {line}" for line in question.lines), question.prompt)
    return sum(hanging(text, screen.width, 4).count("\n") + 1 for text in texts)
