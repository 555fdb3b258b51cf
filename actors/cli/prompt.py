"""Asks a person for a decision, question by question along its JSON Schema. No I/O: a generator takes the entries.

`decide(schema)` yields `Question`s, is sent the entries, and returns a `Decision`, a `Declined` or a `Later`. After
an invalid entry it asks again, with the schema's message. The caller may stop at any question: nothing was sent.
"""

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from ...protocol import codec
from ...protocol.schema import SchemaInvalid, compile_schema

__all__ = ["HELP", "Answer", "Decision", "Declined", "Later", "Question", "decide"]

HELP = "/decline [reason] says no, /later decides later, /again starts over"
YES, NO = ("y", "yes", "true"), ("n", "no", "false")
MAX_HOPS = 32  # most references followed in a row

Schema: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """A question: `lines` to show above it, and the `prompt` for the entry."""

    prompt: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision. One that was asked for here is valid under the schema."""

    value: Any
    digest: str | None = None  # of the arguments that the person was shown elsewhere
    arguments: dict[str, Any] | None = None  # all arguments, if some were edited


@dataclass(frozen=True, slots=True)
class Declined:
    """The person declined. Allowed under any schema."""

    reason: str | None


@dataclass(frozen=True, slots=True)
class Later:
    """The person answers later: the call stays waiting."""


Answer: TypeAlias = Decision | Declined | Later


class _Declining(Exception):
    """`/decline` was entered."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(reason)
        self.reason = reason


class _Postponing(Exception):
    """`/later` was entered."""


class _Again(Exception):
    """`/again` was entered."""


class _Nothing:
    """Stands for an optional part that was left out."""


NOTHING = _Nothing()
Asking: TypeAlias = Generator[Question, str, Any]


def decide(schema: Schema) -> Generator[Question, str, Answer]:
    """Yields the questions that lead to a decision. Send each entry without its line end."""
    notes: tuple[str, ...] = ()
    while True:
        walk = _Walk(schema, notes)
        try:
            value = yield from walk.value(schema, "", required=True)
        except _Declining as declining:
            return Declined(declining.reason)
        except _Postponing:
            return Later()
        except _Again:
            notes = ()
            continue
        errors = _errors(schema, value)
        if not errors:
            return Decision(value)
        notes = ("The decision is invalid:", *(f"  {error}" for error in errors), "Try again:")


