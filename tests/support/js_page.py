"""The generated tables of `actors/web/README.md`: options, state and actions of the JavaScript client.

They are read from the modules' JSDoc. `pages.py` writes them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["chat_part", "runlist_part"]

MODULES = Path(__file__).parents[2] / "actors/web/js"
COMMENT = re.compile(r"/\*\*(.*?)\*/", re.DOTALL)
METHOD = re.compile(r"/\*\*((?:(?!\*/)[\s\S])*)\*/\n  (?:async )?(?P<name>[a-z]\w*)\((?P<given>.*)\) \{$", re.MULTILINE)


def chat_part() -> str:
    """Return the tables of `Chat`: options, state and actions."""
    options = [*_properties("options.js", "ChatOptions")]
    return "\n".join(
        [
            *_table("option of any chat", options),
            *_table("option over HTTP", _properties("sse.js", "SSEOptions")),
            *_table("option over WebSocket", _properties("websocket.js", "WebSocketOptions")),
            *_table("in `chat.state`", _properties("chat.js", "ChatState")),
            *_table("method", _methods("chat.js")),
        ]
    )


def runlist_part() -> str:
    """Return the tables of `RunList`: options, state and actions."""
    return "\n".join(
        [
            *_table("option", _properties("runlist.js", "RunListOptions")),
            *_table("in `list.state`", _properties("runlist.js", "RunListState")),
            *_table("method", _methods("runlist.js")),
        ]
    )


def _table(heading: str, rows: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> list[str]:
    cells = [f"| `{name}` | {text} |".replace("||", "|") for name, text in rows]
    return [f"| {heading} | |", "|---|---|", *cells, ""]


def _properties(module: str, typedef: str) -> Iterator[tuple[str, str]]:
    """Return the properties of a type: name and meaning."""
    for comment in COMMENT.findall(_source(module)):
        if re.search(rf"@typedef \{{object\}} {typedef}\b", comment):
            for tag in _flat(comment).split("@property ")[1:]:
                _, rest = _type_and_rest(tag)
                name, _, text = rest.partition(" ")
                yield name.strip("[]"), _cell(text)


def _methods(module: str) -> Iterator[tuple[str, str]]:
    """Return the public methods of the module's class: each one's signature and first sentence."""
    for method in METHOD.finditer(_source(module)):
        if method["name"] != "constructor":
            said = _flat(method[1]).split(" @")[0]
            yield f"{method['name']}({method['given']})", _cell(re.split(r"(?<=[.!?])\s+(?=[A-Z`])", said)[0])


def _type_and_rest(tag: str) -> tuple[str, str]:
    """Split a JSDoc tag into its `{type}`, whose braces may nest, and the rest."""
    depth = 0
    for at, char in enumerate(tag):
        depth += {"{": 1, "}": -1}.get(char, 0)
        if depth == 0:
            return tag[1:at], tag[at + 1 :].strip()
    raise ValueError(f"no type in {tag!r}")


def _source(module: str) -> str:
    return (MODULES / module).read_text(encoding="utf-8")


def _flat(comment: str) -> str:
    return re.sub(r"\s*\n\s*\*?\s*", " ", comment).strip()


def _cell(text: str) -> str:
    return text.strip().replace("|", "\\|")
