"""Decides whether values are valid, with jsonschema-rs. Nothing is fetched or read, and patterns take bounded time."""

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, cast

from ..codec import pointer, to_json
from ..errors import ProgramError
from .objects import objects
from .patterns import PatternKeyword, backtracking, in_linear_time, is_linear, matches, watched
from .reasons import SchemaError, cut, short

if TYPE_CHECKING:
    from jsonschema_rs import PatternOptionsType, Validator

__all__ = ["DRAFTS", "Judge", "Unusable", "judge_of", "leaf_fits"]

MAX_TOLD_LEVELS = 6  # of a value that jsonschema-rs may explain: in nested unions, each level may double the work
MAX_LEAVES = 1024  # compiled schemas kept

# The classes' names are the same in jsonschema-rs and jsonschema.
DRAFTS = {
    "Draft4Validator": "http://json-schema.org/draft-04/schema#",
    "Draft6Validator": "http://json-schema.org/draft-06/schema#",
    "Draft7Validator": "http://json-schema.org/draft-07/schema#",
    "Draft201909Validator": "https://json-schema.org/draft/2019-09/schema",
    "Draft202012Validator": "https://json-schema.org/draft/2020-12/schema",
}


class Unusable(ProgramError):
    """jsonschema-rs can't use a schema. `draft`: the name of its class for it; None if it knows no such draft."""

    def __init__(self, message: str, draft: str | None) -> None:
        super().__init__(message)
        self.draft = draft


class Judge:
    """Decides whether values fit one schema. `judge_of` makes one."""

    def __init__(self, validator: "Validator") -> None:
        self.draft = type(validator).__name__
        self._validator = validator
        self.fits = validator.is_valid  # for values within the value domain

    def error(self, value: Any) -> SchemaError:
        """Return the first error of an invalid value, in jsonschema-rs's own words."""
        import jsonschema_rs

        if not _is_flat(value, MAX_TOLD_LEVELS):
            return SchemaError("", "nested too deeply, or too large, to say what is wrong with it")
        try:
            self._validator.validate(value)  # `iter_errors` would find all errors first
        except jsonschema_rs.ValidationError as error:
            return SchemaError(pointer(*error.instance_path), cut(error.message))
        return SchemaError("", f"expected another value, got {short(value)}")


class _LookAroundJudge(Judge):
    """Decides for schemas whose patterns need backtracking. Its `fits` raises Undecided."""

    def __init__(self, validator: "Validator", key_patterns: list[str]) -> None:
        super().__init__(validator)
        self._key_patterns = key_patterns  # in `patternProperties`, which PatternKeyword doesn't see
        self.fits = self._fits

    def _fits(self, value: Any) -> bool:
        return watched(self._look, value)

    def _look(self, value: Any) -> bool:
        for pattern in self._key_patterns:
            for part in objects(value):
                for key in part:
                    matches(pattern, key)
        return self._validator.is_valid(value)


def judge_of(schema: dict[str, Any]) -> Judge:
    """Make the judge of a schema. Raises: Unusable."""
    draft = _draft_of(schema)
    if draft is None:
        text = f"expected $schema to be one of {', '.join(DRAFTS.values())}, or none; got {short(schema['$schema'])}"
        raise Unusable(text, None)
    try:
        return Judge(_validator(schema, in_linear_time()))
    except ValueError as linear:
        patterns = [pattern for pattern in _key_patterns(schema) if not is_linear(pattern)]
        try:
            return _LookAroundJudge(_validator(schema, backtracking(), keywords={"pattern": PatternKeyword}), patterns)
        except ValueError:
            raise Unusable(_why(linear), draft) from linear


def _draft_of(schema: dict[str, Any]) -> str | None:
    def bare(uri: str) -> str:
        return uri.removesuffix("#").replace("https:", "http:")

    named = schema.get("$schema", DRAFTS["Draft202012Validator"])
    known = {bare(uri): name for name, uri in DRAFTS.items()}
    return known.get(bare(named)) if isinstance(named, str) else None


def _validator(schema: dict[str, Any], options: "PatternOptionsType", **more: Any) -> "Validator":
    import jsonschema_rs

    if b'"$ref":"http' in to_json(schema):
        more["registry"] = _metaschemas()  # without it, a schema can refer only to its own draft's metaschema
    return jsonschema_rs.validator_for(schema, offline=True, validate_formats=True, pattern_options=options, **more)


@cache
def _metaschemas() -> Any:
    import jsonschema_rs
    from jsonschema_specifications import REGISTRY  # pyright: ignore[reportMissingTypeStubs]

    return jsonschema_rs.Registry([(uri, cast(Any, REGISTRY.contents(uri))) for uri in REGISTRY])


def _why(error: ValueError) -> str:
    import jsonschema_rs

    if not isinstance(error, jsonschema_rs.ValidationError):
        return str(error)
    path = pointer(*error.instance_path)
    message = cut(f"{path}: {error.message}" if path else error.message)
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Referencing):
        return f"a reference leads nowhere, and nothing is fetched: {message}"
    return message


@lru_cache(MAX_LEAVES)
def _leaf(draft: str, keyword: str, limit: Any) -> "Validator":
    import jsonschema_rs

    cls: type[Validator] = getattr(jsonschema_rs, draft)
    return cls({keyword: limit}, offline=True, validate_formats=True)


def leaf_fits(draft: str, keyword: str, limit: str | float | bool, value: Any) -> bool:
    """Check whether `value` fits a schema that has only this keyword."""
    return _leaf(draft, keyword, limit).is_valid(value)


def _key_patterns(schema: Any) -> Iterator[str]:
    for part in objects(schema):
        if isinstance(named := part.get("patternProperties"), dict):
            yield from cast("dict[str, Any]", named)


def _is_flat(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list | tuple):
        return True
    inner = cast("dict[str, Any]", value).values() if isinstance(value, dict) else cast("list[Any]", value)
    return levels > 0 and all(_is_flat(part, levels - 1) for part in inner)
