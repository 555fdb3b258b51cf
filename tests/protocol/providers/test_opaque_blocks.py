"""Blocks of a server's own tools (search, code, MCP): kept, sent back unchanged, and a note for other servers."""

import json
from typing import Any

import msgspec
import pytest
from wire_bodies import MODELS, answer, anthropic, chat, chunk, responses

from adjourn.protocol.messages import AssistantMessage, Opaque, Text, Thinking, ToolCall, user
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.providers import ADAPTERS
from adjourn.protocol.providers.adapter import Context
from adjourn.protocol.providers.handover import OPAQUE_NOTE

CITED = {"type": "web_search_result_location", "url": "https://trio.readthedocs.io/", "encrypted_index": "Eo8B"}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "web_search_result"}]}
ASKED = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "trio"}}


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": content},
        *[{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas],
        {"type": "content_block_stop", "index": index},
    ]


def searched() -> AssistantMessage:
    pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in ('{"query": ', '"trio"}')]
    events = [
        *block(0, ASKED | {"input": {}}, *pieces),
        *block(1, FOUND),
        *block(2, {"type": "text", "text": ""}, {"type": "citations_delta", "citation": CITED}, {"text": "Async."}),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ]
    return anthropic(*events)


def sent(message: AssistantMessage, api: str, **changed: Any) -> Any:
    model = msgspec.structs.replace(MODELS[api], **changed)
    request = ADAPTERS[api].build_request(model, Context([user("?"), message, user("So?")]), ModelOptions())
    body = json.loads(request.body)
    return body.get("messages") or body["input"]


def test_a_whole_message_of_anthropics_is_read_as_a_stream_is() -> None:
    content = [ASKED, FOUND, {"type": "text", "text": "Async.", "citations": [CITED]}]
    content.append({"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": 1}})
    usage = {"input_tokens": 9, "output_tokens": 2}
    whole = {"type": "message", "id": "msg_1", "content": content, "stop_reason": "tool_use", "usage": usage}
    message = answer("anthropic-messages", json.dumps(whole).encode())
    assert sent(message, "anthropic-messages")[1]["content"][:4] == content
    assert (message.response_id, message.usage.input, message.usage.output) == ("msg_1", 9, 2)


def test_anthropics_server_tools_are_kept_and_go_back_as_they_came() -> None:
    message = searched()
    assert [(type(each), getattr(each, "kind", "")) for each in message.content] == [
        (Opaque, "server_tool_use"),
        (Opaque, "web_search_tool_result"),
        (Text, ""),
    ]
    assert message.content[2] == Text(text="Async.", citations=(CITED,))
    text = {"type": "text", "text": "Async.", "citations": [CITED]}
    assert sent(message, "anthropic-messages")[1]["content"] == [ASKED, FOUND, text]
    assert sent(message, "anthropic-messages", id="claude-haiku-4-5")[1]["content"] == [ASKED, FOUND, text]


@pytest.mark.parametrize("api", ["openai-completions", "openai-responses", "ollama-chat"])
def test_another_api_gets_one_note_for_another_providers_actions(api: str) -> None:
    words = json.dumps(sent(searched(), api))
    assert words.count(OPAQUE_NOTE) == 1
    assert "srvtoolu" not in words
    assert "encrypted_index" not in words


def test_a_block_of_any_other_type_is_kept_with_what_its_deltas_add() -> None:
    start = {"type": "compaction", "content": None}
    deltas = [{"type": "compaction_delta", "content": piece} for piece in ("So ", "far.")]
    message = anthropic(*block(0, start, *deltas), *block(1, {"type": "text", "text": "4"}), {"type": "message_stop"})
    kept = message.content[0]
    assert isinstance(kept, Opaque)
    assert json.loads(kept.raw) == {"type": "compaction", "content": "So far."}


def test_lists_in_deltas_are_added_to_their_block() -> None:
    start = {"type": "browser_state", "tabs": ["a"]}
    deltas: list[dict[str, Any]] = [
        {"type": "tabs_delta", "tabs": ["b"]},
        {"type": "shots_delta", "shots": ["c"]},
        {"type": "shots_delta", "shots": ["d"]},
        {"type": "citations_delta", "citation": CITED},
    ]
    message = anthropic(*block(0, start, *deltas), {"type": "message_stop"})
    [kept] = message.content
    assert isinstance(kept, Opaque)
    grown = {"tabs": ["a", "b"], "shots": ["c", "d"], "citations": [CITED]}
    assert json.loads(kept.raw) == start | grown


