"""Addresses of stores in Valkey servers: what they mean, and which are refused. No server."""

import ssl

import pytest

from adjourn.protocol.errors import InvalidParams
from adjourn.stores import open_store, shown_address
from adjourn.stores.valkey.server import Server, server_at


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("valkey://cache", Server("cache")),
        ("redis://cache/", Server("cache")),
        ("valkey://cache:7000/3?prefix=shop", Server("cache", 7000, 3, "shop")),
        ("valkey://:word@[::1]", Server("::1", user="", password="word")),
        ("valkey://ann%40x:w%2Frd@cache", Server("cache", user="ann@x", password="w/rd")),
    ],
)
def test_an_address_names_server_database_and_prefix(address: str, server: Server) -> None:
    assert server_at(address) == server


@pytest.mark.parametrize("scheme", ["valkeys", "rediss"])
def test_tls_checks_the_servers_certificate_and_name(scheme: str) -> None:
    tls = server_at(f"{scheme}://cache").tls
    assert tls is not None
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize(
    "address",
    [
        "valkey://",
        "valkey:///0",
        "valkey://ann:secret-word@",
        "valkey://ann:secret-word@cache/shop",
        "valkey://ann:secret-word@cache/-1",
        "valkey://ann:secret-word@cache:port",
        "valkey://[::1:secret-word",
        "valkey://ann:secret-word@cache#0",
        "valkey://ann:secret-word@cache?prefix",
    ],
)
async def test_a_wrong_address_is_refused_and_not_told(address: str) -> None:
    with pytest.raises(InvalidParams, match=r"expected valkey://user@host:6379/0\?prefix=adjourn") as refused:
        async with open_store(address):
            pass
    assert "secret-word" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("valkey://cache?prefix=", "expected a prefix"),
        ("valkey://cache?prefix=a%7Db", "expected a prefix"),
        ("valkey://cache?cacert=ca.pem", "unknown option 'cacert'; expected one of: prefix$"),
        ("valkeys://cache?ca=ca.pem", "unknown option 'ca'; expected one of: prefix, cacert, cert, key"),
        ("valkeys://cache?cacert=/missing.pem", "the certificates can't be read"),
    ],
)
def test_a_wrong_option_is_told(address: str, expected: str) -> None:
    with pytest.raises(InvalidParams, match=expected):
        server_at(address)


def test_the_password_is_never_shown() -> None:
    address = "valkey://ann:secret-word@cache/1?prefix=shop"
    assert shown_address(address) == "valkey://ann@cache/1?prefix=shop"
    server = server_at(address)
    assert "secret-word" not in f"{server} {server!r}"
