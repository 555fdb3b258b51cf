"""A call's usage: every token that a server reports is counted, and none twice."""

from typing import Any

import msgspec
import pytest
from wire_bodies import MODELS, anthropic, chat, chunk, ollama, responses, sse

from adjourn.protocol.events import UsageSoFar
from adjourn.protocol.messages import Cost, LongPrompt, Usage
from adjourn.protocol.providers import ADAPTERS

PRICED = msgspec.structs.replace(MODELS["openai-completions"], cost=Cost(input=1e6, output=1e6))


def counted(**usage: Any) -> Usage:
    return chat(chunk("stop", content="4") | {"usage": usage}).usage


def both(prompt: int, output: int, total: int, reasoning: int | None, cached: int = 0) -> list[Usage]:
    """Return the usage from both of OpenAI's APIs for the same counts."""
    details = {"reasoning_tokens": reasoning}
    words = {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": output,
        "output_tokens_details": details,
        "total_tokens": total,
    }
    old = {
        "prompt_tokens": prompt,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens": output,
        "completion_tokens_details": details,
        "total_tokens": total,
    }
    return [counted(**old), responses({"type": "response.completed", "response": {"usage": words}}).usage]


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        ((12, 1, 303, 290), (12, 291, 303)),
        ((12, 300, 700, 290), (400, 300, 700)),  # the output includes the reasoning
        ((12, 300, 602, 290 + 2000), (12, 590, 602)),
        ((12, 400, 462, 50), (12, 450, 462)),  # x.ai: the output doesn't include it, though it is smaller
        ((12, 1, 303, None), (302, 1, 303)),
        ((12, 1, 400, 290), (109, 291, 400)),
        ((12, 1, 13, 1), (12, 1, 13)),
        ((12, 1, 0, 0), (12, 1, 13)),
        ((12, 1, 5, 0), (12, 1, 13)),
    ],
)
def test_tokens_missing_from_the_total_are_output_where_reasoning_explains_them(
    counts: tuple[int, int, int, int | None], wanted: tuple[int, int, int]
) -> None:
    for usage in both(*counts):
        assert (usage.input, usage.output, usage.total_tokens) == wanted
        assert usage.reasoning == min(counts[3] or 0, usage.output)


def test_tokens_beside_the_main_counts_cost() -> None:
    usage = {"prompt_tokens": 12, "completion_tokens": 1, "total_tokens": 303}
    details = {"completion_tokens_details": {"reasoning_tokens": 290}}
    message = chat(chunk("stop", content="4") | {"usage": usage | details}, model=PRICED)
    assert message.usage.cost.total == 303


def test_a_cached_count_never_exceeds_its_prompt() -> None:
    for usage in both(10, 1, 11, 0, cached=50):
        assert (usage.input, usage.cache_read, usage.total_tokens) == (0, 10, 11)
    for usage in both(10, 1, 61, 0, cached=50):
        assert (usage.input, usage.cache_read, usage.total_tokens) == (10, 50, 61)
    line = {"message": {"content": "4"}, "done": True, "prompt_eval_count": 10, "prompt_eval_cached_count": 50}
    assert ollama(line).usage.cache_read == 10


def test_counts_are_found_where_a_server_has_them() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}
    assert counted(**usage, cached_tokens=6).cache_read == 6
    assert counted(**usage, reasoning_tokens=2).reasoning == 2
    assert chat(chunk("stop", content="4") | {"x_groq": {"id": "req_1", "usage": usage}}).usage.total_tokens == 13


def test_anthropics_thinking_is_told() -> None:
    usage = {"output_tokens": 40, "output_tokens_details": {"thinking_tokens": 30}}
    message = anthropic({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage})
    assert (message.usage.output, message.usage.reasoning) == (40, 30)


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({"cost": 0.25}, 0.25),
        ({"cost": 0}, 0.0),
        ({"cost": {"total_cost": 0.5}}, 0.5),
        ({"cost_in_usd_ticks": 37_756_000}, 0.0037756),
        ({"cost": -1}, None),
        ({"cost": "free"}, None),
        ({"cost": True}, None),
        ({"cost": 1e300}, None),
        ({}, None),
    ],
)
def test_the_providers_own_cost_is_told(fields: dict[str, Any], cost: float | None) -> None:
    assert counted(prompt_tokens=1, **fields).provider_cost == cost


def test_sums_keep_counts_that_only_one_side_has() -> None:
    a, b = Usage(reasoning=3, provider_cost=0.5), Usage()
    assert [each.provider_cost for each in (a.plus(b), b.plus(a), a.plus(a), b.plus(b))] == [0.5, 0.5, 1.0, None]
    assert a.plus(a).reasoning == 6


def test_usage_sent_before_the_end_is_passed_on_at_once() -> None:
    decoder = ADAPTERS["anthropic-messages"].decoder(MODELS["anthropic-messages"])
    start = {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 9000, "output_tokens": 1}}}
    *_, told = decoder.feed(sse(start))
    assert isinstance(told, UsageSoFar)
    assert (told.usage.input, told.usage.output) == (9000, 1)
    assert [type(event) for event in decoder.feed(sse({"type": "ping"}))] == []
    decoder = ADAPTERS["openai-completions"].decoder(MODELS["openai-completions"])
    running = chunk(content="4") | {"usage": {"prompt_tokens": 9000, "completion_tokens": 1}}
    assert UsageSoFar in [type(event) for event in decoder.feed(sse(running))]


# Prices for long prompts apply to the whole call. The prompt's length includes cached tokens.


def test_the_usage_of_a_response_in_progress_is_told_at_once() -> None:
    decoder = ADAPTERS["openai-responses"].decoder(MODELS["openai-responses"])
    response = {"id": "resp_1", "usage": {"input_tokens": 9000, "output_tokens": 0, "total_tokens": 9000}}
    told = decoder.feed(sse({"type": "response.in_progress", "response": response}))[-1]
    assert isinstance(told, UsageSoFar)
    assert told.usage.input == 9000


@pytest.mark.parametrize(("prompt", "cost"), [(100, 101.0), (101, 203.0)])
def test_a_long_prompt_has_other_prices(prompt: int, cost: float) -> None:
    longer = LongPrompt(above=100, cost=Cost(input=2e6, output=1e6, cache_read=2e6, cache_write=2e6))
    rates = Cost(input=1e6, output=1e6, cache_read=1e6, cache_write=1e6)
    for api, body in (
        ("openai-completions", usage_of_chat(prompt)),
        ("anthropic-messages", usage_of_anthropic(prompt)),
    ):
        model = msgspec.structs.replace(MODELS[api], cost=rates, long_prompts=(longer,))
        decoder = ADAPTERS[api].decoder(model)
        decoder.feed(body)
        decoder.close()
        assert decoder.writer.message.usage.cost.total == cost, api


def usage_of_chat(prompt: int) -> bytes:
    details = {"cached_tokens": 40}
    counts = {"prompt_tokens": prompt, "completion_tokens": 1, "prompt_tokens_details": details}
    return sse(chunk("stop", content="4") | {"usage": counts})


def usage_of_anthropic(prompt: int) -> bytes:
    counts = {"cache_read_input_tokens": 40, "cache_creation_input_tokens": 30, "input_tokens": prompt - 70}
    started = {"type": "message_start", "message": {"usage": {**counts, "output_tokens": 1}}}
    return sse(started, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"})


def test_chat_completions_may_have_the_counts_by_the_names_of_the_responses_api() -> None:
    usage = counted(input_tokens=12, output_tokens=3, total_tokens=15)
    assert (usage.input, usage.output, usage.total_tokens) == (12, 3, 15)