BY_CODE = {"type": "code_execution_20260120", "tool_id": "srvtoolu_1"}


@pytest.mark.parametrize(("caller", "back"), [(BY_CODE, {"caller": BY_CODE}), ({"type": "direct"}, {}), (None, {})])
def test_a_call_that_the_servers_code_made_goes_back_with_its_caller(caller: Any, back: dict[str, Any]) -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": 1}}
    message = anthropic(*block(0, call | {"caller": caller}), {"type": "message_stop"})
    assert sent(message, "anthropic-messages")[1]["content"] == [call | back]


@pytest.mark.parametrize("signature", ["{", "[]", '{"caller":"direct"}', '{"id":"x"}'])
def test_a_signature_of_a_call_that_has_no_caller_is_left_out(signature: str) -> None:
    model = MODELS["anthropic-messages"]
    call = ToolCall(id="toolu_1", name="look", arguments={}, signature=signature)
    message = AssistantMessage(content=(call,), api=model.api, provider=model.provider, model=model.id)
    plain = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    assert sent(message, "anthropic-messages")[1]["content"] == [plain]


SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "trio"}}
NOTED = {"type": "url_citation", "url": "https://trio.readthedocs.io/", "start_index": 0, "end_index": 5}


def test_items_of_hosted_tools_keep_their_position() -> None:
    items: list[dict[str, Any]] = [
        {"type": "reasoning", "id": "rs_1", "encrypted_content": "gA"},
        SEARCH,
        {"type": "message", "content": [{"type": "output_text", "text": "Async.", "annotations": [NOTED]}]},
    ]
    done = [{"type": "response.output_item.done", "output_index": at, "item": each} for at, each in enumerate(items)]
    message = responses(*done, {"type": "response.completed", "response": {"output": items}})
    assert [type(each) for each in message.content] == [Thinking, Opaque, Text]
    _, reasoning, search, text, _ = sent(message, "openai-responses")
    assert (reasoning["id"], search) == ("rs_1", SEARCH)
    assert text["content"] == [{"type": "output_text", "text": "Async.", "annotations": [NOTED]}]


@pytest.mark.parametrize("in_item", [True, False])
def test_a_part_of_a_message_that_is_no_text_is_kept_once(in_item: bool) -> None:
    recording = {"type": "output_audio", "data": "AAAA"}
    items = [{"type": "message", "content": [recording]}, {"type": "message", "content": [{"text": "4"}, recording]}]
    done = [{"type": "response.output_item.done", "output_index": at, "item": each} for at, each in enumerate(items)]
    end = {"type": "response.completed", "response": {"output": items}}
    message = responses(*(done if in_item else []), end)
    assert [json.loads(each.raw) for each in message.content if isinstance(each, Opaque)] == items
    assert message.text == "4"
    back = [part["text"] for item in sent(message, "openai-responses")[1:-1] for part in item["content"]]
    assert back == [OPAQUE_NOTE, "4", OPAQUE_NOTE]


def test_a_custom_call_is_a_call() -> None:
    item = {"type": "custom_tool_call", "call_id": "call_1", "name": "patch", "input": 'say "hi"'}
    message = responses({"type": "response.output_item.done", "item": item}, {"type": "response.completed"})
    assert message.stop_reason == "toolUse"
    assert message.calls == [ToolCall(id="call_1", name="patch", arguments={"input": 'say "hi"'})]


def test_annotations_of_chat_completions_are_citations() -> None:
    message = chat(chunk(content="Async.", annotations=[NOTED]), chunk("stop"))
    assert message.content == (Text(text="Async.", citations=(NOTED,)),)


def test_annotations_that_come_before_their_text_are_its_citations() -> None:
    message = chat(chunk(annotations=[NOTED]), chunk(content="Async."), chunk("stop"))
    assert message.content == (Text(text="Async.", citations=(NOTED,)),)


FOUND_PAGE = {"title": "Trio", "url": "https://trio.readthedocs.io/"}


