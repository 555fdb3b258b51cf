"""The living children of a supervisor."""

from __future__ import annotations

from typing import Any, TypeAlias

from .actor import Actor
from .child import ChildSpec
from .mail import M
from .mailbox import Mailbox

__all__ = ["Child", "Children"]


class Child(Actor[M]):
    """A living child of a supervisor, with its current spec."""

    __slots__ = ("spec",)

    def __init__(self, spec: ChildSpec[M], mailbox: Mailbox[M]) -> None:
        super().__init__(spec.name, spec.start, mailbox, spec.cancel)
        self.spec = spec


Children: TypeAlias = "dict[str, Child[Any]]"
"""The living children by name, from left to right."""
