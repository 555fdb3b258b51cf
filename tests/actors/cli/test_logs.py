"""The log of a server: the user's logging configuration stays, and ours only adds missing handlers."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from adjourn.actors.cli import exits
from adjourn.actors.cli.logs import LogFormat, log_of_server
from adjourn.actors.core.running import RUNNING

NAMES = ("", "adjourn", "adjourn.tools", "shop")


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Give the test a process without any logging configuration. Afterwards, restore it."""
    loggers = [logging.getLogger(name) for name in NAMES]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate, logger.disabled) for logger in loggers]
    last_resort = logging.lastResort
    for logger in loggers:
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
    logging.getLogger().setLevel(logging.WARNING)
    yield
    logging.lastResort = last_resort
    for logger, handlers, level, propagate, disabled in before:
        logger.handlers[:], logger.propagate, logger.disabled = handlers, propagate, disabled
        logger.setLevel(level)


class Stderr:
    """Collects the process's standard error."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def begin(self) -> None:
        """Set up logging as the command does."""
        logging.getLogger().handlers.clear()  # pytest's own handlers
        exits.set_up_log(False)

    def lines(self) -> list[str]:
        return self._capsys.readouterr().err.splitlines()


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Stderr:
    return Stderr(capsys)


def speak() -> None:
    logging.getLogger("shop").error("no stock")
    logging.getLogger("shop").info("not so important")
    logging.getLogger("adjourn.tools").warning("a\nb\x1b[2J")


def test_without_handlers_of_the_module_both_are_seen_with_time_and_level(stderr: Stderr) -> None:
    stderr.begin()
    log_of_server(None)
    speak()
    first, second = stderr.lines()
    assert first[4] == "-"
    assert first.endswith(" ERROR shop: no stock")
    assert second.endswith(" WARNING adjourn.tools: a b�[2J")


def test_a_configured_root_logger_gets_our_records_and_none_is_doubled(stderr: Stderr) -> None:
    stderr.begin()
    own = io.StringIO()
    logging.basicConfig(stream=own, format="<%(name)s %(message)s>", level=logging.INFO)
    log_of_server(None)
    speak()
    assert own.getvalue().splitlines()[:3] == ["<shop no stock>", "<shop not so important>", "<adjourn.tools a"]
    assert stderr.lines() == []


def test_with_a_format_our_lines_go_to_stderr_and_the_users_to_their_handler(stderr: Stderr) -> None:
    stderr.begin()
    own = io.StringIO()
    logging.basicConfig(stream=own, format="<%(name)s>")
    log_of_server("json")
    speak()
    assert own.getvalue().splitlines() == ["<shop>"]
    [line] = stderr.lines()
    assert json.loads(line)["message"] == "a\nb\x1b[2J"


def test_a_handler_of_their_own_logger_is_enough(stderr: Stderr) -> None:
    stderr.begin()
    own = io.StringIO()
    logging.getLogger("shop").addHandler(logging.StreamHandler(own))
    logging.getLogger("adjourn.tools").addHandler(logging.NullHandler())  # as libraries do
    log_of_server(None)
    speak()
    assert own.getvalue().splitlines() == ["no stock"]
    assert [line.split()[-2] for line in stderr.lines()] == ["a"]


def test_a_configuration_that_disables_other_loggers_does_not_silence_ours(stderr: Stderr) -> None:
    stderr.begin()
    logging.getLogger("adjourn.tools").disabled = True  # as `logging.config.dictConfig` does
    log_of_server(None)
    speak()
    assert len(stderr.lines()) == 2


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_names_run_and_agent(stderr: Stderr, form: LogFormat) -> None:
    stderr.begin()
    log_of_server(form)
    token = RUNNING.set(("r1", "shop"))
    try:
        logging.getLogger("shop").error("no stock")
    finally:
        RUNNING.reset(token)
    logging.getLogger("adjourn.cli").error("failed", extra={"run": "r2", "agent": "a2"})
    first, second = stderr.lines()
    if form == "text":
        assert first.endswith("no stock (run r1, agent shop)")
        assert second.endswith("failed (run r2, agent a2)")
    else:
        found: list[dict[str, Any]] = [json.loads(line) for line in (first, second)]
        assert [(each["level"], each["run"], each["agent"]) for each in found] == [
            ("error", "r1", "shop"),
            ("error", "r2", "a2"),
        ]
        assert found[0]["time"].endswith("+00:00")


def test_an_error_is_in_the_line_and_its_traceback_behind_it(stderr: Stderr) -> None:
    stderr.begin()
    log_of_server("json")
    try:
        raise KeyError("order")
    except KeyError:
        logging.getLogger("adjourn.tools").exception("tool look raised")
    [line] = stderr.lines()
    found = json.loads(line)
    assert found["error"] == "KeyError: 'order'"
    assert found["traceback"][-1] == "KeyError: 'order'"
