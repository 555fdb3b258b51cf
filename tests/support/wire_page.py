"""The generated parts of `protocol/README.md`: every method, notification, event, struct and error, with an example.

`pages.py` writes them. Types are TypeScript's, as in `actors/web/js/protocol.d.ts`.
"""

import inspect
import json
from collections.abc import Iterable, Iterator
from typing import Any, get_args, get_type_hints

import msgspec
import wire_examples as examples
from msgspec.structs import fields
from sources import comments_of
from wire_types import MODULES, UNSEEN, mark, paragraph, type_name

from adjourn.protocol import codec, errors, events, messages, methods, openrpc
from adjourn.protocol.components import in_json_words

__all__ = ["errors_part", "events_part", "methods_part", "structs_part"]

WIDTH = 118


def methods_part() -> str:
    """Return a section for each method: params, an example exchange, and its own errors."""
    everywhere = set.intersection(*(set(openrpc.refusals(name)) for name in methods.METHODS))
    common = ", ".join(f"`{error.type}`" for error in sorted(everywhere, key=lambda error: error.code))
    lines = [f"Any method may be refused with `invalidParams`, {common} or `internal`.", ""]
    for number, (name, method) in enumerate(methods.METHODS.items(), 1):
        params, result = examples.METHODS[name]
        assert type(params) is method.params
        assert type(result) is method.result
        lines += [f"### `{name}`", "", _sentence(method.params, name), "", *_table(method.params)]
        lines += _json({"jsonrpc": "2.0", "id": number, "method": name, "params": _plain(params)})
        lines += [f"It answers with `{method.result.__name__}`:", ""]
        lines += _json({"jsonrpc": "2.0", "id": number, "result": _plain(result)})
        own = [f"`{error.type}`" for error in openrpc.refusals(name) if error not in everywhere]
        lines += [f"Errors: {', '.join(own)}.", ""] if own else []
    return "\n".join(lines)


def events_part() -> str:
    """Return a section for each notification, event, and delta of a model's stream."""
    lines: list[str] = []
    for name, kind in methods.NOTIFICATIONS.items():
        notice = examples.NOTIFICATIONS[name]
        assert type(notice) is kind
        lines += [f"### `{name}`", "", f"Its params are `{kind.__name__}`. {paragraph(kind.__doc__)}", ""]
        lines += _json({"jsonrpc": "2.0", "method": name, "params": _plain(notice)})
    lines += ["## Events", "", "They travel in `run.event`, and in the `data:` of server-sent events.", ""]
    lines += _tagged(examples.EVENTS, events.Event)
    lines += ["## Deltas", "", "They travel in `message_update`, as `assistantMessageEvent`.", ""]
    return "\n".join([*lines, *_tagged(examples.DELTAS, events.StreamDelta)])


def structs_part() -> str:
    """Return a section for each other struct on the wire, by name."""
    shown = {type(each) for each in (*examples.EVENTS, *examples.DELTAS)}
    shown |= {method.params for method in methods.METHODS.values()} | {messages.Wire, methods.Params, *UNSEEN}
    lines: list[str] = []
    for kind in sorted(set(_structs()) - shown, key=lambda kind: kind.__name__):
        tag = kind.__struct_config__.tag
        word = f" Its `{kind.__struct_config__.tag_field}` is `{tag}`." if tag else ""
        lines += [f"### {kind.__name__}", "", paragraph(kind.__doc__) + word, "", *_table(kind)]
    return "\n".join(lines)


def errors_part() -> str:
    """Return a row for each error: code, type, and an example of its data."""
    by_kind = {type(error): error for error in examples.ERRORS}
    lines = [
        "| code | `type` | what it means | an example of `message`, and of what else `data` has |",
        "|---|---|---|---|",
    ]
    for code, kind in sorted(errors.BY_CODE.items(), key=lambda item: (item[0] < 0, abs(item[0]))):
        error = by_kind[kind]
        word = " Retryable." if kind.retryable else ""
        data = f" `{codec.to_json(error.data).decode()}`" if error.data else ""
        lines.append(
            f"| {code} | `{kind.type}` | {paragraph(kind.__doc__)}{word} | {_cell(error.message)}{_cell(data)} |"
        )
    return "\n".join([*lines, ""])


def _tagged(given: Iterable[Any], union: Any) -> Iterator[str]:
    found = {type(each) for each in given}
    assert found == set(get_args(union)), f"examples are missing, or too many: {found ^ set(get_args(union))}"
    for each in given:
        kind = type(each)
        yield from (f"### `{kind.__struct_config__.tag}`", "", paragraph(kind.__doc__), "", *_json(_plain(each)))
        yield from _table(kind)


def _structs() -> Iterator[type[messages.Wire]]:
    for module in MODULES:
        for kind in vars(module).values():
            if inspect.isclass(kind) and issubclass(kind, messages.Wire) and kind.__module__ == module.__name__:
                yield kind


def _sentence(kind: type, name: str) -> str:
    text = paragraph(kind.__doc__).removeprefix(f"{name}: ")
    return text[:1].upper() + text[1:]


def _table(kind: type[messages.Wire]) -> list[str]:
    comments, hints = comments_of(kind), get_type_hints(kind, include_extras=True)
    rows = [
        f"| `{field.encode_name}{mark(kind, field)}` | `{_cell(type_name(hints[field.name], field))}` "
        f"| {_cell(in_json_words(comments.get(field.name, ''), may_be_absent=mark(kind, field) == '?'))} |"
        for field in fields(kind)
    ]
    return ["| field | type | |", "|---|---|---|", *rows, ""] if rows else []


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _plain(value: messages.Wire) -> Any:
    return json.loads(msgspec.json.encode(value))


def _json(value: Any) -> list[str]:
    return ["```json", _laid_out(value, 0), "```", ""]


def _laid_out(value: Any, indent: int) -> str:
    """Return the value as JSON on one line, or, if that is too long, with a line for each member."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return line
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        inner = [f"{pad}{json.dumps(key)}: {_laid_out(member, indent + 2)}" for key, member in value.items()]
        return "{\n" + ",\n".join(inner) + "\n" + " " * indent + "}"
    return "[\n" + ",\n".join(pad + _laid_out(member, indent + 2) for member in value) + "\n" + " " * indent + "]"
