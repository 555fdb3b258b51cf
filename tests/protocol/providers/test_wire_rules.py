"""Each API's rules: each finds a request that breaks it, and none complains about a correct request."""

import copy
from typing import Any

import pytest
from wire_rules import violations

from adjourn.protocol.messages import Compat

URL = "data:image/png;base64,iVBORw0KGgo="
OBJECT = {"type": "object", "properties": {}}
SHORT = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
GOOD: dict[str, Any] = {
    "anthropic-messages": {
        "model": "m",
        "max_tokens": 2000,
        "stream": True,
        "temperature": 1,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "system": [{"type": "text", "text": "be", "cache_control": HOUR}],
        "tools": [{"name": "look", "input_schema": OBJECT, "cache_control": HOUR}],
        "messages": [
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "", "signature": "s"},
                    {"type": "tool_use", "id": "t1", "name": "look", "input": {"n": 1}},
                    {"type": "tool_use", "id": "t2", "name": "look", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "no", "is_error": True},
                    {
                        "type": "tool_result",
                        "tool_use_id": "t2",
                        "content": [
                            {"type": "text", "text": "seen"},
                            {
                                "type": "image",
                                "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
                            },
                        ],
                    },
                    {"type": "text", "text": "and?", "cache_control": SHORT},
                ],
            },
        ],
    },
    "openai-completions": {
        "model": "m",
        "stream": True,
        "prompt_cache_key": "k",
        "tools": [{"type": "function", "function": {"name": "look", "parameters": OBJECT}}],
        "messages": [
            {"role": "system", "content": "be"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": URL}}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "t1", "type": "function", "function": {"name": "look", "arguments": "{}"}},
                    {"id": "t2", "type": "function", "function": {"name": "look", "arguments": '{"n":1}'}},
                ],
            },
            {"role": "tool", "tool_call_id": "t2", "content": "seen"},
            {"role": "tool", "tool_call_id": "t1", "content": [{"type": "text", "text": "seen"}]},
        ],
    },
    "openai-responses": {
        "model": "m",
        "stream": True,
        "store": False,
        "tools": [{"type": "function", "name": "look", "parameters": OBJECT, "strict": False}],
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "hi"},
                    {"type": "input_image", "image_url": URL, "detail": "auto"},
                ],
            },
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "a", "annotations": []}],
            },
            {"type": "function_call", "call_id": "t1", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "t1", "output": "seen"},
        ],
    },
    "ollama-chat": {
        "model": "m",
        "stream": True,
        "tools": [{"type": "function", "function": {"name": "look", "parameters": OBJECT}}],
        "messages": [
            {"role": "user", "content": "", "images": ["iVBORw0KGgo="]},
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "t1", "function": {"name": "look", "arguments": {}}},
                    {"id": "t2", "function": {"name": "listen", "arguments": {}}},
                ],
            },
            {"role": "tool", "content": "seen", "tool_name": "look", "tool_call_id": "t1"},
            {"role": "tool", "content": "heard", "tool_name": "listen", "tool_call_id": "t2"},
        ],
    },
}
ABSENT = object()
LAST = -1


def changed(api: str, *changes: tuple[str, Any]) -> Any:
    """Return a good body with the values at these paths changed. `+` appends to a list, `ABSENT` removes a value."""
    body = copy.deepcopy(GOOD[api])
    for path, value in changes:
        *steps, last = [int(step) if step.lstrip("-").isdigit() else step for step in path.split(".")]
        place = body
        for step in steps:
            place = place[step]
        if value is ABSENT:
            del place[last]
        elif last == "+":
            place.append(value)
        else:
            place[last] = value
    return body


@pytest.mark.parametrize("api", GOOD)
def test_a_good_request_breaks_no_rule(api: str) -> None:
    assert violations(api, GOOD[api]) == []


