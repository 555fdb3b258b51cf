"""How often the process of a server collects garbage. Only for this process: a library leaves the collector alone."""

import gc

__all__ = ["collect_less"]

NEW_OBJECTS = 10_000  # that are left over before a collection


def collect_less() -> None:
    """Makes the garbage collector look less often, and never at the objects that exist now: modules and agents.

    A run keeps some 60 objects until it leaves memory, so with Python's default the collector takes a fifth of the
    time of 1,000 runs at once. A process that has set more objects, or 0 for no collections, keeps its own number.
    """
    gc.collect()
    gc.freeze()
    new, *older = gc.get_threshold()
    if new:
        gc.set_threshold(max(new, NEW_OBJECTS), *older)
