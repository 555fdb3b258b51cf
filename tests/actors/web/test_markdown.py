"""Markdown as nodes: the elements, their safety, and bounded work for hostile text."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjourn.actors.web.markdown import MAX_DEPTH, Node, documents_of

TAGS = {
    *("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong", "s", "a"),
    *("hr", "br", "table", "thead", "tbody", "tr", "th", "td"),
}
KB = 1024


def nodes(text: str) -> list[Node]:
    [found] = documents_of([text])
    return found


def element(tag: str, *children: Node, **attributes: Any) -> Node:
    return {"tag": tag, **attributes, "children": list(children)}


def elements(found: list[Node], depth: int = 1) -> Iterator[tuple[dict[str, Any], int]]:
    for node in found:
        if isinstance(node, dict):
            yield node, depth
            yield from elements(node["children"], depth + 1)


def words(found: list[Node]) -> str:
    return "".join(node if isinstance(node, str) else words(node["children"]) for node in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", [element("p", "plain")]),
        ("", []),
        ("two\nlines", [element("p", "two\nlines")]),
        ("hard  \nbreak", [element("p", "hard", element("br"), "break")]),
        ("### Three", [element("h3", "Three")]),
        ("Title\n=====", [element("h1", "Title")]),
        ("---", [element("hr")]),
        ("> said", [element("blockquote", element("p", "said"))]),
        ("*a* **b** ~~c~~", [element("p", element("em", "a"), " ", element("strong", "b"), " ", element("s", "c"))]),
        ("`<b>`", [element("p", element("code", "<b>"))]),
        ("```python x\nprint()\n```", [element("pre", "print()", language="python")]),
        ("```\na\n\nb\n```", [element("pre", "a\n\nb")]),
        ("    indented", [element("pre", "indented")]),
        ("- a\n- b", [element("ul", element("li", "a"), element("li", "b"))]),
        ("- a\n\n- b", [element("ul", element("li", element("p", "a")), element("li", element("p", "b")))]),
        ("3. c", [element("ol", element("li", "c"), start=3)]),
        ("1. c", [element("ol", element("li", "c"))]),
        ("a &amp; b &#8364; \\*", [element("p", "a & b € *")]),
        ("http://bare.example", [element("p", "http://bare.example")]),
    ],
)
def test_each_construct_becomes_its_element(text: str, expected: list[Node]) -> None:
    assert nodes(text) == expected


def test_a_table_has_its_alignment() -> None:
    head = element("tr", element("th", "a", align="left"), element("th", "b", align="right"), element("th", "c"))
    row = element("tr", element("td", "1", align="left"), element("td", "2", align="right"), element("td", "3"))
    found = nodes("|a|b|c|\n|:-|-:|-|\n|1|2|3|")
    assert found == [element("table", element("thead", head), element("tbody", row))]


@pytest.mark.parametrize(
    ("text", "href"),
    [
        ("[a](https://example.org/x?y#z)", "https://example.org/x?y#z"),
        ("[a](HTTP://example.org)", "HTTP://example.org"),
        ("[a](mailto:ann@example.org)", "mailto:ann@example.org"),
        ("<https://example.org>", "https://example.org"),
        ("[a][b]\n\n[b]: https://example.org", "https://example.org"),
        ("![a](https://example.org/i.png)", "https://example.org/i.png"),
    ],
)
def test_links_and_images_are_links(text: str, href: str) -> None:
    [(_, _), (link, _)] = elements(nodes(text))
    assert (link["tag"], link["href"]) == ("a", href)


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "&#106;avascript:alert(1)",
        "java&#10;script:alert(1)",
        "vbscript:x",
        "data:text/html,<script>",
        "data:image/png;base64,AAAA",
        "file:///etc/passwd",
        "//example.org",
        "/runs",
        "page.html",
        "ftp://example.org",
        "http:example.org",
        "https://",
        "\x01javascript:alert(1)",
    ],
)
def test_links_with_other_schemes_stay_text(link: str) -> None:
    for text in (f"[words](<{link}>)", f"![words](<{link}>)", f"<{link}>"):
        assert [found["tag"] for found, _ in elements(nodes(text))] == ["p"], text


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "a <b onclick=x>b</b>", "<!-- -->", "<div>\n\nx\n\n</div>", "<?php ?>"]
)
def test_html_is_text(text: str) -> None:
    found = nodes(text)
    assert {each["tag"] for each, _ in elements(found)} == {"p"}
    assert words(found) == text.replace("\n\n", "")


def test_an_image_without_words_says_where_it_leads() -> None:
    assert words(nodes("![](https://example.org/i.png)")) == "https://example.org/i.png"
    assert words(nodes("![*a* ![b](x)](https://example.org/i.png)")) == "a b"


@pytest.mark.parametrize("text", ["> " * 30 + "deep", "\n".join("  " * n + "- deep" for n in range(30))])
def test_a_text_of_too_many_levels_is_shown_as_it_is(text: str) -> None:
    assert nodes(text) == [element("pre", text)]


def test_emphasis_of_too_many_levels_ends_and_its_words_stay() -> None:
    found = nodes("*a **b " * 500 + "end" + "** *" * 500)
    assert max(depth for _, depth in elements(found)) <= MAX_DEPTH
    assert "end" in words(found)


@pytest.mark.parametrize(
    "pattern", [">", "[", "![", "*", "_a ", "`", "- ", "- a\n", "> - ", "<", "[](", "|-|\n", "a\n", "**x* "]
)
def test_hostile_text_takes_bounded_steps_and_keeps_its_words(pattern: str) -> None:
    text = (pattern * (8 * KB))[: 8 * KB]
    [found, after] = documents_of([text, "*after*"], max_steps=2000)
    assert max((depth for _, depth in elements(found)), default=0) <= MAX_DEPTH
    if found == [element("pre", text)]:
        assert after == [element("pre", "*after*")] or after == [element("p", element("em", "after"))]


def test_when_the_steps_are_used_up_all_further_texts_are_shown_as_they_are() -> None:
    assert documents_of(["*a*", "*b*" * 100, "*c*"], max_steps=50) == [
        [element("p", element("em", "a"))],
        [element("pre", "*b*" * 100)],
        [element("pre", "*c*")],
    ]


PIECES = [*"*_`~[]()<>!#-+|\\&;:=. \t\n", "a", "1", "http://x", "javascript:", "&#", "\U0001f600"]
MARKS = st.lists(st.sampled_from(PIECES)).map("".join)


@given(MARKS | st.text())
def test_any_text_becomes_json_nodes_with_known_tags_and_safe_links(text: str) -> None:
    found = nodes(text)
    json.dumps(found, ensure_ascii=False).encode()
    for each, depth in elements(found):
        assert each["tag"] in TAGS
        assert depth <= MAX_DEPTH
        assert each.keys() <= {"tag", "children", "href", "start", "language", "align"}
        assert each.get("href", "http://").lower().startswith(("http://", "https://", "mailto:"))
        if each["tag"] == "pre":
            assert all(isinstance(child, str) for child in each["children"])
