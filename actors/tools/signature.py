"""Python types as JSON Schema, and plain values as what the types say. Pure: nothing here calls a tool.

msgspec knows the types; pydantic's are recognised by their `model_json_schema`, and never imported.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import msgspec

from ...protocol.codec import CodecError, parse_json, to_json
from ...protocol.errors import ProgramError
from ...protocol.schema import SchemaInvalid, compile_schema


class ToolDefinitionError(ProgramError, TypeError):
    """A tool is declared in a way that can't work; the message names the tool and the parameter or option."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A JSON Schema, and how a value that is valid under it becomes what Python code asked for."""

    schema: dict[str, Any]
    decode: Callable[[Any], Any]  # raises what the type raises for what only it can tell


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes: the model's arguments, and the parameters that are not the model's."""

    schema: dict[str, Any]  # JSON Schema of the arguments: an object
    decode: Callable[[Any], dict[str, Any]]  # arguments to keyword arguments
    context: str | None  # the parameter that takes the context
    decision: str | None  # the parameter that takes the decision


def codec_of(kind: Any, where: str) -> Codec:
    """The codec of a JSON Schema (values stay as they are), a pydantic-like model, or any type that msgspec knows.

    Raises: ToolDefinitionError, beginning with `where`."""
    if isinstance(kind, dict):
        return Codec(own_schema(cast(dict[str, Any], kind), where), _as_is)
    try:
        if callable(getattr(kind, "model_json_schema", None)):
            schema, decode = kind.model_json_schema(), kind.model_validate
        else:
            schema, decode = _schema(kind), partial(_convert, kind)
    except Exception as error:
        raise ToolDefinitionError(f"{where}: {_last_line(error)}") from error
    return Codec(own_schema(schema, where), decode)


def own_schema(schema: dict[str, Any], where: str) -> dict[str, Any]:
    """A copy of `schema` that nobody else can change, proven to compile. Raises: ToolDefinitionError."""
    try:
        own = parse_json(to_json(schema))
        compile_schema(own)
    except (CodecError, SchemaInvalid) as error:
        raise ToolDefinitionError(f"{where}: {error}") from error
    return own


def signature_of(function: Callable[..., Any], where: str, *, context_type: type, gated: bool) -> Signature:
    """What `function` takes, from its type hints. A parameter annotated with `context_type` and, for a gated tool,
    one named `decision` are not the model's.

    Raises: ToolDefinitionError, beginning with `where`."""
    try:
        parameters = inspect.signature(function, eval_str=True).parameters.values()
    except (NameError, TypeError, ValueError, SyntaxError, AttributeError) as error:
        raise ToolDefinitionError(f"{where}: its signature can't be read: {error}") from error
    context: str | None = None
    decision: str | None = None
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for parameter in parameters:
        _check_kind(parameter, where)
        if parameter.annotation is context_type:
            context = parameter.name
        elif gated and parameter.name == "decision":
            decision = parameter.name
        else:
            fields.append(_field(parameter, where))
    schema, decode = _arguments(fields, where)
    return Signature(schema, decode, context, decision)


def _check_kind(parameter: inspect.Parameter, where: str) -> None:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise ToolDefinitionError(f"{where}: {parameter} can't be described to a model: name each parameter")
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise ToolDefinitionError(f"{where}: parameter {parameter.name!r} is positional-only; arguments come by name")


def _field(parameter: inspect.Parameter, where: str) -> tuple[str, Any] | tuple[str, Any, Any]:
    where = f"{where}: parameter {parameter.name!r}"
    if parameter.annotation is parameter.empty:
        raise ToolDefinitionError(f"{where} has no type hint")
    field = (parameter.name, parameter.annotation)
    if parameter.default is not parameter.empty:
        field = (*field, parameter.default)
    _arguments([field], where)  # alone, so that the message can name it
    return field


def _arguments(fields: list[Any], where: str) -> tuple[dict[str, Any], Callable[[Any], dict[str, Any]]]:
    try:
        kind = msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True)
    except (TypeError, ValueError) as error:
        raise ToolDefinitionError(f"{where}: {error}") from error
    codec = codec_of(kind, where)
    names = [field[0] for field in fields]
    schema = {key: value for key, value in codec.schema.items() if key != "title"}

    def decode(arguments: Any) -> dict[str, Any]:
        value = codec.decode(arguments)
        return {name: getattr(value, name) for name in names}

    return schema, decode


def _schema(kind: Any) -> dict[str, Any]:
    (schema,), defs = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    if "$ref" in schema:  # the outermost object stands in the open, where a form or a model looks for it
        name = schema["$ref"].rpartition("/")[2]
        recursive = f'"#/$defs/{name}"'.encode() in to_json(defs)
        schema, defs = defs[name], {key: value for key, value in defs.items() if recursive or key != name}
    return {**schema, "$defs": defs} if defs else schema


def _convert(kind: Any, value: Any) -> Any:
    try:
        return msgspec.convert(value, kind, str_keys=True)
    except msgspec.ValidationError:
        # To JSON Schema 1.0 is an integer, to msgspec only when it is not strict. That reading comes second, for it
        # would also take the word "null" for None, and "1" for 1, where both are allowed.
        return msgspec.convert(value, kind, str_keys=True, strict=False)


def _as_is(value: Any) -> Any:
    return value


def _last_line(error: Exception) -> str:
    return str(error).strip().rpartition("\n")[2] or type(error).__name__
