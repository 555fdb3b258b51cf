"""JSON Schema (draft 2020-12): compile once, validate, and say what is wrong so that a person or a model can mend it.

Nothing is ever fetched. jsonschema does the checking; what it can't be trusted with is taken from it here:
- Recursion: a value or schema that nests too deeply for it is an error like any other, never an exception.
- Patterns: `re` has no time limit. A repeated group that can match the same text in exponentially many ways, `(a+)+`,
  is refused at compile, and `pattern` matches strings of at most `MAX_PATTERN_CHARS` only. Overlapping alternatives
  under a repeat, `(a|a)*`, go unseen: patterns come from a tool's author, and are his to keep simple.
- Work: branches that both refer back to their union double it with each level of a value. `MAX_REFERENCES` bounds it.
- `uniqueItems` and the `iri` formats, which take quadratic time there and more.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache, lru_cache
from itertools import islice
from typing import Any, NamedTuple, cast
from urllib.parse import quote

import msgspec

from .codec import MAX_INT, CodecError, canonical_json, parse_json, pointer, to_json
from .errors import ProgramError
from .plain_schema import Accepts, accepts

MAX_PATTERN_CHARS = 4096
MAX_ERRORS = 20
MAX_COMPILED = 512
MAX_REFERENCES = 10_000  # followed in one validation: about a second, where errors pile up
MAX_SHOWN_CHARS = 80

_ANY = MAX_INT  # choices
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class SchemaError(msgspec.Struct, frozen=True):
    """One thing wrong with a value."""

    path: str  # JSON pointer to the part of the value that is wrong; "" is the whole
    message: str  # what was expected there


class SchemaInvalid(ProgramError, ValueError):
    """This is not a schema that can be used: malformed, of another draft, with a reference that leads nowhere or
    outside, or with a pattern that may never end."""


class _TooMuchWork(Exception):
    """More than `MAX_REFERENCES` references were followed."""


_references_left: ContextVar[int] = ContextVar("references_left")  # of the validation under way; they never nest


class CompiledSchema:
    """A schema, ready to validate with; its own copy. Get one from `compile_schema`."""

    def __init__(self, validator: Any, accept: Accepts) -> None:
        self._validator = validator
        self._accept = accept

    def validate(self, value: Any) -> list[SchemaError]:
        """What is wrong with `value` (of the value domain), at most `MAX_ERRORS`; [] when it is valid. Never raises."""
        if self._accept(value):
            return []
        _references_left.set(MAX_REFERENCES)
        try:
            if self._validator.is_valid(value):
                return []
            return _first_errors(self._validator.iter_errors(value))
        except RecursionError:
            return [SchemaError("", "nested too deeply")]
        except _TooMuchWork:
            return [SchemaError("", "too large, or nested too deeply, to be checked against this schema")]


_recent: dict[int, tuple[dict[str, Any], CompiledSchema]] = {}


def compile_schema(schema: dict[str, Any]) -> CompiledSchema:
    """`schema`, checked and compiled; the same again for an equal one, while it is among the last `MAX_COMPILED`.

    The dict must not be changed afterwards: the same object is taken to be the same schema, which makes the repeated
    call cost a look-up. The first one takes about a millisecond. Raises: SchemaInvalid."""
    known = _recent.get(id(schema))
    if known is not None:
        return known[1]
    try:
        compiled = _compile(canonical_json(schema))
    except CodecError as error:
        raise SchemaInvalid(f"not a JSON value: {error}") from error
    if len(_recent) >= MAX_COMPILED:
        _recent.clear()
    _recent[id(schema)] = (schema, compiled)  # holding the schema keeps its id from being given to another
    return compiled


@lru_cache(MAX_COMPILED)
def _compile(text: bytes) -> CompiledSchema:
    parsed = parse_json(text)
    if not isinstance(parsed, dict):
        raise SchemaInvalid("expected a JSON Schema as an object")
    schema = cast("dict[str, Any]", parsed)
    if schema.pop("$schema", DIALECT) != DIALECT:
        raise SchemaInvalid(f"expected a schema of draft 2020-12 ($schema {DIALECT}, or none)")
    engine = _engine()
    try:
        _check_all(schema, engine)
    except RecursionError as error:
        raise SchemaInvalid("nested too deeply") from error
    validator = engine.validator(schema, registry=engine.registry, format_checker=engine.formats)
    return CompiledSchema(validator, accepts(schema))


class _Engine(NamedTuple):
    validator: Any  # the class
    formats: Any
    dialect: Any
    registry: Any  # empty: what a schema does not bring along does not exist
    bad_schema: type[Exception]
    dangling: type[Exception]


@cache
def _engine() -> _Engine:
    # Imported when first wanted: jsonschema with its format checkers would be the slowest import of all.
    import jsonschema
    import referencing
    from jsonschema import validators
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    formats = jsonschema.FormatChecker()
    formats.checkers = dict(jsonschema.Draft202012Validator.FORMAT_CHECKER.checkers)
    for name in ("uri", "uri-reference"):
        check, raises = formats.checkers[name]
        formats.checkers[name.replace("uri", "iri")] = (lambda value, check=check: check(_as_uri(value)), raises)
    formats.checkers["regex"] = (_compiles, (re.error, OverflowError, RecursionError))
    extended: Any = cast(Any, validators).extend(
        jsonschema.Draft202012Validator,
        {"pattern": _pattern, "uniqueItems": _unique_items, "$ref": _ref, "$dynamicRef": _ref},
    )
    registry = cast(Any, referencing).Registry()
    return _Engine(extended, formats, DRAFT202012, registry, jsonschema.SchemaError, Unresolvable)


def _as_uri(value: Any) -> Any:
    """An IRI is a URI once what is not ASCII is percent-encoded (RFC 3987, 3.1)."""
    return re.sub(r"[^\x00-\x7f]+", lambda found: quote(found[0]), value) if isinstance(value, str) else value


def _compiles(value: Any) -> bool:
    return not isinstance(value, str) or bool(re.compile(value))


def _ref(validator: Any, reference: str, value: Any, schema: Any) -> Any:
    import jsonschema

    left = _references_left.get() - 1
    _references_left.set(left)
    if left < 0:
        raise _TooMuchWork
    return jsonschema.Draft202012Validator.VALIDATORS["$ref"](validator, reference, value, schema)


def _pattern(validator: Any, pattern: str, value: Any, schema: Any) -> Iterator[Exception]:
    import jsonschema

    if not isinstance(value, str):
        return
    if len(value) > MAX_PATTERN_CHARS:
        yield jsonschema.ValidationError("too long", validator="maxLength", validator_value=MAX_PATTERN_CHARS)
    elif not re.search(pattern, value):
        yield jsonschema.ValidationError("no match")


def _unique_items(validator: Any, wanted: bool, value: Any, schema: Any) -> Iterator[Exception]:
    import jsonschema

    if wanted and isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        if len({canonical_json(item) for item in items}) < len(items):
            yield jsonschema.ValidationError("not unique")


# -- Checking a schema


def _check_all(schema: dict[str, Any], engine: _Engine) -> None:
    """Walks all that validation may reach: every reference must lead to a schema, and every pattern come to an end."""
    _check_form(schema, engine)
    root = engine.dialect.create_resource(schema)
    parts: list[tuple[Any, Any]] = [(root, engine.registry.resolver_with_root(root))]
    targets: list[Any] = []
    seen: set[int] = set()
    while parts or targets:
        if not parts:  # a target not seen by now stands where the metaschema did not look
            target = targets.pop()
            if id(target.contents) not in seen:
                _check_form(target.contents, engine)
                parts.append((engine.dialect.create_resource(target.contents), target.resolver))
            continue
        part, resolver = parts.pop()
        if isinstance(part.contents, bool) or id(part.contents) in seen:
            continue
        seen.add(id(part.contents))
        _check_keywords(part.contents)
        references = [part.contents[key] for key in ("$ref", "$dynamicRef") if key in part.contents]
        targets += [_look_up(resolver, reference, engine) for reference in references]
        parts += [(sub, resolver.in_subresource(sub)) for sub in part.subresources()]


def _check_form(schema: Any, engine: _Engine) -> None:
    try:
        engine.validator.check_schema(schema, format_checker=engine.formats)
    except engine.bad_schema as error:
        wrong = [f"{found.path or 'the whole'}: {found.message}" for found in _first_errors(iter([error]))]
        raise SchemaInvalid("not a JSON Schema: " + "; ".join(wrong)) from error


def _check_keywords(schema: dict[str, Any]) -> None:
    if "$schema" in schema and schema["$schema"] != DIALECT:
        raise SchemaInvalid("expected $schema at the root only")
    for pattern in [schema.get("pattern", ""), *schema.get("patternProperties", ())]:
        _scan_group(pattern, 0)


def _look_up(resolver: Any, reference: str, engine: _Engine) -> Any:
    try:
        return resolver.lookup(reference)
    except (engine.dangling, ValueError, TypeError) as error:
        raise SchemaInvalid(f"$ref {reference!r} leads nowhere in this schema, and nothing is fetched") from error


_ESCAPE = r"\\(?:x..|u.{4}|.)"
_ATOM = re.compile(rf"(?P<empty>[\^$]|\\[AbBZ])|{_ESCAPE}|\[\^?\]?(?:{_ESCAPE}|[^\]\\])*\]|.", re.DOTALL)
_GROUP = re.compile(r"\((?:\?(?:P<\w+>|(?P<empty><?[=!])|[aiLmsux-]*:|>))?")
_REPEAT = re.compile(r"(?:(?P<open>[*+]|\{\d*,(?:\d{2,})?\})|(?P<many>\{\d{2,}\})|\?|\{\d*,?\d\})(?P<mode>[?+]?)")


def _scan_group(pattern: str, at: int) -> tuple[bool, bool, int]:
    """Reads up to the end of the group that begins at `at`: (can a run of one repeated part be all of it, can it be
    empty, where does it end). Such a group, repeated again, can split that run in 2^n ways. Raises: SchemaInvalid."""
    runs = empty = False
    needed, repeats = 0, list[bool]()  # of the branch: parts that can't be empty; for each repeated part, can it be?
    while True:
        at_end = at >= len(pattern) or pattern[at] == ")"
        if at_end or pattern[at] == "|":
            runs = runs or any(needed == (not may_be_empty) for may_be_empty in repeats)
            empty = empty or not needed
            if at_end:
                return runs, empty, at + 1
            needed, repeats, at = 0, [], at + 1
            continue
        inner_runs = False
        if group := _GROUP.match(pattern, at):
            inner_runs, part_empty, at = _scan_group(pattern, group.end())
            if group["empty"]:
                inner_runs, part_empty = False, True
        else:
            atom = _ATOM.match(pattern, at)
            assert atom is not None  # the last alternative takes anything
            part_empty, at = atom["empty"] is not None, atom.end()
        if repeat := _REPEAT.match(pattern, at):
            at = repeat.end()
            part_empty = part_empty or repeat[0][0] in "*?" or repeat[0].startswith(("{0", "{,"))
            if repeat["mode"] == "+":
                inner_runs = False
            elif inner_runs and (repeat["open"] or repeat["many"]):
                raise SchemaInvalid(f"pattern {pattern!r} may run for ever: a repeat in a repeat, before index {at}")
            else:
                inner_runs = inner_runs or repeat["open"] is not None
        needed += not part_empty
        if inner_runs:
            repeats.append(part_empty)


# -- Saying what is wrong


def _first_errors(errors: Iterator[Any]) -> list[SchemaError]:
    explained = (found for error in errors for found in _explain(error, ""))
    return list(dict.fromkeys(islice(explained, MAX_ERRORS)))


def _explain(error: Any, base: str) -> Iterator[SchemaError]:
    path = base + pointer(*error.relative_path)
    if error.validator in ("anyOf", "oneOf") and error.context:
        yield from _explain_union(error, path)
    else:
        yield SchemaError(path, _message(error))


def _explain_union(union: Any, path: str) -> Iterator[SchemaError]:
    """The errors of the one branch that was meant, if a tag, an enum or the type tells it; else what was possible."""
    branches: dict[int, list[Any]] = defaultdict(list)
    for error in union.context:
        if error.relative_schema_path:  # the branch `false` has none, and is never meant
            branches[error.relative_schema_path[0]].append(error)
    of_type = [errors for errors in branches.values() if not any(_is_type_error(error) for error in errors)]
    for choices in (1, _ANY):  # a const, or an enum of one, is a tag; a longer enum may be one
        meant = [errors for errors in of_type if not any(_excludes(error, choices) for error in errors)]
        if len(meant) == 1:
            for error in meant[0]:
                yield from _explain(error, path)
            return
    tags = [{pointer(*error.relative_path): error for error in errors if _excludes(error, _ANY)} for errors in of_type]
    if shared := sorted(set[str]().union(*tags).intersection(*tags)):
        wrong = [tag[shared[0]] for tag in tags]
        expected = [_short(choice) for error in wrong for choice in _choices(error)]
        yield SchemaError(path + shared[0], _one_of(expected, wrong[0].instance))
        return
    message = _one_of([_label(branch) for branch in union.validator_value], union.instance)
    if of_type:
        closest = next(_explain(min(of_type, key=len)[0], ""))
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
            return _short(tag["const"])
    return _short(schema["enum"]) if "enum" in schema else _types(schema.get("type", "another form"))


def _one_of(expected: list[str], value: Any) -> str:
    return f"expected one of: {', '.join(dict.fromkeys(expected))}; got {_short(value)}"


def _types(types: Any) -> str:
    return types if isinstance(types, str) else " or ".join(types)


def _short(value: Any) -> str:
    return _cut(to_json(value).decode(), MAX_SHOWN_CHARS)


def _cut(text: str, max_chars: int) -> str:
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
    if keyword in _MESSAGES:
        size = len(cast("list[Any]", value)) if isinstance(value, str | list | tuple | dict) else 0
        return _MESSAGES[keyword].format(limit=_short(limit), value=_short(value), size=size)
    if keyword == "type":
        return f"expected {_types(limit)}, got {_short(value)}"
    if keyword == "enum":
        return _one_of([_short(choice) for choice in limit], value)
    if keyword == "required":
        return error.message.removesuffix(" a required property") + " required"
    if keyword == "oneOf":
        return f"expected exactly one of: {', '.join(map(_label, limit))}; got {_short(value)}, which fits several"
    if keyword is None:  # the schema `false`; jsonschema gives the path of what holds the value, not its own
        return f"expected nothing in the place of {_short(value)}"
    # jsonschema's own words; those that begin with the value may be as long as that
    return _cut(error.message.replace(repr(value), _short(value)), MAX_SHOWN_CHARS * 4)
