"""Each option of a model call, in each model API's form."""

import json
from typing import Any

import msgspec
import pytest

from adjourn.protocol.messages import Compat, Message, ModelDescriptor, user
from adjourn.protocol.options import ModelOptions, NamedTool, merge_options
from adjourn.protocol.providers import ADAPTERS
from adjourn.protocol.providers.adapter import Context
from adjourn.protocol.providers.unsupported import unsupported
from adjourn.protocol.record import ToolSpec

LOOK = ToolSpec(name="look", description="Looks.", parameters={"type": "object", "properties": {}})
SCHEMA = {
    "type": "object",
    "title": "A fruit",
    "properties": {"fruit": {"type": "string"}},
    "required": ["fruit"],
    "additionalProperties": False,
}
CHAT, RESPONSES, CLAUDE, OLLAMA = (
    ModelDescriptor(id="gpt-4.1", api="openai-completions", provider="openai"),
    ModelDescriptor(id="gpt-4.1", api="openai-responses", provider="openai"),
    ModelDescriptor(id="claude-sonnet-4-5", api="anthropic-messages", provider="anthropic", reasoning=True),
    ModelDescriptor(id="qwen3", api="ollama-chat", provider="ollama", reasoning=True),
)
MODELS = (CHAT, RESPONSES, CLAUDE, OLLAMA)


def asked(model: ModelDescriptor, tools: tuple[ToolSpec, ...] = (LOOK,), **options: Any) -> dict[str, Any]:
    """Return the body of a request with these options."""
    messages: tuple[Message, ...] = (user("Hi"),)
    request = ADAPTERS[model.api].build_request(model, Context(messages, tools=tools), ModelOptions(**options))
    return json.loads(request.body)


def added(model: ModelDescriptor, tools: tuple[ToolSpec, ...] = (LOOK,), **options: Any) -> dict[str, Any]:
    """Return the fields that these options add to the body."""
    plain = asked(model, tools)
    return {name: value for name, value in asked(model, tools, **options).items() if plain.get(name) != value}


NAMED = NamedTool(name="look")
ONE = "look"


@pytest.mark.parametrize(
    ("model", "auto", "required", "named", "none"),
    [
        (CHAT, "auto", "required", {"type": "function", "function": {"name": ONE}}, "none"),
        (RESPONSES, "auto", "required", {"type": "function", "name": ONE}, "none"),
        (CLAUDE, {"type": "auto"}, {"type": "any"}, {"type": "tool", "name": ONE}, {"type": "none"}),
    ],
    ids=lambda each: each.api if isinstance(each, ModelDescriptor) else "",
)
def test_a_choice_of_tools(model: ModelDescriptor, auto: Any, required: Any, named: Any, none: Any) -> None:
    for choice, told in (("auto", auto), ("required", required), (NAMED, named), ("none", none)):
        assert added(model, tool_choice=choice) == {"tool_choice": told}
    assert added(model, tools=(), tool_choice="auto") == {}  # the APIs refuse it without tools


def test_ollama_has_no_choice_but_to_leave_the_tools_out() -> None:
    assert added(OLLAMA, tool_choice="auto") == {}
    assert "tools" not in asked(OLLAMA, tool_choice="none")
    assert "can't be told to call a tool" in (unsupported(OLLAMA, ModelOptions(tool_choice=NAMED)) or "")
    assert unsupported(OLLAMA, ModelOptions(tool_choice="none")) is None


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (CHAT, {"parallel_tool_calls": False}),
        (RESPONSES, {"parallel_tool_calls": False}),
        (CLAUDE, {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}),
        (OLLAMA, {}),
    ],
)
def test_one_call_at_a_time(model: ModelDescriptor, told: Any) -> None:
    assert added(model, parallel_tool_calls=False) == told
    assert added(model, tools=(), parallel_tool_calls=False) == {}


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (CHAT, {"top_p": 0.5, "seed": 7, "stop": ["END"], "service_tier": "flex"}),
        (RESPONSES, {"top_p": 0.5, "service_tier": "flex"}),
        (CLAUDE, {"top_p": 0.5, "stop_sequences": ["END"], "service_tier": "flex"}),
        (OLLAMA, {"options": {"top_p": 0.5, "seed": 7, "stop": ["END"]}}),
    ],
)
def test_sampling_and_service_have_the_words_of_each_api(model: ModelDescriptor, told: Any) -> None:
    assert added(model, top_p=0.5, seed=7, stop=("END",), service_tier="flex") == told


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (
            CHAT,
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "A_fruit", "schema": SCHEMA, "strict": True},
                }
            },
        ),
        (
            RESPONSES,
            {"text": {"format": {"type": "json_schema", "name": "A_fruit", "schema": SCHEMA, "strict": True}}},
        ),
        (CLAUDE, {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
        (OLLAMA, {"format": SCHEMA}),
    ],
)
def test_a_response_schema_is_passed_through(model: ModelDescriptor, told: Any) -> None:
    assert added(model, response_schema=SCHEMA) == told


def test_an_effort_and_a_response_schema_stand_side_by_side() -> None:
    opus = ModelDescriptor(id="claude-opus-4-8", api="anthropic-messages", provider="anthropic", reasoning=True)
    config = asked(opus, response_schema=SCHEMA, reasoning="high")["output_config"]
    assert config == {"effort": "high", "format": {"type": "json_schema", "schema": SCHEMA}}


