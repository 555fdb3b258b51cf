"""Saves on their way to a server, and which of them go there together. No I/O here."""

from collections.abc import Sequence

import msgspec

from ..protocol.record import Entry, Head, encode_entry, encode_head

__all__ = ["Save", "save_of", "together"]

MOST_BYTES = 8 * 2**20  # of heads and entries that go together, unless one save alone has more


class Save(msgspec.Struct, frozen=True):
    """One save: the head, the head as JSON, and the entries to append, as JSON."""

    head: Head
    expected_version: int
    data: bytes
    entries: tuple[bytes, ...]


def save_of(head: Head, append: Sequence[Entry], expected_version: int) -> Save:
    """Return this save, encoded."""
    return Save(head, expected_version, encode_head(head), tuple([encode_entry(entry) for entry in append]))


def together(jobs: Sequence[object], most: int) -> list[Save]:
    """Return the jobs that go to the server together: at most `most` saves of different runs, from the first job on."""
    # A run that is saved twice is saved in two steps: the second save builds on the first.
    saves: dict[str, Save] = {}
    size = 0
    for each in jobs[:most]:
        if not isinstance(each, Save) or each.head.id in saves:
            break
        size += len(each.data) + sum([len(entry) for entry in each.entries])
        if saves and size > MOST_BYTES:
            break
        saves[each.head.id] = each
    return list(saves.values())
