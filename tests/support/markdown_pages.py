"""The pages that git tracks, and what tests look for in one: programs, links, headings, names. No tests here."""

import ast
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tracked import ROOT, tracked_files

__all__ = ["Example", "anchors", "blocks", "examples", "links", "named_paths", "named_tests", "pages", "taken_names"]

FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A ```python block of a Markdown file; `output` is the ```text block right after it, if there is one."""

    line: int
    program: str
    output: str | None


def pages() -> list[Path]:
    """All Markdown files."""
    return [ROOT / path for path in tracked_files("*.md")]


def blocks(markdown: str, language: str) -> list[str]:
    """The blocks of a page in a language."""
    return [block["text"] for block in FENCE.finditer(markdown) if block["language"] == language]


def examples(markdown: str) -> list[Example]:
    """The programs of a page, in order."""
    found: list[Example] = []
    for block, after in pairwise([*FENCE.finditer(markdown), None]):
        if block["language"] != "python":
            continue
        line = markdown.count("\n", 0, block.start()) + 1
        between = markdown[block.end() : after.start()].strip() if after else ""
        output = after["text"] if after and after["language"] == "text" and not between else None
        found.append(Example(line, block["text"], output))
    return found


def links(markdown: str) -> list[str]:
    """Where the links and pictures of a page lead, those in code left out."""
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", markdown))
    found = re.findall(r"\]\(\s*([^)\s]+)|\b(?:src|href)=[\"']([^\"']+)|^\[[^]]+\]:\s*(\S+)", text, re.MULTILINE)
    return [link for each in found for link in each if link]


def anchors(markdown: str) -> set[str]:
    """The names by which links reach the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", markdown), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def taken_names(markdown: str) -> set[tuple[str, str]]:
    """(module, name) of all that programs and prose take from the library: imports, and `adjourn.module.Name`."""
    imports = [node for found in examples(markdown) for node in ast.walk(ast.parse(found.program))]
    taken = {
        (node.module, alias.name)
        for node in imports
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("adjourn")
        for alias in node.names
    }
    dotted = re.findall(r"`(adjourn(?:\.[a-z_]+)*)\.([A-Z]\w+|[a-z_]+(?=\())", markdown)
    return taken | set(dotted)


def named_paths(markdown: str) -> list[str]:
    """The paths of this repository that a page names, from its root."""
    folders = r"actors|bench|protocol|stores|tests|\.ci|\.github|\.src"
    return re.findall(rf"`((?:{folders})/[\w./-]*)`", FENCE.sub("", markdown))


def named_tests(markdown: str) -> list[str]:
    """The tests that a page names."""
    return re.findall(r"`(test_\w+)`", markdown)
