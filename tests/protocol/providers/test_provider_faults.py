"""Error responses: the message for a person, whether the error is transient, and when to retry."""

import json
from collections.abc import Mapping
from email.utils import formatdate
from time import gmtime, strftime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjourn.protocol.providers.faults import Fault, fault_of, retry_after

NOW = 1_795_000_000.0


def fault(status: int, body: object = b"", headers: Mapping[str, str] | None = None) -> Fault:
    return fault_of(status, headers or {}, body if isinstance(body, bytes) else json.dumps(body).encode(), NOW)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
            "the provider answered 529 (overloaded_error): Overloaded",
        ),
        (
            {"error": {"message": "Slow down.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}},
            "the provider answered 529 (requests): Slow down.",
        ),
        ({"error": {"message": "No such model", "code": 404}}, "the provider answered 529: No such model"),
        ({"error": 'model "x" not found'}, 'the provider answered 529: model "x" not found'),
        (
            {"object": "error", "message": "too long", "type": "BadRequest"},
            "the provider answered 529 (BadRequest): too long",
        ),
        ({"detail": "Not Found"}, "the provider answered 529: Not Found"),
        ([{"error": {"message": "in a list"}}], "the provider answered 529: in a list"),
        ({"error": {"code": 7}}, 'the provider answered 529: {"error": {"code": 7}}'),
        ({"error": {"message": {"detail": "deep"}}}, "the provider answered 529: deep"),
        ({"detail": [{"loc": ["body"], "msg": "field required"}]}, "the provider answered 529: field required"),
        (
            {"error": {"message": "Provider returned error", "metadata": {"raw": '{"error":{"message":"Too big"}}'}}},
            "the provider answered 529: Provider returned error: Too big",
        ),
        (
            {"base_resp": {"status_code": 1008, "status_msg": "no money"}},
            "the provider answered 529 (invalid_request_error): no money (1008)",
        ),
        (b"upstream connect error\n\nreset", "the provider answered 529: upstream connect error reset"),
        (b"", "the provider answered 529: nothing more was said"),
        (
            b"<!DOCTYPE html><html><head><title>502 &amp; Bad</title></head><body>long</body></html>",
            "the provider answered 529: a web page: 502 & Bad",
        ),
        (
            b"<html><body><h1>Sign in</h1><p>here</p></body></html>",
            "the provider answered 529: a web page: Sign in here",
        ),
        (b'{"error": "cut of', 'the provider answered 529: {"error": "cut of'),
        (b"\xff\x00 bytes", "the provider answered 529: \ufffd bytes"),
    ],
)
def test_the_provider_is_quoted_with_the_status(body: object, message: str) -> None:
    assert fault(529, body).message == message


def test_a_long_body_is_cut() -> None:
    assert len(fault(500, b"word " * 10_000).message) < 1100
    assert len(fault(500, {"error": {"message": "word " * 10_000, "type": "t" * 10_000}}).message) < 1300


@pytest.mark.parametrize("name", ["request-id", "x-request-id"])
def test_the_request_id_is_there_for_the_providers_support(name: str) -> None:
    assert fault(500, b"no", {name: "req_011"}).message == "the provider answered 500: no [request id req_011]"


@pytest.mark.parametrize("status", range(400, 600))
def test_statuses_that_a_retry_may_overcome_are_transient(status: int) -> None:
    transient = status in (408, 409, 425, 429) or (status >= 500 and status not in (501, 505))
    assert fault(status) == Fault(
        f"the provider answered {status}: nothing more was said", "transient" if transient else "terminal", status
    )


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (200, {"type": "overloaded_error"}, "transient"),
        (400, {"code": 503}, "transient"),
        (400, {"status": "UNAVAILABLE"}, "transient"),
        (500, {"type": "invalid_request_error"}, "terminal"),
        (503, {"code": "model_not_found"}, "terminal"),
        (503, {"code": 7, "type": "something"}, "transient"),
        (429, {"type": "invalid_request_error", "code": "rate_limit_exceeded"}, "transient"),
    ],
)
def test_a_code_in_the_body_beats_the_status(status: int, error: dict[str, object], kind: str) -> None:
    assert fault(status, {"error": {"message": "m", **error}}).kind == kind


def test_an_account_without_money_is_terminal() -> None:
    assert fault(429, {"error": {"message": "m", "type": "insufficient_quota"}}).kind == "terminal"


@pytest.mark.parametrize(("wish", "kind"), [("true", "transient"), ("false", "terminal"), ("maybe", "transient")])
def test_the_servers_own_wish_overrules_the_status(wish: str, kind: str) -> None:
    assert fault(500, b"", {"x-should-retry": wish}).kind == kind
    assert fault(404, b"", {"x-should-retry": "true"}).kind == "transient"


def test_how_long_the_provider_wants_to_be_left_alone_is_told_where_a_person_would_notice() -> None:
    found = fault(429, b"slowly", {"retry-after": "3600", "request-id": "r1"})
    assert found.message == ("the provider answered 429: slowly (it wants to be left alone for 3600 s) [request id r1]")
    assert fault(429, b"slowly", {"retry-after": "0.5"}).message == "the provider answered 429: slowly"


def test_a_redirect_says_where_it_points() -> None:
    found = fault(307, b"", {"location": "https://elsewhere.test/v1"})
    assert found.kind == "terminal"
    assert "https://elsewhere.test/v1; redirects are not followed" in found.message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12"}, 12),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-3"}, 0),
        ({"retry-after-ms": "250", "retry-after": "12"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "12"}, 12),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Sun, 06 Foo 2094 08:49:37 GMT"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_the_provider_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@given(st.integers(min_value=0, max_value=4_102_444_800))
def test_the_wait_until_a_date(then: int) -> None:
    expected = max(then - NOW, 0)
    assert retry_after({"retry-after": formatdate(then, usegmt=True)}, NOW) == expected
    assert retry_after({"retry-after": strftime("%a %b %e %H:%M:%S %Y", gmtime(then))}, NOW) == expected


@given(st.integers(min_value=0, max_value=3_155_759_999))
def test_the_wait_until_a_date_with_two_digits_for_the_year(then: int) -> None:
    assert retry_after({"retry-after": strftime("%A, %d-%b-%y %H:%M:%S GMT", gmtime(then))}, NOW) == max(then - NOW, 0)


@given(
    st.integers(min_value=100, max_value=999),
    st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "x-request-id", "location"]), st.text()),
    st.one_of(
        st.binary(),
        st.recursive(
            st.none() | st.text() | st.integers(),
            lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["error", "message", "type"]), inner),
        ).map(lambda value: json.dumps(value).encode()),
    ),
)
def test_nothing_makes_it_raise(status: int, headers: dict[str, str], body: bytes) -> None:
    found = fault_of(status, headers, body, NOW)
    assert found.message.isprintable()
    assert found.retry_after_s is None or found.retry_after_s >= 0


def test_deep_and_hostile_bodies_cost_little() -> None:
    assert fault(500, b"[" * 60_000).status == 500
    assert fault(500, b"<html>" + b"<" * 60_000).status == 500
