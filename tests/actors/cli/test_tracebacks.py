"""Tracebacks of users' code: they begin at the user's file, and one sentence names file and line."""

from pathlib import Path

import pytest
import trio

from adjourn.actors.cli.loading import load_agents
from adjourn.actors.cli.tracebacks import place_of, traceback_of
from adjourn.protocol.codec import CodecError, parse_json
from adjourn.protocol.errors import InvalidParams

SHOP = "def outer():\n    inner()\n\ndef inner():\n    raise KeyError('order')\n"


def raised(source: str, name: str = "/shops/shop.py") -> BaseException:
    """Return the exception of a module when it is loaded, or when trio calls its function `outer`."""
    names: dict[str, object] = {}

    async def call() -> None:
        await trio.lowlevel.checkpoint()
        function = names["outer"]
        assert callable(function)
        function()

    try:
        exec(compile(source, name, "exec"), names)
        trio.run(call)
    except Exception as error:
        return error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)  # without this test's frame
    raise AssertionError("nothing was raised")


def test_frames_outside_the_users_code_are_left_out() -> None:
    lines = traceback_of(raised(SHOP))
    frames = [line for line in lines if line.startswith("  File")]
    assert not any("/trio/" in line or "/outcome/" in line for line in frames)
    assert frames[-2:] == ['  File "/shops/shop.py", line 2, in outer', '  File "/shops/shop.py", line 5, in inner']
    assert lines[-1] == "KeyError: 'order'"


def test_an_error_of_the_library_has_no_traceback() -> None:
    with pytest.raises(CodecError) as found:
        parse_json(b"{")
    error = found.value
    assert traceback_of(error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)) == []


def test_the_place_is_where_it_was_raised() -> None:
    assert place_of(raised(SHOP)) == "/shops/shop.py:5"
    assert place_of(raised("x = (\n")) == "/shops/shop.py:1"
    assert place_of(KeyError("never raised")) == ""


def test_a_syntax_error_is_shown_with_file_and_line() -> None:
    lines = traceback_of(raised("x = (\n"))
    assert '  File "/shops/shop.py", line 1' in lines
    assert lines[-1].startswith("SyntaxError: ")


def test_a_module_that_does_not_compile_is_shown_without_the_frames_of_its_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_shop.py").write_text("x = (\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InvalidParams) as found:
        load_agents("broken_shop:agents")
    assert found.value.__cause__ is not None
    assert traceback_of(found.value.__cause__)[0] == f'  File "{tmp_path}/broken_shop.py", line 1'
