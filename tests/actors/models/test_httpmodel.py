"""Model calls over HTTP: requests, shared connections, and the ways in which calls end."""

import json
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing

import pytest
import trio
from asked import DONE, HELLO, call_of, local, said
from asking import answer, events
from byteserver import Reply, at_random, each_byte, open_byte_server
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors import Agent, Provider, find_model
from adjourn.actors.models import httpclient, providers
from adjourn.actors.models.httpmodel import HTTPModel, ProviderError, list_models
from adjourn.actors.testing import open_test_system
from adjourn.protocol.events import StreamEvent, TextDelta
from adjourn.protocol.messages import AssistantMessage, ModelDescriptor, Text, Thinking, user
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.providers.adapter import HTTPRequest
from adjourn.stores.memory import MemoryStore


async def ask(model: HTTPModel) -> str:
    return answer(await events(model, [user("Hi")])).text


async def until_text(stream: AsyncGenerator[Sequence[StreamEvent], None]) -> None:
    async for chunk in stream:
        if any(isinstance(event, TextDelta) for event in chunk):
            return


# Requests.


async def test_a_request_is_what_the_adapter_built() -> None:
    async with open_byte_server(said()) as server:
        assert await ask(local(server.url)) == "Hello"
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/api/chat")
    assert json.loads(request.body)["messages"] == [{"role": "user", "content": "Hi"}]
    assert request.headers["accept-encoding"] == "identity"
    assert "authorization" not in request.headers


async def test_the_hook_sees_the_request_and_may_change_it() -> None:
    seen: list[HTTPRequest] = []

    def other(request: HTTPRequest) -> HTTPRequest:
        seen.append(request)
        return HTTPRequest(request.method, request.path, {**request.headers, "x-more": "1"}, b"{}")

    async with open_byte_server(said()) as server:
        model = local(server.url)
        model.on_request = other
        await ask(model)
        model.on_request = seen.append
        await ask(model)
    assert [request.body for request in server.requests] == [b"{}", seen[0].body]
    assert server.requests[0].headers["x-more"] == "1"


async def test_openai_is_told_the_id_of_the_call_and_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj_1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    async with open_byte_server(Reply(b"data: [DONE]\n\n")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url + "/v1/")
        await events(find_model("openai:m"), [user("Hi")])
    [request] = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["x-client-request-id"] == "call_1"
    assert request.headers["openai-project"] == "proj_1"
    assert request.headers["authorization"] == "Bearer sk-test-0123456789"
    assert "store" not in json.loads(request.body)  # only OpenAI's own servers get it


async def test_a_callers_beta_features_are_added_to_those_that_the_request_needs() -> None:
    name = "claude-opus-5-5"
    thought = (Thinking(thinking="Hm.", signature="s"), Text(text="Yes."))
    before = AssistantMessage(content=thought, api="anthropic-messages", provider="anthropic", model=name)
    async with open_byte_server(Reply(b"")) as server:
        model = find_model(f"anthropic:{name}", key="sk-test-0123456789", base_url=server.url)
        await events(
            model,
            [user("Is it?"), before, user("Why?")],
            options=ModelOptions(headers={"Anthropic-Beta": "mine-2026-01-01"}),
        )
        await events(model, [user("Hi")], options=ModelOptions(headers={"Anthropic-Beta": "mine-2026-01-01"}))
    sent = [request.headers["anthropic-beta"] for request in server.requests]
    assert sent == ["thinking-binding-controls-2026-08-01,mine-2026-01-01", "mine-2026-01-01"]


async def test_the_run_is_the_session_unless_the_agent_says_another() -> None:
    async with open_byte_server(Reply(b"data: [DONE]\n\n")) as server:
        model = find_model("openai-responses:m", base_url=server.url)
        await events(model, [user("Hi")])
        await events(model, [user("Hi")], options=ModelOptions(session_id="mine"))
    keys = [json.loads(request.body).get("prompt_cache_key") for request in server.requests]
    assert keys == ["run_1", "mine"]


# Connections.


async def test_calls_one_after_another_share_a_connection_while_clients_are_kept(
    autojump_clock: MockClock,  # so that a slow machine has all the time to read the rest
) -> None:
    async with open_byte_server(said()) as server:
        async with httpclient.keep_clients(), httpclient.keep_clients():
            assert [await ask(local(server.url)) for _ in range(3)] == ["Hello"] * 3
            assert (server.connections, server.alive) == (1, 1)
        with trio.fail_after(5):
            await server.wait_alive(0)


