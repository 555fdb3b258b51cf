"""The caller's trace enters the metadata of a run that is started over HTTP; what is no `traceparent` does not."""

import pytest
from starlette.datastructures import Headers

from adjourn.actors.web.trace_headers import MAX_TRACESTATE, with_trace
from adjourn.protocol.methods import RunStart

NAMED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
START = RunStart(agent="shop", input="Refund order 7.", metadata={"user": "ann"})


def metadata(*headers: tuple[str, str], start: RunStart = START) -> object:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return with_trace(start, Headers(raw=raw)).metadata


def test_a_trace_joins_the_metadata_of_the_run() -> None:
    found = metadata(("traceparent", NAMED), ("tracestate", "a=1"), ("tracestate", "b=2"))
    assert found == {"user": "ann", "traceparent": NAMED, "tracestate": "a=1,b=2"}
    assert metadata(("traceparent", NAMED), start=RunStart(agent="shop", input="Hi")) == {"traceparent": NAMED}


def test_a_later_version_may_say_more() -> None:
    later = f"cc{NAMED[2:]}-more"
    assert metadata(("traceparent", later)) == {"user": "ann", "traceparent": later}


@pytest.mark.parametrize(
    "named",
    [
        *("", "rubbish", NAMED.upper(), NAMED[:-1], f"{NAMED}-more", f"{NAMED}é", f"ff{NAMED[2:]}"),
        f"cc{NAMED[2:]}more",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01",
    ],
)
def test_an_invalid_traceparent_is_ignored(named: str) -> None:
    assert metadata(("traceparent", named), ("tracestate", "a=1")) == {"user": "ann"}


def test_repeated_trace_headers_are_ignored() -> None:
    assert metadata(("traceparent", NAMED), ("traceparent", NAMED)) == {"user": "ann"}


def test_a_trace_state_that_is_too_long_is_dropped() -> None:
    found = metadata(("traceparent", NAMED), ("tracestate", "a=" + "1" * MAX_TRACESTATE))
    assert found == {"user": "ann", "traceparent": NAMED}


def test_the_trace_in_the_body_wins() -> None:
    start = RunStart(agent="shop", input="Hi", metadata={"traceparent": "mine"})
    assert metadata(("traceparent", NAMED), start=start) == {"traceparent": "mine"}
