"""Reads the descriptions of a tool and its parameters from a docstring. Pure.

Supports Google's "Args:" sections, numpy's "Parameters" and Sphinx's ":param x:", but only what these styles have in
common. That takes fewer lines than calling a complete docstring parser.
"""

import re
from itertools import takewhile

__all__ = ["description_of", "parameter_descriptions"]

_NAMES = r"(?:(?:other|keyword) )?(?:args|arguments|params|parameters)"
_SECTION = re.compile(f"{_NAMES}:?", re.IGNORECASE)
_HEADING = re.compile(f"(?:{_NAMES}|returns?|yields?|raises?|examples?|notes?|attributes):", re.IGNORECASE)
_RULE = re.compile(r"-{3,}|={3,}")  # under numpy's headings
_GOOGLE = re.compile(r"\*{0,2}(?P<names>\w+)\s*(?:\((?:[^()]|\([^()]*\))*\))?\s*:(?:\s+(?P<text>.*)|$)")
_NUMPY = re.compile(r"(?P<names>\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?")
_SPHINX = re.compile(r":(?:param|parameter|arg|argument|key)\s+(?:[^:]*\s)?\*{0,2}(?P<names>\w+)\s*:\s*(?P<text>.*)")
_FIELD = re.compile(r":\w[^:]*:")  # a Sphinx field; it ends the previous field


def description_of(doc: str) -> str:
    """Returns a clean docstring's first paragraph as one line, without sections and fields."""
    lines = doc.splitlines()
    ends = (at for at, line in enumerate(lines) if not line.strip() or _begins_section(lines, at) or _FIELD.match(line))
    return " ".join(line.strip() for line in lines[: next(ends, len(lines))])


def parameter_descriptions(doc: str) -> dict[str, str]:
    """Returns a clean docstring's parameter descriptions by name, each as one line."""
    lines = doc.splitlines()
    found: dict[str, list[str]] = {}
    for at in range(len(lines)):
        if _begins_section(lines, at) and _SECTION.fullmatch(lines[at].strip()):
            is_numpy = not lines[at].strip().endswith(":")
            _read(lines[at + 1 + is_numpy :], _indent(lines[at]), _NUMPY if is_numpy else _GOOGLE, found)
        elif entry := _SPHINX.match(lines[at].strip()):
            more = takewhile(lambda line: line.strip() and not _FIELD.match(line.strip()), lines[at + 1 :])
            found.setdefault(entry["names"], [entry["text"], *more])
    texts = {name: " ".join(" ".join(said).split()) for name, said in found.items()}
    return {name: text for name, text in texts.items() if text}


def _read(lines: list[str], outer: int, entry: re.Pattern[str], found: dict[str, list[str]]) -> None:
    """Adds a section's entries to `found`. `outer`: the heading's indent; only Google's entries are indented more."""
    inner = outer if entry is _NUMPY else None
    said: list[str] = []  # the lines of the latest entry
    for at, line in enumerate(lines):
        if not line.strip():
            continue
        indent = _indent(line)
        if indent < outer or (entry is _GOOGLE and indent == outer) or (indent == outer and _begins_section(lines, at)):
            return
        inner = indent if inner is None else inner
        named = entry.fullmatch(line.strip()) if indent == inner else None
        if named is None:
            said.append(line)
            continue
        said = [named.groupdict().get("text") or ""]
        for name in re.findall(r"\w+", named["names"]):
            found.setdefault(name, said)


def _begins_section(lines: list[str], at: int) -> bool:
    line = lines[at].strip()
    if at + 1 < len(lines) and line and _RULE.fullmatch(lines[at + 1].strip()):
        return True
    return bool(_HEADING.fullmatch(line))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
