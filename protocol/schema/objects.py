"""The objects in a plain value. Nothing is said here of what they mean."""

from collections.abc import Iterator
from typing import Any, cast

__all__ = ["objects"]


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a value, however deep: the value itself too, if it is one."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield cast("dict[str, Any]", part)
            waiting += cast("dict[str, Any]", part).values()
        elif isinstance(part, list | tuple):
            waiting += cast("list[Any]", part)
