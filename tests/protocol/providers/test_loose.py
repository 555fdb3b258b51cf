"""Odd values: a wrong value in an unneeded field doesn't end the answer, and content is never guessed."""

import json
from typing import Any

import pytest
from wire_bodies import answer, anthropic, chat, chunk, ndjson, ollama, piece, responses, sse

from adjourn.protocol.messages import AssistantMessage, Text


def usage_of(message: AssistantMessage) -> tuple[int, int]:
    assert message.stop_reason == "stop"
    return message.usage.input, message.usage.output


@pytest.mark.parametrize("count", [12.0, "12", "12.0", 12])
def test_counts_may_be_floats_or_text(count: Any) -> None:
    end = chunk("stop", content="4") | {"usage": {"prompt_tokens": count, "completion_tokens": 1}}
    assert usage_of(chat(end)) == (12, 1)
    start = {"type": "message_start", "message": {"usage": {"input_tokens": count, "output_tokens": 1}}}
    delta = {"type": "content_block_delta", "index": 0, "delta": {"text": "4"}}
    assert usage_of(anthropic(start, delta, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}})) == (12, 1)
    usage = {"input_tokens": count, "output_tokens": 1}
    assert usage_of(responses({"type": "response.completed", "response": {"usage": usage}})) == (12, 1)
    line = {"message": {"content": "4"}, "done": True, "prompt_eval_count": count, "eval_count": 1}
    assert usage_of(ollama(line)) == (12, 1)


@pytest.mark.parametrize("usage", [[], "none", 5, {"prompt_tokens": [], "completion_tokens": "many"}])
def test_usage_that_is_none_counts_nothing(usage: Any) -> None:
    assert usage_of(chat(chunk("stop", content="4") | {"usage": usage})) == (0, 0)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_know_may_stand_where_nobody_looks(word: str) -> None:
    event = chunk("stop", content="4")
    event["choices"][0]["logprobs"] = [0]
    assert answer("openai-completions", sse(event).replace(b"[0]", b"[%b]" % word.encode())).text == "4"
    line = ndjson({"message": {"content": "4"}, "done": True, "eval_duration": 0})
    assert answer("ollama-chat", line.replace(b": 0}", b": %b}" % word.encode())).text == "4"


def test_ids_may_be_numbers() -> None:
    message = chat(chunk("stop", content="4") | {"id": 17, "model": 5})
    assert message.response_id == "17"
    call = {"index": 0, "id": 5, "function": {"name": "f", "arguments": "{}"}}
    assert chat(chunk("tool_calls", tool_calls=[call])).calls[0].id == "5"


ARGUMENTS = {"a": {"b": [1, "é"]}}


def test_arguments_may_be_an_object_or_its_text() -> None:
    assert chat(piece(0, "a", "f", ARGUMENTS), chunk("tool_calls")).calls[0].arguments == ARGUMENTS  # type: ignore[arg-type]
    item = {"type": "function_call", "call_id": "a", "name": "f", "arguments": ARGUMENTS}
    done = {"type": "response.output_item.done", "item": item}
    assert responses(done, {"type": "response.completed"}).calls[0].arguments == ARGUMENTS
    text = json.dumps(ARGUMENTS)
    call = {"function": {"name": "f", "arguments": text}}
    assert ollama({"message": {"tool_calls": [call]}, "done": True}).calls[0].arguments == ARGUMENTS
    block = {"type": "tool_use", "id": "a", "name": "f", "input": text}
    start = {"type": "content_block_start", "index": 0, "content_block": block}
    assert anthropic(start, {"type": "message_stop"}).calls[0].arguments == ARGUMENTS


@pytest.mark.parametrize("content", [5, True, {"a": 1}])
def test_content_of_a_wrong_type_is_a_transient_error(content: Any) -> None:
    assert chat(chunk("stop", content=content)).error_kind == "transient"
    assert ollama({"message": {"content": content}, "done": True}).error_kind == "transient"
    delta = {"type": "response.output_text.delta", "delta": content}
    assert responses(delta, {"type": "response.completed"}).error_kind == "transient"
    block = {"type": "content_block_delta", "index": 0, "delta": {"text": content}}
    assert anthropic(block, {"type": "message_stop"}).error_kind == "transient"


def test_one_object_may_stand_for_a_list_of_one() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    choice = {"index": 0, "delta": {"tool_calls": call}, "finish_reason": "tool_calls"}
    assert [each.id for each in chat({"choices": choice}, "[DONE]").calls] == ["a"]
    message = {"tool_calls": {"function": {"name": "f", "arguments": {}}}}
    assert [each.name for each in ollama({"message": message, "done": True}).calls] == ["f"]


def test_a_null_in_a_list_stands_for_nothing() -> None:
    assert chat({"choices": [None]}, chunk("stop", content="4", tool_calls=[None])).text == "4"
    assert ollama({"message": {"content": "4", "tool_calls": [None]}, "done": True}).text == "4"


def test_the_model_is_told_of_arguments_that_are_a_list() -> None:
    [call] = chat(piece(0, "a", "f", [1]), chunk("tool_calls")).calls  # type: ignore[arg-type]
    assert (call.arguments, call.raw_arguments) == ({}, "[1]")


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["\ud83d", "\ude00"], "😀"),
        (["a\ud83d", "\ude00b"], "a😀b"),
        (["\ud83d\ude00"], "😀"),
        (["\ud83d", "b"], "�b"),
        (["\ud83d"], "�"),
        (["a\ude00"], "a�"),
        (["\ud83d", "\ud83d", "\ude00"], "�😀"),
    ],
)
def test_halves_of_a_character_are_joined_across_deltas(pieces: list[str], text: str) -> None:
    assert chat(*[chunk(content=each) for each in pieces], chunk("stop")).content == (Text(text=text),)
    assert ollama(*[{"message": {"content": each}} for each in pieces], {"done": True}).text == text
    deltas = [{"type": "response.output_text.delta", "delta": each} for each in pieces]
    assert responses(*deltas, {"type": "response.completed"}).text == text
    blocks = [{"type": "content_block_delta", "index": 0, "delta": {"text": each}} for each in pieces]
    assert anthropic(*blocks, {"type": "message_stop"}).text == text


def test_half_a_character_in_a_name_or_an_id_is_replaced() -> None:
    message = chat(piece(0, "a\ud83d", "f\ude00", "{}"), chunk("tool_calls"))
    assert [(call.id, call.name) for call in message.calls] == [("a�", "f�")]
