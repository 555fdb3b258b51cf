"""Request heads, and the checks of Host and Origin; without sockets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from adjourn.actors.gateway.refusal import Refusal
from adjourn.actors.gateway.request_head import RequestHead, parse_head
from adjourn.actors.gateway.source import Sources
from adjourn.protocol.errors import InvalidParams

APP = "https://app.example"


def status(
    *headers: tuple[str, str], version: str = "1.1", host: str | None = "127.0.0.1", origins: list[str] | None = None
) -> int | None:
    """Returns the status with which a request with these headers is refused; None: it is allowed."""
    sources = Sources(host, [APP] if origins is None else origins)
    refusal = sources.refusal(version, [(name.lower().encode(), value.encode()) for name, value in headers])
    return None if refusal is None else refusal.status


HERE = ("Host", "localhost:8765")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]", "192.0.2.7", "[2001:db8::7]:80", "app.example"])
def test_its_own_names_and_any_address_are_hosts(host: str) -> None:
    assert status(("Host", host)) is None


@pytest.mark.parametrize(
    "host", ["", "evil.com", "localhost.evil.com", "127.0.0.1.evil.com", "[::1].evil.com", "evil.com@localhost", "null"]
)
def test_other_names_and_invalid_names_are_refused(host: str) -> None:
    assert status(("Host", host)) == 403


def test_the_bound_host_is_one_of_the_servers_names() -> None:
    assert status(("Host", "box.lan"), host="Box.lan") is None
    assert status(("Host", "box.lan"), host=None) == 403
    assert status(("Host", ""), host="") == 403


@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://127.8.9.1", "http://[::1]", APP, f"{APP}:443"])
def test_pages_of_this_machine_and_of_configured_origins_are_welcome(origin: str) -> None:
    assert status(HERE, ("Origin", origin)) is None


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "http://[::1].evil.com",
        "http://evil.com@localhost",
        f"{APP}:444",
        "http://app.example",
        "http://0x7f.1",
        f"{APP}.evil.com",
        f"{APP}, http://evil.com",
        f"{APP} http://evil.com",
        f"{APP}/",
        f"{APP}.",
        "http://192.0.2.7",
    ],
)
def test_pages_of_other_origins_are_refused(origin: str) -> None:
    assert status(HERE, ("Origin", origin)) == 403


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Origin", APP)],
        [HERE, HERE],
        [HERE, ("Host", "evil.com")],
        [HERE, ("Origin", APP), ("Origin", APP)],
        [HERE, ("Origin", APP), ("Origin", "http://evil.com")],
        [HERE, ("Authorization", "Bearer a"), ("Authorization", "Bearer b")],
    ],
)
def test_a_missing_host_and_repeated_headers_are_bad_requests(headers: list[tuple[str, str]]) -> None:
    assert status(*headers) == 400


@pytest.mark.parametrize(("version", "expected"), [("0.9", 505), ("1.0", 505), ("1.1", None), ("2", None), ("3", None)])
def test_a_version_that_needs_no_host_is_refused(version: str, expected: int | None) -> None:
    assert status(HERE, version=version) == expected


@pytest.mark.parametrize(
    ("configured", "sent"),
    [
        ("https://app.example/", "https://app.example"),
        ("HTTPS://APP.example:443", "https://app.example"),
        ("https://app.example", "https://app.example:443"),
        ("http://bücher.example:81", "http://xn--bcher-kva.example:81"),
        ("http://[2001:DB8:0::1]:81", "http://[2001:db8::1]:81"),
    ],
)
def test_an_origin_may_be_configured_as_people_write_it(configured: str, sent: str) -> None:
    assert status(HERE, ("Origin", sent), origins=[configured]) is None


@pytest.mark.parametrize(
    "given",
    [
        "",
        "example.org",
        "*",
        "null",
        "https://*.example.org",
        "https://a.example/path",
        "https://a b",
        "http://ü..de",
        "https://user@a.example",
        "ws://a.example",
        "https://a.example//",
    ],
)
def test_an_invalid_origin_is_refused_at_configuration(given: str) -> None:
    with pytest.raises(InvalidParams, match="origins"):
        Sources(None, [given])


# Heads.


def head_of(*lines: bytes, first: bytes = b"GET /?batch=1 HTTP/1.1") -> bytes:
    return b"\r\n".join([first, *lines, b"", b""])


def test_a_head_is_read() -> None:
    head = parse_head(
        head_of(
            b"Host:localhost ", b"UPGRADE: WebSocket", b"Sec-WebSocket-Protocol: a, b ,", b"sec-websocket-protocol: c"
        )
    )
    assert isinstance(head, RequestHead)
    assert (head.version, head.target, head.is_upgrade) == ("1.1", "/?batch=1", True)
    assert head.subprotocols == ["a", "b", "c"]
    assert (b"host", b"localhost") in head.headers
    assert not isinstance(
        parse_head(head_of(b"Host: localhost", first=b"GET / HTTP/1.0")), Refusal
    )  # `Sources` checks it


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n",
        b"\x16\x03\x01 no http at all\r\n\r\n",
        head_of(),
        head_of(b"Host: localhost", b"Host: localhost"),
        head_of(b"Host : localhost"),
        head_of(b" Host: localhost"),
        head_of(b"Host: localhost", b" .evil.com"),
        head_of(b"Host: localhost", b"\t.evil.com"),
        head_of(b"Host: localhost\nHost: evil.com"),
        head_of(b"Host: localhost\n\nGET / HTTP/1.1"),
        head_of(b"Host: localhost\rX: y"),
        head_of(b"Host: local\x00host"),
        head_of(b"Host: localhost", b"no header"),
        head_of(b"Host: localhost", first=b"GET http://evil.com/ HTTP/1.1"),
        head_of(b"Host: localhost", first=b"GET evil.com:80 HTTP/1.1"),
        head_of(b"Host: localhost", first=b"OPTIONS * HTTP/1.1"),
        head_of(b"Host: localhost", first=b"GET  / HTTP/1.1"),
        head_of(b"Host: localhost", first=b"GET /"),
        head_of(b"Host: localhost", first=b"GET /\xff HTTP/1.1"),
        head_of(b"Host: localhost", b"Sec-WebSocket-Protocol: \xff"),
        head_of(b"Host: localhost", b"Connection: \xff"),
        head_of(b"Host: localhost", b"Content-Length: 5"),
        head_of(b"Host: localhost", b"Transfer-Encoding: chunked"),
    ],
)
def test_an_ambiguous_head_is_a_bad_request(head: bytes) -> None:
    refusal = parse_head(head)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 400


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [b"Host: localhost", b"Host: evil.com", b"Origin: null", b" x", b"\tx", b"Upgrade: websocket", b"X"]
        ),
        st.binary(max_size=12),
    ),
    max_size=5,
)


@given(LINES, st.sampled_from([b"\r\n", b"\n", b"\r"]))
@examples(2000)
def test_every_head_is_either_parsed_or_refused(lines: list[bytes], end: bytes) -> None:
    text = end.join(lines).partition(b"\r\n\r\n")[0]
    head = parse_head(b"GET / HTTP/1.1\r\n" + text + b"\r\n\r\n")
    if isinstance(head, RequestHead):
        hosts = [value for name, value in head.headers if name == b"host"]
        assert len(hosts) == 1
        assert sum(line.lower().startswith(b"host:") for line in text.splitlines()) == 1
        Sources("127.0.0.1", []).refusal(head.version, head.headers)
    else:
        assert head.response().startswith(b"HTTP/1.1 400 ")


# Refusals as responses.


def test_a_refusal_is_a_whole_response() -> None:
    assert Refusal(429, "too much of Ünicode \udcff", 7).response() == (
        b"HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Length: 28\r\nRetry-After: 7\r\n\r\ntoo much of \xc3\x9cnicode \\udcff\n"
    )
    assert b"\r\nUpgrade: websocket\r\n" in Refusal(426, "x").response()
    assert b"Retry-After" not in Refusal(403, "x").response()
