"""Chat completions: requests to OpenAI and to servers that differ from it, and their streams."""

import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from decoding_checks import bodies, check_decoder, check_events, check_golden, decode, golden_names
from hypothesis import given
from hypothesis import strategies as st

from adjourn.protocol.events import Failed, TextDelta, ToolcallStart
from adjourn.protocol.messages import (
    AssistantMessage,
    Compat,
    Cost,
    Image,
    Lifetime,
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
from adjourn.protocol.providers import event_stream
from adjourn.protocol.providers.adapter import Context
from adjourn.protocol.providers.message_writer import MAX_BLOCKS
from adjourn.protocol.providers.openai_chat import ADAPTER
from adjourn.protocol.record import ToolSpec
from adjourn.protocol.sse import SSEParser

API = "openai-completions"
MODEL = ModelDescriptor(id="gpt-4.1", api=API, provider="openai", input=("text", "image"))
THINKER = msgspec.structs.replace(MODEL, id="gpt-5.1", reasoning=True)
NEWEST = msgspec.structs.replace(THINKER, id="gpt-5.6")  # has cache breakpoints
ELSEWHERE = ModelDescriptor(
    id="deepseek-reasoner", api=API, provider="deepseek", base_url="https://api.deepseek.com/v1", reasoning=True
)
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
LOOSE = ToolSpec(name="weather", description="Tells the weather.", parameters=CITY)
STRICT = ToolSpec(name="weather", description="Tells.", parameters={**CITY, "additionalProperties": False})
CAT, DOG = Image(data="Y2F0", mime_type="image/png"), Image(data="ZG9n", mime_type="image/jpeg")
SHORT, LONG = {"mode": "explicit"}, {"mode": "explicit", "ttl": "12h"}


def asked(
    messages: Sequence[Message] = (user("Hi"),),
    *,
    model: ModelDescriptor = MODEL,
    instructions: str = "",
    tools: Sequence[ToolSpec] = (),
    options: ModelOptions = ModelOptions(),  # noqa: B008  # frozen
) -> dict[str, Any]:
    """Return the request's body."""
    request = ADAPTER.build_request(model, Context(messages, instructions, tools), options)
    assert (request.method, request.path) == ("POST", "/chat/completions")
    assert request.headers == {"content-type": "application/json", "accept": "text/event-stream"}
    return json.loads(request.body)


def told(*messages: Message, model: ModelDescriptor = MODEL) -> list[dict[str, Any]]:
    """Return the request's messages."""
    return asked(messages, model=model)["messages"]


def differing(model: ModelDescriptor = MODEL, **flags: Any) -> ModelDescriptor:
    return msgspec.structs.replace(model, compat=Compat(**flags))


def said(*content: Text | Thinking | ToolCall, model: ModelDescriptor = MODEL) -> AssistantMessage:
    return AssistantMessage(content=content, api=model.api, provider=model.provider, model=model.id)


def call(id: str = "call_1", **arguments: Any) -> ToolCall:  # noqa: A002  # the field's name
    return ToolCall(id=id, name="weather", arguments=arguments)


def result(*content: Text | Image, id: str = "call_1", cache: Lifetime | None = None) -> ToolResultMessage:  # noqa: A002
    return ToolResultMessage(tool_call_id=id, tool_name="weather", content=content, cache=cache)


def breakpoints(body: dict[str, Any]) -> dict[str, Any]:
    """Return the breakpoints, by the text of their part."""
    parts = [part for each in body["messages"] if isinstance(each["content"], list) for part in each["content"]]
    return {part["text"]: part.pop("prompt_cache_breakpoint") for part in parts if "prompt_cache_breakpoint" in part}


# The stream.


@pytest.mark.parametrize("name", golden_names(API))
def test_a_stream_becomes_its_message(name: str) -> None:
    check_golden(ADAPTER, name)


@given(bodies(API), st.lists(st.integers(0, 1 << 20), max_size=6))
def test_no_bytes_break_the_decoder(data: bytes, at: Sequence[int]) -> None:
    check_decoder(ADAPTER, MODEL, data, at)


def test_a_chunk_gives_its_events_at_once() -> None:
    decoder = ADAPTER.decoder(MODEL)
    data = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
    assert not decoder.feed(data[:-1])
    assert decoder.feed(data[-1:])[-1] == TextDelta(content_index=0, delta="Hi")


def test_a_call_is_seen_with_its_first_delta() -> None:
    chunk = {"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]}}]}
    events = ADAPTER.decoder(MODEL).feed(b"data: %b\n\n" % json.dumps(chunk).encode())
    assert events[-1] == ToolcallStart(content_index=0, id="a", name="f")


def test_calls_that_never_begin_are_bounded() -> None:
    calls = [{"index": index, "id": f"c{index}"} for index in range(MAX_BLOCKS + 1)]
    data = b"data: %b\n\n" % json.dumps({"choices": [{"delta": {"tool_calls": calls}}]}).encode()
    (*_, failed) = ADAPTER.decoder(MODEL).feed(data)
    assert isinstance(failed, Failed)
    assert failed.error.error_message == f"the model's message has more than {MAX_BLOCKS} tool calls"


def test_an_event_without_end_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "SSEParser", lambda **_: SSEParser(max_event_bytes=100))
    (failed,) = ADAPTER.decoder(MODEL).feed(b"data: " + b"x" * 100)
    assert isinstance(failed, Failed)
    assert failed.error.error_kind == "terminal"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 429}, "transient"),
        ({"code": "503"}, "transient"),
        ({"code": 400, "type": "server_error"}, "terminal"),
        ({"type": "insufficient_quota"}, "terminal"),
        ({"type": "invalid_request_error"}, "terminal"),
        ({"type": "overloaded_error", "code": ""}, "transient"),
        ("the model is gone", "transient"),
    ],
)
def test_an_error_in_mid_stream_says_whether_it_may_pass(error: Any, kind: str) -> None:
    (*_, failed) = ADAPTER.decoder(MODEL).feed(b"data: %b\n\n" % json.dumps({"error": error}).encode())
    assert isinstance(failed, Failed)
    assert failed.error.error_kind == kind


