"""What a client says when it opens a WebSocket: wire format, batches, largest message, whether it is a node. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from ...protocol import rpc
from .refusal import Refusal
from .source import Headers, values_of

__all__ = ["Wanted", "parse_wanted"]

_NODE = rpc.NODE_HEADER.encode()
LEAST_MESSAGE_BYTES = 65_536  # the smallest limit a client may set: every reply to a state change fits


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of one client."""

    form: rpc.Format
    subprotocol: str | None  # to answer with
    takes_batches: bool  # whether waiting notifications come in batches
    max_message_bytes: int | None  # the largest message that the client takes; None: not given
    is_node: bool  # whether the client is another node: it may watch only runs that this node executes


def parse_wanted(offered: Sequence[str], query: str, headers: Headers) -> Wanted | Refusal:
    """Parses a request's subprotocols, query and headers; returns why they are refused otherwise."""
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
    return Wanted(form, chosen, takes_batches, max_message_bytes, is_node=bool(values_of(headers, _NODE)))


def _takes_batches(query: str) -> bool | Refusal:
    """Returns whether the query has `batch=1`."""
    given = _last(query, "batch") or "0"
    return given == "1" if given in ("0", "1") else Refusal(400, "batch: expected 0 or 1")


def _max_message_bytes(query: str) -> int | Refusal | None:
    """Returns the query's `maxMessageBytes`; None: not given."""
    given = _last(query, "maxMessageBytes")
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 16 and int(given) >= LEAST_MESSAGE_BYTES):
        return Refusal(400, f"maxMessageBytes: expected a number of at least {LEAST_MESSAGE_BYTES}")
    return int(given)


def _last(query: str, name: str) -> str | None:
    return parse_qs(query, keep_blank_values=True).get(name, [None])[-1]
