"""Faults of networks and servers: each gives a `Failed` with the content received so far."""

import gzip
import json
import zlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
from asked import DONE, HELLO, call_of, local, said
from asking import answer, events, failure
from byteserver import Reply, each_byte, open_byte_server
from trio.testing import MockClock

from adjourn.actors import find_model
from adjourn.actors.models import httpclient
from adjourn.actors.models.inflater import INFLATED_BYTES
from adjourn.protocol.events import Failed
from adjourn.protocol.messages import ModelDescriptor, user


async def failed(*replies: Reply, **settings: Any) -> Failed:
    async with open_byte_server(*replies) as server:
        return failure(await events(local(server.url, **settings), [user("Hi")]))


@asynccontextmanager
async def listener(handler: Callable[[trio.SocketStream], Any]) -> AsyncGenerator[str]:
    """Serve each connection with this function. Yields the URL."""
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, handler, 0, host="127.0.0.1"))
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


async def test_the_error_of_a_404_names_the_url_that_was_asked() -> None:
    async with open_byte_server(Reply(b"no", status=404)) as server:
        end = failure(await events(local(f"{server.url}/v2"), [user("Hi")]))
    assert end.error.error_message == f"the provider answered 404: no (asked: {server.url}/v2/api/chat)"


# Network errors.


@pytest.mark.parametrize("framing", ["chunked", "length"])
@pytest.mark.parametrize("then", ["reset", "close"])
async def test_a_connection_lost_in_mid_answer_keeps_the_partial_message(framing: Any, then: Any) -> None:
    end = await failed(said(HELLO, framing=framing, then=then))
    assert end.error.text == "Hello"
    assert end.error.error_kind == "transient"
    assert "broke" in (end.error.error_message or "")


async def test_a_body_that_just_stops_is_told_from_one_that_ends() -> None:
    end = await failed(said(HELLO, framing="close"))
    assert (end.error.text, end.error.error_kind) == ("Hello", "transient")
    assert end.error.error_message == "the provider's stream ended before its message did"


@pytest.mark.parametrize(
    "raw", [b"", b"HTTP/1.1 200 OK\r\ncontent-", b"SSH-2.0-OpenSSH_9\r\n", b"\x15\x03\x01\x00\x02"]
)
async def test_an_answer_that_is_not_http_is_a_broken_connection(raw: bytes) -> None:
    end = await failed(Reply(raw=raw, then="close"))
    assert end.error.error_kind == "transient"
    assert "broke" in (end.error.error_message or "")


async def test_broken_chunked_framing_keeps_the_partial_message() -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    end = await failed(Reply(raw=head + b"%x\r\n%b\r\nzz\r\n" % (len(HELLO), HELLO)))
    assert (end.error.text, end.error.error_kind) == ("Hello", "transient")


async def test_a_body_that_cannot_be_decompressed() -> None:
    end = await failed(said(headers=(("content-encoding", "gzip"),)))
    assert "can't be decompressed" in (end.error.error_message or "")


async def test_a_body_that_is_small_only_because_it_is_compressed_is_read_in_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    inflated = httpclient._inflated

    async def measured(*args: Any) -> bytes | None:
        piece = await inflated(*args)
        sizes.append(len(piece or b""))
        return piece

    monkeypatch.setattr(httpclient, "_inflated", measured)
    packed = gzip.compress(b"\n" * 5_000_000 + HELLO + DONE, mtime=0) + b"rubbish" * 1000
    async with open_byte_server(said(packed, headers=(("content-encoding", "gzip"),))) as server:
        assert answer(await events(local(server.url), [user("Hi")])).text == "Hello"
    assert max(sizes) <= INFLATED_BYTES < sum(sizes)


async def test_a_body_in_an_encoding_that_nobody_asked_for() -> None:
    end = await failed(said(headers=(("content-encoding", "br"),)))
    assert "a body in br" in (end.error.error_message or "")


async def test_silence_is_a_failure_that_says_how_long(autojump_clock: MockClock) -> None:
    end = await failed(said(HELLO, then="stall"), idle_timeout_s=90)
    assert end.error.text == "Hello"
    assert end.error.error_kind == "transient"
    assert (end.error.error_message or "").startswith("http://127.0.0.1:")
    assert (end.error.error_message or "").endswith(" sent nothing for 90 s")
    assert 90 <= trio.current_time() < 91


async def test_silence_before_the_answer_is_the_same(autojump_clock: MockClock) -> None:
    end = await failed(Reply(raw=b"", then="stall"), idle_timeout_s=90)
    assert (end.error.error_message or "").endswith(" sent nothing for 90 s")


async def test_nothing_listens() -> None:
    async with listener(lambda stream: stream.aclose()) as url:
        pass
    end = failure(await events(local(url, when_unreachable="Is it plugged in?"), [user("Hi")]))
    assert end.error.error_message == f"nothing listens at {url}. Is it plugged in?"
    assert end.error.error_kind == "transient"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
