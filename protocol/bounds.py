"""Bounds on the size of a caller's free-form values: names, defaults, and the check. Pure."""

from dataclasses import dataclass
from functools import cached_property

from .errors import LimitExceeded
from .misspelt import names_options

__all__ = ["BOUNDED", "Bounds"]

BOUNDED = ("input", "metadata", "decision", "arguments", "result", "reason")  # wire names of the parameters


@names_options
@dataclass(frozen=True)
class Bounds:
    """Size limits for values from outside. A size is the value's bytes as sent, or else as JSON.

    Attributes:
        max_input_bytes: size of a run's input. A gateway uses its agents' `Limits` for inputs and results instead.
        max_metadata_bytes: size of a run's metadata, which is saved again with each step.
        max_decision_bytes: size of a decision.
        max_arguments_bytes: size of the edited arguments in a decision.
        max_result_bytes: size of the result of a call that a client executes.
        max_reason_bytes: size of the reason of a decline or an abort.
        max_values: number of items and members in all containers of a request together.
    """

    max_input_bytes: int = 4_000_000
    max_metadata_bytes: int = 16_384
    max_decision_bytes: int = 65_536
    max_arguments_bytes: int = 262_144
    max_result_bytes: int = 1_000_000
    max_reason_bytes: int = 16_384
    max_values: int = 100_000

    def check(self, name: str, size: int) -> None:
        """Check that `size` bytes are within the bound of the parameter `name`. Raises: LimitExceeded."""
        maximum = self._maximum(name)
        if size > maximum:
            text = f"{name} takes {size} bytes, and at most {maximum} are allowed"
            raise LimitExceeded(text, limit=_limit(name), maximum=maximum)

    @cached_property
    def least(self) -> int:
        """The smallest of the size limits, in bytes: a request of this size or less is within all of them."""
        return min(self.announced().values())

    def announced(self) -> dict[str, int]:
        """Return all bounds by their wire names."""
        return {**{_limit(name): self._maximum(name) for name in BOUNDED}, "maxValues": self.max_values}

    def _maximum(self, name: str) -> int:
        return getattr(self, f"max_{name}_bytes")


def _limit(name: str) -> str:
    return f"max{name.capitalize()}Bytes"
