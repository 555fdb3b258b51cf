"""OpenAI's Responses API: the request for each option and message, and the decoder on any bytes."""

import json
from typing import Any

import msgspec
import pytest
from decoding_checks import bodies, check_decoder, check_events, check_golden, decode, golden, golden_body, golden_names
from hypothesis import given
from hypothesis import strategies as st

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
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.providers.adapter import Context, HTTPRequest
from adjourn.protocol.providers.openai_responses import ADAPTER
from adjourn.protocol.record import ToolSpec

API = "openai-responses"
MODEL = ModelDescriptor(id="gpt-5.6", api=API, provider="openai", input=("text", "image"), reasoning=True)
PLAIN = msgspec.structs.replace(MODEL, id="gpt-4.1", reasoning=False)
STRICT: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def request(model: ModelDescriptor = MODEL, **context: Any) -> HTTPRequest:
    options = context.pop("options", ModelOptions())
    context.setdefault("messages", [user("Hi")])
    return ADAPTER.build_request(model, Context(**context), options)


def body(model: ModelDescriptor = MODEL, **context: Any) -> dict[str, Any]:
    return json.loads(request(model, **context).body)


def items(*messages: Message, model: ModelDescriptor = MODEL) -> list[dict[str, Any]]:
    return body(model, messages=messages)["input"]


def said(*blocks: Text | Thinking | ToolCall, model: ModelDescriptor = MODEL) -> AssistantMessage:
    return AssistantMessage(content=blocks, api=model.api, provider=model.provider, model=model.id)


def result(*blocks: Text | Image, call_id: str = "call_1") -> ToolResultMessage:
    return ToolResultMessage(tool_call_id=call_id, tool_name="weather", content=blocks)


def text_of(item: dict[str, Any]) -> str:
    return "".join(part["text"] for part in item["content"])


CALL = ToolCall(id="call_1", name="weather", arguments={"city": "Århus"})
PICTURE = Image(data="AAAA", mime_type="image/png")


# Requests


def test_a_request_streams_and_keeps_nothing_on_the_server() -> None:
    made = request(PLAIN)
    assert (made.method, made.path) == ("POST", "/responses")
    assert made.headers == {"accept": "text/event-stream", "content-type": "application/json"}
    assert json.loads(made.body) == {
        "model": "gpt-4.1",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
        "stream": True,
        "store": False,
    }


def test_the_system_prompt_is_the_instructions() -> None:
    assert body(instructions="Be brief.")["instructions"] == "Be brief."
    assert body(instructions=" \n") == body()


def test_images_go_along_as_data_urls() -> None:
    [item] = items(UserMessage(content=(Text(text="What is this?"), PICTURE)))
    assert item["content"] == [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
    ]


def test_calls_and_results_find_each_other_by_call_id() -> None:
    _, call, output = items(user("?"), said(CALL), result(Text(text="Rain")))
    assert call == {
        "type": "function_call",
        "call_id": "call_1",
        "name": "weather",
        "arguments": '{"city":"Århus"}',
    }
    assert output == {"type": "function_call_output", "call_id": "call_1", "output": "Rain"}


def test_call_ids_have_at_most_64_characters() -> None:
    foreign = AssistantMessage(content=(msgspec.structs.replace(CALL, id="x" * 100),))
    _, call, output = items(user("?"), foreign, result(Text(text="Rain"), call_id="x" * 100))
    assert 0 < len(call["call_id"]) <= 64
    assert output["call_id"] == call["call_id"]