M = "messages."
OUTPUT = GOOD["openai-responses"]["input"][4]
BROKEN: list[tuple[str, str, list[tuple[str, Any]]]] = [
    ("begin with", "anthropic-messages", [(M + "0", ABSENT)]),
    ("end with", "anthropic-messages", [(M + "+", {"role": "assistant", "content": "so"})]),
    ("twice in a row", "anthropic-messages", [(M + "+", {"role": "user", "content": "so"})]),
    ("no content", "anthropic-messages", [(M + "0.content", [])]),
    ("is none of", "anthropic-messages", [(M + "0.role", "tool")]),
    ("missing", "anthropic-messages", [("max_tokens", ABSENT)]),
    ("no such field", "anthropic-messages", [("max_output_tokens", 1)]),
    ("expected", "anthropic-messages", [("max_tokens", "1")]),
    ("expected", "anthropic-messages", [(M + "1.content.1.input", "{}")]),
    ("results of", "anthropic-messages", [(M + "2.content.0", ABSENT)]),
    ("results of", "anthropic-messages", [(M + "2.content.0.tool_use_id", "t2")]),
    ("results of", "anthropic-messages", [(M + "0.content", GOOD["anthropic-messages"]["messages"][2]["content"][:1])]),
    (
        "stands before",
        "anthropic-messages",
        [(M + "2.content.+", {"type": "tool_result", "tool_use_id": "t1", "content": "x"})],
    ),
    ("nothing follows", "anthropic-messages", [(M + "2", ABSENT)]),
    (
        "is not of the form",
        "anthropic-messages",
        [(M + "1.content.1.id", "a b"), (M + "2.content.0.tool_use_id", "a b")],
    ),
    ("is there twice", "anthropic-messages", [(M + "1.content.1.id", "t2"), (M + "2.content.0.tool_use_id", "t2")]),
    ("is not of the form", "anthropic-messages", [(M + "1.content.1.name", "a.b")]),
    ("is not of the form", "anthropic-messages", [("tools.0.name", "x" * 65)]),
    ("is there twice", "anthropic-messages", [("tools.+", {"name": "look", "input_schema": OBJECT})]),
    ("of a user", "anthropic-messages", [(M + "2.content.2", {"type": "redacted_thinking", "data": "x"})]),
    ("blank text", "anthropic-messages", [(M + "2.content.2.text", " \n")]),
    ("blank text", "anthropic-messages", [(M + "2.content.1.content.0.text", "")]),
    ("blank text", "anthropic-messages", [("system", "")]),
    ("blank text", "anthropic-messages", [(M + "0.content", "")]),
    ("nothing in it", "anthropic-messages", [(M + "2.content.0.content", [])]),
    ("is_error", "anthropic-messages", [(M + "2.content.1.is_error", True)]),
    ("is none of", "anthropic-messages", [(M + "2.content.1.content.1.source.media_type", "image/tiff")]),
    ("no base64", "anthropic-messages", [(M + "2.content.1.content.1.source.data", "!")]),
    ("without a signature", "anthropic-messages", [(M + "1.content.0.signature", "")]),
    ("can't be thinking", "anthropic-messages", [(M + "1.content.+", {"type": "redacted_thinking", "data": "x"})]),
    ("begins with thinking", "anthropic-messages", [(M + "1.content.0", ABSENT)]),
    ("budget_tokens", "anthropic-messages", [("max_tokens", 1024)]),
    ("not with thinking", "anthropic-messages", [("temperature", 0.5)]),
    (
        "an hour after",
        "anthropic-messages",
        [("system.0.cache_control", SHORT), (M + "2.content.2.cache_control", HOUR)],
    ),
    ("of at most 4", "anthropic-messages", [("cache_control", SHORT), (M + "2.content.1.cache_control", HOUR)]),
    ("no such field", "anthropic-messages", [(M + "1.content.0.cache_control", SHORT)]),
    ("none", "openai-completions", [("messages", [])]),
    ("no such field", "openai-completions", [(M + "3.name", "look")]),
    ("expected", "openai-completions", [(M + "2.tool_calls.0.function.arguments", {})]),
    ("not an object", "openai-completions", [(M + "2.tool_calls.0.function.arguments", "[]")]),
    ("no results", "openai-completions", [(M + "4", ABSENT)]),
    ("no results", "openai-completions", [(M + "4", {"role": "user", "content": "so"})]),
    ("of no call", "openai-completions", [(M + "4.tool_call_id", "t2")]),
    ("is empty", "openai-completions", [(M + "1", {"role": "assistant", "content": "a", "tool_calls": []})]),
    (
        "is not of the form",
        "openai-completions",
        [(M + "2.tool_calls.0.id", "x" * 41), (M + "4.tool_call_id", "x" * 41)],
    ),
    ("is not of the form", "openai-completions", [(M + "2.tool_calls.0.function.name", "a b")]),
    ("is there twice", "openai-completions", [(f"{M}+", each) for each in GOOD["openai-completions"]["messages"][2:]]),
    ("no content", "openai-completions", [(M + "0.content", [])]),
    ("blank text", "openai-completions", [(M + "0.content", " ")]),
    ("no content", "openai-completions", [(M + "1", {"role": "assistant", "content": None})]),
    ("no data URL", "openai-completions", [(M + "1.content.0.image_url.url", "data:image/tiff;base64,AA==")]),
    ("no base64", "openai-completions", [(M + "1.content.0.image_url.url", "data:image/png;base64,")]),
    ("1 to 64", "openai-completions", [("prompt_cache_key", "k" * 65)]),
    ("1 to 128", "openai-completions", [("safety_identifier", "")]),
    ("tools: empty", "openai-completions", [("tools", [])]),
    ("is not of the form", "openai-completions", [("tools.0.function.name", "a.b")]),
    ("is there twice", "openai-completions", [("tools.+", GOOD["openai-completions"]["tools"][0])]),
    ("nothing", "openai-responses", [("input", [])]),
    ("store", "openai-responses", [("store", ABSENT)]),
    ("missing", "openai-responses", [("input.1.id", ABSENT)]),
    ("no outputs", "openai-responses", [("input.4", ABSENT)]),
    ("before it", "openai-responses", [("input.4", {"role": "user", "content": "so"}), ("input.+", OUTPUT)]),
    ("no call waits", "openai-responses", [("input.+", OUTPUT)]),
    ("is not of the form", "openai-responses", [("input.3.call_id", "x" * 65), ("input.4.call_id", "x" * 65)]),
    ("not an object", "openai-responses", [("input.3.arguments", "null")]),
    ("is there twice", "openai-responses", [("input.+", each) for each in GOOD["openai-responses"]["input"][3:]]),
    ("without anything", "openai-responses", [("input.1.encrypted_content", "")]),
    ("led to", "openai-responses", [("input.+", {**GOOD["openai-responses"]["input"][1], "id": "rs_2"})]),
    ("is there twice", "openai-responses", [("input.2", GOOD["openai-responses"]["input"][1])]),
    ("no content", "openai-responses", [("input.0.content", [])]),
    ("blank text", "openai-responses", [("input.4.output", "")]),
    ("blank text", "openai-responses", [("input.2.content.0.text", "\n")]),
    ("no data URL", "openai-responses", [("input.0.content.1.image_url", "file:///a.png")]),
    (
        "in a message of",
        "openai-responses",
        [("input.2.content.0", {"type": "input_text", "text": "a"}), ("input.2.type", ABSENT)],
    ),
    ("1 to 64", "openai-responses", [("prompt_cache_key", "")]),
    ("none", "ollama-chat", [("messages", [])]),
    ("expected", "ollama-chat", [(M + "1.tool_calls.0.function.arguments", "{}")]),
    ("comes next", "ollama-chat", [(M + "2.tool_name", "listen")]),
    ("comes next", "ollama-chat", [(M + "2.tool_call_id", "t2")]),
    ("comes next", "ollama-chat", [(M + "+", {"role": "tool", "content": "x", "tool_name": "look"})]),
    ("no results", "ollama-chat", [(M + "3", ABSENT)]),
    ("no results", "ollama-chat", [(M + "3", {"role": "user", "content": "so"})]),
    ("is not of the form", "ollama-chat", [(M + "1.tool_calls.0.function.name", ""), (M + "2.tool_name", "")]),
    ("is there twice", "ollama-chat", [(M + "1.tool_calls.0.id", "t2"), (M + "2.tool_call_id", "t2")]),
    ("nothing in it", "ollama-chat", [(M + "2.content", " ")]),
    ("no base64", "ollama-chat", [(M + "0.images.0", URL)]),
    ("is not of the form", "ollama-chat", [("tools.0.function.name", "a.b")]),
    ("is there twice", "ollama-chat", [("tools.+", GOOD["ollama-chat"]["tools"][0])]),
]


