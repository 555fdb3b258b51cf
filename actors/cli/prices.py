"""Describes the prices of agents' models in words, if a catalogue has them."""

from collections.abc import Iterable, Iterator

from ..agent import Agent

__all__ = ["price_lines"]


def price_lines(agents: Iterable[Agent]) -> Iterator[str]:
    """Yields a line for each model with prices from a catalogue, with the catalogue's name and date."""
    models = [agent.language_model.descriptor for agent in agents]
    for model in {(each.provider, each.id): each for each in models}.values():
        if model.cost is not None and model.prices_from is not None:
            longer = ", more for long prompts" if model.long_prompts else ""
            rates = f"{model.cost.input:g} per million tokens of input, {model.cost.output:g} of output{longer}"
            yield f"{model.id} costs {rates} ({model.prices_from})"
