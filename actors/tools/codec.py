"""Turns Python types into JSON Schema, and plain values into these types. Pure. `signature.py` reads functions."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import msgspec

from ...protocol.codec import CodecError, encode_json, parse_json, to_json
from ...protocol.schema import SchemaInvalid, compile_schema
from . import pydantic_types
from .annotations import engine_of
from .errors import ToolDefinitionError

__all__ = ["Codec", "Member", "arguments_codec", "codec_of", "own_schema"]

_PLAIN = frozenset({str, int, float, bool})

Member = tuple[str, Any] | tuple[str, Any, Any]  # name, type, and the default if there is one


@dataclass(frozen=True, slots=True)
class Codec:
    """A JSON Schema, and a function that decodes valid values into a Python type.

    The result of `decode` shares no data with the value, so a tool may change it. `decode` raises the type's own errors
    for rules that no schema can express.
    """

    schema: dict[str, Any]
    decode: Callable[[Any], Any]


def codec_of(kind: Any, where: str) -> Codec:
    """Returns the codec of a type that msgspec supports, or pydantic if the program has imported it; or of a JSON
    Schema, whose values are only copied.

    Raises: ToolDefinitionError, beginning with `where`."""
    if isinstance(kind, dict):
        return Codec(own_schema(cast(dict[str, Any], kind), where), msgspec.to_builtins)
    if engine_of(kind, where) == "pydantic":
        schema, decode = _said(where, pydantic_types.adapted, kind)
        return Codec(own_schema(_in_the_open(schema), where), decode)
    schema = own_schema(_said(where, _schema, kind), where)
    return Codec(schema, partial(_decoded, _said(where, msgspec.json.Decoder, kind)))


def arguments_codec(fields: list[Member], where: str) -> Codec:
    """Returns the codec of an object with these members, which decodes to keyword arguments. Either msgspec or pydantic
    handles a member, depending on its type. Raises: ToolDefinitionError, beginning with `where`."""
    mine: list[Member] = []
    theirs: list[Member] = []
    for name, kind, *default in fields:
        engine = engine_of(kind, where, default=default[0] if default else None)
        (theirs if engine == "pydantic" else mine).append((name, kind, *default))
    if not theirs:
        return _msgspec_arguments(mine, where)
    schema, decode = _said(where, pydantic_types.arguments, theirs)
    codec = Codec(own_schema(_without_title(schema), where), decode)
    return _merged(_msgspec_arguments(mine, where), codec, where) if mine else codec


def own_schema(schema: dict[str, Any], where: str) -> dict[str, Any]:
    """Returns a private copy of `schema`, after checking that it compiles. Raises: ToolDefinitionError."""
    try:
        own = parse_json(to_json(schema))
        compile_schema(own)
    except (CodecError, SchemaInvalid) as error:
        raise ToolDefinitionError(f"{where}: {error}") from error
    return own


def _msgspec_arguments(fields: list[Member], where: str) -> Codec:
    kind = _said(where, lambda: msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True))
    decoder = _said(where, msgspec.json.Decoder, kind)

    def decode(arguments: Any) -> dict[str, Any]:
        return msgspec.structs.asdict(_decoded(decoder, arguments))

    types = {name: each for name, each, *_ in fields}
    takes_plain = all(isinstance(each, type) and each in _PLAIN for each in types.values())
    schema = own_schema(_without_title(_said(where, _schema, kind)), where)
    return Codec(schema, _copying_plain(types, decode) if takes_plain else decode)


def _copying_plain(types: dict[str, type], decode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Returns a function that gives what `decode` does, but only copies values that already have these types."""

    def decode_or_copy(arguments: dict[str, Any]) -> dict[str, Any]:
        for name, value in arguments.items():
            if type(value) is not types.get(name):
                return decode(arguments)
        return arguments.copy() if len(arguments) == len(types) else decode(arguments)

    return decode_or_copy


def _merged(mine: Codec, theirs: Codec, where: str) -> Codec:
    """Returns the codec of an object with the members of both. Raises: ToolDefinitionError, if names clash."""
    known = theirs.schema["properties"].keys()
    twice = sorted(known & mine.schema["properties"].keys())
    if twice:
        raise ToolDefinitionError(f"{where}: two parameters are called {twice[0]!r}")
    defs, other = mine.schema.get("$defs", {}), theirs.schema.get("$defs", {})
    clashes = sorted(name for name in defs.keys() & other.keys() if defs[name] != other[name])
    if clashes:
        raise ToolDefinitionError(f"{where}: two types are called {clashes[0]!r}; rename one, or use one library's")
    schema = {
        **mine.schema,
        "properties": {**mine.schema["properties"], **theirs.schema["properties"]},
        "required": [*mine.schema["required"], *theirs.schema.get("required", ())],
        **({"$defs": {**defs, **other}} if defs or other else {}),
    }

    def decode(arguments: Any) -> dict[str, Any]:
        rest = {name: value for name, value in arguments.items() if name not in known}
        return {**mine.decode(rest), **theirs.decode({name: arguments[name] for name in arguments if name in known})}

    return Codec(own_schema(schema, where), decode)


def _schema(kind: Any) -> dict[str, Any]:
    (schema,), defs = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    return _in_the_open({**schema, "$defs": defs} if defs else schema)


def _in_the_open(schema: dict[str, Any]) -> dict[str, Any]:
    """Returns the schema with the top-level `$ref` resolved: forms and models expect the object there."""
    if "$ref" not in schema:
        return schema
    name, defs = schema["$ref"].rpartition("/")[2], schema["$defs"]
    recursive = f'"#/$defs/{name}"'.encode() in to_json(defs)
    rest = {key: value for key, value in defs.items() if recursive or key != name}
    return {**defs[name], **({"$defs": rest} if rest else {})}


def _without_title(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "title"}


def _decoded(decoder: msgspec.json.Decoder[Any], value: Any) -> Any:
    """Converts a plain value to the decoder's type. Encoding and decoding take half the time of `msgspec.convert`."""
    try:
        return decoder.decode(encode_json(value))
    except msgspec.ValidationError:
        # JSON Schema accepts 1.0 as an integer; msgspec does only in its lax mode. That mode comes second, as it would
        # also read the text "null" as None, and "1" as 1, where both types are allowed.
        return msgspec.convert(value, decoder.type, str_keys=True, strict=False)


def _said(where: str, make: Callable[..., Any], *args: Any) -> Any:
    """Returns what `make` returns. Raises: ToolDefinitionError, with one line of the error that `make` raised."""
    try:
        return make(*args)
    except Exception as error:
        raise ToolDefinitionError(f"{where}: {_line(error)}") from error


def _line(error: Exception) -> str:
    lines = [line for line in str(error).strip().splitlines() if not line.startswith("For further information")]
    return (lines[0] if type(error).__module__.startswith("pydantic") else lines[-1]) if lines else type(error).__name__
