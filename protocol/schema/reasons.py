"""Turns jsonschema's errors into paths and sentences, so that a person or a model can correct a value."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from ..codec import MAX_INT, pointer, to_json

__all__ = ["SchemaError", "cut", "explain", "short"]

MAX_SHOWN_CHARS = 80

_ANY = MAX_INT  # any number of choices


class SchemaError(msgspec.Struct, frozen=True):
    """One thing wrong with a value.

    Attributes:
        path: JSON pointer to the part of the value that is wrong. Empty: the whole value.
        message: what was expected there.
    """

    path: str
    message: str


def explain(error: Any, base: str = "") -> Iterator[SchemaError]:
    """Yield the errors in a jsonschema error of the value at `base`. For a union: those of the intended branch."""
    path = base + pointer(*error.relative_path)
    if error.validator in ("anyOf", "oneOf") and error.context:
        yield from _explain_union(error, path)
    else:
        yield SchemaError(path, _message(error))


def _explain_union(union: Any, path: str) -> Iterator[SchemaError]:
    """Yield the errors of the intended branch, if a tag, an enum or the type shows which; otherwise the choices."""
    branches: dict[int, list[Any]] = defaultdict(list)
    for error in union.context:
        if error.relative_schema_path:  # the branch `false` has no path, and is never intended
            branches[error.relative_schema_path[0]].append(error)
    of_type = [errors for errors in branches.values() if not any(_is_type_error(error) for error in errors)]
    for choices in (1, _ANY):  # first by const or an enum of one, which is a tag; then by any enum
        meant = [errors for errors in of_type if not any(_excludes(error, choices) for error in errors)]
        if len(meant) == 1:
            for error in meant[0]:
                yield from explain(error, path)
            return
    tags = [{pointer(*error.relative_path): error for error in errors if _excludes(error, _ANY)} for errors in of_type]
    if shared := sorted(set[str]().union(*tags).intersection(*tags)):
        wrong = [tag[shared[0]] for tag in tags]
        expected = [short(choice) for error in wrong for choice in _choices(error)]
        yield SchemaError(path + shared[0], _one_of(expected, wrong[0].instance))
        return
    message = _one_of([_label(branch) for branch in union.validator_value], union.instance)
    if of_type:
        closest = next(explain(min(of_type, key=len)[0]))
        message += f"; closest: {closest.message}" + (f" at {closest.path}" if closest.path else "")
    yield SchemaError(path, message)


def _is_type_error(error: Any) -> bool:
    return error.validator in ("type", None) and not error.relative_path


def _excludes(error: Any, max_choices: int) -> bool:
    return (
        error.validator in ("const", "enum") and len(error.relative_path) <= 1 and len(_choices(error)) <= max_choices
    )


def _choices(error: Any) -> list[Any]:
    return error.validator_value if error.validator == "enum" else [error.validator_value]


def _label(branch: Any) -> str:
    if not isinstance(branch, dict):
        return "anything" if branch else "nothing"
    schema = cast("dict[str, Any]", branch)
    parts = cast("dict[str, Any]", schema.get("properties", {})).values()
    tags = [cast("dict[str, Any]", part) for part in parts if isinstance(part, dict) and "const" in part]
    if title := schema.get("title"):
        return title
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    for tag in (schema, *tags):
        if "const" in tag:
            return short(tag["const"])
    return short(schema["enum"]) if "enum" in schema else _types(schema.get("type", "another form"))


def _one_of(expected: list[str], value: Any) -> str:
    return f"expected one of: {', '.join(dict.fromkeys(expected))}; got {short(value)}"


def _types(types: Any) -> str:
    return types if isinstance(types, str) else " or ".join(types)


def short(value: Any) -> str:
    """Return a value as JSON, cut to a bounded length."""
    return cut(to_json(value).decode(), MAX_SHOWN_CHARS)


def cut(text: str, max_chars: int = MAX_SHOWN_CHARS * 4) -> str:
    """Return the text, cut to `max_chars` and ending with … if it is longer."""
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"


_MESSAGES = {
    "const": "expected {limit}, got {value}",
    "exclusiveMaximum": "expected less than {limit}, got {value}",
    "exclusiveMinimum": "expected more than {limit}, got {value}",
    "format": "expected a string of format {limit}, got {value}",
    "maxItems": "expected at most {limit} items, got {size}",
    "maxLength": "expected at most {limit} characters, got {size}",
    "maxProperties": "expected at most {limit} properties, got {size}",
    "maximum": "expected at most {limit}, got {value}",
    "minItems": "expected at least {limit} items, got {size}",
    "minLength": "expected at least {limit} characters, got {size}",
    "minProperties": "expected at least {limit} properties, got {size}",
    "minimum": "expected at least {limit}, got {value}",
    "multipleOf": "expected a multiple of {limit}, got {value}",
    "not": "expected something that does not match {limit}, got {value}",
    "pattern": "expected a match of the pattern {limit}, got {value}",
    "uniqueItems": "expected items that differ from each other, got {value}",
}


def _message(error: Any) -> str:
    keyword, limit, value = error.validator, error.validator_value, error.instance
    if keyword in ("minimum", "maximum") and error.schema.get(f"exclusiveM{keyword[1:]}") is True:
        keyword = f"exclusiveM{keyword[1:]}"  # in draft 4 this is a flag beside the bound
    if keyword in _MESSAGES:
        size = len(cast("list[Any]", value)) if isinstance(value, str | list | tuple | dict) else 0
        return _MESSAGES[keyword].format(limit=short(limit), value=short(value), size=size)
    if keyword == "type":
        return f"expected {_types(limit)}, got {short(value)}"
    if keyword == "enum":
        return _one_of([short(choice) for choice in limit], value)
    if keyword == "required":
        return error.message.removesuffix(" a required property") + " required"
    if keyword == "oneOf":
        return f"expected exactly one of: {', '.join(map(_label, limit))}; got {short(value)}, which fits several"
    if keyword is None:  # the schema `false`; jsonschema gives the path of the parent
        return f"expected nothing in the place of {short(value)}"
    # jsonschema's own message may begin with the whole value, which may be long.
    return cut(error.message.replace(repr(value), short(value)))
