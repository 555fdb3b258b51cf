"""Entries in a chat: commands, messages, and neither."""

import pytest

from adjourn.actors.cli.commands import COMMANDS, Command, Unknown, help_lines, read


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("hello", "hello"),
        ("  two\nlines \n", "two\nlines"),
        ("", ""),
        (" \n", ""),
        ("/quit", Command("/quit", "")),
        (" /agent  ops ", Command("/agent", "ops")),
        ("/agent\nops", Command("/agent", "ops")),
        ("/etc/passwd is broken", Unknown("/etc/passwd")),
        ("/Quit", Unknown("/Quit")),
        ("/", Unknown("/")),
        ("//etc/passwd is broken", "/etc/passwd is broken"),
        ("// comment", "/ comment"),
        ("1 / 2", "1 / 2"),
    ],
)
def test_only_a_line_with_a_slash_is_a_command_and_two_slashes_send_one(entry: str, found: object) -> None:
    assert read(entry) == found


def test_each_command_is_in_the_help() -> None:
    assert [line.split()[0] for line in help_lines()[: len(COMMANDS)]] == list(COMMANDS)
