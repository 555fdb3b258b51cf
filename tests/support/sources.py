"""Reads the library's source, for generated pages and types: definitions, and the description of each field and option.

A description is a comment at the end of the line, comment lines above it, a docstring below it, or an entry in the
docstring of the class or function, under `Args:`, `Attributes:`, `Options:` or `Fields:`. No tests here.
"""

import ast
import inspect
import io
import re
import sys
import textwrap
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

__all__ = ["SECTION", "Definition", "Function", "comments_of", "definition_of", "fields_of", "is_init", "parameters_of"]

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Definition: TypeAlias = ast.ClassDef | Function
SECTION = r"^(?:Args|Attributes|Options|Fields):\n"
NOT_FOR_PEOPLE = re.compile(r"#\s*(?:noqa|pyright|type:).*")


def definition_of(value: object) -> Definition:
    """Return the AST of a class or function at the top level of its module."""
    [node] = ast.parse(_source_of(value)).body
    assert isinstance(node, Definition)
    return node


def fields_of(node: ast.ClassDef) -> list[ast.AnnAssign]:
    """Return the public fields that a class declares, in order."""
    found = [item for item in node.body if isinstance(item, ast.AnnAssign)]
    return [item for item in found if isinstance(item.target, ast.Name) and item.target.id[0] != "_"]


def parameters_of(node: Function) -> list[tuple[ast.arg, ast.expr | None]]:
    """Return the parameters of a function without `self`, each with its default, if any."""
    given = node.args
    positional = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(positional) - len(given.defaults)) + list(given.defaults)
    pairs = [*zip(positional, defaults, strict=True), *zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    return [(each, default) for each, default in pairs if each.arg not in ("self", "cls")]


def comments_of(value: object) -> dict[str, str]:
    """Return the description of each field of a class, or of each parameter of its `__init__` or of a function."""
    node, lines = definition_of(value), _comments(_source_of(value))
    found = dict(_entries(inspect.cleandoc(ast.get_docstring(node) or "")))
    functions = [node] if not isinstance(node, ast.ClassDef) else [each for each in node.body if is_init(each)]
    for function in functions:
        assert isinstance(function, Function)
        for each, _ in parameters_of(function):
            found[each.arg] = lines.get(each.end_lineno or 0, "") or found.get(each.arg, "")
    for field in fields_of(node) if isinstance(node, ast.ClassDef) else ():
        assert isinstance(node, ast.ClassDef)
        assert isinstance(field.target, ast.Name)
        said = _docstring_below(node, field) or lines.get(field.end_lineno or 0, "") or lines.get(-field.lineno, "")
        found[field.target.id] = said or found.get(field.target.id, "")
    return {name: said for name, said in found.items() if said}


def is_init(node: ast.stmt) -> bool:
    """Check whether the object is a class's `__init__`."""
    return isinstance(node, ast.FunctionDef) and node.name == "__init__"


def _docstring_below(node: ast.ClassDef, field: ast.AnnAssign) -> str:
    match node.body[node.body.index(field) + 1 :]:
        case [ast.Expr(value=ast.Constant(value=str(text))), *_]:
            return re.sub(r"\s+", " ", text).strip()
        case _:
            return ""


def _comments(source: str) -> dict[int, str]:
    """Return comments by line number: a comment after code by its line, and the comment lines above a line by its
    negative number."""
    lines = source.splitlines()
    found: dict[int, str] = {}
    above: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        number = token.start[0]
        if token.type == tokenize.COMMENT:
            text = NOT_FOR_PEOPLE.sub("", token.string).removeprefix("#").strip()
            if lines[number - 1].strip().startswith("#"):
                above.append(text)
            else:
                found[number] = text
        elif above and token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
            found[-number] = " ".join(above)
            above = []
    return found


def _entries(doc: str) -> Iterator[tuple[str, str]]:
    """Return the entries of a docstring's section of arguments or fields."""
    for section in re.split(SECTION, doc, maxsplit=1, flags=re.MULTILINE)[1:]:
        indented = "".join(re.findall(r"\A(?:(?: {4}.*)?\n?)*", section)[:1])
        for name, said in re.findall(r"^ {4}(\w+): ((?:.|\n {5,})*)", indented, re.MULTILINE):
            yield name, re.sub(r"\s+", " ", said).strip()


def _source_of(value: object) -> str:
    """Return the source like `inspect.getsource`, without decorators. Parses each module once."""
    plain = inspect.unwrap(value) if inspect.isfunction(value) else value
    file = sys.modules[plain.__module__].__file__
    assert file is not None
    lines, places = _module(file)
    first, last = places[getattr(plain, "__name__")]  # noqa: B009  # `object` has none, to a type checker
    return textwrap.dedent("".join(lines[first - 1 : last]))


@cache
def _module(file: str) -> tuple[list[str], dict[str, tuple[int, int]]]:
    """Return the lines of a module, and the first and last line of each top-level definition."""
    text = Path(file).read_text(encoding="utf-8")
    nodes = [node for node in ast.parse(text).body if isinstance(node, Definition)]
    return text.splitlines(keepends=True), {node.name: (node.lineno, node.end_lineno or 0) for node in nodes}
