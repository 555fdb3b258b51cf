"""Anthropic's Messages API: requests that the API accepts, and its stream: whole, broken and hostile."""

import json
from typing import Any

import msgspec
import pytest
from decoding_checks import bodies, check_decoder, check_events, check_golden, decode, golden, golden_names
from hypothesis import example, given
from hypothesis import strategies as st
from profiles import examples

from adjourn.protocol import sse
from adjourn.protocol.events import Failed, TextDelta
from adjourn.protocol.messages import (
    AssistantMessage,
    Cost,
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
from adjourn.protocol.providers import anthropic
from adjourn.protocol.providers.adapter import Context
from adjourn.protocol.providers.anthropic import ADAPTER
from adjourn.protocol.providers.anthropic_request import DEFAULT_MAX_TOKENS
from adjourn.protocol.providers.decoding import MAX_TOKENS
from adjourn.protocol.providers.handover import GO_ON
from adjourn.protocol.record import ToolSpec

PNG = Image(data="aGk=", mime_type="image/png")
WEATHER = ToolSpec(name="weather", description="Tells the weather.", parameters={"properties": {"at": {}}})
SHORT = {"type": "ephemeral"}
LONG = {"type": "ephemeral", "ttl": "1h"}


def claude(name: str = "claude-opus-4-8", **more: Any) -> ModelDescriptor:
    return ModelDescriptor(id=name, api=ADAPTER.api, provider="anthropic", input=("text", "image"), **more)


def said(*content: Text | Thinking | ToolCall, model: str = "claude-opus-4-8", **more: Any) -> AssistantMessage:
    return AssistantMessage(content=content, api=ADAPTER.api, provider="anthropic", model=model, **more)


def called(call_id: str, **more: Any) -> ToolCall:
    return ToolCall(id=call_id, name="weather", arguments={"at": "sea"}, **more)


def result(call_id: str, *content: Text | Image, **more: Any) -> ToolResultMessage:
    return ToolResultMessage(tool_call_id=call_id, tool_name="weather", content=content or (Text(text="ok"),), **more)


def asked(
    *messages: Message,
    model: ModelDescriptor | None = None,
    instructions: str = "",
    tools: tuple[ToolSpec, ...] = (),
    **options: Any,
) -> dict[str, Any]:
    """Return the body of a request."""
    context = Context(messages or (user("hi"),), instructions, tools)
    return json.loads(ADAPTER.build_request(model or claude(), context, ModelOptions(**options)).body)


def marks(body: dict[str, Any]) -> list[tuple[str, dict[str, str]]]:
    """Return the cache breakpoints in the request's order: each one's block and value."""
    blocks = body.get("tools", []) + body.get("system", [])
    blocks += [block for message in body["messages"] for block in message["content"]]
    name = ("text", "tool_use_id", "id", "name", "type")
    return [
        (next(block[key] for key in name if key in block), block["cache_control"])
        for block in blocks
        if "cache_control" in block
    ]


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def test_a_request_has_the_path_the_headers_and_the_body_that_the_api_wants() -> None:
    request = ADAPTER.build_request(claude(), Context([user("hi")], "Be brief.", [WEATHER]), ModelOptions())
    assert (request.method, request.path) == ("POST", "/v1/messages")
    assert request.headers == {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "anthropic-version": "2026-10-21",
    }
    assert json.loads(request.body) == {
        "model": "claude-opus-4-8",
        "max_tokens": DEFAULT_MAX_TOKENS,
        "stream": True,
        "system": [text("Be brief.")],
        "messages": [{"role": "user", "content": [text("hi")]}],
        "tools": [
            {
                "name": "weather",
                "description": "Tells the weather.",
                "input_schema": {"type": "object", "properties": {"at": {}}},
            }
        ],
    }


def test_calls_and_results_images_and_thinking_go_back_as_they_came() -> None:
    body = asked(
        UserMessage(content=(Text(text="see"), PNG)),
        said(
            Thinking(thinking="Hm.", signature="sig"),
            Thinking(thinking="", signature="data", redacted=True),
            Thinking(thinking="", signature="hidden"),
            Text(text="Let me look."),
            called("a", provider_id="toolu_1"),
            called("b", provider_id="toolu_2"),
        ),
        result("a", Text(text="rain"), PNG),
        result("b", is_error=True),
        tools=(WEATHER,),
    )
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
    assert body["messages"] == [
        {"role": "user", "content": [text("see"), image]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
                {"type": "redacted_thinking", "data": "data"},
                {"type": "thinking", "thinking": "", "signature": "hidden"},
                text("Let me look."),
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"at": "sea"}},
                {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {"at": "sea"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [text("rain"), image]},
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": [text("ok")], "is_error": True},
            ],
        },
    ]


