"""Keys: sent only to their provider, and never shown in a log, an event, a record or an error."""

import logging
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from asked import call_of, said
from asking import answer, events, failure
from byteserver import Reply, open_byte_server

from adjourn.actors import Agent, Provider, find_model
from adjourn.actors.models import providers
from adjourn.actors.models.httpmodel import HTTPModel
from adjourn.actors.testing import open_test_system
from adjourn.protocol import codec
from adjourn.protocol.events import StreamEvent
from adjourn.protocol.messages import ModelDescriptor, user
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.record import encode_entry
from adjourn.stores.memory import MemoryStore

KEY, TOKEN, MORE = "sesame-key-0123", "sesame-header-0123", "sesame-option-0123"
ECHO = ("you sent " + " ".join((KEY, "Bearer " + KEY, TOKEN, MORE))).encode()
SHOWN = "you sent *** *** *** ***"


def secret_model(url: str, **fields: Any) -> HTTPModel:
    """Make a model with a key and a secret header."""
    return find_model(
        ModelDescriptor(id="m", provider="ollama", base_url=url, headers={"X-Token": TOKEN}, **fields), key=KEY
    )


async def heard(asked: HTTPModel, **fields: Any) -> list[StreamEvent]:
    async with aclosing(asked.stream(call_of(asked, **fields))) as stream:
        return [event async for chunk in stream for event in chunk]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(ECHO, status=401, content_type="text/plain"),
        Reply(b'{"error": "%b"}' % ECHO, status=500, content_type="application/json"),
        Reply(b'{"error": "%b"}\n' % ECHO, content_type="application/x-ndjson"),
        Reply(b'{"error": "%b"}' % ECHO.replace(b"s", rb"\u0073"), status=500, content_type="application/json"),
        Reply(b"<html><title>%b" % ECHO.replace(b"s", b"&#115;"), status=502, content_type="text/html"),
        Reply(b"no", content_type=f"text/html; {ECHO.decode()}", headers=(("x-request-id", KEY),)),
    ],
)
async def test_an_error_that_echoes_keys_does_not_show_them(reply: Reply, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    store = MemoryStore()
    async with open_byte_server(reply) as server:
        agent = Agent(name="a", model=secret_model(server.url), options=ModelOptions(headers={"x-option": MORE}))
        async with open_test_system(agent, store=store) as system:
            run = await system.start("a", "Hi")
            snapshot = await run.wait()
            async with run.events() as seen:
                told = [codec.to_json(envelope) async for envelope in seen]
    [request] = server.requests
    sent = [request.headers[name] for name in ("authorization", "x-token", "x-option")]
    assert sent == ["Bearer " + KEY, TOKEN, MORE]
    assert snapshot.error is not None
    assert SHOWN in snapshot.error.message
    record = await store.load(run.id)
    assert record is not None
    stored = [encode_entry(entry) for entry in record.journal]
    assert b"sesame" not in b"".join([*told, *stored, codec.to_json(record.head)])
    assert "sesame" not in caplog.text
    assert not any("sesame" in repr(vars(each)) for each in caplog.records)
    assert "httpcore" in {each.name.split(".")[0] for each in caplog.records}


async def test_an_answer_that_echoes_the_key_does_not_show_it_and_is_left_alone_otherwise() -> None:
    body = b'{"message": {"content": "%b"}}\n{"message": {"content": ""}, "done": true}\n' % ECHO
    async with open_byte_server(said(body)) as server:
        end = answer(await heard(secret_model(server.url)))
    assert end.text == f"you sent *** *** {TOKEN} {MORE}"  # TOKEN and MORE may occur by chance, so they stay


async def test_a_request_id_that_echoes_keys_does_not_show_them() -> None:
    async with open_byte_server(Reply(b"no", status=500, headers=(("x-request-id", KEY),))) as server:
        end = failure(await heard(secret_model(server.url)))
    assert end.error.error_message == "the provider answered 500: no [request id ***]"


async def test_the_credentials_of_an_authorization_header_are_secret_without_their_scheme() -> None:
    descriptor = ModelDescriptor(id="m", provider="ollama", headers={"Authorization": f"Basic {KEY}"})
    async with open_byte_server(Reply(ECHO, status=401, content_type="text/plain")) as server:
        end = failure(await heard(find_model(descriptor, base_url=server.url)))
    assert KEY not in (end.error.error_message or "")


async def test_a_missing_key_ends_the_call_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with open_byte_server(said()) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        end = failure(await events(find_model("openai:m"), [user("Hi")]))
    assert server.requests == []
    assert end.error.error_kind == "terminal"
    assert "set OPENAI_API_KEY" in (end.error.error_message or "")
    assert (end.error.provider, end.error.model) == ("openai", "m")


async def test_a_key_of_the_environment_does_not_go_to_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_ORG_ID", TOKEN)
    async with open_byte_server(Reply(b'{"error": {"message": "No."}}', status=401)) as server:
        end = failure(await events(find_model("openai:m", base_url=server.url), [user("Hi")]))
    assert not {"authorization", "openai-organization"} & set(server.requests[0].headers)
    assert (end.error.error_message or "").endswith(f" (no key was sent: none is known for {server.url})")


async def test_ones_own_authorization_header_stands_in_for_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with open_byte_server(Reply(b"data: [DONE]\n\n")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        model = find_model(ModelDescriptor(id="m", provider="openai", headers={"Authorization": "Basic abc"}))
        await events(model, [user("Hi")])
    assert server.requests[0].headers["authorization"] == "Basic abc"


@pytest.mark.parametrize("where", ["another provider", "another address"])
async def test_keys_and_headers_of_one_model_do_not_go_to_another(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_byte_server(said()) as server:
        other = Provider(name="other", apis=("ollama-chat",), base_url=server.url, needs_key=False)
        monkeypatch.setitem(providers._providers, "other", other)
        recorded = {
            "another provider": ModelDescriptor(id="m", api="ollama-chat", provider="other"),
            "another address": ModelDescriptor(id="m", api="ollama-chat", provider="ollama", base_url=server.url),
        }[where]
        model = secret_model("http://127.0.0.1:1")
        await heard(model, model=recorded, options=ModelOptions(headers={"x-option": MORE}))
    assert "sesame" not in str(server.requests[0].headers)


async def test_a_recorded_model_of_an_unknown_provider_is_a_terminal_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = ModelDescriptor(id="m", api="ollama-chat", provider="gone")
    end = failure(await heard(secret_model("http://127.0.0.1:1"), model=recorded))
    assert end.error.error_kind == "terminal"
    assert "provider 'gone' is not known" in (end.error.error_message or "")
    recorded = ModelDescriptor(id="m", api="gone", provider="ollama")
    end = failure(await heard(secret_model("http://127.0.0.1:1"), model=recorded))
    assert "API 'gone' is not known" in (end.error.error_message or "")


async def test_a_header_that_cannot_be_sent_is_not_shown() -> None:
    model = find_model(ModelDescriptor(id="m", provider="ollama", headers={"x-token": TOKEN + "\n"}))
    end = failure(await heard(model))
    assert end.error.error_kind == "terminal"
    assert end.error.error_message == "header x-token has characters that HTTP does not allow"


async def test_a_hooks_secret_is_blotted_out_too() -> None:
    async with open_byte_server(Reply(ECHO, status=400, content_type="text/plain")) as server:
        model = find_model("ollama:m", base_url=server.url)
        model.on_request = lambda request: replace(request, headers={**request.headers, "x-more": MORE})
        end = failure(await heard(model))
    assert server.requests[0].headers["x-more"] == MORE
    assert MORE not in (end.error.error_message or "")
