"""The pieces of a stream and their calls: a call that a server sends twice counts once, on every wire."""

import json
from typing import Any

import pytest
from wire_bodies import answer, anthropic, chat, chunk, ollama, piece, responses

from adjourn.protocol.messages import AssistantMessage

REFUND = '{"order":7}'
HEAD, TAIL = '{"order"', ":7}"
OTHER = '{"order":8}'
_Call = tuple[str, dict[str, Any]]


def calls_of(message: AssistantMessage) -> list[_Call]:
    assert message.stop_reason == "toolUse"
    return [(call.name, call.arguments) for call in message.calls]


ONCE: list[_Call] = [("refund", {"order": 7})]


@pytest.mark.parametrize(
    "pieces",
    [
        [(0, "a", "refund", REFUND), (1, "a", "refund", REFUND)],
        [(0, "a", "refund", REFUND), (1, "a", "refund", '{ "order": 7 }')],
        [(0, "a", "refund", REFUND), (0, "a", "refund", REFUND)],
        [(0, "a", "refund", REFUND), (None, "a", "refund", REFUND)],
        [(0, "a", "refund", REFUND), (0, "a", None, REFUND)],
        [(0, "a", "refund", REFUND), (1, "a", "refund", ""), (2, "a", "refund", REFUND)],
        [(0, "a", "refund", HEAD), (0, None, None, TAIL), (0, "a", "refund", REFUND)],
        [(0, "a", "refund", HEAD), (0, None, None, TAIL), (1, "a", "refund", HEAD), (1, None, None, TAIL)],
        [(0, "a", "refund", HEAD), (1, "a", "refund", HEAD), (0, None, None, TAIL), (1, None, None, TAIL)],
        [(0, "a", "refund", ""), (1, "a", "refund", ""), (0, None, None, REFUND), (1, None, None, REFUND)],
        [(0, "a", "refund", REFUND), (1, "a", "refund", HEAD)],
    ],
    ids=[
        "whole",
        "whole, with spaces",
        "whole, at one index",
        "whole, without an index",
        "whole, without a name",
        "three times",
        "in pieces, then whole",
        "in pieces",
        "in pieces, by turns",
        "heads first",
        "cut off",
    ],
)
def test_a_call_that_comes_again_with_its_id_is_made_once(pieces: list[Any]) -> None:
    assert calls_of(chat(*[piece(*each) for each in pieces], chunk("tool_calls"), "[DONE]")) == ONCE


@pytest.mark.parametrize(
    "pieces",
    [
        [(0, "a", "refund", HEAD), (1, "a", None, TAIL)],
        [(0, "a", "refund", HEAD), (1, "a", "refund", TAIL)],
        [(0, "a", "refund", ""), (1, "a", "refund", REFUND)],
        [(0, "a", "refund", HEAD), (1, None, None, TAIL)],
        [(0, "a", "refund", HEAD), (None, None, None, TAIL)],
        [(0, "a", "refund", HEAD), (0, "b", None, TAIL)],
        [(0, "a", "refund", HEAD), (1, "a", None, ":"), (1, None, None, "7}")],
        [(0, None, "refund", HEAD), (0, "a", None, TAIL)],
    ],
)
def test_a_head_and_its_tail_are_one_call_whatever_their_indexes(pieces: list[Any]) -> None:
    assert calls_of(chat(*[piece(*each) for each in pieces], chunk("tool_calls"), "[DONE]")) == ONCE


TWICE: list[_Call] = [*ONCE, ("refund", {"order": 8})]


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        ([(0, None, "refund", REFUND), (0, None, "refund", OTHER)], TWICE),
        ([(0, None, "refund", REFUND), (0, None, "refund", REFUND)], ONCE * 2),
        ([(0, None, "refund", REFUND + OTHER)], TWICE),
        ([(0, "a", "refund", HEAD), (0, None, None, f"{TAIL} {OTHER}")], [*ONCE, ("", {"order": 8})]),
        ([(0, "a", "refund", REFUND + REFUND)], ONCE * 2),
        ([(0, None, "refund", REFUND), (0, None, None, OTHER)], [*ONCE, ("", {"order": 8})]),
        ([(0, None, "look", ""), (0, None, "refund", REFUND)], [("look", {}), *ONCE]),
        ([(0, "a", "refund", REFUND), (1, "a", "refund", OTHER)], TWICE),
        ([(0, "a", "refund", REFUND), (1, "a", "refund", OTHER), (2, "a", "refund", OTHER)], TWICE),
        ([(0, "a", "refund", REFUND), (0, "b", "refund", REFUND)], ONCE * 2),
        ([(0, "a", "look", ""), (1, "a", "find", "")], [("look", {}), ("find", {})]),
    ],
)
def test_a_second_object_or_name_is_a_second_call(pieces: list[Any], calls: list[_Call]) -> None:
    message = chat(*[piece(*each) for each in pieces], chunk("tool_calls"), "[DONE]")
    assert sorted(calls_of(message), key=str) == sorted(calls, key=str)