def test_images_of_a_failed_call_stand_behind_all_results() -> None:
    body = asked(user("?"), said(called("a"), called("b")), result("a", PNG, is_error=True), result("b"), user("Well?"))
    kinds = [block["type"] for block in body["messages"][-1]["content"]]
    assert kinds == ["tool_result", "tool_result", "image", "text"]
    assert all(block["type"] == "text" for block in body["messages"][-1]["content"][0]["content"])


@pytest.mark.parametrize(
    ("messages", "turns"),
    [
        ([], [GO_ON]),
        ([user("a"), user("b")], ["a b"]),
        ([said(Text(text="a")), user("b")], [GO_ON, "a", "b"]),
        ([user("a"), said(Text(text="b "))], ["a", "b ", GO_ON]),
        ([user("a"), said(Text(text="b")), said(Text(text="c")), user("d")], ["a", "b", GO_ON, "c", "d"]),
    ],
    ids=["nothing", "two of a user", "begins with the model", "ends with the model", "two of the model"],
)
def test_roles_alternate_from_a_user_to_a_user(messages: list[Message], turns: list[str]) -> None:
    body = json.loads(ADAPTER.build_request(claude(), Context(messages), ModelOptions()).body)
    assert [" ".join(block["text"] for block in turn["content"]) for turn in body["messages"]] == turns
    assert [turn["role"] for turn in body["messages"]] == [("user", "assistant")[i % 2] for i in range(len(turns))]


@pytest.mark.parametrize("tools", [True, False])
def test_calls_in_the_transcript_are_declared_where_there_are_no_tools(tools: bool) -> None:
    body = asked(
        user("?"), said(called("a")), result("a"), model=claude(tools=tools), tools=() if tools else (WEATHER,)
    )
    assert [(tool["name"], tool["input_schema"]) for tool in body["tools"]] == [("weather", {"type": "object"})]
    assert body["tool_choice"] == {"type": "none"}


def test_max_tokens_are_the_options_else_the_models_else_a_constant() -> None:
    model = claude(max_output_tokens=64_000)
    assert asked(model=model, max_tokens=5)["max_tokens"] == 5
    assert asked(model=model)["max_tokens"] == 64_000
    assert asked()["max_tokens"] == 16_384


def test_of_the_metadata_the_user_id_is_sent() -> None:
    assert asked(metadata={"user_id": "u1", "other": 2})["metadata"] == {"user_id": "u1"}
    assert "metadata" not in asked(metadata={"user_id": 7})


ADAPTIVE = {"type": "adaptive", "display": "summarized"}


@pytest.mark.parametrize(
    ("name", "reasoning", "thinking", "effort"),
    [
        ("claude-opus-5-5", "minimal", ADAPTIVE, "low"),
        ("claude-opus-5-5", "xhigh", ADAPTIVE, "xhigh"),
        ("claude-fable-5", "medium", ADAPTIVE, "medium"),
        ("claude-opus-4-7", "xhigh", ADAPTIVE, "xhigh"),
        ("claude-sonnet-4-6", "xhigh", ADAPTIVE, "high"),
        ("anthropic/claude-opus-4.6", "low", ADAPTIVE, "low"),
        ("claude-next", "high", ADAPTIVE, "high"),
        ("claude-opus-5-5", None, None, None),
        ("claude-sonnet-5-5", None, None, None),
        ("claude-opus-4-8", None, None, None),
        ("claude-opus-5", None, {"type": "disabled"}, None),
        ("claude-sonnet-5-20260601", None, {"type": "disabled"}, None),
        ("claude-haiku-5-5", None, {"type": "disabled"}, None),
        ("claude-haiku-4-5-20251001", "minimal", {"type": "enabled", "budget_tokens": 1024}, None),
        ("claude-sonnet-4-20250514", "high", {"type": "enabled", "budget_tokens": 12_288}, None),
        ("claude-3-7-sonnet-20250219", "low", {"type": "enabled", "budget_tokens": 2048}, None),
        ("some-other-model", "medium", {"type": "enabled", "budget_tokens": 8192}, None),
        ("claude-haiku-4-5", None, None, None),
        ("claude-3-5-haiku-latest", "high", None, None),
    ],
)
def test_reasoning_is_asked_for_as_the_generation_of_the_model_wants_it(
    name: str, reasoning: Reasoning | None, thinking: object, effort: str | None
) -> None:
    body = asked(model=claude(name), reasoning=reasoning)
    assert body.get("thinking") == thinking
    assert body.get("output_config") == (effort and {"effort": effort})


