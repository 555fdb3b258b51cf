"""Ollama's chat API: requests, answers, and the list of models."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from decoding_checks import bodies, check_decoder, check_golden, decode, golden_body, golden_names
from hypothesis import given
from hypothesis import strategies as st
from wire_bodies import answer

from adjourn.protocol.events import Failed, TextDelta
from adjourn.protocol.messages import (
    AssistantMessage,
    Compat,
    Image,
    Message,
    ModelDescriptor,
    Text,
    Thinking,
    ToolCall,
    ToolResultMessage,
    UserMessage,
    user,
)
from adjourn.protocol.options import ModelOptions, Reasoning
from adjourn.protocol.providers import ndjson
from adjourn.protocol.providers.adapter import Context
from adjourn.protocol.providers.message_writer import WireError
from adjourn.protocol.providers.ollama import ADAPTER, build_request, list_request, read_models
from adjourn.protocol.record import ToolSpec

MODEL = ModelDescriptor(id="qwen3:8b", api="ollama-chat", provider="ollama", input=("text", "image"), reasoning=True)
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = ToolSpec(name="weather", description="Tells the weather.", parameters=CITY)
CAT, DOG = Image(data="Y2F0", mime_type="image/png"), Image(data="ZG9n", mime_type="image/jpeg")


def asked(
    messages: Sequence[Message] = (user("Hi"),),
    *,
    model: ModelDescriptor = MODEL,
    instructions: str = "",
    tools: Sequence[ToolSpec] = (),
    options: ModelOptions = ModelOptions(),  # noqa: B008  # frozen
) -> dict[str, Any]:
    """Return the request's body."""
    request = build_request(model, Context(messages, instructions, tools), options)
    assert (request.method, request.path) == ("POST", "/api/chat")
    return json.loads(request.body)


def said(*content: Text | Thinking | ToolCall, model: ModelDescriptor = MODEL) -> AssistantMessage:
    return AssistantMessage(content=content, api=model.api, provider=model.provider, model=model.id)


def call(id: str = "call_1", **arguments: Any) -> ToolCall:  # noqa: A002  # the field's name
    return ToolCall(id=id, name="weather", arguments=arguments)


def result(*content: Text | Image, id: str = "call_1") -> ToolResultMessage:  # noqa: A002  # the field's name
    return ToolResultMessage(tool_call_id=id, tool_name="weather", content=content)


@pytest.mark.parametrize("name", golden_names("ollama-chat"))
def test_an_answer_becomes_its_message(name: str) -> None:
    check_golden(ADAPTER, name)


@given(bodies("ollama-chat"), st.lists(st.integers(0, 1 << 20), max_size=6))
def test_no_bytes_break_the_decoder(data: bytes, at: Sequence[int]) -> None:
    check_decoder(ADAPTER, MODEL, data, at)


def test_a_chunk_gives_its_events_at_once() -> None:
    decoder = ADAPTER.decoder(MODEL)
    line = b'{"message":{"content":"Hi"}}\n'
    assert not decoder.feed(line[:-1])
    *_, delta = decoder.feed(line[-1:])
    assert delta == TextDelta(content_index=0, delta="Hi")


def test_one_block_is_open_at_a_time() -> None:
    body = golden_body("ollama-chat", "call-between-thinking-and-text")
    events = decode(ADAPTER, MODEL, [body])
    steps = [type(event).__name__ for event in events if not type(event).__name__.endswith("Delta")]
    assert len(steps) == 14
    for start, end in zip(steps[1:-1:2], steps[2:-1:2], strict=True):
        assert (start.removesuffix("Start"), start[-5:]) == (end.removesuffix("End"), "Start")


SAID = b'{"message":{"content":"4"}}'
DONE = b'{"message":{"content":"."},"done":true,"done_reason":"stop"}'


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + SAID + b"\n" + DONE,
        b": hi\r\nevent: message\r\nid: 1\r\ndata: " + SAID + b"\r\n\r\ndata:" + DONE + b"\r\n\r\n",
        b"data: " + SAID + b"\n\ndata: " + DONE,
    ],
)
def test_a_byte_order_mark_and_server_sent_events_are_read(body: bytes) -> None:
    message = answer("ollama-chat", body)
    assert (message.text, message.stop_reason) == ("4.", "stop")


@pytest.mark.parametrize("end", [b"\n\ndata: [DONE]\n\n", b"\n\ndata: [DONE]"])
def test_the_end_mark_of_server_sent_events_ends_the_answer(end: bytes) -> None:
    assert answer("ollama-chat", b"data: " + SAID + end).stop_reason == "stop"
    assert answer("ollama-chat", end).error_kind == "transient"


def test_an_error_in_a_server_sent_event_is_reported() -> None:
    message = answer("ollama-chat", b'data: {"error":"busy"}\n\n')
    assert (message.error_message, message.error_kind) == ("busy", "transient")