def test_cache_writes_without_a_price_cost_as_input() -> None:
    counts = {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 4}}
    data = b"data: %b\n\n" % json.dumps({"choices": [{"finish_reason": "stop"}], "usage": counts}).encode()
    usage = check_events(decode(ADAPTER, msgspec.structs.replace(MODEL, cost=Cost(input=1e6)), [data])).usage
    assert (usage.input, usage.cache_read, usage.cache_write) == (4, 2, 4)
    assert (usage.cost.input, usage.cost.cache_write) == (4.0, 4.0)


def test_usage_may_be_in_the_choice() -> None:
    last = {"choices": [{"finish_reason": "stop", "usage": {"prompt_tokens": 10, "completion_tokens": 2}}]}
    usage = check_events(decode(ADAPTER, MODEL, [b"data: %b\n\n" % json.dumps(last).encode()])).usage
    assert (usage.input, usage.output) == (10, 2)


# The request.


def test_the_least_request() -> None:
    assert asked() == {
        "model": "gpt-4.1",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "store": False,
    }


def test_a_conversation_with_a_call() -> None:
    messages = told(user("Is it raining?"), said(Text(text="I look."), call(city="Oslo")), result(Text(text="Yes")))
    function = {"name": "weather", "arguments": '{"city":"Oslo"}'}
    assert messages == [
        {"role": "user", "content": "Is it raining?"},
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "Yes"},
    ]
    assert told(said(call()), result(Text(text="Yes")))[0]["content"] is None


def test_instructions_are_a_system_message() -> None:
    body = asked(instructions="Be kind.")
    assert body["messages"][0] == {"role": "system", "content": "Be kind."}
    assert len(asked(instructions=" \n")["messages"]) == 1


def test_text_in_pieces_is_one_string_and_users_in_a_row_are_one() -> None:
    assert told(said(Text(text="a"), Text(text="b")))[0]["content"] == "a\n\nb"
    assert told(user("a"), user("b")) == [{"role": "user", "content": "a\n\nb"}]


