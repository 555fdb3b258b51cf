"""Thinking between tags in the text: what is thinking and what only looks like it, with any cuts."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from wire_bodies import MODELS, chat, chunk, ollama, piece

from adjourn.protocol.messages import AssistantMessage, Compat, ModelDescriptor, Text, Thinking, ToolCall, user
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.providers import ADAPTERS
from adjourn.protocol.providers.adapter import Context
from adjourn.protocol.providers.thinking_tags import ThinkingTags

FENCE = "```"


def told_apart(*pieces: str, inside: bool = False) -> list[str]:
    """Return the pieces: thinking in brackets, text as it is."""
    tags = ThinkingTags("think", inside=inside)
    found: list[tuple[bool, str]] = []
    for is_thinking, text in [each for stretch in pieces for each in tags.feed(stretch)] + tags.end():
        if found and found[-1][0] == is_thinking:
            found[-1] = is_thinking, found[-1][1] + text
        else:
            found.append((is_thinking, text))
    return [f"[{text}]" if is_thinking else text for is_thinking, text in found]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("four", ["four"]),
        ("", []),
        ("<think>2 + 2</think>four", ["[2 + 2]", "four"]),
        ("\n<think>2 + 2</think>four", ["[2 + 2]", "four"]),
        ("<think>\n2 + 2\n</think>\n\nfour", ["[2 + 2\n]", "four"]),
        ("<think>\n\n</think>\n\nfour", ["four"]),
        ("Well. <think>hm</think> four", ["Well. ", "[hm]", "four"]),
        ("<think>a</think>b<think>c</think>d", ["[a]", "b", "[c]", "d"]),
        ("<think>and so on", ["[and so on]"]),  # no closing tag
        ("<think>and so on</thi", ["[and so on</thi]"]),
        ("2 < 3 <thi", ["2 < 3 <thi"]),
        ("<<think>a</think>b", ["<", "[a]", "b"]),
        ("a</think>b", ["a</think>b"]),  # no opening tag
        ("<thinking>a</thinking>", ["<thinking>a</thinking>"]),
        ("Write `<think>` first, and <think>x</think>y", ["Write `<think>` first, and ", "[x]", "y"]),
        ("Write ``a ` <think>`` first", ["Write ``a ` <think>`` first"]),
        ("It's 5` wide\n<think>x</think>y", ["It's 5` wide\n", "[x]", "y"]),  # inline code ends with its line
        (f"{FENCE}\n<think>\n{FENCE}\n<think>x</think>y", [f"{FENCE}\n<think>\n{FENCE}\n", "[x]", "y"]),
        (f"~~~\n{FENCE}\n<think>\n~~~\n<think>x</think>y", [f"~~~\n{FENCE}\n<think>\n~~~\n", "[x]", "y"]),
        ("<think>It says `</think>` there</think>four", ["[It says `</think>` there]", "four"]),
        ("<think>open `</think>four", ["[open `]", "four"]),
        ("<think>open `</think>", ["[open `]"]),
        (f"<think>{FENCE}\ncode</think>four", [f"[{FENCE}\ncode]", "four"]),
        ("<think>a <think> b</think>c</think>", ["[a <think> b]", "c</think>"]),
    ],
)
def test_thinking_tags_are_recognised_wherever_the_text_is_cut(text: str, wanted: list[str]) -> None:
    assert told_apart(text) == wanted
    assert told_apart(*text) == wanted
    for at in range(len(text)):
        assert told_apart(text[:at], text[at:]) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2 + 2</think>four", ["[2 + 2]", "four"]),
        ("\n<think>\n2 + 2</think>four", ["[2 + 2]", "four"]),
        ("<thin", ["[<thin]"]),
        ("and so on", ["[and so on]"]),
        ("</think>four", ["four"]),
    ],
)
def test_a_model_may_begin_inside_the_tag(text: str, wanted: list[str]) -> None:
    assert told_apart(text, inside=True) == wanted
    assert told_apart(*text, inside=True) == wanted


SCRAPS = st.lists(
    st.sampled_from(["<think>", "</think>", "<", "</", "think>", "`", "``", FENCE, "~~~", "\n", " ", "a", "bc"]),
    max_size=14,
).map("".join)


@examples(300)
@given(SCRAPS, st.lists(st.integers(0, 60), max_size=6), st.booleans())
def test_cutting_changes_nothing_and_only_tags_and_space_are_lost(text: str, cuts: list[int], inside: bool) -> None:
    places = sorted({0, len(text), *[each for each in cuts if each < len(text)]})
    pieces = [text[a:b] for a, b in pairwise(places)]
    whole = told_apart(text, inside=inside)
    assert told_apart(*pieces, inside=inside) == whole
    assert told_apart(*text, inside=inside) == whole
    kept = "".join(whole)
    assert "".join(kept.replace("[", "").replace("]", "").split()) in {*without_tags("".join(text.split()))}


def without_tags(text: str) -> set[str]:
    """Return the text without its tags, for every choice of the tags to remove."""
    found = {""}
    while text:
        tag = next((each for each in ("<think>", "</think>") if text.startswith(each)), "")
        step = tag or text[0]
        found = {each + step for each in found} | (found if tag else set())
        text = text[len(step) :]
    return found


# On the wires.


def tagged(api: str, **more: Any) -> ModelDescriptor:
    return msgspec.structs.replace(MODELS[api], compat=Compat(thinking_tag="think", **more))


def test_chat_completions_turn_it_into_thinking_and_give_it_back_between_its_tags() -> None:
    model = tagged("openai-completions")
    events = [chunk(content="<thi"), chunk(content="nk>2 + 2</think>\n\nfo"), chunk("stop", content="ur"), "[DONE]"]
    said = chat(*events, model=model)
    assert said.content == (Thinking(thinking="2 + 2", signature="<think>"), Text(text="four"))
    body = ADAPTERS[model.api].build_request(model, Context((user("?"), said, user("and?"))), ModelOptions()).body
    assert msgspec.json.decode(body)["messages"][1]["content"] == "<think>\n2 + 2\n</think>\n\nfour"
    assert isinstance(chat(*events).content[0], Text)  # for a model without thinking tags


def test_a_call_ends_the_thinking_before_it() -> None:
    model = tagged("openai-completions", thinks_at_once=True)
    after = chunk("tool_calls", content="<think>x</think>so")
    said = chat(chunk(content="look </th"), piece(0, "c", "look", "{}"), after, model=model)
    assert without_ids(said) == [
        Thinking(thinking="look </th", signature="<think>"),
        ToolCall(id="", name="look", arguments={}),
        Thinking(thinking="x", signature="<think>"),
        Text(text="so"),
    ]


def without_ids(message: AssistantMessage) -> list[Any]:
    return [msgspec.structs.replace(each, id="") if isinstance(each, ToolCall) else each for each in message.content]


def test_ollama_turns_it_into_thinking_too() -> None:
    model = tagged("ollama-chat")
    lines = [{"message": {"content": text}} for text in ("<think>", "2 + 2</thi", "nk>four <")]
    assert ollama(*lines, {"done": True, "done_reason": "stop"}, model=model).content == (
        Thinking(thinking="2 + 2"),
        Text(text="four <"),
    )
