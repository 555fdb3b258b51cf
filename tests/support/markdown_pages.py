"""Finds the pages that git tracks, and their programs, links, headings and names. No tests here."""

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
    """A ```python block of a Markdown file. `output`: the ```text block right after it, if any."""

    line: int
    program: str
    output: str | None


def pages() -> list[Path]:
    """Return all tracked Markdown files."""
    return [ROOT / path for path in tracked_files("*.md")]


def blocks(markdown: str, language: str) -> list[str]:
    """Return the blocks of a page in a language."""
    return [block["text"] for block in FENCE.finditer(markdown) if block["language"] == language]


def examples(markdown: str) -> list[Example]:
    """Return the programs of a page, in order."""
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
    """Return the targets of a page's links and pictures, without those in code."""
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", markdown))
    found = re.findall(r"\]\(\s*([^)\s]+)|\b(?:src|href)=[\"']([^\"']+)|^\[[^]]+\]:\s*(\S+)", text, re.MULTILINE)
    return [link for each in found for link in each if link]


def anchors(markdown: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", markdown), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def taken_names(markdown: str) -> set[tuple[str, str]]:
    """Return (module, name) of all library names in programs and prose: imports, and `adjourn.module.Name`."""
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
    """Return the repository's paths that a page names, from the root."""
    folders = r"actors|bench|protocol|stores|tests|\.ci|\.github|\.src"
    return re.findall(rf"`((?:{folders})/[\w./-]*)`", FENCE.sub("", markdown))


def named_tests(markdown: str) -> list[str]:
    """Return the tests that a page names."""
    return re.findall(r"`(test_\w+)`", markdown)
