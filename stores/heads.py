"""The heads in the rows that a server returns. No I/O here."""

import logging
from collections.abc import Iterable

from msgspec.structs import replace

from ..protocol.errors import RecordTooNew, StoreCorrupt
from ..protocol.record import Head, decode_head

__all__ = ["head_in", "readable"]

_LOG = logging.getLogger(__name__)


def head_in(created_at: bytes | None, data: bytes | None) -> Head:
    """Return the head in a row. Its `createdAt` is that of the first save, if the row has one.

    Raises: RecordTooNew, StoreCorrupt.
    """
    head = decode_head(data or b"")
    first = head.created_at if created_at is None else int(created_at)
    return head if head.created_at == first else replace(head, created_at=first)


def readable(rows: Iterable[tuple[bytes | None, bytes | None, bytes | None]]) -> Iterable[Head]:
    """Yield the heads of these rows: id, createdAt or None, and data. Those that can't be read are logged."""
    for run_id, created_at, data in rows:
        try:
            yield head_in(created_at, data)
        except (RecordTooNew, StoreCorrupt) as error:
            _LOG.warning("run %s is left out: %s", (run_id or b"").decode(), error)