@pytest.mark.parametrize("ends", [b"", b"\n"])
def test_a_line_without_end_is_not_held_for_ever(monkeypatch: pytest.MonkeyPatch, ends: bytes) -> None:
    monkeypatch.setattr(ndjson.LineSplitter.__init__, "__kwdefaults__", {"max_line_bytes": 64})
    decoder = ADAPTER.decoder(MODEL)
    good = b'{"message":{"content":"Hi"}}\n'
    events = [event for chunk in (good, b"x" * 60, b"x" * 5 + ends) for event in decoder.feed(chunk)]
    assert events == ADAPTER.decoder(MODEL).feed(good + b"x" * 65 + ends)
    last = events[-1]
    assert isinstance(last, Failed)
    assert last.error.text == "Hi"
    assert last.error.error_message == "the provider sent a line of more than 64 bytes"


def test_a_plain_question() -> None:
    assert asked() == {"model": "qwen3:8b", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    request = build_request(MODEL, Context([user("Hi")]), ModelOptions())
    assert request.headers == {"content-type": "application/json", "accept": "application/x-ndjson"}


def test_instructions_come_first_as_the_system_message() -> None:
    body = asked(instructions="Be brief.")
    assert body["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]


def test_blank_instructions_are_none() -> None:
    assert asked(instructions=" \n") == asked()


@pytest.mark.parametrize("turns", [0, 1])
def test_somebody_has_spoken_in_every_request(turns: int) -> None:
    body = asked([said(Text(text="Hello!"))] * turns, instructions="Be brief.")
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant"][: 2 + turns]


def test_images_go_beside_the_text_of_their_message() -> None:
    body = asked([UserMessage(content=(Text(text="Which"), CAT, Text(text="is a cat?"), DOG))])
    assert body["messages"] == [{"role": "user", "content": "Which\n\nis a cat?", "images": ["Y2F0", "ZG9n"]}]


def test_a_call_and_its_result_go_round() -> None:
    turn = said(Thinking(thinking="Ask."), Text(text="One moment."), call(city="Oslo"))
    body = asked([user("Weather?"), turn, result(Text(text="Rain"), Text(text="4 °C")), user("And?")])
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": "One moment.",
            "thinking": "Ask.",
            "tool_calls": [
                {"id": "call_1", "function": {"index": 0, "name": "weather", "arguments": {"city": "Oslo"}}}
            ],
        },
        {"role": "tool", "content": "Rain\n\n4 °C", "tool_name": "weather", "tool_call_id": "call_1"},
        {"role": "user", "content": "And?"},
    ]


def test_a_call_without_words_has_no_content() -> None:
    assert "content" not in asked([user("Weather?"), said(call()), result(Text(text="Rain"))])["messages"][1]


def test_thinking_of_another_model_is_given_as_text() -> None:
    turn = said(Thinking(thinking="Hm."), Text(text="Yes."), model=msgspec.structs.replace(MODEL, id="gpt-oss:20b"))
    assert asked([user("Is it?"), turn])["messages"][1] == {"role": "assistant", "content": "Hm.\n\nYes."}


def test_images_of_tool_results_follow_all_results_of_the_turn() -> None:
    turn = said(call("call_1", city="Oslo"), call("call_2", city="Rome"))
    body = asked([user("Look"), turn, result(CAT), result(Text(text="Here"), DOG, id="call_2"), user("So?")])
    assert body["messages"][2:] == [
        {"role": "tool", "content": "(The image follows.)", "tool_name": "weather", "tool_call_id": "call_1"},
        {"role": "tool", "content": "Here", "tool_name": "weather", "tool_call_id": "call_2"},
        {"role": "user", "content": "(From the result of the tool weather.)", "images": ["Y2F0"]},
        {"role": "user", "content": "(From the result of the tool weather.)", "images": ["ZG9n"]},
        {"role": "user", "content": "So?"},
    ]


def test_images_of_the_last_results_come_in_a_message_after_them() -> None:
    body = asked([user("Look"), said(call()), result(CAT)])
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "tool", "user"]


def test_no_image_reaches_a_model_that_sees_none() -> None:
    blind = msgspec.structs.replace(MODEL, input=("text",))
    body = asked([UserMessage(content=(CAT,)), said(call()), result(DOG)], model=blind)
    assert "images" not in json.dumps(body)


def test_tools_are_described_as_functions() -> None:
    assert asked(tools=[WEATHER])["tools"] == [
        {"type": "function", "function": {"name": "weather", "description": "Tells the weather.", "parameters": CITY}}
    ]


def test_a_tool_without_parameters_takes_an_empty_object() -> None:
    [tool] = asked(tools=[msgspec.structs.replace(WEATHER, parameters={})])["tools"]
    assert tool["function"]["parameters"] == {"type": "object", "properties": {}}


