"""The `adjourn` command line: an error is one line, with the right exit code, and shows no secrets."""

import errno
import json
import logging
import math
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import trio

from adjourn.actors.cli import app as cli
from adjourn.actors.cli import runs
from adjourn.actors.cli.conversation import connection_notes
from adjourn.actors.cli.demo import make_support
from adjourn.actors.cli.reaching import DEFAULT_URL, command, gateway_url, program
from adjourn.actors.cli.serving import Ready
from adjourn.protocol.errors import AdjournError, ConnectionLost, NotPending, RunNotFound, Unauthorized
from adjourn.protocol.record import Limits
from adjourn.stores import SqliteStore
from adjourn.stores.testing import a_head

LOGGERS = ("", "adjourn")
NOBODY = "ws://127.0.0.1:9"  # the discard port: nothing listens there
LOST = "(connection lost; reconnecting…)"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the test its own working directory. Afterwards, restore the logging."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    last_resort = logging.lastResort
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ADJOURN_URL", raising=False)
    monkeypatch.delenv("ADJOURN_TOKEN", raising=False)
    yield
    logging.lastResort = last_resort
    for logger, handlers, level, propagate in before:
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.fixture
def adjourn(capsys: pytest.CaptureFixture[str]) -> "Adjourn":
    return Adjourn(capsys)


