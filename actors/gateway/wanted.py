"""What a client asks for when it opens a WebSocket: the wire, batches, the largest message that it takes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from ...protocol import rpc
from .refusal import Refusal

__all__ = ["Wanted", "parse_wanted"]

LEAST_MESSAGE_BYTES = 65_536  # that a client takes: every reply to what changes state fits into it


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one client wants."""

    form: rpc.Format
    subprotocol: str | None  # to answer with
    takes_batches: bool  # whether it wants waiting notifications in batches
    max_message_bytes: int | None  # the largest message that it takes; None: it didn't say


def parse_wanted(offered: Sequence[str], query: str) -> Wanted | Refusal:
    """What the subprotocols and the query of a request ask for, or why that can't be had."""
    wires = [name for name in offered if not name.startswith(rpc.AUTH_SUBPROTOCOL)]
    chosen = next((name for name in wires if name in rpc.FORMATS), None)
    if wires and chosen is None:
        return Refusal(400, f"expected one of the subprotocols {', '.join(rpc.FORMATS)}, or none")
    takes_batches, max_message_bytes = _takes_batches(query), _max_message_bytes(query)
    if isinstance(takes_batches, Refusal):
        return takes_batches
    if isinstance(max_message_bytes, Refusal):
        return max_message_bytes
    form = rpc.JSON if chosen is None else rpc.FORMATS[chosen]
    return Wanted(form, chosen, takes_batches, max_message_bytes)


def _takes_batches(query: str) -> bool | Refusal:
    """Whether the query says `batch=1`."""
    given = _last(query, "batch") or "0"
    return given == "1" if given in ("0", "1") else Refusal(400, "batch: expected 0 or 1")


def _max_message_bytes(query: str) -> int | Refusal | None:
    """What the query says as `maxMessageBytes`; None: nothing."""
    given = _last(query, "maxMessageBytes")
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 16 and int(given) >= LEAST_MESSAGE_BYTES):
        return Refusal(400, f"maxMessageBytes: expected a number of at least {LEAST_MESSAGE_BYTES}")
    return int(given)


def _last(query: str, name: str) -> str | None:
    return parse_qs(query, keep_blank_values=True).get(name, [None])[-1]
