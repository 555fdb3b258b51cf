"""Adds a caller's own fields to a request's body. Pure."""

from typing import Any, cast

from ..options import RESERVED_FIELDS, ModelOptions

__all__ = ["with_extra"]

_JSON = dict[str, Any]


def with_extra(body: _JSON, options: ModelOptions) -> _JSON:
    """Return the body with `options.extra`. Objects are merged; other values replace existing ones.

    Fields that the run sets stay unchanged."""
    return _merged(body, {name: value for name, value in options.extra.items() if name not in RESERVED_FIELDS})


def _merged(own: _JSON, over: _JSON) -> _JSON:
    merged = dict(own)
    for name, value in over.items():
        there = merged.get(name)
        both_objects = isinstance(there, dict) and isinstance(value, dict)
        merged[name] = _merged(cast(_JSON, there), cast(_JSON, value)) if both_objects else value
    return merged