class Adjourn:
    """Runs a command line. Returns (exit code, stdout, stderr)."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *args: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exited:
            cli.main(args)
        code = exited.value.code
        assert isinstance(code, int)
        return code, *self._capsys.readouterr()


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version(adjourn: Adjourn, option: str) -> None:
    assert adjourn(option) == (0, "adjourn 0.1.0\n", "")


@pytest.mark.parametrize("args", [[], ["runs"], ["--help"], ["runs", "resume", "--help"]])
def test_help_goes_to_stdout_and_says_nothing_on_stderr(adjourn: Adjourn, args: list[str]) -> None:
    _, out, err = adjourn(*args)
    assert "Usage: adjourn" in out
    assert err == ""


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["fly"], "No such command 'fly'"),
        (["demo", "--fast"], "No such option"),
        (["demo", "--port", "x"], "--port"),
        (["demo", "--port", "70000"], "--port"),
        (["serve"], "MODULE:NAME"),
        (["demo", "--host", "0.0.0.0"], "needs an access token: set ADJOURN_TOKEN, or give --token"),
        (["demo", "--host", "example.org", "--token", ""], "needs an access token"),
        (["demo", "--retention", "soon"], "--retention"),
        (["demo", "--parked-ttl", "0"], "with 0 no run could wait; expected a longer duration, or forever"),
        (["runs", "list", "--status", "asleep"], "asleep"),
        (["chat", "--model", "qwen3:8b"], "expected 'PROVIDER:NAME' (known providers: anthropic, azure"),
        (["chat", NOBODY, "--model", "ollama:m", "--run", "r"], "a chat with a model has no gateway: omit URL, --run"),
        (["chat", "--model", "ollama:m", "--agent", "a", "--token", "t"], "omit --agent, --token"),
        (["runs", "list", "--limit", "0"], "--limit"),
        (["runs", "show"], "RUN"),
        (["serve", "a:b", "--log-format", "xml"], "--log-format"),
        (["serve", "a:b", "--origin"], "--origin"),
        (["serve", "shop:agents", "--metrics", "--no-http"], "/metrics needs HTTP"),
        (["runs", "resume", "r", "{not json"], "expected JSON, such as '{\"approved\": true}' in quotes"),
        (["runs", "show", ""], "expected a run's id or its first characters, of A-Z a-z 0-9 _ -; got ''"),
        (["runs", "watch", "a/b"], "expected a run's id or its first characters"),
        (["chat", "--run", "a b"], "expected a run's id or its first characters"),
        (["demo", "--token", "é"], "--token: expected printable ASCII"),
        (["runs", "resume", "r", "--digest", "d"], "expected a DECISION as JSON with --arguments or --digest"),
        (["runs", "resume", "r", "1", "--arguments", "{}"], "need --digest too: `runs show RUN --json` has it"),
        (["runs", "resume", "r", "1", "--digest", "d", "--arguments", "[]"], "expected a JSON object with all"),
    ],
)
def test_wrong_usage_is_one_line_that_names_the_help_and_exit_code_2(
    adjourn: Adjourn, args: list[str], words: str
) -> None:
    code, out, err = adjourn(*args)
    assert (code, out) == (2, "")
    assert err.startswith("adjourn: ")
    assert words in err
    assert err.count("\n") == 1
    assert err.endswith(" --help)\n")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["demo", "--store", "mysql://x"], "store address 'mysql://x': expected memory:"),
        (["demo", "--store", "sqlite:///no/such/folder/runs.db"], "no/such/folder"),
        (["serve", "shop"], "'shop': expected module:name"),
        (["serve", "no_such_shop:agents"], "there is no module 'no_such_shop'"),
        (["runs", "list", "--url", NOBODY], f"nothing answers at {NOBODY}"),
        (["chat", NOBODY], f"nothing answers at {NOBODY}"),
        (["chat", "ftp://127.0.0.1:8765"], "expected ws://host:port"),
    ],
)
def test_an_error_is_one_line_and_exit_code_1(adjourn: Adjourn, args: list[str], words: str) -> None:
    code, out, err = adjourn(*args)
    assert (code, out) == (1, "")
    assert err.startswith("adjourn: ")
    assert words in err
    assert err.count("\n") == 1


def test_a_lost_and_a_restored_connection_are_each_noted_once() -> None:
    told: list[str] = []
    changed = connection_notes(told.append)
    changed(ConnectionLost("not there yet"))
    changed(None)
    assert told == []
    changed(ConnectionLost("gone"))
    changed(None)
    changed(ConnectionLost("gone"))
    assert told == [LOST, "(connected again)", LOST]


def test_the_gateway_of_the_environment_does_not_keep_one_from_a_model(
    adjourn: Adjourn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADJOURN_URL", NOBODY)
    monkeypatch.setenv("ADJOURN_TOKEN", "secret")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    wanted = "adjourn: there is no key for provider 'anthropic': set ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN\n"
    assert adjourn("chat", "--model", "anthropic:m") == (1, "", wanted)


def test_where_nothing_answers_it_says_why_in_the_systems_words(adjourn: Adjourn) -> None:
    assert f"nothing answers at {NOBODY}: connection refused (" in adjourn("runs", "list", "--url", NOBODY)[2]


@pytest.mark.parametrize(
    ("url", "variable", "words", "line"),
    [
        (DEFAULT_URL, None, ("runs", "list"), "adjourn runs list"),
        (DEFAULT_URL, NOBODY, ("runs", "list"), f"adjourn runs list --url {DEFAULT_URL}"),
        (NOBODY, None, ("runs", "show", "r"), f"adjourn runs show r --url {NOBODY}"),
        (NOBODY, NOBODY, ("chat",), f"adjourn chat {NOBODY}"),
    ],
)
def test_a_command_that_is_shown_reaches_the_same_gateway(
    url: str, variable: str | None, words: tuple[str, ...], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is not None:
        monkeypatch.setenv("ADJOURN_URL", variable)
    assert command(url, *words) == line


def test_a_command_that_is_shown_is_called_as_this_one_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("here", "elsewhere"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "adjourn").touch(0o755)
    monkeypatch.setattr("sys.argv", ["here/adjourn", "demo"])
    for path, name in (("here", "adjourn"), ("elsewhere", "here/adjourn"), ("", "here/adjourn")):
        monkeypatch.setenv("PATH", str(tmp_path / path))
        assert program() == name


@pytest.mark.parametrize(
    ("url", "host", "store", "line"),
    [
        (DEFAULT_URL, "127.0.0.1", cli.DEMO_STORE, "adjourn demo\n  in another terminal: adjourn chat"),
        (NOBODY, "::1", "sqlite:///x.db", "adjourn demo --host ::1 --port 9 --store sqlite:///x.db\n"),
    ],
)
def test_the_command_to_come_back_names_options_that_are_not_defaults(
    url: str, host: str, store: str, line: str
) -> None:
    assert (cli._served_again(url, host, store) or "").startswith(line)


@pytest.mark.parametrize(
    ("retention_s", "parked_ttl_s", "limits"),
    [
        (None, None, Limits()),
        (0.0, None, Limits(retention_s=0.0)),
        (math.inf, 60.0, Limits(retention_s=None, parked_ttl_s=60.0)),
        (3600.0, math.inf, Limits(retention_s=3600.0, parked_ttl_s=None)),
    ],
)
def test_how_long_runs_are_kept_can_be_said_for_all_agents(
    retention_s: float | None, parked_ttl_s: float | None, limits: Limits
) -> None:
    [agent] = cli._kept([make_support()], retention_s, parked_ttl_s)
    assert agent.spec().limits == limits


def test_runs_in_memory_cannot_be_served_again() -> None:
    assert cli._served_again(NOBODY, "127.0.0.1", "memory:") is None


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("ADJOURN_PORT", "eighty", "ADJOURN_PORT"),
        ("ADJOURN_HTTP_PORT", "-1", "ADJOURN_HTTP_PORT"),
        ("ADJOURN_RETENTION", "soon", "ADJOURN_RETENTION"),
        ("ADJOURN_PARKED_TTL", "soon", "ADJOURN_PARKED_TTL"),
        ("ADJOURN_NO_HTTP", "perhaps", "ADJOURN_NO_HTTP"),
        ("ADJOURN_LOG_FORMAT", "xml", "ADJOURN_LOG_FORMAT"),
        ("ADJOURN_RELOAD", "perhaps", "ADJOURN_RELOAD"),
        ("ADJOURN_HOST", "0.0.0.0", "needs an access token"),
        ("ADJOURN_AGENTS", "shop", "'shop': expected module:name"),
    ],
)
def test_a_variable_that_says_nothing_useful_is_named(
    adjourn: Adjourn, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv("ADJOURN_AGENTS", "no_such_shop:agents")
    monkeypatch.setenv(variable, value)
    code, out, err = adjourn("serve")
    assert (code in (1, 2), out, err.count("\n")) == (True, "", 1)
    assert words in err


def test_where_nothing_answers_it_says_how_to_start_something(adjourn: Adjourn) -> None:
    assert "(`adjourn demo` starts a gateway)" in adjourn("runs", "list", "--url", NOBODY)[2]


def test_the_url_may_come_from_the_environment(adjourn: Adjourn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADJOURN_URL", "ws://127.0.0.1:10")
    for words in (["chat"], ["runs", "list"]):
        assert "ws://127.0.0.1:10" in adjourn(*words)[2]


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("ws://h:1", "ws://h:1"),
        ("http://h:1/ws", "ws://h:1/ws"),
        ("HTTPS://h", "wss://h"),
        ("127.0.0.1:8765", "ws://127.0.0.1:8765"),
        ("localhost", "ws://localhost:8765"),
        ("[::1]", "ws://[::1]:8765"),
        ("[::1]:1", "ws://[::1]:1"),
        ("h/ws", "ws://h:8765/ws"),
        ("ftp://h", "ftp://h"),
    ],
)
def test_a_gateway_may_be_named_by_its_host_or_by_an_http_url(given: str, url: str) -> None:
    assert gateway_url(given) == url


def test_a_message_in_place_of_the_gateway_is_told_how_to_send_it(adjourn: Adjourn) -> None:
    code, _, said = adjourn("chat", "-q", "where is order 7")
    assert code == 2
    assert "expected the gateway's URL, got 'where is order 7'; to send a message: echo 'where is order 7' | " in said


def test_the_last_port_leaves_none_for_http(adjourn: Adjourn) -> None:
    code, _, said = adjourn("demo", "--headless", "--port", "65535")
    assert code == 2
    assert "there is none after 65535: give --http-port, or --no-http" in said


def test_a_chat_takes_its_gateway_as_an_option_too(adjourn: Adjourn) -> None:
    assert "nothing answers at ws://127.0.0.1:9:" in adjourn("chat", "--url", "127.0.0.1:9")[2]
    assert "expected the gateway once" in adjourn("chat", NOBODY, "--url", NOBODY)[2]


@pytest.mark.parametrize("args", [["--verbose", "runs", "list"], ["runs", "list", "--verbose"]])
def test_verbose_may_stand_behind_the_command(
    adjourn: Adjourn, args: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(runs, "at_gateway", fails)
    assert "Traceback" in adjourn(*args)[2]


def test_verbose_behind_two_dashes_is_an_argument(adjourn: Adjourn) -> None:
    assert "No such command '--verbose'" in adjourn("--", "--verbose")[2]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_completion_script(adjourn: Adjourn, shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_ADJOURN_COMPLETE", f"source_{shell}")
    code, out, _ = adjourn()
    assert code == 0
    assert "_ADJOURN_COMPLETE" in out


def test_a_token_is_never_printed(adjourn: Adjourn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADJOURN_TOKEN", "tell-nobody")
    for args in (["demo", "--help"], ["runs", "list", "--help"], ["runs", "list", "--url", NOBODY]):
        assert "tell-nobody" not in "".join(map(str, adjourn("--verbose", *args)))


def test_an_error_of_ours_is_an_id_in_one_line_and_a_traceback_only_when_asked_for(
    adjourn: Adjourn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object) -> None:
        raise ExceptionGroup("crash", [ZeroDivisionError("division\nby zero"), RunNotFound("the lesser one")])

    monkeypatch.setattr(runs, "at_gateway", fails)
    code, _, err = adjourn("runs", "list")
    logged, told = err.splitlines()
    assert code == 1
    assert told.startswith("adjourn: internal error ")
    assert told.split()[3].strip(";") in logged
    assert logged.endswith("ZeroDivisionError: division by zero")
    assert "Traceback" in adjourn("--verbose", "runs", "list")[2]


def test_an_error_of_another_does_not_move_the_cursor(adjourn: Adjourn, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object) -> None:
        raise NotPending("no \x1b[2J run")

    monkeypatch.setattr(runs, "at_gateway", fails)
    assert adjourn("runs", "list") == (1, "", "adjourn: no �[2J run\n")


def test_a_closed_standard_input_is_an_empty_one(adjourn: Adjourn, monkeypatch: pytest.MonkeyPatch) -> None:
    def reads(*args: object) -> None:
        assert sys.stdin.read() == ""
        sys.stdin.close()

    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.setattr(runs, "at_gateway", reads)
    assert adjourn("runs", "list") == (0, "", "")


def test_a_full_disk_is_named(adjourn: Adjourn, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(runs, "at_gateway", fails)
    assert adjourn("runs", "list") == (1, "", "adjourn: the output can't be written: No space left on device\n")


def test_refusals_of_the_gateway_are_told_in_the_words_of_the_command_line(
    adjourn: Adjourn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(error: AdjournError) -> Callable[..., None]:
        def at_gateway(*args: object) -> None:
            raise error

        return at_gateway

    monkeypatch.setattr(runs, "at_gateway", fails(Unauthorized("expected a token, as Authorization: Bearer")))
    assert "set ADJOURN_TOKEN, or give --token" in adjourn("runs", "list")[2]
    monkeypatch.setattr(runs, "at_gateway", fails(RunNotFound("there is no run 'abc'")))
    assert "no run 'abc' (`adjourn runs list` has the ids; a prefix has 4" in adjourn("runs", "show", "abc")[2]


def test_an_interrupt_is_silent(adjourn: Adjourn, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object) -> None:
        raise BaseExceptionGroup("stopped", [KeyboardInterrupt()])

    monkeypatch.setattr(runs, "at_gateway", interrupted)
    assert adjourn("runs", "list") == (130, "", "")


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (Ready(DEFAULT_URL, None, 0, 0, 0), []),
        (
            Ready(DEFAULT_URL, None, 1, 1, 1),
            ["1 run goes on", "1 run is waiting for a decision: adjourn inbox", "1 run is stranded"],
        ),
        (Ready(DEFAULT_URL, None, 2, 0, 3), ["2 runs go on", "3 runs are stranded"]),
    ],
)
def test_the_start_says_how_many_runs_the_store_had(found: Ready, lines: list[str]) -> None:
    said = list(cli._found(found))
    assert len(said) == len(lines)
    assert all(line.startswith(words) for line, words in zip(said, lines, strict=True))


@pytest.mark.parametrize(
    ("store", "ledger"),
    [
        ("memory:", None),
        ("sqlite:///adjourn-demo.db", "adjourn-demo.refunds.txt"),
        ("sqlite:////var/lib/x.db", "/var/lib/x.refunds.txt"),
        ("mysql://x", None),
        ("sqlite:///", None),
    ],
)
def test_the_ledger_lies_beside_the_store(store: str, ledger: str | None) -> None:
    assert cli._beside(store, ".refunds.txt") == (Path(ledger) if ledger else None)


# A store that no process has open.


async def test_a_store_is_compacted_and_its_size_told(adjourn: Adjourn) -> None:
    async with await SqliteStore.open("runs.db") as store:
        await store.save(a_head(), expected_version=0)
        code, out, err = adjourn("store", "compact", "runs.db")
        assert (code, out) == (1, "")
        assert "runs.db is open already, in process" in err
    code, out, err = adjourn("store", "compact", "runs.db")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"runs\.db: 0\.\d MB before, 0\.\d MB now\n", out)
    code, out, err = adjourn("store", "compact", "sqlite:///none.db")
    assert (code, out) == (1, "")
    assert err.endswith("none.db: there is no such file\n")


def fill(name: str, *run_ids: str) -> None:
    async def save() -> None:
        async with await SqliteStore.open(name) as store:
            for run_id in run_ids:
                await store.save(a_head(run_id), expected_version=0)

    trio.run(save)


def test_runs_are_copied_to_another_store(adjourn: Adjourn) -> None:
    fill("old.db", "one", "two")
    copy = ("store", "migrate", "sqlite:///old.db", "sqlite:///new.db")
    assert adjourn(*copy) == (0, "sqlite:///new.db: copied 2 of 2 runs\n", "2 of 2 runs\n")
    assert adjourn(*copy) == (0, "sqlite:///new.db: copied 0 of 2 runs; 2 were there already\n", "2 of 2 runs\n")


def test_a_target_with_other_runs_needs_merge(adjourn: Adjourn) -> None:
    fill("old.db", "one", "two")
    fill("new.db", "three")
    copy = ("store", "migrate", "sqlite:///old.db", "sqlite:///new.db")
    code, out, err = adjourn(*copy)
    assert (code, out) == (1, "")
    assert "it has run three, which the source does not have; " in err
    assert "--merge" in err
    code, out, _ = adjourn(*copy, "--merge")
    assert (code, out) == (0, "sqlite:///new.db: copied 2 of 2 runs\n")


def test_runs_that_could_not_be_copied_are_an_error(adjourn: Adjourn) -> None:
    fill("old.db", "one", "two")
    with closing(sqlite3.connect("old.db")) as connection, connection:
        connection.execute("UPDATE heads SET data = '{' WHERE id = 'two'")
    code, out, err = adjourn("store", "migrate", "sqlite:///old.db", "sqlite:///new.db")
    assert (code, out) == (1, "sqlite:///new.db: copied 1 of 2 runs\n")
    assert err.endswith("adjourn: runs of sqlite:///old.db that can't be read, and were not copied: 1\n")


@pytest.mark.parametrize("target", ["memory:", "sqlite:///old.db"])
def test_a_migration_needs_two_lasting_stores(adjourn: Adjourn, target: str) -> None:
    fill("old.db", "one")
    code, out, err = adjourn("store", "migrate", "sqlite:///old.db", target)
    assert (code, out) == (1, "")
    assert "expected the addresses of two different stores" in err


def test_a_password_in_an_address_is_not_shown(adjourn: Adjourn) -> None:
    code, out, err = adjourn("store", "migrate", "mysql://ann:secret@host/runs", "sqlite:///new.db")
    assert (code, out) == (1, "")
    assert "mysql://ann@host/runs" in err
    assert "secret" not in err


def test_a_sound_store_is_checked(adjourn: Adjourn) -> None:
    fill("runs.db", "one", "two")
    assert adjourn("store", "check", "sqlite:///runs.db") == (
        0,
        "sqlite:///runs.db: 2 runs checked; faults: 0\n",
        "",
    )
    assert adjourn("store", "check", "sqlite:///runs.db", "--json") == (0, "", "")


def test_a_long_check_says_how_far_it_is(adjourn: Adjourn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adjourn.actors.cli.upkeep.SO_FAR_S", 0)
    fill("runs.db", "one", "two")
    assert adjourn("store", "check", "sqlite:///runs.db", "--json") == (0, "", "2 runs checked so far\n")


def test_faults_are_told_and_are_an_error(adjourn: Adjourn) -> None:
    fill("runs.db", "one", "two")
    with closing(sqlite3.connect("runs.db")) as connection, connection:
        connection.execute("UPDATE heads SET version = 7 WHERE id = 'two'")
    code, out, err = adjourn("store", "check", "sqlite:///runs.db")
    assert (code, err) == (1, "")
    assert out.splitlines() == [
        "run two: column version is 7, in the head it is 1",
        "sqlite:///runs.db: 2 runs checked; faults: 1",
    ]
    code, out, err = adjourn("store", "check", "sqlite:///runs.db", "--json")
    assert (code, err) == (1, "")
    expected = {"kind": "columns", "runId": "two", "message": "column version is 7, in the head it is 1"}
    assert [json.loads(line) for line in out.splitlines()] == [expected]