def test_a_model_that_cannot_call_tools_is_told_of_none() -> None:
    assert "tools" not in asked(tools=[WEATHER], model=msgspec.structs.replace(MODEL, tools=False))


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (ModelOptions(max_tokens=64), {"options": {"num_predict": 64}}),
        (ModelOptions(temperature=0.0), {"options": {"temperature": 0.0}}),
        (ModelOptions(max_tokens=1, temperature=1.5), {"options": {"num_predict": 1, "temperature": 1.5}}),
        (ModelOptions(reasoning="low"), {"think": True}),
        (ModelOptions(session_id="s", metadata={"user_id": "u"}, headers={"x": "y"}), {}),
    ],
)
def test_each_option(options: ModelOptions, wanted: dict[str, Any]) -> None:
    assert asked(options=options) == asked() | wanted


def test_a_context_window_that_the_descriptor_states_is_asked_for_and_nothing_is_cut() -> None:
    wide = msgspec.structs.replace(MODEL, context_window=32_768)
    assert asked(model=wide) == asked() | {"options": {"num_ctx": 32_768}, "truncate": False, "shift": False}
    assert asked(model=wide, options=ModelOptions(max_tokens=9))["options"] == {"num_ctx": 32_768, "num_predict": 9}


@pytest.mark.parametrize(
    ("reasoning", "gpt_oss", "levels"),
    [
        ("minimal", "low", "low"),
        ("low", "low", "low"),
        ("medium", "medium", "medium"),
        ("high", "high", "high"),
        ("xhigh", "high", "max"),
    ],
)
def test_reasoning_has_levels_where_the_model_has(reasoning: Reasoning, gpt_oss: str, levels: str) -> None:
    options = ModelOptions(reasoning=reasoning)
    known = msgspec.structs.replace(MODEL, id="someone/GPT-OSS-safeguard:20b")
    told = msgspec.structs.replace(MODEL, compat=Compat(supports_reasoning_effort=True))
    assert asked(options=options)["think"] is True
    assert asked(options=options, model=known)["think"] == gpt_oss
    assert asked(options=options, model=told)["think"] == levels


def test_cache_marks_ask_for_nothing() -> None:
    turn = AssistantMessage(content=(Text(text="Yes.", cache="short"),), cache="long")
    plain = AssistantMessage(content=(Text(text="Yes."),))
    options = ModelOptions(cache="long", cache_instructions="long", cache_tools="short")
    marked = asked(
        [UserMessage(content=(Text(text="Hi", cache="short"),), cache="long"), turn], tools=[WEATHER], options=options
    )
    assert marked == asked([user("Hi"), plain], tools=[WEATHER])


def tags(*models: dict[str, Any]) -> bytes:
    return json.dumps({"models": models}).encode()


def test_models_are_asked_for() -> None:
    request = list_request()
    assert (request.method, request.path, request.body) == ("GET", "/api/tags", b"")


def test_models_are_listed_with_their_capabilities() -> None:
    details: dict[str, Any] = {"parent_model": "", "format": "gguf", "family": "qwen3vl", "families": ["qwen3vl"]}
    details |= {"parameter_size": "8.8B", "quantization_level": "Q4_K_M", "context_length": 262144}
    capable = {
        "name": "qwen3-vl:8b",
        "model": "qwen3-vl:8b",
        "modified_at": "2026-11-01T12:00:00.5Z",
        "size": 6140000000,
        "digest": "901cae732162",
        "details": details,
        "capabilities": ["completion", "vision", "tools", "thinking"],
    }
    plain = {"name": "gemma:2b", "model": "gemma:2b", "details": {"families": None}, "capabilities": ["completion"]}
    embedder = {"name": "nomic-embed-text:latest", "model": "nomic-embed-text:latest", "capabilities": ["embedding"]}
    assert read_models(tags(capable, plain, embedder)) == [
        ModelDescriptor(
            id="qwen3-vl:8b",
            name="qwen3-vl:8b (8.8B, Q4_K_M)",
            api="ollama-chat",
            provider="ollama",
            input=("text", "image"),
            reasoning=True,
            tools=True,
        ),
        ModelDescriptor(id="gemma:2b", name="gemma:2b", api="ollama-chat", provider="ollama", tools=False),
    ]


def test_a_model_is_called_by_its_id_where_its_name_is_another() -> None:
    [model] = read_models(tags({"name": "The small one", "model": "gemma:2b"}))
    assert (model.id, model.name) == ("gemma:2b", "The small one")


def test_models_are_listed_without_capabilities_if_the_server_names_none() -> None:
    [model] = read_models(tags({"name": "llama3:latest", "modified_at": "2024-05-01T12:00:00Z", "details": None}))
    assert model == ModelDescriptor(id="llama3:latest", name="llama3:latest", api="ollama-chat", provider="ollama")


@pytest.mark.parametrize("body", [b'{"models":[]}', b'{"models":null}'])
def test_a_server_without_models(body: bytes) -> None:
    assert read_models(body) == []


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"models":[{}]}', b'{"models":7}', b"[" * 100_000])
def test_a_list_that_cannot_be_read_is_a_typed_error(body: bytes) -> None:
    with pytest.raises(WireError):
        read_models(body)
