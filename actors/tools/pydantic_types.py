"""Handles pydantic's types, if the program has imported pydantic. This module never imports it.

Schemas, validation and encoding of these types are left to pydantic.
"""

import dataclasses
import inspect
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, cast

from ...protocol.codec import pointer, to_json

__all__ = ["adapted", "arguments", "dump", "is_field", "is_known_metadata", "is_pydantic"]

_BOUNDS = ("Ge", "Gt", "Le", "Len", "Lt", "MaxLen", "MinLen", "MultipleOf", "Not", "Predicate")  # of annotated_types

Decode = Callable[[Any], Any]


def _pydantic() -> Any:
    """Returns the pydantic module, version 2 or newer; None if the program has not imported it."""
    module = sys.modules.get("pydantic")
    return module if "TypeAdapter" in getattr(module, "__all__", ()) else None


def is_pydantic(kind: Any) -> bool:
    """Whether a class is a model or dataclass of pydantic, or defines its own schema for pydantic."""
    if not isinstance(kind, type) or _pydantic() is None:
        return False
    return hasattr(kind, "__get_pydantic_core_schema__") or "__pydantic_validator__" in vars(kind)


def is_field(value: Any) -> bool:
    """Whether a parameter's default is a `pydantic.Field`."""
    fields: Any = sys.modules.get("pydantic.fields")  # pydantic loads its submodules lazily
    return _pydantic() is not None and fields is not None and isinstance(value, fields.FieldInfo)


def is_known_metadata(value: Any) -> bool:
    """Whether pydantic supports this metadata in an `Annotated`. (It ignores metadata that it doesn't know.)"""
    if _pydantic() is None:
        return False
    hooks = ("__get_pydantic_core_schema__", "__get_pydantic_json_schema__")
    if type(value).__module__.partition(".")[0] == "pydantic" or any(hasattr(value, hook) for hook in hooks):
        return True
    bounds: Any = sys.modules.get("annotated_types")
    if bounds is None:
        return False
    if isinstance(value, bounds.GroupedMetadata):
        return all(is_known_metadata(each) for each in value)
    return isinstance(value, tuple(getattr(bounds, name) for name in _BOUNDS if hasattr(bounds, name)))


def adapted(kind: Any) -> tuple[dict[str, Any], Decode]:
    """Returns a type's JSON Schema, and the function that decodes plain values. Raises: what pydantic raises."""
    adapter = _pydantic().TypeAdapter(kind)

    def decode(value: Any) -> Any:
        try:
            return adapter.validate_json(to_json(value))  # as JSON, since a strict model then accepts a date as text
        except _pydantic().ValidationError as error:
            raise ValueError(_words(error)) from error

    return adapter.json_schema(ref_template="#/$defs/{model}"), decode


def arguments(fields: Iterable[tuple[str, Any] | tuple[str, Any, Any]]) -> tuple[dict[str, Any], Decode]:
    """Returns the JSON Schema of an object with these members (name, type, default), and the function that decodes it
    to keyword arguments. Raises: what pydantic raises."""
    field = _pydantic().Field
    members: list[Any] = []
    for name, kind, *default in fields:
        if default and not is_field(default[0]):
            default = [field(default=default[0])]  # makes pydantic copy the default for each call
        members.append((name, kind, *default))
    names = [member[0] for member in members]
    # A dataclass, not a model: a model reserves many names, and allows none that begins with an underscore.
    kind = dataclasses.make_dataclass("Arguments", members, kw_only=True)
    kind.__pydantic_config__ = {"extra": "forbid"}  # pyright: ignore[reportAttributeAccessIssue]
    schema, decode = adapted(kind)

    def keywords(value: Any) -> dict[str, Any]:
        found = decode(value)
        return {name: getattr(found, name) for name in names}

    return schema, keywords


def dump(value: Any) -> Any:
    """Returns a pydantic value as plain data, as in its JSON. Raises: what its serializers raise."""
    model_dump = getattr(value, "model_dump", None)
    if inspect.ismethod(model_dump):
        return model_dump(mode="json")
    return _adapter(cast(Any, type(value))).dump_python(value, mode="json")


@lru_cache(64)
def _adapter(kind: type) -> Any:
    return _pydantic().TypeAdapter(kind)


def _words(error: Any) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{pointer(*each['loc']) or '/'}: {each['msg']}" for each in found)
