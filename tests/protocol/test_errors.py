"""The tree of errors: what its docstring draws is what there is, and every error survives the wire."""

import re
from collections.abc import Iterator

import pytest

from adjourn.protocol import errors
from adjourn.protocol.errors import (
    BY_CODE,
    AdjournError,
    CallerError,
    DecisionInvalid,
    InternalError,
    StoreUnavailable,
    WorldError,
    from_wire,
)


def below(cls: type[AdjournError]) -> Iterator[type[AdjournError]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from below(sub)


CLASSES = list(below(AdjournError))
SENT = [cls for cls in CLASSES if cls.code]
BRANCHES = {"AdjournError", "CallerError", "WorldError", "StoreError"}


def drawn() -> dict[str, tuple[str, int, bool]]:
    """Of each error in the docstring's tree: its parent, its code (0: none), and whether it is called retryable."""
    found: dict[str, tuple[str, int, bool]] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.fullmatch(r"(\s{4}[│├└─\s]*)(\w+)(?:\s+(-?\d+))?(\s+.*)?", line)
        if match is None:
            continue
        depth, name = len(match[1]), match[2]
        while above and above[-1][0] >= depth:
            above.pop()
        parent = above[-1][1] if above else "Exception"
        found[name] = (parent, int(match[3] or 0), "retryable" in (match[4] or ""))
        above.append((depth, name))
    return found


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    classes = {cls.__name__: (cls.__bases__[0].__name__, cls.code, cls.retryable) for cls in [AdjournError, *CLASSES]}
    assert drawn() == classes


def test_every_error_but_the_branches_has_a_code_and_a_type_of_its_own() -> None:
    assert {cls.__name__ for cls in [AdjournError, *CLASSES] if not cls.code} == BRANCHES
    assert len({cls.code for cls in SENT}) == len(SENT)
    assert len({cls.type for cls in SENT}) == len(SENT)
    assert all(cls.type for cls in SENT)
    assert {cls.code: cls for cls in SENT} == BY_CODE


def test_the_type_is_the_name_as_the_wire_spells_it() -> None:
    for cls in set(SENT) - {InternalError}:
        assert cls.type == cls.__name__[0].lower() + cls.__name__[1:]


def test_every_error_is_the_callers_the_worlds_or_ours() -> None:
    for cls in SENT:
        assert sum(issubclass(cls, branch) for branch in (CallerError, WorldError, InternalError)) == 1


def test_our_codes_are_positive_and_json_rpcs_are_its_own() -> None:
    assert {cls.type: cls.code for cls in SENT if cls.code < 0} == {"invalidParams": -32602, "internal": -32603}


def test_every_error_is_public() -> None:
    assert errors.__all__ == sorted(cls.__name__ for cls in [AdjournError, *CLASSES])


@pytest.mark.parametrize("cls", SENT, ids=lambda cls: cls.__name__)
def test_an_error_comes_back_from_the_wire_as_it_was(cls: type[AdjournError]) -> None:
    extra = (
        {"errors": [{"path": "/approved", "message": "expected a boolean"}]} if cls is DecisionInvalid else {"a": [1]}
    )
    sent = cls("what went wrong", **extra)
    data = sent.wire_data()
    assert data == {"type": cls.type, **({"retryable": True} if cls.retryable else {}), **extra}
    back = from_wire(cls.code, sent.message, data)
    assert type(back) is cls
    assert str(back) == back.message == "what went wrong"
    assert back.data == extra
    assert back.wire_data() == data


def test_an_error_without_data_comes_back() -> None:
    back = from_wire(DecisionInvalid.code, "no details")
    assert isinstance(back, DecisionInvalid)
    assert back.data == {}


@pytest.mark.parametrize("code", [0, -32700, 4711])
def test_an_unknown_code_is_an_error_all_the_same(code: int) -> None:
    back = from_wire(code, "from a newer server", {"type": "somethingNew", "x": 1})
    assert type(back) is AdjournError
    assert (back.message, back.data) == ("from a newer server", {"x": 1})


def test_only_what_may_pass_is_retryable() -> None:
    assert StoreUnavailable.retryable
    assert all(issubclass(cls, WorldError) for cls in SENT if cls.retryable)