@pytest.mark.parametrize(("reason", "api", "changes"), BROKEN)
def test_a_broken_rule_is_found(reason: str, api: str, changes: list[tuple[str, Any]]) -> None:
    found = violations(api, changed(api, *changes))
    assert found
    assert any(reason in each for each in found), found


def chat(*changes: tuple[str, Any]) -> Any:
    return changed("openai-completions", *changes)


def test_servers_differ_in_the_ids_they_take() -> None:
    long = chat((M + "2.tool_calls.0.id", "x" * 64), (M + "4.tool_call_id", "x" * 64))
    spaced = chat((M + "2.tool_calls.0.id", "a b"), (M + "4.tool_call_id", "a b"))
    takes = {
        form: [not violations("openai-completions", body, Compat(tool_call_id_format=form)) for body in (long, spaced)]
        for form in (None, "passthrough", "safe64", "mistral9")
    }
    assert takes == {None: [False, True], "passthrough": [True, True], "safe64": [True, False], "mistral9": [False] * 2}


def test_a_server_may_want_results_to_name_their_tools() -> None:
    named = chat((M + "3.name", "look"), (M + "4.name", "look"))
    wants = Compat(requires_tool_result_name=True)
    assert violations("openai-completions", named, wants) == []
    assert "is named None" in violations("openai-completions", GOOD["openai-completions"], wants)[0]


def test_reasoning_may_go_back_to_servers_that_gave_it() -> None:
    assert violations("openai-completions", chat((M + "2.reasoning_content", "hm"))) == []
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    assert violations("openai-completions", chat((M + "2.content", [thought]))) == []


def test_mistral_wants_its_roles_in_an_order_of_its_own() -> None:
    mistral = Compat(tool_call_id_format="mistral9")
    ids = [(M + f"2.tool_calls.{n}.id", f"abcdefgh{n}") for n in (0, 1)]
    ids += [(M + f"{4 - n}.tool_call_id", f"abcdefgh{n}") for n in (0, 1)]
    answer, more = {"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}
    assert violations("openai-completions", chat(*ids), mistral) == []
    assert violations("openai-completions", chat(*ids, (M + "+", answer), (M + "+", more)), mistral) == []
    for wrong in answer, more:
        assert len(violations("openai-completions", chat(*ids, (M + "+", wrong)), mistral)) == 1