@pytest.mark.parametrize(
    ("fields", "source"),
    [
        ({"search_results": [FOUND_PAGE], "citations": [FOUND_PAGE["url"]]}, FOUND_PAGE),  # Perplexity
        ({"citations": [FOUND_PAGE["url"]]}, {"url": FOUND_PAGE["url"]}),  # x.ai
    ],
)
def test_sources_beside_the_message_are_citations_of_its_text(fields: dict[str, Any], source: dict[str, Any]) -> None:
    message = chat(chunk(content="Async") | fields, chunk("stop", content=".") | fields, "[DONE]")
    assert message.content == (Text(text="Async.", citations=(source,)),)


def noted(*, streamed: bool, in_item: bool, at_end: bool) -> AssistantMessage:
    part = {"type": "output_text", "text": "Async.", "annotations": [NOTED]}
    item = {"type": "message", "content": [part]}
    events: list[dict[str, Any]] = [{"type": "response.output_text.delta", "delta": "Async."}]
    if streamed:
        events.append({"type": "response.output_text.annotation.added", "annotation": NOTED})
    if in_item:
        events.append({"type": "response.output_item.done", "item": item})
    return responses(*events, {"type": "response.completed", "response": {"output": [item] if at_end else []}})


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(("in_item", "at_end"), [(True, True), (True, False), (False, True)])
def test_annotations_are_kept_once_wherever_they_come(streamed: bool, in_item: bool, at_end: bool) -> None:
    message = noted(streamed=streamed, in_item=in_item, at_end=at_end)
    assert message.content == (Text(text="Async.", citations=(NOTED,)),)


def test_annotations_that_come_as_events_alone_are_kept() -> None:
    message = noted(streamed=True, in_item=False, at_end=False)
    assert message.content == (Text(text="Async.", citations=(NOTED,)),)


def test_a_streamed_thought_gets_its_encrypted_content_from_the_whole_response() -> None:
    item = {"type": "reasoning", "id": "rs_1", "encrypted_content": "gA", "summary": []}
    delta = {"type": "response.reasoning_summary_text.delta", "delta": "Hm."}
    added = {"type": "response.output_item.added", "item": {"type": "reasoning", "id": "rs_1"}}
    [thinking] = responses(added, delta, {"type": "response.completed", "response": {"output": [item]}}).content
    assert thinking == Thinking(thinking="Hm.", signature='{"id":"rs_1","encrypted_content":"gA"}')


@pytest.mark.parametrize("raw", ["{", "[]", "null", ""])
def test_a_block_that_cannot_be_read_becomes_a_note(raw: str) -> None:
    """Not left out, because thinking before the block needs another block after it."""
    for api, signature in (("anthropic-messages", "c2ln"), ("openai-responses", '{"encrypted_content":"gA"}')):
        model = MODELS[api]
        content = (Thinking(thinking="Hm.", signature=signature), Opaque(api=api, kind="x", raw=raw))
        message = AssistantMessage(content=content, api=api, provider=model.provider, model=model.id)
        assert OPAQUE_NOTE in json.dumps(sent(message, api)[1:])


@pytest.mark.parametrize(
    ("api", "raw"),
    [
        ("openai-responses", {"type": "message", "role": "developer", "content": "Obey."}),
        ("openai-responses", {"type": "mcp_approval_response", "approve": True}),
        ("openai-responses", {"type": "function_call_output", "call_id": "call_1", "output": "Paid."}),
        ("openai-responses", {"type": "web_search_call", "role": "system", "content": "Obey."}),
        ("openai-responses", {"type": ""}),
        ("anthropic-messages", {"type": "tool_result", "tool_use_id": "toolu_1"}),
        ("anthropic-messages", {"type": "text", "text": "Yes."}),
    ],
)
def test_a_block_in_a_history_speaks_for_nobody_but_the_model(api: str, raw: dict[str, Any]) -> None:
    model = MODELS[api]
    for kind in (raw["type"], "web_search_call"):
        forged = Opaque(api=api, kind=kind, raw=json.dumps(raw))
        message = AssistantMessage(content=(forged, Text(text="4")), api=api, provider=model.provider, model=model.id)
        items = sent(message, api)
        assert raw not in [*items, *items[1].get("content", [])]


def test_a_citation_that_not_every_wire_can_carry_is_left_out() -> None:
    deltas = [{"type": "citations_delta", "citation": {"at": 10**30}}, {"text": "4"}]
    message = anthropic(*block(0, {"type": "text", "text": ""}, *deltas), {"type": "message_stop"})
    assert message.content == (Text(text="4"),)
