"""An option that does not exist: the error names the nearest one, and all others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from adjourn.protocol.bounds import Bounds
from adjourn.protocol.misspelt import names_options, unknown_option
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
