"""The page's source: no foreign text reaches an HTML parser, and every name leads to a file."""

import re
from pathlib import Path

from tracked import ROOT

PAGE = ROOT / "actors/web/page"
MODULES = sorted(PAGE.glob("*.js"))
# Everything that parses text as HTML or runs text as a script.
PARSERS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|setHTML|srcdoc|parseFromString|createContextualFragment"
    r"|document\.write|\beval\(|new Function|\bon\w+\s*=\s*[\"'`]|setAttribute\(\s*[\"']on"
)
IMPORT = re.compile(r'^import\s[^;"]*"([^"]+)";', re.MULTILINE)


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_nothing_on_the_page_is_parsed_as_html_or_run_as_text() -> None:
    found = [(path.name, match[0]) for path in MODULES for match in PARSERS.finditer(read(path))]
    assert MODULES
    assert found == []


def test_every_module_and_style_that_is_named_is_there() -> None:
    for module in MODULES:
        for target in IMPORT.findall(read(module)):
            assert target.startswith("."), (module.name, target)
            assert (PAGE / target).resolve().is_file(), (module.name, target)
    named = re.findall(r'(?:href|src)="(?!#)([^"]+)"', read(PAGE / "index.html"))
    assert [name for name in named if not (PAGE.parent / name).is_file()] == []


def test_every_module_and_style_is_used() -> None:
    used = {"page/" + Path(target).name for module in MODULES for target in IMPORT.findall(read(module))}
    used |= set(re.findall(r'(?:href|src)="(page/[^"]+)"', read(PAGE / "index.html")))
    there = {f"page/{path.name}" for path in PAGE.iterdir() if path.name != "index.html"}
    assert there - used == set()


def test_the_page_has_no_inline_script_or_style_and_loads_nothing_from_elsewhere() -> None:
    index = read(PAGE / "index.html")
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", index) == []
    texts = [index, *(read(path) for path in PAGE.glob("*.css"))]
    assert re.findall(r"https?://|@import|url\(", "".join(texts)) == []
