"""The caller's trace, by W3C Trace Context: from the headers of a start into the metadata of its run. No spans here."""

import re

import msgspec
from starlette.datastructures import Headers

from ...protocol.methods import RunStart

__all__ = ["with_trace"]

# Source: www.w3.org/TR/trace-context, section 3.2. Later versions may have more behind the flags.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
MAX_TRACESTATE = 512  # characters; a longer one is dropped, as section 3.3.1.5 allows


def with_trace(start: RunStart, headers: Headers) -> RunStart:
    """Returns the start with the trace of its headers in its metadata, unless the body's metadata names a trace.

    An invalid `traceparent`, or more than one, is ignored, and `tracestate` with it.
    """
    metadata = start.metadata or {}
    named = headers.getlist("traceparent")
    if len(named) != 1 or not _is_valid(named[0].strip()) or "traceparent" in metadata:
        return start
    found = {"traceparent": named[0].strip()}
    state = ",".join(headers.getlist("tracestate"))
    if state and len(state) <= MAX_TRACESTATE:
        found["tracestate"] = state
    return msgspec.structs.replace(start, metadata={**metadata, **found})


def _is_valid(traceparent: str) -> bool:
    match = _TRACEPARENT.match(traceparent)
    if match is None:
        return False
    rest = traceparent[match.end() :]
    return not rest or (traceparent[:2] != "00" and rest.startswith("-") and len(traceparent) <= MAX_TRACESTATE)
