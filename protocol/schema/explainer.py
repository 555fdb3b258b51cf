"""Explains why a value is invalid, with jsonschema. The judge has decided already that the value is invalid.

For patterns, formats, `multipleOf` and `uniqueItems`, jsonschema's result may differ from jsonschema-rs's, or take more
than linear time. So jsonschema-rs checks these here too. Where jsonschema finds nothing, the judge's own message is
used.
"""

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import cache, partial
from typing import Any, cast

from .judge import leaf_fits
from .objects import objects
from .patterns import Undecided, matches
from .reasons import SchemaError, explain

__all__ = ["MAX_ERRORS", "Explainer"]

MAX_ERRORS = 20
MAX_STEPS = 5000  # per explanation, about 0.1 s. A step checks one value against one part of a schema

Keyword = Callable[[Any, Any, Any, Any], Any]  # (validator, the keyword's value, the value to judge, the schema)


class _TooMuchWork(Exception):
    """The explanation took more than `MAX_STEPS`."""


_steps_left: ContextVar[int] = ContextVar("steps_left")  # of the current explanation; explanations never nest


def _take(steps: int) -> None:
    left = _steps_left.get() - steps
    _steps_left.set(left)
    if left < 0:
        raise _TooMuchWork


class Explainer:
    """Explains why values don't fit one schema. `draft`: the name of the draft's class, the same in both libraries."""

    def __init__(self, schema: dict[str, Any], draft: str) -> None:
        from jsonschema_specifications import REGISTRY  # pyright: ignore[reportMissingTypeStubs]

        has_patterns = any("patternProperties" in part for part in objects(schema))
        self._validator = _class(draft, has_patterns)(schema, registry=REGISTRY)

    def errors(self, value: Any) -> list[SchemaError]:
        """Return at most `MAX_ERRORS` errors of an invalid value; [] if none can be found. Never raises."""
        _steps_left.set(MAX_STEPS)
        found: dict[SchemaError, None] = {}
        try:
            for error in self._validator.iter_errors(value):
                for reason in explain(error):
                    found[reason] = None
                    if len(found) == MAX_ERRORS:
                        return list(found)
        except Exception:  # noqa: S110  # too much work, nested too deeply, an unknown reference …
            pass  # return the errors found so far; if there are none, the judge's own message is used
        return list(found)


@cache
def _class(draft: str, has_patterns: bool) -> Any:
    import jsonschema
    from jsonschema import validators

    base: Any = getattr(jsonschema, draft)
    known: dict[str, Keyword] = base.VALIDATORS
    ours: dict[str, Keyword] = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        **{name: partial(_leaf, draft, name) for name in ("format", "multipleOf", "uniqueItems")},
        **{name: partial(_heavy, known[name]) for name in _HEAVY if name in known},
    }
    if has_patterns:
        ours["unevaluatedProperties"] = _nothing  # jsonschema would match the patterns itself, in unbounded time
    extended: Any = cast(Any, validators).extend(base, {name: ours[name] for name in ours.keys() & known.keys()})
    extended.evolve = _evolve
    return extended


def _evolve(validator: Any, **changes: Any) -> Any:
    """Return the validator for a part of the schema. jsonschema calls this for each check of a value."""
    _take(1)
    # jsonschema's own `evolve` would return to its plain class wherever a schema has `$schema`.
    now = {"schema": validator.schema, "registry": validator._registry, "_resolver": validator._resolver}
    return type(validator)(**{**now, **changes})


def _nothing(validator: Any, limit: Any, value: Any, schema: Any) -> None:
    return None


_HEAVY = ("contains", "enum", "unevaluatedItems", "unevaluatedProperties")  # these check each choice or item


def _heavy(keyword: Keyword, validator: Any, limit: Any, value: Any, schema: Any) -> Any:
    sized: list[Any] = [each for each in (limit, value) if isinstance(each, dict | list | tuple)]
    _take(sum(map(len, sized)))
    return keyword(validator, limit, value, schema)


def _leaf(draft: str, keyword: str, validator: Any, limit: Any, value: Any, schema: Any) -> Iterator[Exception]:
    if not leaf_fits(draft, keyword, limit, value):
        yield _error(f"breaks {keyword}")


def _pattern(validator: Any, pattern: str, value: Any, schema: Any) -> Iterator[Exception]:
    if isinstance(value, str) and not _matches(pattern, value):
        yield _error("no match")


def _pattern_properties(validator: Any, patterns: dict[str, Any], value: Any, schema: Any) -> Iterator[Exception]:
    if isinstance(value, dict):
        for key, part in cast("dict[str, Any]", value).items():
            for pattern, inner in patterns.items():
                if _matches(pattern, key):
                    yield from validator.descend(part, inner, path=key, schema_path=pattern)


def _additional_properties(validator: Any, inner: Any, value: Any, schema: dict[str, Any]) -> Iterator[Exception]:
    if not isinstance(value, dict):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    given = cast("dict[str, Any]", value)
    extra = [key for key in given if key not in known and not any(_matches(pattern, key) for pattern in patterns)]
    if isinstance(inner, dict):
        for key in extra:
            yield from validator.descend(given[key], inner, path=key)
    elif extra and not inner:
        names = ", ".join(map(repr, sorted(extra)))
        yield _error(
            f"Additional properties are not allowed ({names} {'was' if len(extra) == 1 else 'were'} unexpected)"
        )


def _matches(pattern: str, text: str) -> bool:
    _take(1)
    try:
        return matches(pattern, text)
    except Undecided:  # the judge found the error elsewhere, or it would have raised Undecided
        return True


def _error(message: str) -> Exception:
    import jsonschema

    return jsonschema.ValidationError(message)
