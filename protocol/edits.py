"""Edited arguments: checks whether a decision may change a call's arguments. Pure."""

from typing import Any

from .codec import digest as digest_of
from .codec import pointer
from .record import ToolSpec
from .schema import compile_schema

__all__ = ["edit_faults"]


def edit_faults(
    tool: ToolSpec, original: dict[str, Any], edited: dict[str, Any], *, digest: str | None
) -> list[tuple[str, str]]:
    """Return why `edited` may not replace `original`, as (JSON pointer, what was expected); empty if it may.

    `digest`: of the arguments that were shown for the decision. Required, because nobody may edit unseen arguments.

    Raises: SchemaInvalid for a recorded schema that only an earlier version could use.
    """
    if not tool.editable:
        return [("/arguments", f"expected none: tool {tool.name!r} takes no edited arguments")]
    if digest is None:
        return [("/digest", "expected the digest of the arguments that were shown, as arguments are edited")]
    if tool.editable is not True:
        kept = sorted(key for key in {**original, **edited} if key not in tool.editable)
        changed = [key for key in kept if not _same(key, original, edited)]
        if changed:
            what = f"expected it unchanged: only {', '.join(tool.editable)} may be edited"
            return [("/arguments" + pointer(key), what) for key in changed]
    faults = compile_schema(tool.parameters).validate(edited)
    return [(f"/arguments{fault.path}", fault.message) for fault in faults]


def _same(key: str, original: dict[str, Any], edited: dict[str, Any]) -> bool:
    """Compare as JSON does: in Python True equals 1."""
    if key not in original or key not in edited:
        return False
    return digest_of(original[key]) == digest_of(edited[key])
