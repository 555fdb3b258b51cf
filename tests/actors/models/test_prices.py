"""Prices and windows from the catalogue: which models get them, and how tiers, dates and hours are used."""

from datetime import UTC, date, time
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.data_snapshot import DataSnapshot
from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from adjourn.actors import Agent, Limits, find_model, register_model
from adjourn.actors.models import catalogue, prices
from adjourn.actors.models.prices import unpriced, with_prices
from adjourn.protocol.messages import Cost, ModelDescriptor

OPENAI = "https://api.openai.com/v1"


def price(input: Any, output: Any, **more: Any) -> ModelPrice:  # noqa: A002
    return ModelPrice(input_mtok=_amount(input), output_mtok=_amount(output), **more)


def _amount(given: Any) -> Any:
    return Decimal(given) if isinstance(given, int | str) else given


def since(day: str, prices: ModelPrice) -> ConditionalPrice:
    return ConditionalPrice(constraint=StartDateConstraint(start_date=date.fromisoformat(day)), prices=prices)


def at_night(prices: ModelPrice) -> ConditionalPrice:
    hours = TimeOfDateConstraint(start_time=time(16, 30, tzinfo=UTC), end_time=time(0, 30, tzinfo=UTC))
    return ConditionalPrice(constraint=hours, prices=prices)


LONG = TieredPrices(base=Decimal(1), tiers=[Tier(start=200, price=Decimal(2)), Tier(start=500, price=Decimal(3))])
MODELS: dict[str, ModelPrice | list[ConditionalPrice]] = {
    "plain": price(2, 8, cache_read_mtok=Decimal("0.5")),
    "free": price(0, 0),
    "tiers": price(LONG, 10),
    "dated": [
        ConditionalPrice(prices=price(1, 1)),
        since("2020-01-01", price(2, 2)),
        since("2021-02-03", price(3, 3)),
        since("2999-01-01", price(9, 9)),
    ],
    "hourly": [ConditionalPrice(prices=price(4, 1)), at_night(price(2, 6)), since("2999-01-01", price(9, 9))],
    "hourly-once": [at_night(price(9, 9)), since("2020-01-01", price(2, 2))],
    "embeds": ModelPrice(input_mtok=Decimal(1)),
}


@pytest.fixture(autouse=True)
def _catalogue(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    """Use a catalogue with one provider, and an empty environment."""
    models = [
        ModelInfo(id=name, match=ClauseEquals(name), context_window=1000, prices=each) for name, each in MODELS.items()
    ]
    known = Provider(id="openai", name="OpenAI", api_pattern="https://api\\.openai\\.com", models=models)
    snapshot = DataSnapshot(providers=[known], from_auto_update=False)
    monkeypatch.setattr(prices, "_catalogue", lambda: snapshot)
    monkeypatch.setattr(catalogue, "_models", {})
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    prices._name.cache_clear()


def priced(name: str, **known: Any) -> ModelDescriptor:
    return with_prices(ModelDescriptor(id=name, provider="openai", **known), OPENAI)


def test_a_model_found_by_name_has_prices_a_window_and_where_they_are_from() -> None:
    found = find_model("openai:plain").descriptor
    assert found.cost == Cost(input=2.0, output=8.0, cache_read=0.5, cache_write=2.0)
    assert (found.context_window, found.long_prompts) == (1000, ())
    assert found.prices_from is not None
    assert found.prices_from.startswith("genai-prices ")
    assert found.prices_from.endswith(", latest price of 2021-02-03")
    assert find_model("openai-responses:plain").descriptor.cost == found.cost


def test_nothing_is_a_price() -> None:
    assert priced("free").cost == Cost()
    assert unpriced(priced("free")) is None


def test_prices_for_long_prompts_are_kept() -> None:
    found = priced("tiers")
    assert found.cost == Cost(input=1.0, output=10.0, cache_read=1.0, cache_write=1.0)
    assert [(each.above, each.cost.input, each.cost.output) for each in found.long_prompts] == [
        (200, 2.0, 10.0),
        (500, 3.0, 10.0),
    ]


def test_of_prices_with_a_date_the_last_one_due_holds() -> None:
    assert priced("dated").cost == Cost(input=3.0, output=3.0, cache_read=3.0, cache_write=3.0)


def test_of_prices_by_the_hour_the_highest_counts_until_a_later_one_replaces_them() -> None:
    assert priced("hourly").cost == Cost(input=4.0, output=6.0, cache_read=4.0, cache_write=4.0)
    assert priced("hourly-once").cost == Cost(input=2.0, output=2.0, cache_read=2.0, cache_write=2.0)


def test_a_model_not_priced_by_tokens_has_a_window_and_no_prices() -> None:
    found = priced("embeds")
    assert (found.cost, found.context_window, found.prices_from) == (None, 1000, None)


def test_a_registered_models_own_prices_and_window_stay() -> None:
    register_model(ModelDescriptor(id="plain", provider="openai", cost=Cost(input=1.0)))
    assert find_model("openai:plain").descriptor.cost == Cost(input=1.0)
    assert find_model("openai:plain").descriptor.prices_from is None
    assert priced("plain", context_window=50).context_window == 50


def test_another_server_has_other_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    for address in ("http://127.0.0.1:8000/v1", "https://b.test"):
        assert find_model("openai:plain", base_url=address).descriptor.cost is None
    monkeypatch.setenv("OPENAI_BASE_URL", "https://b.test")
    assert find_model("openai:plain").descriptor.cost is None


def test_a_model_that_the_catalogue_does_not_know_stays_as_it_was() -> None:
    assert priced("unknown") == ModelDescriptor(id="unknown", provider="openai")


def test_without_the_extra_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "find_spec", lambda name: None)
    assert find_model("openai:plain").descriptor.cost is None
    with pytest.raises(ValueError, match=r"limits: max_cost: .* pip install 'adjourn\[prices\]' brings a catalogue"):
        Agent(name="a", model="openai:plain", limits=Limits(max_cost=1.0))


def test_with_it_a_limit_in_cost_may_be_declared() -> None:
    agent = Agent(name="a", model="openai:plain", limits=Limits(max_cost=1.0))
    assert agent.spec().model.prices_from is not None


def test_the_real_catalogue_is_read_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    found = find_model("openai:gpt-4.1").descriptor
    assert found.cost is not None
    assert 0 < found.cost.cache_read < found.cost.input < found.cost.output
    assert found.context_window is not None