def test_braces_in_strings_end_no_arguments() -> None:
    assert calls_of(chat(piece(0, "a", "f", '{"a":"}{","b":[{},{}]}'), chunk("tool_calls"))) == [
        ("f", {"a": "}{", "b": [{}, {}]})
    ]
    halves = ['{"a":"}\\', '"{"', ',"b":', '{"c":[1]}', "}"]
    pieces = [piece(0, "a", "f", half) for half in halves]
    assert calls_of(chat(*pieces, chunk("tool_calls"))) == [("f", {"a": '}"{', "b": {"c": [1]}})]


def test_a_repeated_block_of_anthropics_is_one_call() -> None:
    def block(index: int) -> list[dict[str, Any]]:
        use = {"type": "tool_use", "id": "toolu_1", "name": "refund", "input": {}}
        return [
            {"type": "content_block_start", "index": index, "content_block": use},
            {"type": "content_block_delta", "index": index, "delta": {"partial_json": HEAD}},
            {"type": "content_block_delta", "index": index, "delta": {"partial_json": TAIL}},
            {"type": "content_block_stop", "index": index},
        ]

    end = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}}
    assert calls_of(anthropic(*block(0), *block(1), end, {"type": "message_stop"})) == ONCE


@pytest.mark.parametrize("again", [0, 1], ids=["one index", "two indexes"])
def test_a_repeated_item_of_responses_is_one_call(again: int) -> None:
    item = {"type": "function_call", "call_id": "call_1", "name": "refund", "arguments": REFUND}
    added = {"type": "response.output_item.added", "output_index": 0, "item": item | {"arguments": ""}}
    done = [{"type": "response.output_item.done", "output_index": index, "item": item} for index in (0, again)]
    assert calls_of(responses(added, *done, {"type": "response.completed", "response": {}})) == ONCE


def test_arguments_at_an_unknown_index_of_responses_belong_to_the_latest_call() -> None:
    item = {"type": "function_call", "call_id": "call_1", "name": "refund", "arguments": ""}
    added = {"type": "response.output_item.added", "output_index": 0, "item": item}
    delta = {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": HEAD}
    done = {"type": "response.output_item.done", "output_index": 0, "item": item | {"arguments": REFUND}}
    rest = delta | {"output_index": 1, "delta": TAIL}
    end = {"type": "response.completed", "response": {}}
    assert calls_of(responses(added, delta, rest, end)) == ONCE
    assert calls_of(responses(added, delta, rest, done, end)) == ONCE


def test_a_repeated_call_of_ollamas_is_one_call() -> None:
    def line(order: int) -> dict[str, Any]:
        return {"message": {"tool_calls": [{"id": "a", "function": {"name": "refund", "arguments": {"order": order}}}]}}

    assert calls_of(ollama(line(7), line(7), {"done": True})) == ONCE
    assert calls_of(ollama(line(7), line(8), {"done": True})) == TWICE


# Calls in other fields than `tool_calls[].function`.

LEGACY = [{"name": "look", "arguments": ""}, {"arguments": '{"at"'}, {"arguments": ":1}"}]


@pytest.mark.parametrize("finish", ["function_call", "stop"])
def test_a_legacy_function_call_is_a_call(finish: str) -> None:
    message = chat(*[chunk(function_call=each) for each in LEGACY], chunk(finish), "[DONE]")
    assert message.stop_reason == "toolUse"
    assert [(call.name, call.arguments) for call in message.calls] == [("look", {"at": 1})]


def test_a_legacy_function_call_of_a_whole_answer_is_a_call() -> None:
    said = {"content": None, "function_call": {"name": "look", "arguments": '{"at":1}'}}
    document = json.dumps({"choices": [{"message": said, "finish_reason": "function_call"}]})
    message = answer("openai-completions", document.encode())
    assert [(call.name, call.arguments) for call in message.calls] == [("look", {"at": 1})]


def test_a_call_that_comes_in_both_fields_is_one_call() -> None:
    function = {"name": "look", "arguments": "{}"}
    said = {"function_call": function, "tool_calls": [{"index": 0, "id": "a", "function": function}]}
    assert [call.id for call in chat(chunk(**said), chunk("tool_calls")).calls] == ["a"]


def test_a_custom_call_is_a_call_with_its_text_as_input() -> None:
    call = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "patch", "input": 'say "hi"'}}
    [found] = chat(chunk(tool_calls=[call]), chunk("tool_calls")).calls
    assert (found.id, found.name, found.arguments) == ("a", "patch", {"input": 'say "hi"'})
