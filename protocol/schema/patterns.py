"""Regular expressions, of ECMA-262 as JSON Schema wants them, matched in bounded time.

jsonschema-rs matches them in linear time. Those with look-around or backreferences can't be: they are matched by
backtracking, each match with so few steps that it takes some milliseconds at most, and not many that take so long.
Where they are not enough, a value is neither valid nor invalid, but undecided. jsonschema-rs itself would take a match
that was given up for none, which under `not` is a silent yes; so such a pattern is matched here, and what was given up
is remembered until the verdict.
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

MAX_MATCH_WORK = 4_000_000  # of one match by backtracking: steps times characters; some milliseconds
EASY_SHARE = 64  # a match is easy if this part of its steps is enough
MAX_CHARS = 65_536  # of a text that is matched by backtracking
MAX_HARD = 100  # matches that are not easy, for one value
MAX_PATTERNS = 1024  # compiled at once

_T = TypeVar("_T")


class Undecided(ProgramError):
    """A value can't be judged: matching a pattern takes too long."""


class _Watch:
    """What is noted of the matches for one value."""

    hard = 0
    raised: BaseException | None = None  # by a PatternKeyword


_watch: ContextVar[_Watch] = ContextVar("watch")


def watched(look: Callable[[Any], _T], value: Any) -> _T:
    """What `look` gives for a value, with at most `MAX_HARD` matches that are not easy.

    Raises: what a PatternKeyword raised meanwhile, Undecided above all."""
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
    """Whether a part of `text` matches `pattern`, which is a valid one. Raises: Undecided."""
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
    """Whether `text` matches; None where the steps are not enough to know."""
    import jsonschema_rs

    for error in _backtracking(pattern, steps).iter_errors(text):
        return False if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Pattern) else None
    return True


def is_linear(pattern: str) -> bool:
    """Whether a pattern can be matched in linear time."""
    return _linear(pattern) is not None


def in_linear_time() -> "PatternOptionsType":
    """What lets jsonschema-rs match in linear time alone."""
    import jsonschema_rs

    return jsonschema_rs.RegexOptions()


def backtracking(steps: int | None = None) -> "PatternOptionsType":
    """What lets jsonschema-rs match by backtracking, with at most as many steps as any text may take here."""
    import jsonschema_rs

    return jsonschema_rs.FancyRegexOptions(backtrack_limit=steps or _steps(""))


class PatternKeyword:
    """The keyword `pattern`, for jsonschema-rs: `validate` raises for what doesn't match."""

    def __init__(self, schema: dict[str, Any], pattern: str, path: list[str | int]) -> None:
        self._pattern = pattern
        if not is_linear(pattern):
            _backtracking(pattern, _steps(""))

    def validate(self, value: Any) -> None:
        if not isinstance(value, str):
            return
        try:
            verdict = matches(self._pattern, value)
        except BaseException as error:  # Ctrl-C, too: jsonschema-rs takes whatever is raised here for a no
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
    """How often a match of `text` may go back; each time it may read the text again. Few different numbers."""
    return max(1, MAX_MATCH_WORK // (64 + (1 << len(text).bit_length())))
