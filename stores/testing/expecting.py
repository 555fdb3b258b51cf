"""Compares records that are too long to print: names the first difference. No clauses here."""

from collections.abc import Sequence

from ...protocol.record import Entry, Record

__all__ = ["expect_record"]

_SHOWN = 200  # characters of a value in a message


def expect_record(found: Record | None, expected: Record, why: str) -> None:
    """Checks that both records are equal. Raises: AssertionError, which names the first difference."""
    assert found is not None, f"{why}: expected run {expected.head.id}, found none"
    assert found.head == expected.head, f"{why}: expected head {_short(expected.head)}, found {_short(found.head)}"
    assert found.journal == expected.journal, f"{why}: {_difference(found.journal, expected.journal)}"


def _difference(found: Sequence[Entry], expected: Sequence[Entry]) -> str:
    if len(found) != len(expected):
        return f"expected {len(expected)} journal entries, found {len(found)}"
    pairs = enumerate(zip(found, expected, strict=True))
    place, (one, other) = next((n, pair) for n, pair in pairs if pair[0] != pair[1])
    return f"expected {_short(other)} as journal entry {place}, found {_short(one)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
