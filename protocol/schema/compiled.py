"""Compiles schemas, with a cache of the latest ones, and validates values with them."""

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
    """The schema can't be used: it is malformed, has an unknown draft, an invalid pattern, or a reference that can't be
    resolved without fetching, or its references would take too much work."""


class CompiledSchema:
    """Validates values. Holds its own copy of the schema. `compile_schema` makes one."""

    def __init__(self, schema: dict[str, Any], judge: Judge) -> None:
        self._schema = schema
        self._judge = judge
        self._explainer: Explainer | None = None  # made for the first invalid value

    def validate(self, value: Any) -> list[SchemaError]:
        """Return at most `MAX_ERRORS` errors of `value`; [] if it is valid. Never raises.

        A value outside the value domain is an error. So is a value for which matching a pattern takes too long."""
        try:
            check_value(value)  # outside the value domain, jsonschema-rs raises or says "valid"
        except InvalidValue as error:
            return [SchemaError(error.path, error.message)]
        return self.validate_checked(value)

    def validate_checked(self, value: Any) -> list[SchemaError]:
        """Do the same for a value that is known to be in the value domain. Saves the check."""
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
    """Check and compile `schema`. An equal schema gets the same result, while it is among the last `MAX_COMPILED`.

    Don't change the dict afterwards: a repeated call with the same dict is only a look-up by identity. The first call
    takes about 0.1 ms. Raises: SchemaInvalid."""
    known = _recent.get(id(schema))
    if known is not None:
        return known[1]
    try:
        compiled = _compile(canonical_json(schema))
    except CodecError as error:
        raise SchemaInvalid(f"not a JSON value: {error}") from error
    if len(_recent) >= MAX_COMPILED:
        _recent.clear()
    _recent[id(schema)] = (schema, compiled)  # holding the schema prevents the reuse of its id
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
    """Return where a schema breaks its draft's metaschema; "" if that finds nothing."""
    metaschema = DRAFTS.get(draft or "")
    if metaschema is None:
        return ""
    rules = {"$schema": metaschema, "$ref": metaschema}
    return "; ".join(
        f"{found.path or 'the whole'}: {found.message}" for found in compile_schema(rules).validate(schema)
    )
