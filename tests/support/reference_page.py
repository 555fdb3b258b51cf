"""The generated parts of `actors/REFERENCE.md` and `stores/README.md`: public names, their options and methods.

All of it is read from the source, as `sources.py` has it. `pages.py` writes it.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from types import ModuleType

from sources import SECTION, Definition, Function, comments_of, definition_of, fields_of, is_init, parameters_of

__all__ = ["reference"]

# Programs get these from a function or a method, and never construct them.
GIVEN = {
    *("ActorRef", "ActorSystem", "Client", "HTTPModel", "Mail", "PostgresStore", "Run", "SqliteStore", "Supervisor"),
    "ValkeyStore",
}


def reference(packages: dict[str, str]) -> str:
    """Return the entries of all public names, each under its first package. `packages`: headings by package."""
    public = {name for package in packages for name in importlib.import_module(package).__all__}
    seen: set[str] = set()
    lines: list[str] = []
    for package, about in packages.items():
        module = importlib.import_module(package)
        names = [name for name in module.__all__ if name not in seen and name[0] != "_"]
        seen |= set(names)
        lines += [f"## `{package}`", "", about, ""]
        for name in names:
            lines += [f"### {name}", "", *_entry(module, name, public)]
    return "\n".join(lines)


def _entry(module: ModuleType, name: str, public: set[str]) -> Iterator[str]:
    value = getattr(module, name)
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        yield from (_constant(value), "")
        return
    yield from _prose(value.__doc__)
    if options := list(_options(value)):
        yield from ("| option | type and default | |", "|---|---|---|", *options, "")
    if methods := list(_methods(value, public)):
        yield from (*methods, "")


def _constant(value: object) -> str:
    if isinstance(value, tuple | str | int):
        return f"A constant, a `{type(value).__name__}`."
    short = re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])", "", str(value))
    return f"A type: `{short}`."


def _options(value: type) -> Iterator[str]:
    """Return a row for each field of a class, or parameter of its `__init__` or of a function."""
    node, comments = definition_of(value), comments_of(value)
    if isinstance(node, ast.ClassDef):
        pairs = [(ast.unparse(field.target), field.annotation, field.value) for field in fields_of(node)]
        init = [each for each in node.body if is_init(each)] if not pairs and value.__name__ not in GIVEN else []
    else:
        pairs, init = [], [node]
    for function in init:
        assert isinstance(function, Function)
        pairs += [(each.arg, each.annotation, default) for each, default in parameters_of(function)]
    for name, annotation, default in pairs:
        if name[0] != "_" and name not in ("task_status", "function"):
            yield f"| `{name}` | `{_cell(_kind(annotation, default))}` | {_cell(comments.get(name, ''))} |"


def _kind(annotation: ast.expr | None, default: ast.expr | None) -> str:
    """Return the type, and the default as a reader would write it."""
    kind = "" if annotation is None else ast.unparse(annotation)
    match default:
        case None:
            return kind
        case ast.Call(func=ast.Name(id="shown"), args=[value]):
            return f"{kind} = {ast.unparse(value)}"
        case ast.Call(func=ast.Name(id="field") | ast.Attribute(attr="field"), keywords=keywords):
            given = {each.arg: ast.unparse(each.value) for each in keywords}
            made = f"{given['default_factory']}()" if "default_factory" in given else given.get("default")
            return kind if made is None else f"{kind} = {made}"
        case _:
            return f"{kind} = {ast.unparse(default)}"


def _methods(value: type, public: set[str]) -> Iterator[str]:
    """Return an entry for each public method, also of base classes that have no entry of their own."""
    node = definition_of(value)
    methods = {}
    for each in value.__mro__[::-1] if isinstance(node, ast.ClassDef) else ():
        if each is value or (each.__module__.startswith("adjourn.") and each.__name__ not in public):
            body = definition_of(each)
            assert isinstance(body, ast.ClassDef)
            methods |= {item.name: item for item in body.body if isinstance(item, Function)}
    for name, item in methods.items():
        if name[0] != "_" and (doc := ast.get_docstring(item)):
            yield f"- `{_call(item)}`: {_first_sentence(doc)}"
    if carried := [ast.unparse(item.targets[0]) for item in _carried(node)]:
        yield f"- {', '.join(f'`{name}`' for name in carried)}: as the methods of the original with these names."


def _carried(node: Definition) -> list[ast.Assign]:
    """Return the methods that a class takes from another one, as in `wait = blocking(Run.wait)`."""
    body = node.body if isinstance(node, ast.ClassDef) else []
    calls = [item for item in body if isinstance(item, ast.Assign) and isinstance(item.value, ast.Call)]
    return [item for item in calls if not ast.unparse(item.value)[0].isupper()]  # of a function, not of a class


def _call(item: Function) -> str:
    """Return how a program calls a method."""
    decorators = {ast.unparse(each).split("(")[0] for each in item.decorator_list}
    if decorators & {"property", "cached_property"}:
        return item.name
    begin = ""
    if "asynccontextmanager" in decorators:
        begin = "async with "
    elif isinstance(item, ast.AsyncFunctionDef):
        yields = any(isinstance(each, ast.Yield | ast.YieldFrom) for each in ast.walk(item))
        begin = "async for … in " if yields else "await "
    return f"{begin}{item.name}({', '.join(_arguments(item))})"


def _arguments(item: Function) -> Iterator[str]:
    keywords = {each.arg for each in item.args.kwonlyargs}
    if item.args.vararg:
        yield f"*{item.args.vararg.arg}"
    has_star = bool(item.args.vararg)
    for each, default in parameters_of(item):
        if each.arg in keywords and not has_star:
            has_star = True
            yield "*"
        yield each.arg if default is None else f"{each.arg}={ast.unparse(default)}"
    if item.args.kwarg:
        yield f"**{item.args.kwarg.arg}"


def _prose(doc: str | None) -> list[str]:
    """Return the docstring as Markdown, without the entries that are in the table."""
    text = inspect.cleandoc(doc or "")
    text = re.sub(SECTION + r"(?:(?: {4}.*)?\n?)*", "", text, flags=re.MULTILINE)
    text = re.sub(r"^Raises:\n((?: {4}.*\n?)+)", _raises, text, flags=re.MULTILINE)
    return [text.strip(), ""] if text.strip() else []


def _raises(section: re.Match[str]) -> str:
    return "Raises:\n\n" + re.sub(r"^ {4}(\w)", r"- \1", section[1], flags=re.MULTILINE)


def _first_sentence(doc: str) -> str:
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`])", _flat(doc.split("\n\n")[0]))[0]


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _cell(text: str) -> str:
    return _flat(text).replace("|", "\\|")
