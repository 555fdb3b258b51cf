"""TypeScript's view of the wire: `actors/web/js/protocol.d.ts`, made from the structs, with their comments.

Run it after a change of the wire; a test compares:

    .venv/bin/python tests/support/wire_types.py
"""

import ast
import inspect
import io
import re
import tokenize
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec.structs import FieldInfo, fields

from adjourn.protocol import errors, events, messages, methods, timeline, transcript

TARGET = Path(__file__).parents[2] / "actors/web/js/protocol.d.ts"
MODULES = (messages, events, transcript, timeline, methods)
UNIONS = {
    "Message": messages.Message,
    "UserBlock": messages.UserBlock,
    "AssistantBlock": messages.AssistantBlock,
    "Event": events.Event,
    "StreamDelta": events.StreamDelta,
}
BASES = (messages.Wire, methods.Params)
UNSEEN = (
    messages.Compat,
    messages.ModelDescriptor,
    events.Done,
    events.Failed,
    events.UsageSoFar,
)  # clients don't meet them
PLAIN = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null", Any: "any"}
HEAD = "/** What travels between a client and an adjourn server. Made from the structs by `wire_types.py`. */"


def typescript() -> str:
    """The whole file."""
    return "\n".join([f"{HEAD}\n", *_unions(), *_structs(), _errors(), _methods()])


def _unions() -> Iterator[str]:
    for name, union in UNIONS.items():
        yield f"export type {name} = {' | '.join(kind.__name__ for kind in get_args(union))};\n"


def _structs() -> Iterator[str]:
    for module in MODULES:
        for kind in vars(module).values():
            is_own = inspect.isclass(kind) and issubclass(kind, messages.Wire) and kind.__module__ == module.__name__
            if is_own and kind not in BASES + UNSEEN:
                yield _struct(kind)


def _struct(kind: type[messages.Wire]) -> str:
    lines = [_comment(_paragraph(kind.__doc__), ""), f"export interface {kind.__name__} {{"]
    config = kind.__struct_config__
    if config.tag is not None:
        lines.append(f'  {config.tag_field}: "{config.tag}";')
    comments, hints = _comments(kind), get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        if field.name in comments:
            lines.append(_comment(comments[field.name], "  "))
        name = field.encode_name if field.encode_name.isidentifier() else f'"{field.encode_name}"'
        lines.append(f"  {name}{_mark(kind, field)}: {_type(hints[field.name], field)};")
    return "\n".join([*lines, "}\n"])


def _mark(kind: type, field: FieldInfo) -> str:
    """`?` for a field that may be absent: one at its default is left out, unless it is always written."""
    is_shown = field.default_factory is not msgspec.NODEFAULT and not isinstance(field.default_factory, type)
    is_sent = issubclass(kind, methods.Params)
    return "" if field.required or (is_shown and not is_sent) else "?"


def _type(hint: Any, field: FieldInfo | None = None) -> str:
    if get_origin(hint) is Annotated:
        return _type(get_args(hint)[0], field)
    for name, union in UNIONS.items():
        if hint == union:
            return name
    if hint in PLAIN:
        return PLAIN[hint]
    if inspect.isclass(hint) and issubclass(hint, messages.Wire):
        return hint.__name__
    return _generic(hint, field)


def _generic(hint: Any, field: FieldInfo | None) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " | ".join(f'"{value}"' for value in arguments)
    if origin is dict:
        return "Record<string, any>"
    if origin is tuple:
        item = _type(arguments[0])
        return f"({item})[]" if "|" in item else f"{item}[]"
    if origin in (Union, types.UnionType):
        # None is a field's default, and so never written.
        rest = [each for each in arguments if field is None or each is not type(None) or field.default is not None]
        named = _named_within(rest)
        return " | ".join(dict.fromkeys(named))
    raise TypeError(f"no TypeScript for {hint!r}")


def _named_within(kinds: list[Any]) -> Iterator[str]:
    """The types of a union's members: a union with a name that lies in it goes by its name."""
    for name, union in UNIONS.items():
        if set(get_args(union)) <= set(kinds):
            kinds = [kind for kind in kinds if kind not in get_args(union)]
            yield name
    yield from (_type(kind) for kind in kinds)


def _errors() -> str:
    names = sorted({error.type for error in errors.BY_CODE.values()})
    return (
        "/** `type` of a refusal. */\nexport type ErrorType =\n  "
        + "\n  ".join(f'| "{name}"' for name in names)
        + ";\n"
    )


def _methods() -> str:
    lines = ["/** The gateway's methods. */", "export interface Methods {"]
    for name, method in methods.METHODS.items():
        lines.append(f'  "{name}": {{ params: {method.params.__name__}; result: {method.result.__name__} }};')
    lines += ["}\n", "/** What the gateway says unasked. */", "export interface Notifications {"]
    lines += [f'  "{name}": {kind.__name__};' for name, kind in methods.NOTIFICATIONS.items()]
    return "\n".join([*lines, "}\n"])


def _comments(kind: type) -> dict[str, str]:
    """The comment behind each field, or in the lines above it."""
    source = inspect.getsource(kind)
    found = {
        token.start[0]: token.string.removeprefix("#").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    own_lines = {number for number, line in enumerate(source.splitlines(), 1) if line.strip().startswith("#")}
    comments: dict[str, str] = {}
    for node in ast.parse(source).body[0].body:  # pyright: ignore
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            above = [node.lineno - 1]
            while above[-1] in own_lines:
                above.append(above[-1] - 1)
            words = [found[number] for number in reversed(above[:-1])] or [found.get(node.end_lineno or 0, "")]
            if text := " ".join(words).strip():
                comments[node.target.id] = text
    return comments


def _paragraph(doc: str | None) -> str:
    return re.sub(r"\s+", " ", doc or "").strip()


def _comment(text: str, indent: str) -> str:
    return f"{indent}/** {text.replace('*/', '* /')} */"


if __name__ == "__main__":
    TARGET.write_text(typescript(), encoding="utf-8")
    print(f"Wrote {TARGET}.")
