"""How an answer ends: a server's own end mark counts; an unfinished answer or an unknown reason is an error."""

from typing import Any

import pytest
from wire_bodies import answer, anthropic, chat, chunk, ollama, piece, responses

from adjourn.protocol.messages import AssistantMessage, Text, Thinking

SAID = chunk(content="4")
EARLY = "the provider's stream ended before its message did"


def ended(message: AssistantMessage) -> tuple[str, str, str | None]:
    return message.stop_reason, message.text, message.error_message


@pytest.mark.parametrize("finish", [None, ""])
def test_the_end_mark_ends_an_answer_without_a_finish_reason(finish: str | None) -> None:
    assert ended(chat(chunk(finish, content="4"), "[DONE]")) == ("stop", "4", None)
    assert chat(piece(0, "a", "f", "{}"), "[DONE]").stop_reason == "toolUse"


def test_the_end_of_the_body_alone_is_no_end() -> None:
    assert ended(chat(SAID)) == ("error", "4", EARLY)


def test_an_end_mark_without_its_blank_line_is_one() -> None:
    body = b'data: {"choices":[{"delta":{"content":"4"}}]}\n\ndata: [DONE]'
    assert ended(answer("openai-completions", body)) == ("stop", "4", None)


def test_an_end_mark_after_nothing_is_an_answer_cut_short() -> None:
    for message in (chat("[DONE]"), chat(chunk(), "[DONE]"), anthropic({"type": "message_stop"}), responses("[DONE]")):
        assert (message.stop_reason, message.error_kind) == ("error", "transient")


def test_the_end_mark_of_another_wire_is_believed_too() -> None:
    delta = {"type": "content_block_delta", "index": 0, "delta": {"text": "4"}}
    assert ended(anthropic(delta, "[DONE]")) == ("stop", "4", None)
    assert ended(responses({"type": "response.output_text.delta", "delta": "4"}, "[DONE]")) == ("stop", "4", None)


@pytest.mark.parametrize(
    ("word", "end"),
    [
        ("stop", "stop"),
        ("STOP", "stop"),
        ("tool_calls", "stop"),
        ("eos", "stop"),
        ("end_turn", "stop"),
        ("length", "length"),
        ("max_tokens", "length"),
        ("max_completion_tokens", "length"),
        ("MAX_TOKENS", "length"),
        ("model_length", "length"),
        ("SAFETY", "terminal"),
        ("content_filter", "terminal"),
        ("sensitive", "terminal"),
        ("network_error", "transient"),
        ("abort", "transient"),
        ("insufficient_system_resource", "transient"),
        ("never heard of", "transient"),
    ],
)
def test_a_finish_reason_that_is_not_known_is_no_good_end(word: str, end: str) -> None:
    stop = {"type": "message_delta", "delta": {"stop_reason": word}}
    delta = {"type": "content_block_delta", "index": 0, "delta": {"text": "4"}}
    for message in (
        chat(SAID, chunk(word), "[DONE]"),
        anthropic(delta, stop, {"type": "message_stop"}),
        ollama({"message": {"content": "4"}, "done": True, "done_reason": word}),
    ):
        assert message.text == "4"
        assert end == (message.error_kind or message.stop_reason)
        assert message.error_kind is None or word in (message.error_message or "")


def completed(event: str = "response.completed", **response: Any) -> dict[str, Any]:
    return {"type": event, "response": {"id": "resp_1", **response}}


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (completed(status="incomplete"), "length"),
        (completed(status="incomplete", incomplete_details={"reason": "max_output_tokens"}), "length"),
        (completed("response.incomplete"), "length"),
        (completed("response.incomplete", incomplete_details={"reason": "moon_phase"}), "error"),
        (completed(status="failed", error={"code": "server_error"}), "error"),
        (completed(status="cancelled"), "error"),
        (completed(status="in_progress"), "stop"),
    ],
)
def test_the_status_of_a_response_says_how_it_ended(end: dict[str, Any], reason: str) -> None:
    assert responses({"type": "response.output_text.delta", "delta": "4"}, end).stop_reason == reason


def part(text: str) -> dict[str, Any]:
    return {"type": "message", "content": [{"type": "output_text", "text": text}]}


OUTPUT: list[dict[str, Any]] = [
    {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Hm."}],
        "encrypted_content": "gA",
    },
    part("One moment."),
    {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"at":1}'},
]


def test_content_only_in_the_completed_response_is_taken() -> None:
    message = responses(completed(output=OUTPUT))
    assert (message.stop_reason, message.text, message.calls[0].arguments) == ("toolUse", "One moment.", {"at": 1})
    assert isinstance(message.content[0], Thinking)
    assert message.content[0].signature


