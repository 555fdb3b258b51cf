"""The two trees of errors: the docstrings draw them completely, and errors keep their type and data on the wire."""

import inspect
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module

import pytest

from adjourn import actors, protocol, stores
from adjourn.protocol import errors, providers
from adjourn.protocol.codec import parse_json
from adjourn.protocol.errors import (
    BY_CODE,
    AdjournError,
    CallerError,
    DecisionInvalid,
    InternalError,
    ProgramError,
    StoreUnavailable,
    WorldError,
    from_wire,
)
from adjourn.protocol.schema import compile_schema
from adjourn.protocol.sse import SSEParser


def module_names() -> Iterator[str]:
    """Return all modules of the library except `__main__`, which runs a command."""
    for package in (protocol, stores, actors):
        yield package.__name__
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith(".__main__"):
                yield module.name


def public_errors() -> Iterator[type[BaseException]]:
    """Return every public exception class that the library defines."""
    for name in module_names():
        for cls in vars(import_module(name)).values():
            own = inspect.isclass(cls) and issubclass(cls, BaseException) and cls.__module__ == name
            if own and not cls.__name__.startswith("_"):
                yield cls


def below(cls: type[Exception]) -> Iterator[type[Exception]]:
    """Return the library's public subclasses, at any depth, without those that tests define."""
    for sub in cls.__subclasses__():
        if sub.__module__.startswith("adjourn.") and not sub.__name__.startswith("_"):
            yield sub
        yield from below(sub)


PUBLIC = set(public_errors())
CLASSES = [cls for cls in below(AdjournError) if issubclass(cls, AdjournError)]
PROGRAM = list(below(ProgramError))
SENT = [cls for cls in CLASSES if cls.code]
BRANCHES = {"AdjournError", "CallerError", "WorldError", "StoreError"}


def drawn(root: str) -> dict[str, tuple[str, str]]:
    """Return each error's parent and note in the docstring's tree under `root`."""
    found: dict[str, tuple[str, str]] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.fullmatch(r"(\s{4}[│├└─\s]*)(\w+)(?:\s+(.*))?", line)
        if match is None:
            continue
        depth, name = len(match[1]), match[2]
        while above and above[-1][0] >= depth:
            above.pop()
        above.append((depth, name))
        if above[0][1] == root:
            parent = above[-2][1] if len(above) > 1 else "Exception"
            found[name] = (parent, match[3] or "")
    return found


INSIDE = {name for name, (_, beside) in drawn("ProgramError").items() if beside.startswith("inside ")}


def test_every_public_exception_of_the_library_is_in_one_of_the_two_trees() -> None:
    assert {AdjournError, ProgramError, *CLASSES, *PROGRAM} == PUBLIC
    assert not {*CLASSES} & {*PROGRAM}


def test_the_tree_of_errors_that_may_cross_the_wire_is_drawn_whole() -> None:
    def code(beside: str) -> int:
        match = re.match(r"-?\d+", beside)
        return int(match[0]) if match else 0

    lines = drawn("AdjournError").items()
    tree = {name: (parent, code(beside), "retryable" in beside) for name, (parent, beside) in lines}
    classes = {cls.__name__: (cls.__bases__[0].__name__, cls.code, cls.retryable) for cls in [AdjournError, *CLASSES]}
    assert tree == classes


def test_the_tree_of_errors_that_a_program_meets_is_drawn_whole() -> None:
    def also(beside: str) -> tuple[str, ...]:
        return tuple(re.findall(r"^also (\w+)", beside))

    tree = {name: (parent, *also(beside)) for name, (parent, beside) in drawn("ProgramError").items()}
    assert tree == {cls.__name__: tuple(base.__name__ for base in cls.__bases__) for cls in [ProgramError, *PROGRAM]}


def test_every_error_that_a_user_can_meet_is_exported() -> None:
    for cls in PUBLIC:
        room = cls.__module__.split(".")[1]
        homes = (protocol, providers) if room == "protocol" else (actors,)
        exported = any(getattr(home, cls.__name__, None) is cls and cls.__name__ in home.__all__ for home in homes)
        assert exported == (cls.__name__ not in INSIDE), cls


def test_an_error_that_was_a_value_or_type_error_still_is() -> None:
    with pytest.raises(ValueError, match="truncated"):
        parse_json(b"{")
    with pytest.raises(ValueError, match="no type"):
        compile_schema({"type": "no type"})
    with pytest.raises(ValueError, match="bytes"):
        SSEParser(max_event_bytes=1).feed(b"data: too long")
    with pytest.raises(TypeError, match="no name"):
        actors.make_tool("no name", "", {}, lambda arguments, context: None)


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


def test_the_module_exports_the_whole_tree_of_the_wire_and_the_root_of_the_other() -> None:
    assert errors.__all__ == sorted(cls.__name__ for cls in [AdjournError, ProgramError, *CLASSES])


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


@pytest.mark.parametrize("name", ["self", "message", "code", "", "a b"])
def test_no_name_in_the_data_of_a_broken_server_is_in_the_way(name: str) -> None:
    assert from_wire(1001, "no such run", {name: 1}).data == {name: 1}


def test_an_error_without_data_comes_back() -> None:
    back = from_wire(DecisionInvalid.code, "no details")
    assert isinstance(back, DecisionInvalid)
    assert back.data == {}


@pytest.mark.parametrize("code", [0, -32700, 4711])
def test_an_unknown_code_is_an_error_all_the_same(code: int) -> None:
    back = from_wire(code, "from a newer server", {"type": "somethingNew", "x": 1})
    assert type(back) is AdjournError
    assert (back.message, back.data) == ("from a newer server", {"x": 1})


def test_only_errors_of_the_world_are_retryable() -> None:
    assert StoreUnavailable.retryable
    assert all(issubclass(cls, WorldError) for cls in SENT if cls.retryable)
