"""A message that the model pauses: the call continues it automatically, and the parts become one message."""

import json
from typing import Any

import pytest
from asking import answer, events
from byteserver import Reply, open_byte_server

from adjourn.actors import find_model
from adjourn.actors.models.httpmodel import MAX_PAUSES
from adjourn.protocol.messages import Cost, ModelDescriptor, Opaque, Text, user

CLAUDE = ModelDescriptor(
    id="claude-opus-4-8", api="anthropic-messages", provider="anthropic", cost=Cost(input=1e6, output=1e6)
)
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "trio"}}


def body(id: str, block: dict[str, Any], stop: str) -> bytes:  # noqa: A002  # the wire's word
    message = {"id": id, "usage": {"input_tokens": 10, "output_tokens": 1}}
    sent = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]
    return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in sent)


PAUSED = Reply(body("msg_1", SEARCH, "pause_turn"))
DONE = Reply(body("msg_2", {"type": "text", "text": "Async."}, "end_turn"))


async def test_a_paused_message_is_continued_with_its_first_part() -> None:
    async with open_byte_server(PAUSED, DONE) as server:
        message = answer(await events(find_model(CLAUDE, base_url=server.url, key="k"), [user("Hi")]))
        asked = [json.loads(request.body)["messages"] for request in server.requests]
    assert [type(block) for block in message.content] == [Opaque, Text]
    assert (message.stop_reason, message.response_id, message.usage.cost.total) == ("stop", "msg_2", 24)
    assert asked[1] == [*asked[0], {"role": "assistant", "content": [SEARCH]}]


async def test_a_message_that_is_paused_for_ever_is_cut_off() -> None:
    async with open_byte_server(*[PAUSED] * (MAX_PAUSES + 2)) as server:
        message = answer(await events(find_model(CLAUDE, base_url=server.url, key="k"), [user("Hi")]))
        assert len(server.requests) == MAX_PAUSES + 1
    assert message.stop_reason == "length"
    assert len(message.content) == MAX_PAUSES + 1


@pytest.mark.parametrize("second", [Reply(b"{}", status=529), Reply(b"")])
async def test_a_failure_after_a_pause_keeps_text_and_usage_of_the_first_part(second: Reply) -> None:
    async with open_byte_server(PAUSED, second) as server:
        *_, end = await events(find_model(CLAUDE, base_url=server.url, key="k"), [user("Hi")])
    failed: Any = end
    assert (failed.error.stop_reason, failed.error.error_kind) == ("error", "transient")
    assert (len(failed.error.content), failed.error.usage.cost.total) == (1, 12)


async def test_a_message_with_calls_is_not_paused() -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    async with open_byte_server(Reply(body("msg_1", call, "pause_turn"))) as server:
        message = answer(await events(find_model(CLAUDE, base_url=server.url, key="k"), [user("Hi")]))
    assert message.stop_reason == "toolUse"