def test_a_result_with_an_image_is_a_list_of_parts() -> None:
    *_, output = items(user("?"), said(CALL), result(Text(text="Rain:"), PICTURE))
    assert output["output"] == [
        {"type": "input_text", "text": "Rain:"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
    ]


def test_assistant_text_goes_back_as_output_text_without_an_id() -> None:
    _, item = items(user("?"), said(Text(text="Rain.")))
    content = [{"type": "output_text", "text": "Rain.", "annotations": list[Any]()}]
    assert item == {"type": "message", "role": "assistant", "content": content}


def signed(**kept: str) -> str:
    return json.dumps(kept)


def test_reasoning_goes_back_before_its_call_or_text() -> None:
    thinking = Thinking(thinking="Look it up.", signature=signed(id="rs_1", encrypted_content="gAAA"))
    secret = Thinking(thinking="", redacted=True, signature=signed(id="rs_2", encrypted_content="gBBB"))
    _, first, call, *_ = items(user("?"), said(thinking, CALL), result(Text(text="Rain")))
    assert first == {
        "type": "reasoning",
        "id": "rs_1",
        "encrypted_content": "gAAA",
        "summary": [{"type": "summary_text", "text": "Look it up."}],
    }
    assert call["type"] == "function_call"
    _, second, _ = items(user("?"), said(secret, Text(text="Rain.")))
    assert second == {"type": "reasoning", "id": "rs_2", "encrypted_content": "gBBB", "summary": []}


def test_open_reasoning_goes_back_as_its_text() -> None:
    thinking = Thinking(thinking="They greet me.", signature=signed(id="rs_1"))
    _, item, _ = items(user("?"), said(thinking, Text(text="Hi!")))
    content = [{"type": "reasoning_text", "text": "They greet me."}]
    assert item == {"type": "reasoning", "id": "rs_1", "summary": [], "content": content}


def test_reasoning_that_nothing_follows_is_not_sent_as_reasoning() -> None:
    thinking = Thinking(thinking="Hm.", signature=signed(id="rs_1", encrypted_content="gAAA"))
    assert [item["type"] for item in items(user("?"), said(thinking), user("Well?"))] == ["message"] * 3


@pytest.mark.parametrize("signature", ["not JSON", "5", '{"id": 5}', "[" * 5000, "c2lnbmVk"])
def test_a_signature_that_is_not_ours_costs_the_block_only(signature: str) -> None:
    thinking = Thinking(thinking="Hm.", signature=signature)
    assert [item["type"] for item in items(user("?"), said(thinking, Text(text="Rain.")))] == ["message"] * 2


def test_reasoning_with_nothing_in_it_is_not_sent() -> None:
    thinking = Thinking(thinking=" ", signature=signed(id="rs_1"))
    assert [item["type"] for item in items(user("?"), said(thinking, Text(text="Rain.")))] == ["message"] * 2


@pytest.mark.parametrize("name", ["thinking", "thinking-redacted", "thinking-then-calls", "open-weights"])
def test_reasoning_items_go_back_as_they_were_received(name: str) -> None:
    kept = golden(API, name)
    sent = items(user("?"), kept.message, model=kept.model)
    received = [event["item"] for event in data_of(golden_body(API, name)) if event["type"].endswith("item.done")]
    keys = ("type", "id", "encrypted_content", "content")
    thoughts = [
        [{key: item[key] for key in keys if item.get(key)} for item in side if item["type"] == "reasoning"]
        for side in (sent, received)
    ]
    assert thoughts[0] == thoughts[1] != []


@pytest.mark.parametrize("model", ["claude-opus-4-8", MODEL.id], ids=["another model's", "its own, without signatures"])
def test_no_text_stands_between_the_calls_of_a_message(model: str) -> None:
    calls = [msgspec.structs.replace(CALL, id=each) for each in ("call_1", "call_2")]
    blocks = (Thinking(thinking="First."), calls[0], Thinking(thinking="Second."), calls[1])
    message = msgspec.structs.replace(said(*blocks), model=model)
    results = [result(Text(text="Rain"), call_id=call.id) for call in calls]
    _, *sent = items(user("?"), message, *results)
    kinds = ["message", "message", "function_call", "function_call", "function_call_output", "function_call_output"]
    assert [item["type"] for item in sent] == kinds
    assert [text_of(item) for item in sent[:2]] == ["First.", "Second."]


def data_of(text: bytes) -> list[dict[str, Any]]:
    lines = [line[6:] for line in text.split(b"\n") if line.startswith(b"data: {")]
    return [json.loads(line) for line in lines]


def test_tools_say_whether_they_are_strict() -> None:
    loose = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [
        ToolSpec(name=name, description="Of a city", parameters=each) for name, each in (("a", STRICT), ("b", loose))
    ]
    assert body(tools=tools)["tools"] == [
        {"type": "function", "name": "a", "description": "Of a city", "parameters": STRICT, "strict": True},
        {"type": "function", "name": "b", "description": "Of a city", "parameters": loose, "strict": False},
    ]


def test_a_server_without_strict_tools_is_asked_for_none() -> None:
    tools = [ToolSpec(name="a", description="", parameters=STRICT)]
    model = msgspec.structs.replace(MODEL, compat=Compat(supports_strict_tool_schema=False))
    assert body(model, tools=tools)["tools"][0]["strict"] is False
    assert "tools" not in body(msgspec.structs.replace(MODEL, tools=False), tools=tools)


def test_reasoning_models_give_their_encrypted_reasoning() -> None:
    assert body()["include"] == ["reasoning.encrypted_content"]
    assert "reasoning" not in body()
    asked = body(options=ModelOptions(reasoning="high"))
    assert asked["reasoning"] == {"effort": "high", "summary": "auto"}
    assert body(options=ModelOptions(reasoning="minimal"))["reasoning"]["effort"] == "low"  # the model's lowest


def test_models_that_do_not_reason_are_not_asked_to() -> None:
    wish = ModelOptions(reasoning="high")
    assert not {"include", "reasoning"} & body(PLAIN, options=wish).keys()
    mute = msgspec.structs.replace(MODEL, compat=Compat(reasoning_format="none"))
    assert not {"include", "reasoning"} & body(mute, options=wish).keys()
    no_effort = msgspec.structs.replace(MODEL, compat=Compat(supports_reasoning_effort=False))
    assert body(no_effort, options=wish)["reasoning"] == {"summary": "auto"}


def test_temperature_is_for_models_that_do_not_reason() -> None:
    assert body(PLAIN, options=ModelOptions(temperature=0.0))["temperature"] == 0.0
    assert "temperature" not in body(options=ModelOptions(temperature=0.0))


def test_the_bound_of_an_answer() -> None:
    assert body(options=ModelOptions(max_tokens=64))["max_output_tokens"] == 64


def test_metadata_that_the_api_takes_goes_along() -> None:
    metadata: dict[str, Any] = {"user_id": "u1", "n": 5, "k" * 65: "x", "long": "x" * 513}
    assert body(options=ModelOptions(metadata=metadata))["metadata"] == {"user_id": "u1"}
    assert len(body(options=ModelOptions(metadata={f"k{n}": "x" for n in range(20)}))["metadata"]) == 16
    assert "metadata" not in body(options=ModelOptions(metadata={"n": 5}))


# Caching


def test_a_session_keys_the_cache() -> None:
    assert body(options=ModelOptions(session_id="run-1"))["prompt_cache_key"] == "run-1"
    assert "prompt_cache_key" not in body(options=ModelOptions(session_id="run-1", cache="none"))


def test_a_long_session_id_becomes_a_key_of_64_characters() -> None:
    keys = {body(options=ModelOptions(session_id="x" * 100 + end))["prompt_cache_key"] for end in "ab"}
    assert {len(key) for key in keys} == {64}
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ModelOptions(cache="long"), user("Hi")),
        (ModelOptions(cache="short", cache_instructions="long"), user("Hi")),
        (ModelOptions(cache_tools="long"), user("Hi")),
        (ModelOptions(), UserMessage(content="Hi", cache="long")),
        (ModelOptions(), UserMessage(content=(Text(text="Hi", cache="long"),))),
    ],
)
def test_long_anywhere_makes_the_cache_last(options: ModelOptions, message: UserMessage) -> None:
    older = msgspec.structs.replace(MODEL, id="gpt-5.1")
    assert body(older, options=options, messages=[message])["prompt_cache_retention"] == "24h"
    assert "prompt_cache_retention" not in body(options=options, messages=[message])  # gpt-5.6 refuses it