async def test_without_that_each_call_has_its_own_and_leaves_none() -> None:
    async with open_byte_server(said()) as server:
        await ask(local(server.url))
        await ask(local(server.url))
        assert server.connections == 2
        with trio.fail_after(5):
            await server.wait_alive(0)


async def test_any_number_of_calls_are_under_way_at_once() -> None:
    async with open_byte_server(said(HELLO, then="stall")) as server:
        async with httpclient.keep_clients(), trio.open_nursery() as nursery:
            for _ in range(150):
                nursery.start_soon(ask, local(server.url))
            with trio.fail_after(20):
                await server.wait_alive(150)
            nursery.cancel_scope.cancel()


async def test_an_answer_ends_with_its_last_event_even_if_the_body_goes_on() -> None:
    async with open_byte_server(said(then="stall")) as server:
        async with httpclient.keep_clients():
            with trio.fail_after(5):
                assert await ask(local(server.url)) == "Hello"
                await server.left.wait()


async def test_the_rest_of_a_body_is_read_so_that_its_connection_can_be_used_again(
    autojump_clock: MockClock,  # so that a slow machine has all the time to read the rest
) -> None:
    async with open_byte_server(said(HELLO + DONE + b"\n" * 20, cut=each_byte)) as server:
        async with httpclient.keep_clients():
            await ask(local(server.url))
            await ask(local(server.url))
    assert server.connections == 1


async def test_a_rest_that_is_too_long_is_not_read() -> None:
    async with open_byte_server(said(HELLO + DONE + b"\n" * 1_000_000)) as server:
        async with httpclient.keep_clients():
            await ask(local(server.url))
            await ask(local(server.url))
    assert server.connections == 2


async def test_no_cookie_comes_back() -> None:
    async with open_byte_server(said(headers=(("set-cookie", "who=you; Path=/"),))) as server:
        async with httpclient.keep_clients():
            await ask(local(server.url))
            await ask(local(server.url))
    assert [request.headers.get("cookie") for request in server.requests] == [None, None]


# How calls end.


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("begun", [False, True])
async def test_a_cancelled_call_closes_its_connection_at_once(kept: bool, begun: bool) -> None:
    reply = said(HELLO, then="stall") if begun else Reply(raw=b"", then="stall")
    async with open_byte_server(reply) as server, AsyncExitStack() as stack:
        if kept:
            await stack.enter_async_context(httpclient.keep_clients())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, local(server.url))
            await server.stalled.wait()
            nursery.cancel_scope.cancel()
        with trio.fail_after(5):
            await server.left.wait()


async def test_a_call_that_is_cancelled_in_the_tls_handshake_closes_its_connection() -> None:
    async with open_byte_server(said()) as server, httpclient.keep_clients():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, local(server.url.replace("http:", "https:")))
            await server.wait_alive(1)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        with trio.fail_after(5):
            await server.wait_alive(0)


async def test_so_does_one_behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_byte_server(Reply(raw=b"HTTP/1.1 200 Go ahead\r\n\r\n", then="stall")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with httpclient.keep_clients():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, local("https://example.test"))
                await proxy.stalled.wait()
                await wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
            with trio.fail_after(5):
                await proxy.wait_alive(0)


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_stream_that_is_closed_early_closes_its_connection(kept: bool, cancelled: bool) -> None:
    async with open_byte_server(said(HELLO, then="stall")) as server, AsyncExitStack() as stack:
        if kept:
            await stack.enter_async_context(httpclient.keep_clients())
        model = local(server.url)
        with trio.CancelScope() as scope:
            async with aclosing(model.stream(call_of(model))) as stream:
                await until_text(stream)
                if cancelled:
                    scope.cancel()
        with trio.fail_after(5):
            await server.left.wait()


async def test_closing_early_is_clean_with_much_unread_data() -> None:
    async with open_byte_server(said(HELLO * 20_000, cut=at_random(1, 9000))) as server:
        model = local(server.url)
        async with aclosing(model.stream(call_of(model))) as stream:
            await until_text(stream)
        with trio.fail_after(5):
            await server.wait_alive(0)