def test_a_claude_that_must_call_a_tool_is_not_asked_to_think() -> None:
    assert "thinking" in asked(CLAUDE, reasoning="high", tool_choice="auto")
    assert "thinking" not in asked(CLAUDE, reasoning="high", tool_choice=NAMED)


def test_claude_takes_a_temperature_or_top_p() -> None:
    assert added(CLAUDE, temperature=0.5, top_p=0.5) == {"temperature": 0.5}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.api)
def test_extra_is_merged_into_the_body_and_changes_nothing_that_the_run_sets(model: ModelDescriptor) -> None:
    assert added(model, extra={"verbosity": "low"}) == {"verbosity": "low"}
    assert added(model, extra={"stream": False, "model": "other", "messages": [], "input": [], "n": 2}) == {}


def test_objects_in_extra_are_merged() -> None:
    told = asked(OLLAMA, seed=7, extra={"options": {"top_k": 5}})
    assert told["options"] == {"seed": 7, "top_k": 5}
    assert asked(CHAT, extra={"stream_options": None})["stream_options"] is None


# Thinking, in each vendor's fields.


def thinking(level: str, model_id: str = "m", **compat: Any) -> dict[str, Any]:
    served = Compat(**compat)
    model = ModelDescriptor(id=model_id, api="openai-completions", provider="p", base_url="https://x", compat=served)
    return added(msgspec.structs.replace(model, reasoning=True), reasoning=level)


@pytest.mark.parametrize(
    ("form", "high", "none"),
    [
        ("openai", {"reasoning_effort": "high"}, {"reasoning_effort": "none"}),
        ("openrouter", {"reasoning": {"effort": "high"}}, {"reasoning": {"effort": "none"}}),
        (
            "thinking",
            {"thinking": {"type": "enabled"}, "reasoning_effort": "high"},
            {"thinking": {"type": "disabled"}},
        ),
        ("together", {"reasoning": {"enabled": True}, "reasoning_effort": "high"}, {"reasoning": {"enabled": False}}),
        (
            "chat_template",
            {"chat_template_kwargs": {"enable_thinking": True}},
            {"chat_template_kwargs": {"enable_thinking": False}},
        ),
        ("none", {}, {}),
    ],
)
def test_thinking_is_asked_for_in_the_servers_words(form: str, high: Any, none: Any) -> None:
    assert thinking("high", reasoning_format=form) == high
    assert thinking("none", reasoning_format=form) == none
    if form == "thinking":
        only_on = thinking("high", reasoning_format=form, supports_reasoning_effort=False)
        assert only_on == {"thinking": {"type": "enabled"}}


@pytest.mark.parametrize(
    ("asked_for", "known", "told"),
    [
        ("xhigh", ("low", "medium", "high"), "high"),
        ("minimal", ("none", "low", "high"), "low"),
        ("medium", ("none", "low", "high"), "low"),
        ("none", ("low", "high"), "low"),
        ("none", ("none", "low"), "none"),
        ("high", ("default",), "default"),
    ],
)
def test_an_effort_that_a_server_does_not_know_is_the_next_less(asked_for: str, known: Any, told: str) -> None:
    assert thinking(asked_for, reasoning_efforts=known) == {"reasoning_effort": told}


def test_no_thinking_is_as_little_as_a_model_can() -> None:
    assert thinking("none", "gpt-5") == {"reasoning_effort": "minimal"}
    assert thinking("none", "o3-mini") == {"reasoning_effort": "low"}
    assert added(OLLAMA, reasoning="none") == {"think": False}
    assert added(CLAUDE, reasoning="none") == {}


# Options that a server doesn't support.


def test_refused_fields_are_left_out_and_others_renamed() -> None:
    compat = Compat(refused_fields=("stop", "top_p"), seed_field="random_seed")
    model = ModelDescriptor(id="m", api="openai-completions", provider="p", base_url="https://x", compat=compat)
    assert added(model, stop=("END",), top_p=0.5, seed=7) == {"random_seed": 7}


@pytest.mark.parametrize(
    ("compat", "options", "lacking"),
    [
        (Compat(), ModelOptions(tool_choice=NAMED, response_schema=SCHEMA), None),
        (Compat(tool_choices=("auto",)), ModelOptions(tool_choice="auto"), None),
        (Compat(tool_choices=("auto",)), ModelOptions(tool_choice="none"), "this tool_choice (none); it takes: auto"),
        (Compat(refused_fields=("tool_choice",)), ModelOptions(tool_choice="auto"), "it takes: none at all"),
        (Compat(refused_fields=("response_format",)), ModelOptions(response_schema=SCHEMA), "takes no response_schema"),
    ],
)
def test_a_choice_or_a_schema_that_a_server_lacks_is_told(
    compat: Compat, options: ModelOptions, lacking: str | None
) -> None:
    model = ModelDescriptor(id="m", api="openai-completions", provider="p", base_url="https://x", compat=compat)
    told = unsupported(model, options)
    assert (told is None) == (lacking is None)
    assert lacking is None or (told is not None and told.endswith(lacking))


def test_merged_options_keep_the_agents_where_the_runs_are_default() -> None:
    own = ModelOptions(temperature=0.5, metadata={"user_id": "u"}, extra={"a": 1})
    merged = merge_options(own, ModelOptions(seed=7, extra={"b": 2}))
    assert merged == ModelOptions(temperature=0.5, metadata={"user_id": "u"}, extra={"b": 2}, seed=7)
    assert merge_options(own, ModelOptions()) == own