LONG, SHORT = {"mode": "explicit", "ttl": "12h"}, {"mode": "explicit"}


def test_each_mark_is_a_breakpoint_for_models_that_know_them() -> None:
    marked = msgspec.structs.replace(PICTURE, cache="long")
    messages = [
        UserMessage(content=(Text(text="See", cache="short"), marked, Text(text="it?")), cache="short"),
        msgspec.structs.replace(said(CALL), cache="long"),
        msgspec.structs.replace(result(Text(text="Rain")), cache="long"),
        UserMessage(content=(marked,), cache="short"),
    ]
    asked, call, output, last = items(*messages)
    assert [part.get("prompt_cache_breakpoint") for part in asked["content"]] == [SHORT, LONG, SHORT]
    assert "cache" not in json.dumps(call)
    assert output["output"] == [{"type": "input_text", "text": "Rain", "prompt_cache_breakpoint": LONG}]
    assert last["content"][0]["prompt_cache_breakpoint"] == LONG
    older = msgspec.structs.replace(MODEL, id="gpt-5.5")
    assert "breakpoint" not in json.dumps(body(older, messages=messages))
    assert "breakpoint" not in json.dumps(body(messages=messages, options=ModelOptions(cache="none")))


@pytest.mark.parametrize("options", [ModelOptions(cache_instructions="short"), ModelOptions(cache_tools="short")])
def test_a_prompt_that_is_to_be_kept_is_a_developers_message(options: ModelOptions) -> None:
    made = body(instructions="Be brief.", options=options)
    part = {"type": "input_text", "text": "Be brief.", "prompt_cache_breakpoint": SHORT}
    assert made["input"][0] == {"type": "message", "role": "developer", "content": [part]}
    assert "instructions" not in made
    assert body(msgspec.structs.replace(MODEL, id="gpt-5.5"), instructions="x", options=options)["instructions"] == "x"
    assert body(instructions=" ", options=options) == body(options=options)