async def test_a_stream_that_is_closed_early_does_not_wait_for_more(autojump_clock: MockClock) -> None:
    async with open_byte_server(said(HELLO, then="stall")) as server:
        model = local(server.url)
        async with aclosing(model.stream(call_of(model))) as stream:
            await until_text(stream)
        assert trio.current_time() < httpclient.DRAIN_S / 2


async def test_an_aborted_run_closes_the_connection() -> None:
    async with open_byte_server(said(HELLO, then="stall")) as server:
        async with open_test_system(Agent(name="a", model=local(server.url))) as system:
            run = await system.start("a", "Hi")
            await server.stalled.wait()
            ended = await run.abort()
            with trio.fail_after(5):
                await server.left.wait()
    assert ended.status == "aborted"


# When HTTP clients are opened and closed.


async def test_a_system_shares_connections_and_leaves_no_socket(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_byte_server(said()) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        agents = [Agent(name="a", model="ollama:m"), Agent(name="b", model=ModelDescriptor(id="n", provider="ollama"))]
        async with open_test_system(*agents) as system:
            for name in ("a", "b", "a"):
                snapshot = await (await system.start(name, "Hi")).wait()
                assert snapshot.status == "completed"
            assert (server.connections, server.alive) == (1, 1)
        with trio.fail_after(5):
            await server.wait_alive(0)


async def test_a_run_goes_on_with_the_model_that_it_began_with(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_byte_server(said(HELLO, then="stall"), said()) as server, open_byte_server(said()) as other:
        monkeypatch.setitem(providers._providers, "one", _provider("one", server.url))
        monkeypatch.setitem(providers._providers, "two", _provider("two", other.url))
        store = MemoryStore()
        async with open_test_system(Agent(name="a", model="one:m"), store=store, drain_s=0) as system:
            run = await system.start("a", "Hi")
            await server.stalled.wait()
        secret = find_model("two:m", key="sk-two-0123456789")
        async with open_test_system(Agent(name="a", model=secret), store=store) as system:
            snapshot = await system.run(run.id).wait()
    assert snapshot.status == "completed"
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer key-of-one-0123"] * 2
    assert other.requests == []


def _provider(name: str, url: str) -> Provider:
    return Provider(name=name, apis=("ollama-chat",), base_url=url, key=f"key-of-{name}-0123")


# Lists of models.


async def test_the_models_of_a_server() -> None:
    listed = Reply(b'{"models": [{"name": "qwen3:8b", "model": "qwen3:8b"}]}', content_type="application/json")
    async with open_byte_server(listed) as server:
        provider = local(server.url).provider
        assert [model.id for model in await list_models(provider)] == ["qwen3:8b"]
        with trio.fail_after(5):
            await server.wait_alive(0)
    assert server.requests[0].path == "/api/tags"


async def test_a_list_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("OLLAMA_HOST", f":{taken.getsockname()[1]}")
        with pytest.raises(ProviderError, match=r"nothing listens at http://127.*Is Ollama running\?"):
            await list_models("ollama")
    async with open_byte_server(Reply(b"no", status=404), Reply(b"[]", content_type="application/json")) as server:
        provider = local(server.url).provider
        with pytest.raises(ProviderError, match="the provider answered 404: no"):
            await list_models(provider)
        with pytest.raises(ProviderError, match=rf"a list of models that can't be read: .* \(asked: {server.url}\)"):
            await list_models(provider)
    for name in ("nobody", "anthropic"):
        with pytest.raises(ValueError, match=f"provider '{name}' is not known, or has no list"):
            await list_models(name)


async def test_a_model_is_looked_for_where_it_would_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = Reply(b'{"models": [{"name": "a:latest"}, {"name": "b:1"}]}', content_type="application/json")
    async with open_byte_server(listed) as server:
        for name in ("a", "a:latest", "b:1"):
            await find_model(f"ollama:{name}", base_url=server.url, key="sk-test-0123456789").check()
        with pytest.raises(ProviderError, match=r"no model 'b'; there are: a:latest, b:1\. `ollama pull b`"):
            await find_model("ollama:b", base_url=server.url).check()
    assert [request.headers.get("authorization") for request in server.requests] == [
        *["Bearer sk-test-0123456789"] * 3,
        None,
    ]
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ProviderError, match="set OPENAI_API_KEY"):
        await find_model("openai:m").check()
    await find_model("openai:m", key="sk-test-0123456789").check()