def test_images_are_data_urls() -> None:
    assert told(UserMessage(content=(Text(text="See"), CAT)))[0]["content"] == [
        {"type": "text", "text": "See"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,Y2F0"}},
    ]


def test_images_of_results_follow_after_all_results_of_the_turn() -> None:
    messages = told(
        said(call("a"), call("b")), result(CAT, id="a"), result(Text(text="See"), DOG, id="b"), user("Which?")
    )
    assert [message["role"] for message in messages] == ["assistant", "tool", "tool", "user"]
    assert [message["content"] for message in messages[1:3]] == ["(The images are in the next user message.)", "See"]
    assert [part.get("text") for part in messages[3]["content"]] == [
        "Images that weather (a) gave back:",
        None,
        "Images that weather (b) gave back:",
        None,
        "Which?",
    ]
    assert told(said(call()), result(CAT))[-1]["role"] == "user"
    assert [each["role"] for each in told(said(call()), result(CAT), said(Text(text="A cat")))[2:]] == [
        "user",
        "assistant",
    ]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_goes_back_in_the_field_it_came_in(field: str) -> None:
    thought = Thinking(thinking="Hm.", signature=field)
    (message,) = told(said(thought, Text(text="Yes"), model=ELSEWHERE), model=ELSEWHERE)
    assert message == {"role": "assistant", "content": "Yes", field: "Hm."}
    (foreign,) = told(said(thought, Text(text="Yes"), model=ELSEWHERE))
    assert foreign == {"role": "assistant", "content": "Hm.\n\nYes"}


def test_reasoning_that_came_in_the_content_goes_back_there() -> None:
    thought = Thinking(thinking="Hm.", signature="content")
    (message,) = told(said(thought, Text(text="Yes"), model=ELSEWHERE), model=ELSEWHERE)
    assert message["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
        {"type": "text", "text": "Yes"},
    ]


def test_tools_are_strict_only_where_their_schema_surely_is() -> None:
    (loose, strict) = asked(tools=[LOOSE, STRICT])["tools"]
    assert loose == {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Tells the weather.",
            "parameters": CITY,
            "strict": False,
        },
    }
    assert strict["function"]["strict"] is True
    (plain,) = asked(tools=[STRICT], model=differing(supports_strict_tool_schema=False))["tools"]
    assert "strict" not in plain["function"]
    assert "tools" not in asked(tools=[LOOSE], model=msgspec.structs.replace(MODEL, tools=False))


def test_limits_have_the_name_that_the_server_knows() -> None:
    options = ModelOptions(max_tokens=5)
    assert asked(options=options)["max_completion_tokens"] == 5
    assert asked(options=options, model=differing(max_tokens_field="max_tokens"))["max_tokens"] == 5


def test_usage_is_asked_for_unless_the_server_does_not_know_it() -> None:
    assert "stream_options" not in asked(model=differing(supports_usage_in_streaming=False))


@pytest.mark.parametrize(
    ("form", "written"),
    [(None, "call_1"), ("passthrough", "call_1"), ("safe64", "call_1"), ("mistral9", r"[A-Za-z0-9]{9}")],
)
def test_call_ids_have_the_form_that_the_server_takes(form: Any, written: str) -> None:
    messages = told(said(call()), result(Text(text="Yes")), model=differing(tool_call_id_format=form))
    id = messages[0]["tool_calls"][0]["id"]  # noqa: A001  # the field's name
    assert messages[1]["tool_call_id"] == id
    assert re.fullmatch(written, id)


def test_mistral_sees_no_user_after_a_tool_and_no_assistant_at_the_end() -> None:
    messages = [said(call()), result(CAT), said(Text(text="A cat"))]
    roles = [message["role"] for message in told(*messages, model=differing(tool_call_id_format="mistral9"))]
    assert roles == ["assistant", "tool", "assistant", "user", "assistant", "user"]


def test_openai_takes_ids_of_forty_characters() -> None:
    messages = told(said(call("x" * 50)), result(Text(text="Yes"), id="x" * 50))
    assert len(messages[0]["tool_calls"][0]["id"]) <= 40
    assert messages[0]["tool_calls"][0]["id"] == messages[1]["tool_call_id"]


def test_a_result_names_its_tool_where_the_server_wants_it() -> None:
    message = told(said(call()), result(Text(text="Yes")), model=differing(requires_tool_result_name=True))[1]
    assert message == {"role": "tool", "tool_call_id": "call_1", "name": "weather", "content": "Yes"}


