"""Turns Markdown into a tree of nodes, for the page. Pure: text in, plain data out, never HTML.

A node is text, or an object: `{"tag": "p", "children": [node, …]}`. Some tags have more: `a` its `href`, `ol` its
`start`, `pre` its `language`, `th` and `td` their `align`. HTML in Markdown is text, and an image becomes a link to it.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from markdown_it import MarkdownIt
from markdown_it.token import Token

__all__ = ["MAX_DEPTH", "MAX_STEPS", "Node", "documents_of"]

Node: TypeAlias = str | dict[str, Any]

MAX_DEPTH = 40  # nested elements; deeper emphasis is left out, but not its words
MAX_STEPS = 40_000  # parser steps for all texts together: one or two seconds. 64 KB of prose take about 12,000
MAX_NESTING = 20  # markdown-it's own limit; beyond it, markdown-it would silently drop text

_SAFE_LINK = re.compile(r"(?:https?://|mailto:)\S", re.IGNORECASE)
_ALIGNED = re.compile(r"text-align:(left|center|right)")
_PLAIN_TAGS = frozenset(
    {
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "li",
        "blockquote",
        "em",
        "strong",
        "s",
        "table",
        "thead",
        "tbody",
        "tr",
    }
)


class _TooMuch(Exception):
    """The text is nested too deep, or takes too many steps."""


def _count_inline(state: Any, silent: bool) -> bool:
    """Counts the parser's steps, as a rule that never matches. Raises: _TooMuch."""
    state.env["steps"] -= 1
    if state.env["steps"] < 0:
        raise _TooMuch
    return False


def _count_block(state: Any, begin: int, end: int, silent: bool) -> bool:
    """The same for blocks. Keeps two levels free, because a list takes two."""
    if state.level >= MAX_NESTING - 2:
        raise _TooMuch
    return _count_inline(state, silent)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_NESTING})
    parser.enable(["table", "strikethrough"]).disable(["html_block", "html_inline"])
    parser.block.ruler.before("table", "count", _count_block)
    parser.inline.ruler.before("text", "count", _count_inline)
    return parser


_PARSER = _parser()


def documents_of(texts: Iterable[str], *, max_steps: int = MAX_STEPS) -> list[list[Node]]:
    """Returns each text's nodes. A text that is nested too deep or takes too long becomes one `pre` with all of it.

    `max_steps` limits the time for all texts together.
    """
    env = {"steps": max_steps}
    return [_document(text, env) for text in texts]


def _document(text: str, env: dict[str, int]) -> list[Node]:
    env = {"steps": 0} if env["steps"] < 0 else env
    try:
        tokens = _PARSER.parse(text, env)
    except _TooMuch:
        return [_element("pre", [text])]
    return _Tree(tokens).nodes


def _element(tag: str, children: list[Node], **attributes: Any) -> dict[str, Any]:
    return {
        "tag": tag,
        **{name: value for name, value in attributes.items() if value is not None},
        "children": children,
    }


class _Tree:
    """Builds nodes from the parser's tokens, which open and close elements."""

    def __init__(self, tokens: Iterable[Token]) -> None:
        self.nodes: list[Node] = []
        self._open: list[list[Node]] = [self.nodes]  # children of the open elements, outermost first
        self._add_all(tokens)

    def _add_all(self, tokens: Iterable[Token]) -> None:
        for token in tokens:
            if token.nesting < 0:
                self._open.pop()
            elif token.nesting > 0:
                self._begin(_opening(token))
            elif token.type == "inline":
                self._add_all(token.children or ())
            else:
                self._add(_leaf(token))

    def _begin(self, element: dict[str, Any] | None) -> None:
        """Opens an element. If it is None or too deep, its content goes into the element around it."""
        if element is None or len(self._open) >= MAX_DEPTH:
            self._open.append(self._open[-1])
        else:
            self._open[-1].append(element)
            self._open.append(element["children"])

    def _add(self, node: Node) -> None:
        around = self._open[-1]
        last = around[-1] if around else None
        if isinstance(node, str) and isinstance(last, str):
            around[-1] = last + node
        elif node:
            around.append(node)


def _opening(token: Token) -> dict[str, Any] | None:
    """Returns the element that a token opens; None for tokens without one, such as paragraphs of a tight list."""
    if token.hidden:
        return None
    if token.tag in _PLAIN_TAGS:
        return _element(token.tag, [])
    match token.tag:
        case "ol":
            return _element("ol", [], start=token.attrs.get("start"))
        case "th" | "td":
            return _element(token.tag, [], align=_align(token.attrs))
        case "a":
            href = token.attrs["href"]
            return _element("a", [], href=href) if _is_safe(href) else None
        case _:
            raise AssertionError(f"no element is known for {token.type}")


def _leaf(token: Token) -> Node:
    match token.type:
        case "text":
            return token.content
        case "softbreak":
            return "\n"
        case "hardbreak":
            return _element("br", [])
        case "hr":
            return _element("hr", [])
        case "code_inline":
            return _element("code", [token.content])
        case "fence" | "code_block":
            language, *_ = [*token.info.split(), None]
            return _element("pre", [token.content.removesuffix("\n")], language=language)
        case "image":
            href = token.attrs["src"]
            words = _words(token.children or ()) or str(href)
            return _element("a", [words], href=href) if _is_safe(href) else words
        case _:
            raise AssertionError(f"no node is known for {token.type}")


def _words(tokens: Iterable[Token]) -> str:
    """Returns an image's text, without emphasis."""
    return "".join(_words(token.children) if token.children else token.content for token in tokens)


def _is_safe(href: object) -> bool:
    return _SAFE_LINK.match(str(href)) is not None


def _align(attributes: Mapping[str, Any]) -> str | None:
    found = _ALIGNED.fullmatch(str(attributes.get("style", "")))
    return found and found[1]