@example(1024, "low")
@example(1025, "low")
@given(st.integers(1, 40_000), st.sampled_from(["minimal", "low", "medium", "high", "xhigh"]))
def test_a_budget_to_think_is_at_least_1024_and_less_than_max_tokens(max_tokens: int, reasoning: Reasoning) -> None:
    thinking = asked(model=claude("claude-haiku-4-5"), max_tokens=max_tokens, reasoning=reasoning).get("thinking")
    assert (thinking is not None) == (max_tokens > 1024)
    assert thinking is None or 1024 <= thinking["budget_tokens"] < max_tokens


def test_an_older_model_does_not_begin_to_think_after_the_results_of_its_calls() -> None:
    name = "claude-haiku-4-5"
    plain = [user("?"), said(called("a"), model=name), result("a")]
    thought = [user("?"), said(Thinking(thinking="Hm.", signature="s"), called("a"), model=name), result("a")]
    assert "thinking" not in asked(*plain, model=claude(name), reasoning="low")
    assert "thinking" not in asked(*plain, user("Go"), model=claude(name), reasoning="low")
    assert "thinking" in asked(*thought, model=claude(name), reasoning="low")
    assert "thinking" in asked(
        *plain, said(Text(text="Rain."), model=name), user("?"), model=claude(name), reasoning="low"
    )


@pytest.mark.parametrize("reasoning", ["low", None])
def test_thinking_that_no_longer_fits_the_history_does_not_fail_the_request(reasoning: Reasoning | None) -> None:
    model = claude("claude-opus-5-5")
    history = [user("?"), said(Thinking(thinking="Hm.", signature="s"), Text(text="!"), model=model.id), user("?")]
    request = ADAPTER.build_request(model, Context(history), ModelOptions(reasoning=reasoning))
    bound = ADAPTIVE | {"block_binding": {"prefix_mismatch_behavior": "drop_block"}}
    assert json.loads(request.body)["thinking"] == bound
    assert request.headers["anthropic-beta"] == "thinking-binding-controls-2026-08-01"
    assert asked(*LOOP, reasoning=reasoning).get("thinking") == (
        reasoning and ADAPTIVE
    )  # of a model without bound ones


def test_a_model_that_is_told_not_to_think_gets_no_thoughts() -> None:
    model = claude("claude-haiku-5-5")
    history = [user("?"), said(Thinking(thinking="Hm.", signature="s"), Text(text="!"), model=model.id), user("?")]
    assert asked(*history, model=model)["messages"][1]["content"] == [text("!")]


@pytest.mark.parametrize(
    ("name", "reasoning", "sent"),
    [
        ("claude-haiku-4-5", None, True),
        ("claude-opus-4-6", None, True),
        ("some-other-model", None, True),
        ("claude-haiku-4-5", "low", False),
        ("claude-opus-4-6", "low", False),
        ("claude-opus-4-7", None, False),
        ("claude-opus-5", None, False),
    ],
)
def test_a_temperature_is_sent_where_the_model_takes_it(name: str, reasoning: Reasoning | None, sent: bool) -> None:
    options = ModelOptions(temperature=0.5, reasoning=reasoning)
    request = ADAPTER.build_request(claude(name), Context([user("hi")]), options)
    assert ("temperature" in json.loads(request.body)) == sent
    assert request.headers["anthropic-version"] == ("2023-06-01" if sent else "2026-10-21")


LOOP = (
    user("first"),
    said(Thinking(thinking="Hm.", signature="s"), Text(text="look"), called("a")),
    result("a"),
    user("last"),
)


def test_marks_on_blocks_and_messages_become_breakpoints() -> None:
    body = asked(
        UserMessage(content=(Text(text="one"), msgspec.structs.replace(PNG, cache="long")), cache="short"),
        said(Text(text="three"), called("a"), cache="short"),
        result("a", Text(text="x", cache="short"), Text(text="y")),
        UserMessage(content=(Text(text="four", cache="short"), Text(text="five"))),
    )
    assert marks(body) == [("image", LONG), ("a", SHORT), ("a", SHORT), ("four", SHORT)]


def test_system_prompt_and_tools_have_marks_of_their_own() -> None:
    body = asked(instructions="Be brief.", tools=(WEATHER,), cache_instructions="short", cache_tools="long")
    assert marks(body) == [("weather", LONG), ("Be brief.", SHORT)]


@pytest.mark.parametrize(("lifetime", "control"), [("short", SHORT), ("long", LONG)])
def test_the_whole_request_is_cached_up_to_its_last_block(lifetime: str, control: dict[str, str]) -> None:
    body = asked(*LOOP, instructions="Be brief.", tools=(WEATHER,), cache=lifetime)
    assert marks(body) == [("weather", control), ("Be brief.", control), ("last", control)]


