"""Compiling: each schema once, kept while it is among the last ones; and asking for verdicts and reasons."""

from functools import lru_cache
from typing import Any, cast

from ..codec import CodecError, InvalidValue, canonical_json, check_value, parse_json
from ..errors import ProgramError
from .explainer import Explainer
from .judge import DRAFTS, Judge, Unusable, judge_of
from .patterns import Undecided, watched
from .reasons import SchemaError
from .work import work_fault

MAX_COMPILED = 512


class SchemaInvalid(ProgramError, ValueError):
    """This is not a schema that can be used: malformed, of an unknown draft, with a reference that leads nowhere or
    outside, with a pattern that is none, or with references that lead to too much work."""


class CompiledSchema:
    """A schema, ready to validate with; its own copy. Get one from `compile_schema`."""

    def __init__(self, schema: dict[str, Any], judge: Judge) -> None:
        self._schema = schema
        self._judge = judge
        self._explainer: Explainer | None = None  # made at the first refusal

    def validate(self, value: Any) -> list[SchemaError]:
        """What is wrong with `value`, at most `MAX_ERRORS`; [] when it is valid. Never raises.

        A value outside the value domain, or one that can't be judged because matching a pattern takes too long, has
        that as its error."""
        try:
            check_value(value)  # jsonschema-rs raises for some of what is outside, and takes the rest for valid
        except InvalidValue as error:
            return [SchemaError(error.path, error.message)]
        return self.validate_checked(value)

    def validate_checked(self, value: Any) -> list[SchemaError]:
        """The same for a value that is known to be in the value domain."""
        try:
            return [] if self._judge.fits(value) else watched(self._explain, value)
        except Undecided as error:
            return [SchemaError("", str(error))]

    def _explain(self, value: Any) -> list[SchemaError]:
        if self._explainer is None:
            self._explainer = Explainer(self._schema, self._judge.draft)
        return self._explainer.errors(value) or [self._judge.error(value)]


_recent: dict[int, tuple[dict[str, Any], CompiledSchema]] = {}


def compile_schema(schema: dict[str, Any]) -> CompiledSchema:
    """`schema`, checked and compiled; the same again for an equal one, while it is among the last `MAX_COMPILED`.

    The dict must not be changed afterwards: the same object is taken to be the same schema, which makes the repeated
    call cost a look-up. The first one takes about 0.1 ms. Raises: SchemaInvalid."""
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
    if fault := work_fault(schema):
        raise SchemaInvalid(fault)
    try:
        return CompiledSchema(schema, judge_of(schema))
    except Unusable as error:
        raise SchemaInvalid("not a JSON Schema: " + (_breaches(schema, error.draft) or str(error))) from error


def _breaches(schema: dict[str, Any], draft: str | None) -> str:
    """Where a schema breaks the rules of its draft, as its metaschema has them; "" where that sees nothing."""
    metaschema = DRAFTS.get(draft or "")
    if metaschema is None:
        return ""
    rules = {"$schema": metaschema, "$ref": metaschema}
    return "; ".join(
        f"{found.path or 'the whole'}: {found.message}" for found in compile_schema(rules).validate(schema)
    )