class _Walk:
    """One pass through a schema. `notes` are shown above its first question."""

    def __init__(self, root: Schema, notes: tuple[str, ...]) -> None:
        self._root = root
        self._notes = notes

    def value(self, given: Any, path: str, *, required: bool) -> Asking:
        """Asks for the value that a schema describes. NOTHING: an optional part was left out."""
        schema = self._resolved(given)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema and len(schema["enum"]) == 1:
            return schema["enum"][0]
        if "enum" in schema:
            return (yield from self._choice(schema, path, required, [_show(value) for value in schema["enum"]]))
        for union in ("oneOf", "anyOf"):
            if union in schema:
                return (yield from self._union(schema, union, path, required))
        match schema.get("type"):
            case "object":
                return (yield from self._composite(schema, path, required, self._object))
            case "array":
                return (yield from self._composite(schema, path, required, self._array))
            case "null":
                return None
            case str() | None as kind:
                return (yield from self._entry(schema, path, required, kind))
            case types:
                union = {**schema, "anyOf": [{"type": each} for each in types]}
                return (yield from self._union(union, "anyOf", path, required))

    # Questions.

    def _ask(self, prompt: str, *lines: str) -> Generator[Question, str, str]:
        question = Question(f"{prompt}: ", (*self._notes, *lines))
        self._notes = ()
        entry = (yield question).strip()
        command, _, rest = entry.partition(" ")
        if command == "/decline":
            raise _Declining(rest.strip() or None)
        if command == "/later":
            raise _Postponing
        if command == "/again":
            raise _Again
        return entry

    def _entry(self, schema: Schema, path: str, required: bool, kind: Any) -> Asking:
        """Asks for a value that is entered on one line."""
        prompt = f"{path or _title(schema)} {_hint(schema, kind, required)}".strip()
        lines = _described(schema)
        while True:
            entry = yield from self._ask(prompt, *lines)
            if not entry:
                if not required:
                    return NOTHING
                lines = ("An entry is needed here.",)
                continue
            value, wrong = _parsed(entry, kind)
            lines = (wrong,) if wrong else tuple(self._errors(schema, value))
            if not lines:
                return value

    def _choice(self, schema: Schema, path: str, required: bool, labels: list[str]) -> Asking:
        """Asks for one of an enum's values."""
        place = yield from self._menu(path or _title(schema), labels, required, _described(schema))
        return NOTHING if place is None else schema["enum"][place]

    def _menu(
        self, name: str, labels: list[str], required: bool, lines: tuple[str, ...]
    ) -> Generator[Question, str, int | None]:
        """Asks for a label, by its number or text. Returns its index; None: an optional choice was left out."""
        choices = [f"  {number}  {label}" for number, label in enumerate(labels, start=1)]
        prompt = f"{name} (1-{len(labels)}{'' if required else ', optional'})"
        lines = (*lines, *choices)
        while True:
            entry = yield from self._ask(prompt, *lines)
            if not entry and not required:
                return None
            named = [place for place, label in enumerate(labels) if entry.casefold() == label.casefold()]
            if named:
                return named[0]
            if entry.isdecimal() and 1 <= int(entry) <= len(labels):
                return int(entry) - 1
            lines = (f"Expected a number from 1 to {len(labels)}, or one of: {', '.join(labels)}.",)

    def _yes(self, prompt: str) -> Generator[Question, str, bool]:
        lines: tuple[str, ...] = ()
        while True:
            entry = (yield from self._ask(f"{prompt} (y/N)", *lines)).casefold()
            if entry in YES or entry in ("", *NO):
                return entry in YES
            lines = ("Expected y or n.",)

    # Values with parts.

    def _union(self, schema: Schema, union: str, path: str, required: bool) -> Asking:
        rest = {key: value for key, value in schema.items() if key not in (union, "type")}
        parts = [self._resolved(branch) for branch in schema[union]]
        branches = [self._merged(rest, part) for part in parts]
        filled = [branch for branch in branches if branch.get("type") != "null"]
        if len(filled) == 1:  # a value or null
            value = yield from self.value(filled[0], path, required=required and len(branches) == 1)
            return None if required and value is NOTHING else value
        labels = [_label(given, part) for given, part in zip(schema[union], parts, strict=True)]
        place = yield from self._menu(path or _title(schema), labels, required, _described(schema))
        return NOTHING if place is None else (yield from self.value(branches[place], path, required=True))

    def _composite(self, schema: Schema, path: str, required: bool, ask: Callable[[Schema, str], Asking]) -> Asking:
        if not required and not (yield from self._yes(f"{path}: give one?")):
            return NOTHING
        lines: tuple[str, ...] = ()
        while True:
            self._notes += lines
            value = yield from ask(schema, path)
            lines = tuple(self._errors(schema, value))
            if not lines or not path:  # `decide` reports the errors of the whole value
                return value

    def _object(self, schema: Schema, path: str) -> Asking:
        parts: Mapping[str, Any] = schema.get("properties", {})
        more = schema.get("additionalProperties", True)
        if not parts:
            return (yield from (self._entries(more, path) if isinstance(more, dict) else self._json(schema, path)))
        found: dict[str, Any] = {}
        for name, part in parts.items():
            value = yield from self.value(part, _join(path, name), required=name in schema.get("required", ()))
            if value is not NOTHING:
                found[name] = value
        return found

    def _json(self, schema: Schema, path: str) -> Asking:
        if schema.get("additionalProperties") is False:
            return {}
        return (yield from self._entry(schema, path, True, "object"))

    def _entries(self, schema: Any, path: str) -> Asking:
        """Asks for the entries of an object with free names."""
        found: dict[str, Any] = {}
        while name := (yield from self._ask(f"{path or 'entry'}: a name (empty: no more)")):
            found[name] = yield from self.value(schema, _join(path, name), required=True)
        return found

    def _array(self, schema: Schema, path: str) -> Asking:
        found: list[Any] = []
        firsts: list[Any] = schema.get("prefixItems", [])
        items = schema.get("items", {})
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        while (most is None or len(found) < most) and items is not False:
            part = firsts[len(found)] if len(found) < len(firsts) else items
            name = f"{path or 'item'}[{len(found)}]"
            required = len(found) < least or self._asks_nothing(part)
            if required and len(found) >= least and not (yield from self._yes(f"{name}: one more?")):
                break
            value = yield from self.value(part, name, required=required)
            if value is NOTHING:
                break
            found.append(value)
        return found

    def _asks_nothing(self, part: Any) -> bool:
        schema = self._resolved(part)
        return "const" in schema or len(schema.get("enum", ())) == 1 or schema.get("type") == "null"

    # Schemas.

    def _resolved(self, given: Any) -> Schema:
        """Returns the schema with `$ref` and `allOf` at its top resolved. What can't be resolved is asked as JSON."""
        schema: Schema = dict(cast(Schema, given)) if isinstance(given, dict) else {}
        for _ in range(MAX_HOPS):
            if "$ref" in schema:
                schema = self._merged(self._target(schema.pop("$ref")), schema)
            elif "allOf" in schema:
                for part in schema.pop("allOf"):
                    schema = self._merged(schema, cast(Schema, part) if isinstance(part, dict) else {})
            else:
                break
        return schema

    def _target(self, reference: str) -> Schema:
        value: Any = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            value = cast(Any, value).get(key) if isinstance(value, dict) else None
        return cast(Schema, value) if isinstance(value, dict) and reference.startswith("#") else {}

    @staticmethod
    def _merged(schema: Schema, more: Schema) -> Schema:
        both = {**schema, **more}
        if "properties" in schema and "properties" in more:
            both["properties"] = {**schema["properties"], **more["properties"]}
        if "required" in schema and "required" in more:
            both["required"] = [*schema["required"], *more["required"]]
        return both

    def _errors(self, schema: Schema, value: Any) -> list[str]:
        shared = {key: self._root[key] for key in ("$schema", "$defs", "definitions") if key in self._root}
        return _errors({**shared, **schema}, value)


