"""Prices of models, from the catalogue in the installed package `genai-prices` (the extra `prices`).

That package could also fetch newer prices over the network; this module never does.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from ...protocol.loopback import is_loopback
from ...protocol.messages import Cost, LongPrompt, ModelDescriptor

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

__all__ = ["unpriced", "with_prices"]


def unpriced(model: ModelDescriptor) -> str | None:
    """Returns why a cost limit has no effect for this model, and what to do; None if the prices are known."""
    if model.cost is not None:
        return None
    return (
        f"a cost limit needs prices, and the descriptor of model {model.id!r} states none. Give it "
        "cost=Cost(input=..., output=...), per million tokens; Cost() for a model that costs nothing. For models named "
        "'PROVIDER:NAME', pip install 'adjourn[prices]' brings a catalogue, or register_model() makes them known"
    )


def with_prices(model: ModelDescriptor, address: str) -> ModelDescriptor:
    """Returns the descriptor with the catalogue's prices and context window for a model served at `address`.

    The descriptor's own values stay. Unchanged without the extra, and for models that the catalogue doesn't know.

    Only tokens have prices here, not other charges of a provider, such as searches. If a price depends on the hour, the
    highest is used.
    """
    if model.cost is not None or is_loopback(urlsplit(address).hostname) or find_spec("genai_prices") is None:
        return model
    try:
        _, found = _catalogue().find_provider_model(model.id, None, None, address)
    except LookupError:
        return model
    window = model.context_window or found.context_window
    prices = _in_force(found)
    if any(each.input_mtok is None or each.output_mtok is None for each in prices):
        return msgspec.structs.replace(model, context_window=window)
    return msgspec.structs.replace(
        model,
        context_window=window,
        cost=_cost(prices, 0),
        long_prompts=tuple([LongPrompt(above=start, cost=_cost(prices, start + 1)) for start in _starts(prices)]),
        prices_from=_name(),
    )


@cache
def _catalogue() -> "DataSnapshot":
    """Loads the catalogue. Takes half a second, once."""
    from genai_prices.data import providers
    from genai_prices.data_snapshot import DataSnapshot

    return DataSnapshot(providers=providers, from_auto_update=False)


@cache
def _name() -> str:
    """Returns the catalogue's version and the day of its latest price: the catalogue itself has no date."""
    from importlib.metadata import version  # slow to load

    from genai_prices.types import StartDateConstraint

    constraints = [
        each.constraint
        for provider in _catalogue().providers
        for model in provider.models
        for each in (model.prices if isinstance(model.prices, list) else [])
    ]
    now = datetime.now(UTC)
    days = [each.start_date for each in constraints if isinstance(each, StartDateConstraint) and each.active(now)]
    return f"genai-prices {version('genai-prices')}" + (f", latest price of {max(days)}" if days else "")


def _in_force(model: "ModelInfo") -> "list[ModelPrice]":
    """Returns today's prices: several if they depend on the hour. Of dated prices, the latest that is in force."""
    from genai_prices.types import StartDateConstraint

    if not isinstance(model.prices, list):
        return [model.prices]
    found = [model.prices[0].prices]
    now = datetime.now(UTC)
    for each in model.prices:
        match each.constraint:
            case None:
                found = [each.prices]
            case StartDateConstraint() as begins:
                if begins.active(now):
                    found = [each.prices]
            case _:
                found.append(each.prices)
    return found


_FIELDS = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")


def _starts(prices: "Iterable[ModelPrice]") -> list[int]:
    """Returns the prompt sizes, in tokens, above which other prices apply."""
    tiers = [getattr(getattr(each, field), "tiers", ()) for each in prices for field in _FIELDS]
    return sorted({tier.start for each in tiers for tier in each})


def _cost(prices: "Iterable[ModelPrice]", prompt: int) -> Cost:
    """Returns the highest of these prices for a prompt of that many tokens. Unpriced cached tokens cost as input."""

    def highest(field: str) -> float:
        return max(_rate(_price(each, field), prompt) for each in prices)

    return Cost(
        input=highest("input_mtok"),
        output=highest("output_mtok"),
        cache_read=highest("cache_read_mtok"),
        cache_write=highest("cache_write_mtok"),
    )


def _price(prices: "ModelPrice", field: str) -> "Decimal | TieredPrices | None":
    found = getattr(prices, field)
    return prices.input_mtok if found is None else found


def _rate(price: "Decimal | TieredPrices | None", prompt: int) -> float:
    if price is None or isinstance(price, Decimal):
        return float(price or 0)
    reached = [tier.price for tier in price.tiers if prompt > tier.start]
    return float(reached[-1] if reached else price.base)