def test_content_only_in_the_end_of_a_part_is_taken() -> None:
    text = {"type": "response.output_text.done", "text": "4"}
    refusal = {"type": "response.refusal.done", "content_index": 1, "refusal": "no"}
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
    call = {"type": "response.output_item.added", "output_index": 1, "item": item}
    arguments = {"type": "response.function_call_arguments.done", "output_index": 1, "arguments": '{"x":1}'}
    message = responses(text, refusal, call, arguments, completed())
    assert [block.text for block in message.content if isinstance(block, Text)] == ["4", "no"]
    assert [call.arguments for call in message.calls] == [{"x": 1}]
    whole = [{"type": "response.output_item.done", "item": {"type": "message", "content": [{"text": "4"}]}}]
    delta = {"type": "response.output_text.delta", "delta": "4"}
    assert responses(delta, text, *whole, text, completed()).text == "4"


def test_streamed_content_is_not_taken_twice() -> None:
    deltas = [
        {"type": "response.output_item.added", "output_index": 5, "item": {"type": "reasoning"}},
        {"type": "response.reasoning_summary_text.delta", "output_index": 5, "delta": "Hm."},
        {"type": "response.output_text.delta", "output_index": 6, "delta": "One moment."},
        {"type": "response.output_item.done", "output_index": 7, "item": OUTPUT[2]},
    ]
    message = responses(*deltas, completed(output=[*OUTPUT, part("Two.")]))
    assert [type(block).__name__ for block in message.content] == ["Thinking", "Text", "ToolCall", "Text"]
    assert message.content[-1] == Text(text="Two.")


def test_arguments_that_stand_in_the_completed_response_alone_are_taken() -> None:
    begun = {"type": "response.output_item.added", "output_index": 2, "item": OUTPUT[2] | {"arguments": ""}}
    assert responses(begun, completed(output=OUTPUT)).calls[0].arguments == {"at": 1}


def test_a_message_without_text_does_not_count() -> None:
    delta = {"type": "response.output_text.delta", "output_index": 1, "delta": "4"}
    assert responses(delta, completed(output=[part(""), part("4")])).content == (Text(text="4"),)


def test_a_custom_call_in_the_completed_response_is_made_once() -> None:
    item = {"type": "custom_tool_call", "call_id": "call_1", "name": "patch", "input": "x"}
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    message = responses(done, completed(output=[item, OUTPUT[2] | {"call_id": "call_2"}]))
    assert [call.name for call in message.calls] == ["patch", "look"]


def test_a_whole_response_in_place_of_a_stream_is_taken() -> None:
    document = b'{"object":"response","status":"completed","output":[{"type":"message","content":[{"text":"4"}]}]}'
    assert ended(answer("openai-responses", document)) == ("stop", "4", None)
    document = b'{"object":"chat.completion","choices":[{"message":{"content":"4"},"finish_reason":"stop"}]}'
    assert ended(answer("openai-completions", document)) == ("stop", "4", None)


def test_a_chunk_with_a_message_in_place_of_a_delta_is_taken() -> None:
    message = {"choices": [{"message": {"content": "4"}, "finish_reason": "stop"}]}
    assert ended(chat(message, "[DONE]")) == ("stop", "4", None)
    both = {"choices": [{"delta": {"content": "4"}, "message": {"content": "the same 4"}, "finish_reason": "stop"}]}
    assert ended(chat(both)) == ("stop", "4", None)


def test_deltas_without_the_start_of_their_block_begin_one() -> None:
    deltas = [{"thinking": "Hm."}, {"signature": "c2ln"}, {"text": "Look"}, {"text": "ing."}, {"partial_json": "{}"}]
    indexes = [0, 0, 1, 1, 2]
    events = [
        {"type": "content_block_delta", "index": index, "delta": delta}
        for index, delta in zip(indexes, deltas, strict=True)
    ]
    message = anthropic(*events, {"type": "message_delta", "delta": {"stop_reason": "tool_use"}})
    assert message.content[:2] == (Thinking(thinking="Hm.", signature="c2ln"), Text(text="Looking."))
    assert [(call.name, call.arguments) for call in message.calls] == [("", {})]


def test_a_second_message_inside_the_first_is_a_transient_error() -> None:
    def start(id: str) -> list[dict[str, Any]]:  # noqa: A002  # the wire's word
        block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "4"}}
        return [{"type": "message_start", "message": {"id": id}}, block]

    stop = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    second = anthropic(*start("msg_1"), *start("msg_2"), stop, {"type": "message_stop"})
    assert (second.error_kind, second.text) == ("transient", "4")
    assert anthropic(*start("msg_1"), start("msg_1")[0], stop, {"type": "message_stop"}).text == "4"
    created = [{"type": "response.created", "response": {"id": each}} for each in ("resp_1", "resp_2")]
    assert responses(*created, completed()).error_kind == "transient"
    assert responses(created[0], created[0], completed()).stop_reason == "stop"