def test_of_more_than_four_breakpoints_the_latest_stay() -> None:
    many = [UserMessage(content=str(number), cache="short") for number in range(6)]
    body = asked(*many, instructions="Be brief.", cache_instructions="long")
    assert marks(body) == [(str(number), SHORT) for number in range(2, 6)]


def test_cache_breakpoints_before_a_long_lived_one_become_long_lived() -> None:
    body = asked(
        UserMessage(content="a", cache="short"),
        UserMessage(content="b", cache="long"),
        UserMessage(content="c", cache="short"),
        instructions="Be brief.",
        cache_instructions="short",
    )
    assert marks(body) == [("Be brief.", LONG), ("a", LONG), ("b", LONG), ("c", SHORT)]


def test_no_caching_takes_all_marks_away() -> None:
    marked = UserMessage(content="a", cache="long")
    assert marks(asked(marked, instructions="x", tools=(WEATHER,), cache_tools="long", cache="none")) == []


@pytest.mark.parametrize("name", golden_names(ADAPTER.api))
def test_a_golden_body_becomes_its_message(name: str) -> None:
    check_golden(ADAPTER, name)


@examples(400)
@given(bodies(ADAPTER.api), st.lists(st.integers(0, 1 << 20), max_size=6))
def test_no_bytes_break_the_decoder(body: bytes, cuts: list[int]) -> None:
    check_decoder(ADAPTER, golden(ADAPTER.api, "text").model, body, cuts)


def event(name: str, **data: Any) -> bytes:
    return sse.encode_event(json.dumps({"type": name} | data).encode(), event=name)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("overloaded_error", "transient"),
        ("api_error", "transient"),
        ("rate_limit_error", "transient"),
        ("timeout_error", "transient"),
        ("invalid_request_error", "terminal"),
        ("billing_error", "terminal"),
        ("something_new", "transient"),
        ("something_invalid", "terminal"),
    ],
)
def test_an_error_in_mid_stream_has_the_providers_words_and_a_kind(error: str, kind: str) -> None:
    (failed,) = ADAPTER.decoder(claude()).feed(event("error", error={"type": error, "message": "Sorry."}))
    assert isinstance(failed, Failed)
    assert (failed.error.error_message, failed.error.error_kind) == (f"Sorry. ({error})", kind)


def test_text_is_given_out_as_it_comes() -> None:
    decoder = ADAPTER.decoder(claude())
    decoder.feed(event("content_block_start", index=0, content_block={"type": "text", "text": ""}))
    delta = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "a"})
    assert decoder.feed(delta) == [TextDelta(content_index=0, delta="a")]


def test_redacted_thinking_and_signatures_count_against_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anthropic, "MAX_MESSAGE_CHARS", 10)
    decoder = ADAPTER.decoder(claude())
    decoder.feed(event("content_block_start", index=0, content_block={"type": "redacted_thinking", "data": "123456"}))
    decoder.feed(event("content_block_start", index=1, content_block={"type": "thinking", "thinking": ""}))
    events = decoder.feed(
        event("content_block_delta", index=1, delta={"type": "signature_delta", "signature": "12345"})
    )
    assert isinstance(events[-1], Failed)


def test_a_line_without_end_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = anthropic.Decoder(claude())
    monkeypatch.setattr(decoder, "_sse", sse.SSEParser(max_event_bytes=10))
    assert isinstance(decoder.feed(b"data: 12345")[-1], Failed)


def test_an_absurd_number_of_tokens_is_bounded_before_it_is_priced() -> None:
    counts = {"cache_creation_input_tokens": 10**400, "cache_creation": {"ephemeral_1h_input_tokens": 10**400}}
    data = event("message_start", message={"usage": counts}) + event("message_stop")
    usage = check_events(decode(ADAPTER, claude(cost=Cost(input=1.0)), [data])).usage
    assert (usage.cache_write, usage.cost.cache_write) == (MAX_TOKENS, MAX_TOKENS * 2 / 1e6)


def test_cache_writes_without_a_price_are_not_free() -> None:
    data = event("message_start", message={"usage": {"cache_creation_input_tokens": 1000}}) + event("message_stop")
    usage = check_events(decode(ADAPTER, claude(cost=Cost(input=4.0)), [data])).usage
    assert usage.cost.cache_write == pytest.approx(1000 * 5.0 / 1e6)


def test_one_hour_caching_costs_twice_the_input_price_and_five_minutes_the_descriptors() -> None:
    wanted = golden(ADAPTER.api, "cache")
    prices = wanted.model.cost
    assert prices is not None
    assert wanted.message.usage.cost.cache_write == pytest.approx(
        (1000 * prices.cache_write + 2000 * 2 * prices.input) / 1e6
    )