async def test_a_proxy_is_used_for_other_hosts_only(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with listener(lambda stream: stream.aclose()) as nobody:
        pass
    monkeypatch.setenv(variable, nobody)
    async with open_byte_server(said()) as server:
        assert answer(await events(local(server.url), [user("Hi")])).text == "Hello"
    end = failure(await events(local("http://model.invalid"), [user("Hi")]))
    told = "nothing listens at the proxy that the environment names for http://model.invalid"
    assert end.error.error_message == told


async def test_no_such_host() -> None:
    end = failure(await events(local("http://nowhere.invalid"), [user("Hi")]))
    assert "there is no address for the host of http://nowhere.invalid" in (end.error.error_message or "")
    assert end.error.error_kind == "transient"


async def test_a_server_that_speaks_no_tls() -> None:
    async def plain(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with listener(plain) as url:
        end = failure(await events(local(url.replace("http:", "https:")), [user("Hi")]))
    assert "no TLS with https://127.0.0.1" in (end.error.error_message or "")
    assert end.error.error_kind == "transient"


async def test_a_server_that_hangs_up_on_the_tls_handshake() -> None:
    async with listener(lambda stream: stream.aclose()) as url:
        end = failure(await events(local(url.replace("http:", "https:")), [user("Hi")]))
    assert "no TLS with https://127.0.0.1" in (end.error.error_message or "")


async def test_an_address_that_no_resolver_takes() -> None:
    end = failure(await events(local(f"http://{'x' * 300}.test"), [user("Hi")]))
    assert end.error.error_message


async def test_a_base_url_of_a_record_that_is_none_is_terminal() -> None:
    model = local("http://127.0.0.1:1")
    descriptor = ModelDescriptor(id="m", api="ollama-chat", provider="local", base_url="ftp://x")
    async with aclosing(model.stream(call_of(model, model=descriptor))) as stream:
        heard = [event async for chunk in stream for event in chunk]
    assert failure(heard).error.error_kind == "terminal"


# Error responses of servers.


async def test_an_error_status_is_told_in_the_providers_words() -> None:
    body = json.dumps({"error": {"message": "Slow down.", "type": "rate_limit"}}).encode()
    end = await failed(Reply(body, status=429, content_type="application/json", headers=(("retry-after", "7"),)))
    assert end.error.error_message == (
        "the provider answered 429 (rate_limit): Slow down. (it wants to be left alone for 7 s)"
    )
    assert (end.status, end.retry_after_s, end.error.error_kind) == (429, 7, "transient")


async def test_an_error_body_without_end_is_read_to_its_bound(autojump_clock: MockClock) -> None:
    endless = Reply(b"no " * 100_000, status=400, content_type="text/plain", framing="length", then="stall")
    end = await failed(endless)
    assert (end.error.error_message or "").startswith("the provider answered 400: no no no")
    assert trio.current_time() < 1
    slow = Reply(b"no", status=400, content_type="text/plain", then="stall")
    end = await failed(slow)
    assert end.error.error_message == "the provider answered 400: no"
    assert 10 <= trio.current_time() < 11


async def test_a_web_page_is_no_answer() -> None:
    end = await failed(Reply(b"<html><title>Sign in</title></html>", content_type="text/html; charset=utf-8"))
    assert "sent no stream but text/html" in (end.error.error_message or "")
    assert "a web page: Sign in" in (end.error.error_message or "")
    assert end.error.error_kind == "terminal"


@pytest.mark.parametrize(
    ("body", "words", "kind"),
    [
        (
            b'{"error": {"message": "Nope", "type": "invalid_request_error"}}',
            "Nope (invalid_request_error)",
            "terminal",
        ),
        (b'{"error": {"message": "Busy", "type": "overloaded_error"}}', "Busy (overloaded_error)", "transient"),
        (b'{"status": "ok"}', 'the provider sent no stream but JSON: {"status":"ok"}', "terminal"),
    ],
)
async def test_one_json_document_is_no_stream_of_events(body: bytes, words: str, kind: str) -> None:
    async with open_byte_server(Reply(body, content_type="application/json")) as server:
        end = failure(await events(find_model("openai:m", base_url=server.url), [user("Hi")]))
    assert (end.error.error_message, end.error.error_kind) == (words, kind)


async def test_a_stream_of_events_may_call_itself_json() -> None:
    body = b'data: {"choices":[{"delta":{"content":"4"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    async with open_byte_server(Reply(body, content_type="application/json; charset=utf-8")) as server:
        model = ModelDescriptor(id="m", api="openai-completions", provider="openai")
        assert answer(await events(find_model(model, base_url=server.url), [user("Hi")])).text == "4"


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(HELLO, mtime=0) + gzip.compress(DONE, mtime=0)),
        ("gzip", gzip.compress(b"", mtime=0) + gzip.compress(HELLO + DONE, mtime=0) + b"\0" * 9),
        ("deflate", zlib.compress(HELLO + DONE)),
        ("deflate", raw_deflate(HELLO + DONE)),
    ],
    ids=["two members", "an empty member and padding", "deflate", "raw deflate"],
)
@pytest.mark.parametrize("cut", [each_byte, None], ids=["byte by byte", "whole"])
async def test_a_compressed_body_is_read_in_each_of_its_forms(encoding: str, packed: bytes, cut: Any) -> None:
    more = {} if cut is None else {"cut": cut}
    async with open_byte_server(said(packed, headers=(("content-encoding", encoding),), **more)) as server:
        assert answer(await events(local(server.url), [user("Hi")])).text == "Hello"


async def test_redirects_are_not_followed() -> None:
    async with open_byte_server(said()) as other:
        end = await failed(Reply(status=307, headers=(("location", other.url),)))
        assert other.requests == []
    assert "redirects are not followed" in (end.error.error_message or "")