@pytest.mark.parametrize(
    ("model", "reasoning", "tools", "effort"),
    [
        (MODEL, "high", (), None),
        (THINKER, "high", (), "high"),
        (THINKER, "low", (LOOSE,), "low"),
        (THINKER, None, (), None),
        (ELSEWHERE, "high", (LOOSE,), "high"),
        (NEWEST, "high", (), "high"),
        (NEWEST, "high", (LOOSE,), "none"),  # from gpt-5.4 on, the API refuses reasoning with tools
        (NEWEST, None, (), "none"),  # otherwise it reasons by default
        (msgspec.structs.replace(NEWEST, id="gpt-5.6-chat-latest"), None, (LOOSE,), None),  # no such option
        (differing(ELSEWHERE, reasoning_format="none"), "high", (), None),
        (differing(ELSEWHERE, supports_reasoning_effort=False), "high", (), None),
        (differing(ELSEWHERE, reasoning_format="openai"), "high", (), "high"),
    ],
)
def test_reasoning_is_asked_for_where_it_can_be_had(
    model: ModelDescriptor, reasoning: Reasoning | None, tools: Sequence[ToolSpec], effort: str | None
) -> None:
    body = asked(model=model, options=ModelOptions(reasoning=reasoning), tools=tools)
    assert body.get("reasoning_effort") == effort


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("o4-mini", "low", "high"),
        ("gpt-5", "minimal", "high"),
        ("gpt-5-mini", "minimal", "high"),
        ("gpt-5.1", "low", "high"),
        ("gpt-5.1-codex-max", "low", "xhigh"),
        ("gpt-5.2", "low", "xhigh"),
        ("gpt-5.6", "low", "xhigh"),
        ("openai/gpt-5.1", "minimal", "xhigh"),  # a router accepts all levels
    ],
)
def test_openais_models_are_asked_in_words_that_they_know(name: str, least: str, most: str) -> None:
    model = msgspec.structs.replace(THINKER, id=name)
    efforts = [asked(model=model, options=ModelOptions(reasoning=each)) for each in ("minimal", "medium", "xhigh")]
    assert [body["reasoning_effort"] for body in efforts] == [least, "medium", most]


@pytest.mark.parametrize(("model", "taken"), [(MODEL, True), (THINKER, False), (NEWEST, True), (ELSEWHERE, True)])
def test_the_temperature_is_left_out_while_openais_models_reason(model: ModelDescriptor, taken: bool) -> None:
    assert ("temperature" in asked(model=model, options=ModelOptions(temperature=0.5))) is taken


@pytest.mark.parametrize(
    ("provider", "address", "own"),
    [
        ("openai", "", True),
        ("openai", "https://api.openai.com/v1", True),
        ("openai", "https://eu.api.openai.com/v1", True),
        ("openai", "http://localhost:8000/v1", False),
        ("openai", "https://api.openai.com.example/v1", False),
        ("groq", "", False),
    ],
)
def test_fields_only_openai_knows_go_to_openai_alone(provider: str, address: str, own: bool) -> None:
    model = msgspec.structs.replace(MODEL, provider=provider, base_url=address)
    body = asked(model=model, options=ModelOptions(metadata={"user_id": "u1", "other": "x"}))
    assert (body.get("store"), body.get("safety_identifier")) == ((False, "u1") if own else (None, None))
    assert "metadata" not in body


# Caching.


def test_without_a_wish_for_caching_nothing_says_so() -> None:
    body = asked(options=ModelOptions(session_id="s"), instructions="Be kind.")
    assert not [field for field in body if field.startswith("prompt_cache")]


