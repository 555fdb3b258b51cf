"""Writes `actors/web/js/protocol.d.ts`: the wire's TypeScript types, made from the structs, with their comments.

Run it after a change of the wire. A test checks that it was run:

    .venv/bin/python tests/support/wire_types.py
"""

import inspect
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec.structs import FieldInfo, fields
from sources import SECTION, comments_of

from adjourn.protocol import errors, events, limits, messages, methods, summary, timeline, transcript, tree
from adjourn.protocol.components import in_json_words

TARGET = Path(__file__).parents[2] / "actors/web/js/protocol.d.ts"
MODULES = (messages, events, transcript, timeline, limits, summary, tree, methods)
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
    messages.LongPrompt,
    messages.ModelDescriptor,
    events.Done,
    events.Failed,
    events.UsageSoFar,
    limits.Limits,
)  # not on the wire of clients
PLAIN = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null", Any: "any"}
HEAD = "/** What travels between a client and an adjourn server. Made from the structs by `wire_types.py`. */"


def typescript() -> str:
    """Return the whole file."""
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
    lines = [_comment(paragraph(kind.__doc__), ""), f"export interface {kind.__name__} {{"]
    config = kind.__struct_config__
    if config.tag is not None:
        lines.append(f'  {config.tag_field}: "{config.tag}";')
    comments, hints = comments_of(kind), get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        if field.name in comments:
            lines.append(_comment(in_json_words(comments[field.name], may_be_absent=mark(kind, field) == "?"), "  "))
        name = field.encode_name if field.encode_name.isidentifier() else f'"{field.encode_name}"'
        lines.append(f"  {name}{mark(kind, field)}: {type_name(hints[field.name], field)};")
    return "\n".join([*lines, "}\n"])


def mark(kind: type, field: FieldInfo) -> str:
    """Return `?` for a field that may be absent. A field with its default value is left out, unless it is always
    written."""
    is_shown = field.default_factory is not msgspec.NODEFAULT and not isinstance(field.default_factory, type)
    is_sent = issubclass(kind, methods.Params)
    return "" if field.required or (is_shown and not is_sent) else "?"


def type_name(hint: Any, field: FieldInfo | None = None) -> str:
    if get_origin(hint) is Annotated:
        return type_name(get_args(hint)[0], field)
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
        item = type_name(arguments[0])
        return f"({item})[]" if "|" in item else f"{item}[]"
    if origin in (Union, types.UnionType):
        # None is a field's default, and so never written.
        rest = [each for each in arguments if field is None or each is not type(None) or field.default is not None]
        named = _named_within(rest)
        return " | ".join(dict.fromkeys(named))
    raise TypeError(f"no TypeScript for {hint!r}")


def _named_within(kinds: list[Any]) -> Iterator[str]:
    """Return the types of a union's members. A named union inside it is given by its name."""
    for name, union in UNIONS.items():
        if set(get_args(union)) <= set(kinds):
            kinds = [kind for kind in kinds if kind not in get_args(union)]
            yield name
    yield from (type_name(kind) for kind in kinds)


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


def paragraph(doc: str | None) -> str:
    """Return a wire type's docstring on one line, in JSON's words, without its section of fields."""
    text = re.split(SECTION, inspect.cleandoc(doc or ""), maxsplit=1, flags=re.MULTILINE)[0]
    return in_json_words(re.sub(r"\s+", " ", text).strip())


def _comment(text: str, indent: str) -> str:
    return f"{indent}/** {text.replace('*/', '* /')} */"


if __name__ == "__main__":
    TARGET.write_text(typescript(), encoding="utf-8")
    print(f"Wrote {TARGET}.")
