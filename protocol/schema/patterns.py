"""Matches JSON Schema's regular expressions (ECMA-262) in bounded time.

jsonschema-rs matches most patterns in linear time. Patterns with look-around or backreferences need backtracking. Each
such match may take a bounded number of steps, a few milliseconds, and only `MAX_HARD` matches for one value may take
that long. Beyond these bounds the value is undecided: neither valid nor invalid. jsonschema-rs would count a match that
was given up as no match, and under `not` that makes the value valid. So these patterns are matched here, and `watched`
raises the error after jsonschema-rs has finished.
"""

from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import ProgramError
from .reasons import short

if TYPE_CHECKING:
    from jsonschema_rs import PatternOptionsType, Validator

__all__ = ["PatternKeyword", "Undecided", "backtracking", "in_linear_time", "is_linear", "matches", "watched"]

MAX_MATCH_WORK = 4_000_000  # per match by backtracking, in steps times characters; some milliseconds
EASY_SHARE = 64  # a match is easy if 1/64 of its steps is enough
MAX_CHARS = 65_536  # in a text that is matched by backtracking
MAX_HARD = 100  # matches per value that are not easy
MAX_PATTERNS = 1024  # compiled patterns kept

_T = TypeVar("_T")


class Undecided(ProgramError):
    """A value can't be validated: matching a pattern takes too long."""


class _Watch:
    """Counts the hard matches for one value, and keeps an error for `watched`."""

    hard = 0
    raised: BaseException | None = None  # by a PatternKeyword


_watch: ContextVar[_Watch] = ContextVar("watch")


def watched(look: Callable[[Any], _T], value: Any) -> _T:
    """Return `look(value)`, with at most `MAX_HARD` matches that are not easy.

    Raises: the error of a PatternKeyword, mostly Undecided, which jsonschema-rs itself would hide."""
    watch = _Watch()
    token = _watch.set(watch)
    try:
        found = look(value)
    finally:
        _watch.reset(token)
    if watch.raised is not None:
        raise watch.raised
    return found


def matches(pattern: str, text: str) -> bool:
    """Check whether a part of `text` matches `pattern`, which must be valid. Raises: Undecided."""
    linear = _linear(pattern)
    if linear is not None:
        return linear.is_valid(text)
    is_long = len(text) > MAX_CHARS
    verdict = None if is_long else _tried(pattern, text, max(1, _steps(text) // EASY_SHARE))
    if verdict is None and not is_long:
        watch = _watch.get(None) or _Watch()
        watch.hard += 1
        verdict = _tried(pattern, text, _steps(text)) if watch.hard <= MAX_HARD else None
    if verdict is None:
        raise Undecided(f"matching {short(text)} with the pattern {short(pattern)} takes too long")
    return verdict


def _tried(pattern: str, text: str, steps: int) -> bool | None:
    """Return whether `text` matches; None if the steps are not enough to know."""
    import jsonschema_rs

    for error in _backtracking(pattern, steps).iter_errors(text):
        return False if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Pattern) else None
    return True


def is_linear(pattern: str) -> bool:
    """Check whether a pattern can be matched in linear time."""
    return _linear(pattern) is not None


def in_linear_time() -> "PatternOptionsType":
    """Return options for jsonschema-rs: only patterns that it can match in linear time."""
    import jsonschema_rs

    return jsonschema_rs.RegexOptions()


def backtracking(steps: int | None = None) -> "PatternOptionsType":
    """Return options for jsonschema-rs: match by backtracking, in at most `steps`, by default as for an empty text."""
    import jsonschema_rs

    return jsonschema_rs.FancyRegexOptions(backtrack_limit=steps or _steps(""))


class PatternKeyword:
    """Implements the keyword `pattern` for jsonschema-rs. `validate` raises if the value doesn't match."""

    def __init__(self, schema: dict[str, Any], pattern: str, path: list[str | int]) -> None:
        self._pattern = pattern
        if not is_linear(pattern):
            _backtracking(pattern, _steps(""))

    def validate(self, value: Any) -> None:
        if not isinstance(value, str):
            return
        try:
            verdict = matches(self._pattern, value)
        except BaseException as error:  # also KeyboardInterrupt: jsonschema-rs counts any exception as "invalid"
            if watch := _watch.get(None):
                watch.raised = error
            raise
        if not verdict:
            raise ValueError(f"expected a match of the pattern {short(self._pattern)}")


@lru_cache(MAX_PATTERNS)
def _linear(pattern: str) -> "Validator | None":
    try:
        return _validator(pattern, in_linear_time())
    except ValueError:
        return None


@lru_cache(MAX_PATTERNS)
def _backtracking(pattern: str, steps: int) -> "Validator":
    return _validator(pattern, backtracking(steps))


def _validator(pattern: str, options: "PatternOptionsType") -> "Validator":
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator({"pattern": pattern}, offline=True, pattern_options=options)


def _steps(text: str) -> int:
    """Return the maximum of backtracking steps for `text`. Each step may read the whole text again, so longer texts get
    fewer. Lengths are rounded, because each different number compiles the pattern again."""
    return max(1, MAX_MATCH_WORK // (64 + (1 << len(text).bit_length())))
