"""Edited arguments: whether a decision may execute a call with arguments of its own. Pure."""

from typing import Any

from .record import ToolSpec
from .schema import compile_schema

__all__ = ["edit_faults"]


def edit_faults(
    tool: ToolSpec, original: dict[str, Any], edited: dict[str, Any], *, digest: str | None
) -> list[tuple[str, str]]:
    """Return why `edited` may not replace `original`, as (JSON pointer, what was expected); empty if it may.

    `digest`: of the arguments that the decider was shown. It is required: whoever edits must have seen what.
    """
    if tool.editable is False:
        return [("/arguments", f"tool {tool.name!r} takes no edited arguments")]
    if digest is None:
        return [("/digest", "expected the digest of the arguments that were shown, as arguments are edited")]
    if tool.editable is not True:
        changed = [key for key in {**original, **edited} if original.get(key, _MISSING) != edited.get(key, _MISSING)]
        kept = sorted(key for key in changed if key not in tool.editable)
        if kept:
            allowed = ", ".join(tool.editable)
            return [(f"/arguments/{key}", f"expected it unchanged: only {allowed} may be edited") for key in kept]
    faults = compile_schema(tool.parameters).validate(edited)
    return [(f"/arguments{fault.path}", fault.message) for fault in faults]


_MISSING = object()
