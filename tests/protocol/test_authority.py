"""Host and Origin headers: which are valid, and that no other parser could read another host from a valid one."""

from ipaddress import IPv6Address
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from adjourn.protocol.authority import Authority, Origin, parse_authority, parse_origin


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost", ("localhost", None)),
        ("LocalHost:8765", ("localhost", 8765)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]", ("::1", None)),
        ("[0:0:0:0:0:0:0:1]:443", ("::1", 443)),
        ("[::FFFF:127.0.0.1]", (str(IPv6Address("::ffff:7f00:1")), None)),
        ("a-b.my_service.xn--bcher-kva.example", ("a-b.my_service.xn--bcher-kva.example", None)),
        ("1e3.example", ("1e3.example", None)),
    ],
)
def test_these_name_a_host(text: str, expected: tuple[str, int | None]) -> None:
    assert parse_authority(text) == Authority(*expected)


NO_HOSTS = [
    "",
    " ",
    " localhost",
    "localhost ",
    "local host",
    "localhost\t",
    "localhost\n",
    "localhost\x00",
    "localhost.",
    ".localhost",
    "evil.com..localhost",
    "localhost:",
    "localhost:x",
    "localhost:+80",
    "localhost:1e3",
    "localhost:65536",
    "localhost:80:80",
    "localhost:٣",
    "localhost,evil.com",
    "localhost;evil.com",
    "evil.com@localhost",
    "evil.com:80@localhost",
    "@localhost",
    "localhost@",
    "localhost/evil.com",
    "localhost/",
    "localhost?",
    "localhost#",
    "localhost\\evil.com",
    "//localhost",
    "http://localhost",
    "local%68ost",
    "%6cocalhost",
    "localhost%00",
    "[::1",
    "::1",
    "[::1]]",
    "[[::1]]",
    "[::1].evil.com",
    "[::1]evil.com",
    "[::1]:80.evil.com",
    "evil.com[::1]",
    "[::1%25lo]",
    "[::1%lo]",
    "[::g]",
    "[v1.localhost]",
    "[localhost]",
    "[127.0.0.1]",
    "[]",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x",
    "127.1",
    "127.0.0.01",
    "0177.0.0.1",
    "127.0.0.1.",
    "127.0.0.256",
    "evil.1",
    "evil.com.0x7f000001",
    "-evil.com",
    "evil-.com",
    "a" * 64,
    ".".join(["a" * 63] * 5),
    "bücher.example",
    "ⓛocalhost",
    "\u212aelvin.example",  # its lower case is ASCII
    "localhost。evil.com",
    "*",
]


@pytest.mark.parametrize("text", NO_HOSTS)
def test_these_name_none(text: str) -> None:
    assert parse_authority(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://localhost", ("http", "localhost", 80)),
        ("https://App.Example:8443", ("https", "app.example", 8443)),
        ("HTTPS://app.example", ("https", "app.example", 443)),
        ("https://app.example:443", ("https", "app.example", 443)),
        ("http://[::1]:8765", ("http", "::1", 8765)),
    ],
)
def test_these_are_an_origin(text: str, expected: tuple[str, str, int]) -> None:
    assert parse_origin(text) == Origin(*expected)


@pytest.mark.parametrize(
    "text",
    [
        *(f"http://{text}" for text in NO_HOSTS),
        "",
        "null",
        "localhost",
        "//localhost",
        "http:localhost",
        "http:/localhost",
        "http:///localhost",
        "http ://localhost",
        " http://localhost",
        "http://localhost http://localhost",
        "http://localhost, http://evil.com",
        "http://evil.com,http://localhost",
        "http://http://localhost",
        "ws://localhost",
        "file://localhost",
        "chrome-extension://localhost",
        "https+evil://localhost",
        "://localhost",
    ],
)
def test_these_are_none(text: str) -> None:
    assert parse_origin(text) is None


WORDS = "localhost 127.0.0.1 [::1] evil.com 1 a 0x7f xn--a : 80 . - _ @ / \\ ? # % %25 , ; [ ] * é 。 ſ İ \u212a"
PIECES = st.sampled_from([*WORDS.split(), *" \t\r\n\x00"])
TEXTS = st.one_of(st.lists(PIECES, max_size=6).map("".join), st.text(max_size=30))


@given(TEXTS)
@examples(1000)
def test_a_lenient_parser_finds_the_same_host_in_every_valid_authority(text: str) -> None:
    authority = parse_authority(text)
    if authority is not None:
        parts = urlsplit(f"//{text}")
        assert (parts.username, parts.password, parts.path, parts.query, parts.fragment) == (None, None, "", "", "")
        found = parts.hostname or ""
        assert authority == (str(IPv6Address(found)) if ":" in found else found, parts.port)
        again = f"[{authority.host}]" if ":" in authority.host else authority.host
        assert parse_authority(again) == (authority.host, None)


@given(TEXTS, TEXTS)
@examples(1000)
def test_nothing_but_localhost_itself_is_called_localhost(before: str, after: str) -> None:
    authority = parse_authority(f"{before}localhost{after}")
    if authority is not None and authority.host == "localhost":
        assert before == ""
        assert after == "" or (after[0] == ":" and after[1:].isdecimal())


@given(st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z]{1,5}){0,3}", fullmatch=True), st.integers(0, 65535))
@examples(300)
def test_every_plain_name_and_port_is_read(name: str, port: int) -> None:
    assert parse_authority(f"{name}:{port}") == (name, port)
    assert parse_origin(f"http://{name}:{port}") == ("http", name, port)


@given(st.ip_addresses())
@examples(300)
def test_every_address_is_read(address: object) -> None:
    text = str(address)
    assert parse_authority(f"[{text}]" if ":" in text else text) == (text, None)