def test_all_of_a_newer_models_request_is_kept_for_long_or_not_at_all() -> None:
    assert body(options=ModelOptions(cache="long"))["prompt_cache_options"] == {"ttl": "12h"}
    assert body(options=ModelOptions(cache="none"))["prompt_cache_options"] == {"mode": "explicit"}
    assert "prompt_cache_options" not in body(options=ModelOptions(cache="short"))
    assert "prompt_cache_options" not in body(PLAIN, options=ModelOptions(cache="none"))


@pytest.mark.parametrize("options", [ModelOptions(), ModelOptions(cache="short"), ModelOptions(cache="none")])
def test_otherwise_the_cache_lasts_as_it_does_by_itself(options: ModelOptions) -> None:
    message = UserMessage(content="Hi", cache="long" if options.cache == "none" else "short")
    older = msgspec.structs.replace(MODEL, id="gpt-5.1")
    assert "prompt_cache_retention" not in body(older, options=options, messages=[message])


@pytest.mark.parametrize(
    "name", ["gpt-4.1", "gpt-4o-mini", "gpt-3.5-turbo", "chatgpt-4o-latest", "gpt-5.2-chat-latest"]
)
def test_a_model_that_cannot_reason_by_its_name_is_not_asked_to(name: str) -> None:
    by_name = msgspec.structs.replace(MODEL, id=name)  # the model's name says that it reasons
    asked = body(by_name, options=ModelOptions(reasoning="high", temperature=0.5))
    assert not {"reasoning", "include"} & set(asked)
    assert asked["temperature"] == 0.5


