"""How much a caller's free-form values may take: names, defaults, refusal. Pure."""

from dataclasses import dataclass
from functools import cached_property

from .errors import LimitExceeded
from .misspelt import names_options

__all__ = ["BOUNDED", "Bounds"]

BOUNDED = ("input", "metadata", "decision", "arguments", "result", "reason")  # parameters, by their names on the wire


@names_options
@dataclass(frozen=True)
class Bounds:
    """The most that values from outside may take. Bytes are those of a value as it is sent, or else of its JSON.

    Attributes:
        max_input_bytes: of a run's input. For this and for results a gateway takes what its agents' `Limits` allow.
        max_metadata_bytes: of a run's metadata; they are saved again with each step.
        max_decision_bytes: of a decision.
        max_arguments_bytes: of arguments that a decider has edited.
        max_result_bytes: of the result of a call that a client executes.
        max_reason_bytes: of the reason of a decline or an abort.
        max_values: items and members of all containers in a request together.
    """

    max_input_bytes: int = 4_000_000
    max_metadata_bytes: int = 16_384
    max_decision_bytes: int = 65_536
    max_arguments_bytes: int = 262_144
    max_result_bytes: int = 1_000_000
    max_reason_bytes: int = 16_384
    max_values: int = 100_000

    def check(self, name: str, size: int) -> None:
        """Nothing, if `size` bytes are within the bound of the parameter `name`. Raises: LimitExceeded."""
        maximum = self._maximum(name)
        if size > maximum:
            text = f"{name} takes {size} bytes, and at most {maximum} are allowed"
            raise LimitExceeded(text, limit=_limit(name), maximum=maximum)

    @cached_property
    def least(self) -> int:
        """What takes no more bytes than this is within all bounds."""
        return min(self.announced().values())

    def announced(self) -> dict[str, int]:
        """All of them, by their names on the wire."""
        return {**{_limit(name): self._maximum(name) for name in BOUNDED}, "maxValues": self.max_values}

    def _maximum(self, name: str) -> int:
        return getattr(self, f"max_{name}_bytes")


def _limit(name: str) -> str:
    return f"max{name.capitalize()}Bytes"
