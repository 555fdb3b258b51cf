"""Fields that a caller adds to a request's body by the API's own names. Pure."""

from typing import Any, cast

from ..options import RESERVED_FIELDS, ModelOptions

__all__ = ["with_extra"]

_JSON = dict[str, Any]


def with_extra(body: _JSON, options: ModelOptions) -> _JSON:
    """The body with `options.extra`: objects are merged, anything else takes the place of what was there.

    What the run sets itself stays as it is."""
    return _merged(body, {name: value for name, value in options.extra.items() if name not in RESERVED_FIELDS})


def _merged(own: _JSON, over: _JSON) -> _JSON:
    merged = dict(own)
    for name, value in over.items():
        there = merged.get(name)
        both_objects = isinstance(there, dict) and isinstance(value, dict)
        merged[name] = _merged(cast(_JSON, there), cast(_JSON, value)) if both_objects else value
    return merged