@pytest.mark.parametrize(
    ("id", "options", "fields"),
    [
        ("gpt-4.1-mini", ModelOptions(cache="short"), {}),
        ("gpt-4.1-mini", ModelOptions(cache="long"), {"prompt_cache_retention": "24h"}),
        ("gpt-5.5", ModelOptions(cache_tools="long", cache="short"), {"prompt_cache_retention": "24h"}),
        ("gpt-4o", ModelOptions(cache="long"), {}),
        ("openai/gpt-5", ModelOptions(cache="long"), {}),
        ("gpt-35-turbo", ModelOptions(cache="long"), {}),
        ("gpt-5.6-mini", ModelOptions(cache="long"), {}),
        ("gpt-6", ModelOptions(cache_instructions="long"), {}),
    ],
)
def test_a_wish_for_caching_sends_the_key_and_the_longest_lifetime(
    id: str,  # noqa: A002  # the field's name
    options: ModelOptions,
    fields: dict[str, Any],
) -> None:
    body = asked(model=msgspec.structs.replace(MODEL, id=id), options=msgspec.structs.replace(options, session_id="s"))
    assert {field: body[field] for field in body if field.startswith("prompt_cache")} == {
        "prompt_cache_key": "s",
        **fields,
    }


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        (MODEL, True),
        (msgspec.structs.replace(MODEL, id="o4-mini"), True),
        (msgspec.structs.replace(MODEL, provider="azure", base_url="https://x.openai.azure.com/openai/v1"), True),
        (ELSEWHERE, False),
        (msgspec.structs.replace(MODEL, id="mistral-large", provider="mistral"), False),
    ],
)
def test_the_key_goes_only_where_it_is_known(model: ModelDescriptor, sent: bool) -> None:
    body = asked(model=model, options=ModelOptions(cache="long", session_id="s"))
    assert ("prompt_cache_key" in body) is sent


@pytest.mark.parametrize(
    "marked",
    [
        UserMessage(content="Hi", cache="long"),
        UserMessage(content=(Text(text="Hi", cache="long"),)),
        UserMessage(content=(Image(data="Y2F0", mime_type="image/png", cache="long"),)),
    ],
)
def test_a_mark_on_a_message_or_block_is_the_wish_of_older_models_requests(marked: Message) -> None:
    body = asked([marked, user("more")])
    assert body["prompt_cache_retention"] == "24h"
    assert not breakpoints(body)


def test_a_long_session_id_is_known_by_its_digest() -> None:
    keys = {
        asked(options=ModelOptions(cache="short", session_id="s" * 100 + end))["prompt_cache_key"] for end in ("a", "b")
    }
    assert [len(key) for key in keys] == [64, 64]


def test_no_caching_is_said_to_models_that_know_it() -> None:
    options = ModelOptions(cache="none", session_id="s", cache_instructions="long")
    marked = [UserMessage(content="Hi", cache="long")]
    body = asked(marked, model=NEWEST, options=options, instructions="Be kind.")
    assert body["prompt_cache_options"] == {"mode": "explicit"}
    assert not breakpoints(body)
    assert "prompt_cache_key" not in body
    assert not [field for field in asked(marked, options=options) if field.startswith("prompt_cache")]


def test_each_mark_is_a_breakpoint_for_models_that_know_them() -> None:
    messages = [
        UserMessage(content=(Text(text="a", cache="short"), Text(text="b"))),
        msgspec.structs.replace(said(Text(text="c"), call(), model=NEWEST), cache="short"),
        result(Text(text="d"), cache="long"),
        UserMessage(content="e", cache="short"),
        user("f"),
    ]
    body = asked(messages, model=NEWEST, instructions="Be kind.", options=ModelOptions(cache_tools="long"))
    assert breakpoints(body) == {"Be kind.": LONG, "a": SHORT, "c": SHORT, "d": LONG, "e": SHORT}


def test_the_whole_request_kept_for_long_ends_in_a_breakpoint() -> None:
    messages = [user("a"), said(Text(text="b")), UserMessage(content="c", cache="short")]
    assert breakpoints(asked(messages, model=NEWEST, options=ModelOptions(cache="long"))) == {"c": LONG}
    assert not breakpoints(asked([user("a")], model=NEWEST, options=ModelOptions(cache="short")))  # automatic


def test_a_mark_that_moves_on_changes_nothing_else() -> None:
    pieces = (Text(text="a"), Text(text="b"))
    marked = asked([UserMessage(content=pieces, cache="short")], model=NEWEST)
    assert breakpoints(marked) == {"b": SHORT}
    assert marked["messages"] == asked([UserMessage(content=pieces)], model=NEWEST)["messages"]