def test_the_phase_of_a_message_goes_back_to_the_same_model_only() -> None:
    blocks = (Text(text="I look it up.", signature="commentary"), Text(text="It is 4.", signature="final_answer"))
    _, first, second = items(user("2+2?"), said(*blocks))[:3]
    assert [first["phase"], second["phase"]] == ["commentary", "final_answer"]
    other = msgspec.structs.replace(MODEL, id="another")
    assert all("phase" not in item for item in items(user("2+2?"), said(*blocks, model=other)))


# The stream


@pytest.mark.parametrize("name", golden_names(API))
def test_golden_bodies(name: str) -> None:
    check_golden(ADAPTER, name)


@given(bodies(API), st.lists(st.integers(0, 1 << 20), max_size=8))
def test_any_bytes_become_a_message(data: bytes, at: list[int]) -> None:
    check_decoder(ADAPTER, MODEL, data, at)


def stream(*events: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def test_the_encrypted_reasoning_of_the_finished_item_counts() -> None:
    """The encrypted content in `output_item.added` may be incomplete."""
    thinking = golden(API, "thinking").message.content[0]
    assert isinstance(thinking, Thinking)
    assert json.loads(thinking.signature or "") == {"id": "rs_01", "encrypted_content": "gAAAAABo-secret"}


def test_a_summary_alone_can_not_be_sent_back() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    message = check_events(decode(ADAPTER, MODEL, [stream(done, {"type": "response.completed"})]))
    assert message.content == (Thinking(thinking="Hm."),)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "server_is_overloaded"}, "transient"),
        ({"code": 503, "message": "busy"}, "transient"),
        ({"type": "server_error", "code": None}, "transient"),
        ({"code": "insufficient_quota"}, "terminal"),
        ({"code": 400}, "terminal"),
        ({}, "transient"),
    ],
)
def test_errors_say_whether_to_try_again(error: dict[str, Any], kind: str) -> None:
    for event in ({"type": "error", "error": error}, {"type": "response.failed", "response": {"error": error}}):
        assert check_events(decode(ADAPTER, MODEL, [stream(event)])).error_kind == kind


def test_an_error_of_words_alone() -> None:
    message = check_events(decode(ADAPTER, MODEL, [stream({"error": "model not found", "code": "gone"})]))
    assert message.error_message == "model not found (gone)"


def test_endless_signatures_are_refused() -> None:
    item = {"type": "reasoning", "id": "rs_1", "encrypted_content": "x" * 6_000_000}
    done = stream({"type": "response.output_item.done", "output_index": 0, "item": item})
    message = check_events(decode(ADAPTER, MODEL, [done] * 4))
    assert message.error_message
    assert len(message.content) == 3


def text(delta: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": delta}


def test_an_item_that_takes_anothers_place_ends_it() -> None:
    added = {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message"}}
    data = stream(text("one"), added, text("two"), {"type": "response.completed"})
    message = check_events(decode(ADAPTER, MODEL, [data]))
    assert message.content == (Text(text="one"), Text(text="two"))


def test_nothing_is_said_after_the_end() -> None:
    data = stream(text("one"), {"type": "response.completed"}, {**text("two"), "output_index": 1})
    assert check_events(decode(ADAPTER, MODEL, [data])).content == (Text(text="one"),)


def test_done_ends_a_message_without_a_finish_event() -> None:
    message = check_events(decode(ADAPTER, MODEL, [stream(text("one")) + b"data: [DONE]\n\n"]))
    assert (message.stop_reason, message.content) == ("stop", (Text(text="one"),))
    assert check_events(decode(ADAPTER, MODEL, [b"data: [DONE]\n\n"])).error_kind == "transient"


def test_an_endless_event_is_refused() -> None:
    assert "too large" in str(check_events(decode(ADAPTER, MODEL, [b"data: ", b"x" * (17 << 20)])).error_message)
