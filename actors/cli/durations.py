"""Durations and moments as text: `30d` on a command line, "30 days" and "in 3 days (2026-12-28 14:00)" on a screen.

Reads no clock.
"""

import math
import re
from collections.abc import Iterable, Iterator
from datetime import datetime

import typer

from ...protocol.record import Limits
from ..agent import Agent

__all__ = ["ago_text", "duration_text", "kept_lines", "moment_text", "parse_duration"]

EXPECTED = "expected a duration such as 30d, 12h, 45m or 90s, or 0, or forever"
SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
NAMES = {"d": "day", "h": "hour", "m": "minute", "s": "second"}
FOREVER = "forever"


def parse_duration(text: str) -> float:
    """Returns the seconds of `30d`, `12h`, `45m`, `90s` or `0`; infinity for `forever`. Raises: typer.BadParameter."""
    if text.strip().casefold() == FOREVER:
        return math.inf
    found = re.fullmatch(r"\s*([0-9]{1,9})\s*([dhms])\s*|\s*0\s*", text.casefold())
    if found is None:
        raise typer.BadParameter(f"{EXPECTED}; got {text!r}")
    return float(int(found[1]) * SECONDS[found[2]]) if found[1] else 0.0


def duration_text(seconds: float) -> str:
    """Returns a duration in the largest unit that gives a whole number: "30 days", "36 hours", "1 minute"."""
    unit = next((unit for unit, size in SECONDS.items() if seconds and seconds % size == 0), "s")
    return _counted(seconds / SECONDS[unit], unit)


def moment_text(at: int, now: int) -> str:
    """Returns a future moment as "in 3 days (2026-12-28 14:00)", in local time. Takes ms since the epoch."""
    left_s = (at - now) / 1000
    unit = next((unit for unit, size in SECONDS.items() if left_s >= 2 * size), "s")
    words = f"in {_counted(round(left_s / SECONDS[unit]), unit)}" if left_s > 0 else "now"
    try:
        return f"{words} ({datetime.fromtimestamp(at / 1000):%Y-%m-%d %H:%M})"
    except (OSError, OverflowError, ValueError):  # after the year 9999
        return words


def ago_text(at: int, now: int) -> str:
    """Returns how long ago a moment was, in one unit: "3 min", "2 h", "5 d". Takes ms since the epoch."""
    seconds = max(0, now - at) // 1000
    sizes = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    name, size = next(((name, size) for name, size in sizes if seconds >= size), ("s", 1))
    return f"{seconds // size} {name}"


def kept_lines(agents: Iterable[Agent]) -> Iterator[str]:
    """Yields how long runs of these agents may wait and are kept: one line for each group of agents that are alike."""
    groups: dict[str, list[str]] = {}
    for agent in agents:
        groups.setdefault(_kept(agent.limits), []).append(agent.name)
    for words, names in groups.items():
        yield words if len(groups) == 1 else f"{', '.join(names)}: {words[0].lower()}{words[1:]}"


def _kept(limits: Limits) -> str:
    match limits.retention_s:
        case None:
            ended = "are kept for ever"
        case 0:
            ended = "are deleted at once"
        case seconds:
            ended = f"are kept {duration_text(seconds)}"
    ttl_s = limits.parked_ttl_s
    waiting = "wait for ever" if ttl_s is None else f"are stopped after {duration_text(ttl_s)}"
    return f"Ended runs {ended}; waiting runs {waiting}"


def _counted(count: float, unit: str) -> str:
    return f"{count:.12g} {NAMES[unit]}{'' if count == 1 else 's'}"
