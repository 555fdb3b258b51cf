"""Misspelt options: the error suggests the nearest one, and lists all others."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from adjourn.actors import open_actor_system
from adjourn.actors.client import open_client
from adjourn.actors.gateway import serve_gateway
from adjourn.actors.web import serve_web, web_app
from adjourn.protocol.bounds import Bounds
from adjourn.protocol.misspelt import names_options, names_parameters, unknown_option
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.record import Limits, OnExpiry


def test_known_options_are_none_to_speak_of() -> None:
    assert unknown_option(["a"], ["b", "a"]) is None
    assert unknown_option([], []) is None


def test_the_nearest_name_is_told_where_there_is_one() -> None:
    said = "there is no option 'max_turn'. Did you mean 'max_turns'? Options: max_cost, max_turns"
    assert unknown_option(["max_turn"], ["max_turns", "max_cost"]) == said
    assert unknown_option(["zzz"], ["a"]) == "there is no option 'zzz'. Options: a"


@pytest.mark.parametrize(
    ("make", "wrong", "right"),
    [
        (Limits, "max_turn", "max_turns"),
        (ModelOptions, "temprature", "temperature"),
        (OnExpiry, "decison", "decision"),
        (Bounds, "max_input", "max_input_bytes"),
    ],
)
def test_a_misspelt_field_names_the_right_one(make: Callable[..., Any], wrong: str, right: str) -> None:
    with pytest.raises(TypeError, match=rf"there is no option '{wrong}'. Did you mean '{right}'\? Options: "):
        make(**{wrong: 1})


def test_a_misspelt_parameter_names_the_right_one_also_of_a_wrapped_function() -> None:
    @names_parameters
    @contextmanager
    def opened(path: str, *, max_bytes: int = 1) -> Iterator[int]:
        yield len(path) + max_bytes

    with opened("abc", max_bytes=2) as value:
        assert value == 5
    wrong: dict[str, Any] = {"max_byte": 2}
    said = r"^opened: there is no option 'max_byte'. Did you mean 'max_bytes'\? Options: max_bytes, path$"
    with pytest.raises(TypeError, match=said):
        opened("abc", **wrong)


@pytest.mark.parametrize("function", [open_actor_system, open_client, serve_gateway, serve_web, web_app])
def test_opening_and_serving_functions_name_a_misspelt_option(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=f"^{function.__name__}: there is no option 'stroe'"):
        function(stroe="memory:")


def test_a_struct_is_decoded_and_changed_as_before() -> None:
    limits = msgspec.json.decode(b'{"maxTurns": 3, "fromLater": 1}', type=Limits)
    assert limits == Limits(max_turns=3)
    assert msgspec.structs.replace(limits, max_turns=4) == Limits(max_turns=4)


def test_another_wrong_call_of_a_dataclass_keeps_pythons_own_words() -> None:
    @names_options
    @dataclass
    class Point:
        x: int

    assert Point(x=1) == Point(1)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        Point()  # type: ignore[call-arg]
