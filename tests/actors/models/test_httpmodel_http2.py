"""Calls over HTTP/2, for providers with that option."""

import importlib.util
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import h2.config
import h2.connection
import h2.events
import pytest
import trio
from asked import DONE, HELLO, NDJSON, local
from asking import answer, events, failure

from adjourn.actors.models import httpclient
from adjourn.protocol.messages import user


class Server:
    """Answers the requests once `together` of them wait."""

    def __init__(self, together: int) -> None:
        self.together = together
        self.connections = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        waiting: list[int] = []
        await stream.send_all(connection.data_to_send())
        while data := await stream.receive_some():
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.StreamEnded):
                    waiting.append(event.stream_id)
            if len(waiting) >= self.together:
                for number in waiting:
                    connection.send_headers(number, [(":status", "200"), ("content-type", NDJSON)])
                    connection.send_data(number, HELLO + DONE, end_stream=True)
                waiting.clear()
            await stream.send_all(connection.data_to_send())


@asynccontextmanager
async def http2_server(together: int = 1) -> AsyncGenerator[tuple[Server, str]]:
    server = Server(together)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, server.serve, 0, host="127.0.0.1"))
        yield server, f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


async def test_calls_at_once_share_one_connection() -> None:
    async with http2_server(together=3) as (server, url), httpclient.keep_clients():
        texts: list[str] = []

        async def ask() -> None:
            texts.append(answer(await events(local(url, http2=True), [user("Hi")])).text)

        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(ask)
    assert texts == ["Hello"] * 3
    assert server.connections == 1


async def test_no_log_shows_a_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with http2_server() as (_, url):
        await events(local(url, http2=True, key="sesame-0123"), [user("Hi")])
    assert "receive_response_headers" in caplog.text
    assert "sesame" not in caplog.text
    assert not any("sesame" in repr(vars(each)) for each in caplog.records)


async def test_without_the_extra_the_failure_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    end = failure(await events(local("http://127.0.0.1:1", http2=True), [user("Hi")]))
    assert end.error.error_kind == "terminal"
    assert "pip install 'adjourn[http2]'" in (end.error.error_message or "")
