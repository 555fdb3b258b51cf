"""Checks whether a JSON value fits a type from a vendor's SDK: a TypedDict, or the type of a field.

The SDKs' request types are generated from the vendors' API specifications. They have every field, and say which are
required. An unknown field is a fault too: strict servers refuse it, others ignore it.
"""

import types
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Literal, Required, Union, get_args, get_origin, get_type_hints

from typing_extensions import is_typeddict

_SCALARS: dict[Any, tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    float: (int, float),
    bool: (bool,),
    type(None): (type(None),),
}


def faults(value: Any, kind: Any, path: str = "") -> list[str]:
    """Yield where a decoded JSON value doesn't fit the type, each as `path: reason`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in (Any, object):
        return []
    if is_typeddict(kind):
        return _typed_dict(value, kind, path)
    if origin in (Union, types.UnionType):
        tried = [faults(value, member, path) for member in arguments]
        return min(tried, key=lambda found: (any(each.startswith(f"{path}: ") for each in found), len(found)))
    if origin is Literal:
        return [] if value in arguments else [f"{path}: {value!r} is none of {arguments}"]
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            return [f"{path}: expected an object, got {value!r}"]
        return [fault for key, each in value.items() for fault in faults(each, arguments[1], f"{path}.{key}")]
    if isinstance(origin, type) and issubclass(origin, Iterable):
        if not isinstance(value, list):
            return [f"{path}: expected a list, got {value!r}"]
        return [fault for at, each in enumerate(value) for fault in faults(each, arguments[0], f"{path}[{at}]")]
    if type(value) in _SCALARS.get(kind, ()):  # a type that isn't JSON (an open file) fits nothing
        return []
    return [f"{path}: expected {kind}, got {value!r}"]


@cache
def _fields(kind: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the types of all fields, and the names of the required ones."""
    hints = get_type_hints(kind, include_extras=True)
    required = frozenset(name for name, hint in hints.items() if get_origin(hint) is Required)
    return {name: get_args(hint)[0] if name in required else hint for name, hint in hints.items()}, required


def _typed_dict(value: Any, kind: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: expected an object, got {value!r}"]
    fields, required = _fields(kind)
    found = [f"{path}.{name}: missing" for name in sorted(required - set(value))]
    for name, each in value.items():
        if name in fields:
            found += faults(each, fields[name], f"{path}.{name}")
        else:
            found.append(f"{path}.{name}: {kind.__name__} has no such field")
    return found
