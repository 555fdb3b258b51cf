"""Finds the objects in a plain value. Nothing here depends on their meaning."""

from collections.abc import Iterator
from typing import Any, cast

__all__ = ["objects"]


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a value at any depth, including the value itself if it is an object."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield cast("dict[str, Any]", part)
            waiting += cast("dict[str, Any]", part).values()
        elif isinstance(part, list | tuple):
            waiting += cast("list[Any]", part)