def _errors(schema: Schema, value: Any) -> list[str]:
    try:
        found = compile_schema(schema).validate(value)
    except SchemaInvalid:  # a part without its references; the whole value is checked at the end, and by the run
        return []
    return [f"{error.path}: {error.message}" if error.path else f"{_sentence(error.message)}." for error in found]


def _parsed(entry: str, kind: Any) -> tuple[Any, str | None]:
    """Returns the entered value, or a message that says what was expected."""
    match kind:
        case "string":
            return ("" if entry == '""' else entry), None
        case "boolean":
            if entry.casefold() in (*YES, *NO):
                return entry.casefold() in YES, None
            return None, "Expected y or n."
        case "integer" | "number":
            try:
                number = int(entry) if entry.lstrip("+-").isdecimal() else float(entry)
                codec.check_value(number)
            except (ValueError, codec.CodecError):
                return None, f"Expected a {'whole ' if kind == 'integer' else ''}number, not too large."
            return number, None
        case _:
            try:
                return codec.parse_json(entry.encode()), None
            except codec.CodecError as error:
                return None, f"Expected JSON: {error}."


def _hint(schema: Schema, kind: Any, required: bool) -> str:
    hints = [{"boolean": "y/n", "integer": "whole number", "number": "number", "string": ""}.get(str(kind), "JSON")]
    hints.append("" if required else "optional")
    if schema.get("default") not in (None, "") and not required:
        hints[-1] = f"empty: {'ny'[bool(schema['default'])] if kind == 'boolean' else _show(schema['default'])}"
    shown = ", ".join(filter(None, hints))
    return f"({shown})" if shown else ""


def _described(schema: Schema) -> tuple[str, ...]:
    return (f"{schema['description']}",) if schema.get("description") else ()


def _title(schema: Schema) -> str:
    return str(schema.get("title", "decision"))


def _label(given: Any, branch: Schema) -> str:
    """Returns the menu label of a union's branch: its title, its name, its tag, or its type."""
    if branch.get("title"):
        return str(branch["title"])
    if isinstance(given, dict) and "$ref" in given:
        return str(cast(Schema, given)["$ref"]).rpartition("/")[2]
    parts: Mapping[str, Any] = branch.get("properties", {})
    for tag in (branch, *parts.values()):
        if isinstance(tag, dict) and "const" in tag:
            return _show(cast(Schema, tag)["const"])
    if "enum" in branch:
        return " | ".join(_show(value) for value in branch["enum"])
    return str(branch.get("type", "anything, as JSON"))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _show(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
