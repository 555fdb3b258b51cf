"""Error messages for unknown options, with the nearest name and all known names. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import msgspec

__all__ = ["NamesOptions", "names_options", "names_parameters", "unknown_option"]

P = ParamSpec("P")
T = TypeVar("T")


def unknown_option(given: Iterable[str], known: Iterable[str]) -> str | None:
    """Return an error message for the first name in `given` that is not in `known`; None if all are known."""
    names = sorted(known)
    wrong = next((name for name in given if name not in names), None)
    if wrong is None:
        return None
    from difflib import get_close_matches  # imported late, because only mistakes need it

    nearest = get_close_matches(wrong, names, 1)
    hint = f"Did you mean {nearest[0]!r}? " if nearest else ""
    return f"there is no option {wrong!r}. {hint}Options: {', '.join(names)}"


def names_options(kind: type[T]) -> type[T]:
    """Decorate a dataclass: a misspelt field raises a TypeError that lists the fields."""
    initialise = cast(Any, kind).__init__

    @wraps(initialise)
    def __init__(self: T, *args: Any, **options: Any) -> None:
        said = unknown_option(options, [field.name for field in fields(cast(Any, kind)) if field.init])
        if said is not None:
            raise TypeError(f"{kind.__name__}: {said}")
        initialise(self, *args, **options)

    cast(Any, kind).__init__ = __init__
    return kind


def names_parameters(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function: a misspelt option raises a TypeError that lists the options."""
    code = cast(Any, getattr(function, "__wrapped__", function)).__code__
    known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    @wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> T:
        if said := unknown_option(options, known):
            raise TypeError(f"{function.__name__}: {said}")
        return function(*args, **options)

    return call


class NamesOptions(msgspec.StructMeta):
    """The metaclass of structs that people write by hand: a misspelt field raises a TypeError that lists the fields."""

    if not TYPE_CHECKING:  # otherwise type checkers would use this signature as the structs' constructor

        def __call__(cls, *args: Any, **options: Any) -> Any:
            said = unknown_option(options, cls.__struct_fields__)
            if said is not None:
                raise TypeError(f"{cls.__name__}: {said}")
            return super().__call__(*args, **options)
