"""The history file: private, bounded, and its errors never stop a chat."""

import stat
from pathlib import Path

import pytest

from adjourn.actors.cli import history
from adjourn.actors.cli.chat import history_file
from adjourn.actors.cli.history import MessageHistory


def kept(path: Path) -> list[str]:
    return list(MessageHistory(path).load_history_strings())


def test_a_later_history_lists_the_newest_message_first(tmp_path: Path) -> None:
    path = tmp_path / "state" / "adjourn" / "history"
    assert kept(path) == []
    MessageHistory(path).store_string("one")
    MessageHistory(path).store_string("two\nlines")
    assert kept(path) == ["two\nlines", "one"]


def test_only_the_owner_may_read_them(tmp_path: Path) -> None:
    path = tmp_path / "adjourn" / "history"
    path.parent.mkdir(mode=0o700)
    path.touch(0o644)
    MessageHistory(path).store_string("one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_older_half_goes_when_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_BYTES", 1000)
    path = tmp_path / "history"
    for number in range(100):
        MessageHistory(path).store_string(f"message {number}")
        assert path.stat().st_size < 1100
    found = kept(path)
    assert found == [f"message {number}" for number in range(99, 99 - len(found), -1)]
    assert len(found) > 5


def test_a_long_message_is_not_kept(tmp_path: Path) -> None:
    MessageHistory(tmp_path / "history").store_string("x" * 10_001)
    assert kept(tmp_path / "history") == []


def test_a_place_that_can_not_be_written_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "history"
    MessageHistory(path).store_string("one")
    assert kept(path) == []


def test_the_history_file_is_in_the_state_directory_and_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert history_file() == Path("/state/adjourn/history")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/kim")
    assert history_file() == Path("/home/kim/.local/state/adjourn/history")
    assert history_file(no_history=True) is None
