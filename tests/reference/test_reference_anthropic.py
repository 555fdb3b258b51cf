"""Anthropic's thinking: signatures and encrypted thinking are kept, and sent back unchanged."""

import json
from dataclasses import replace

import ours
import trio
from asking import answer, events, failure
from mockserver import MockServer
from sdks import Anthropic

from adjourn.actors.models.httpmodel import RequestHook
from adjourn.protocol.events import StreamEvent
from adjourn.protocol.messages import Thinking, user
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.providers.adapter import HTTPRequest

SDK = Anthropic()


async def test_sdk_and_adapter_read_the_same_signature(server: MockServer) -> None:
    expected = await trio.to_thread.run_sync(SDK.final, server.url, "Think first")
    message = answer(await ours.ask(SDK, server.url, "Think first"))
    [signature] = [block.signature for block in expected.content if block.type == "thinking"]
    assert [block.signature for block in message.content if isinstance(block, Thinking)] == [signature]


async def test_sdk_and_adapter_read_the_same_redacted_thinking(server: MockServer) -> None:
    expected = await trio.to_thread.run_sync(SDK.final, server.url, "Think in secret")
    message = answer(await ours.ask(SDK, server.url, "Think in secret"))
    secrets = [block.data for block in expected.content if block.type == "redacted_thinking"]
    assert len(secrets) == 2
    thoughts = [block for block in message.content if isinstance(block, Thinking)]
    assert [(block.redacted, block.signature) for block in thoughts] == [(True, secret) for secret in secrets]


async def test_thinking_goes_back_before_the_result_of_its_call(server: MockServer) -> None:
    assert answer(await think_then_call(server, as_it_is)).text == "It is noon."


async def test_the_server_refuses_a_result_without_the_thinking_before_its_call(server: MockServer) -> None:
    refused = failure(await think_then_call(server, without_thinking))
    assert refused.status == 400
    assert "must begin with a `thinking` block" in (refused.error.error_message or "")


async def think_then_call(server: MockServer, sent: RequestHook) -> list[StreamEvent]:
    """Returns the answer to a call's result, after the model has thought. `sent` gets the request with the result."""
    options = ModelOptions(reasoning="low")
    question = user("Think, then call")
    message = answer(await ours.tell(SDK, server.url, [question], options))
    recorded, results = ours.as_recorded(message, "12:00")
    model = ours.opened(SDK, server.url)
    model.on_request = sent
    return await events(model, [question, recorded, *results], tools=ours.SPECS, options=options)


def as_it_is(request: HTTPRequest) -> HTTPRequest:
    assert json.loads(request.body)["thinking"]["type"] == "enabled"  # the server checks signatures only then
    return request


def without_thinking(request: HTTPRequest) -> HTTPRequest:
    body = json.loads(request.body)
    asked, called, told = body["messages"]
    called["content"] = [block for block in called["content"] if block["type"] != "thinking"]
    return replace(request, body=json.dumps({**body, "messages": [asked, called, told]}).encode())
