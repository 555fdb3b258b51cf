"""Dependencies point one way: actors -> stores -> protocol. Read from the source by AST, over every tracked file."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tracked import PACKAGES, ROOT, tracked_files

# All that protocol may import besides itself: values in, values out. Nothing here reads a clock, a file, a socket,
# a thread or a source of randomness.
PURE = frozenset(
    {
        "__future__",
        "abc",
        "base64",
        "binascii",
        "bisect",
        "codecs",
        "collections",
        "contextvars",
        "copy",
        "dataclasses",
        "enum",
    }
    | {
        "functools",
        "hashlib",
        "heapq",
        "html",
        "ipaddress",
        "itertools",
        "json",
        "keyword",
        "math",
        "operator",
        "re",
        "string",
    }
    | {"string", "struct", "textwrap", "types", "typing", "unicodedata", "urllib.parse"}
    | {"jsonschema", "msgspec", "referencing"}
)
IMPURE_BUILTINS = frozenset({"__import__", "breakpoint", "input", "open", "print"})

CORE = "actors/core/"
CORE_IMPORTS = frozenset({"adjourn.actors.core", "adjourn.protocol.errors"})

LAZY = ("cli", "client", "gateway", "testing", "web")
LAZY_DISTRIBUTIONS = ("h2", "httpcore", "httpx", "hypercorn", "rich", "trio_websocket", "typer", "wsproto")


def imported_names(tree: ast.AST, package: str) -> Iterator[tuple[int, bool, str]]:
    """(line, whether the import is relative, full dotted name) of each import; `from a import b` is `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, False, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: 1 - node.level or None] if node.level else []
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, node.level > 0, f"{prefix}.{alias.name}") for alias in node.names)


def under(name: str, allowed: frozenset[str]) -> bool:
    """Whether a dotted name, or a module that contains it, is allowed."""
    parts = name.split(".")
    return any(".".join(parts[:end]) in allowed for end in range(1, len(parts) + 1))


def violations(path: str, source: str) -> list[str]:
    """What is wrong with the imports of one file, as `path:line: reason`; `path` is relative to the root."""
    *folders, _ = path.split("/")
    library = path.split("/")[0] in PACKAGES
    tree = ast.parse(source, path)
    found: list[tuple[int, str]] = []
    for line, relative, name in imported_names(tree, ".".join(["adjourn", *folders] if library else folders)):
        reason = wrong_import(path, relative, name) if library else wrong_outside(relative, name)
        if reason:
            found.append((line, f"{reason}: {name}"))
    if path.startswith("protocol/"):
        found += [(line, f"protocol is pure: {name}()") for line, name in called_names(tree) if name in IMPURE_BUILTINS]
    return [f"{path}:{line}: {reason}" for line, reason in sorted(found)]


def called_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.lineno, node.func.id


def wrong_outside(relative: bool, name: str) -> str | None:
    if not relative and name.split(".")[0] in PACKAGES:
        return "imported as adjourn.…, never bare"
    return None


def wrong_import(path: str, relative: bool, name: str) -> str | None:
    """Why a file of the library may not import this name; None if it may."""
    layer = path.split("/")[0]
    if not relative:
        if name.split(".")[0] in {"adjourn", *PACKAGES}:
            return "imports inside the library are relative"
        return "protocol is pure" if layer == "protocol" and not under(name, PURE) else None
    below = PACKAGES[: PACKAGES.index(layer) + 1]
    if not under(name, frozenset(f"adjourn.{package}" for package in below)):
        return f"{layer} imports only {' and '.join(below)}"
    if path.startswith(CORE) and not under(name, CORE_IMPORTS):
        return "the actor core knows nothing of what it runs"
    return None


def test_every_import_in_the_tree_keeps_the_layers() -> None:
    paths = tracked_files("*.py")
    assert {path.split("/")[0] for path in paths} >= set(PACKAGES)
    assert [found for path in paths for found in violations(path, (ROOT / path).read_text(encoding="utf-8"))] == []


def test_the_actor_core_is_where_its_rule_looks_for_it() -> None:
    assert set(tracked_files(CORE + "*.py")) >= {f"{CORE}{name}.py" for name in ("actor", "mailbox", "supervisor")}


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("protocol/x.py", "import trio"),
        ("protocol/x.py", "import time"),
        ("protocol/x.py", "from datetime import datetime"),
        ("protocol/x.py", "from urllib.request import urlopen"),
        ("protocol/x.py", "def f():\n    import socket"),
        ("protocol/x.py", "open('x')"),
        ("protocol/x.py", "from ..stores import base"),
        ("protocol/x.py", "from .. import stores"),
        ("protocol/x.py", "from ..actors.run import Run"),
        ("protocol/providers/x.py", "from ...actors.models import Transport"),
        ("protocol/x.py", "from adjourn.protocol import machine"),
        ("protocol/x.py", "from ... import elsewhere"),
        ("stores/x.py", "from ..actors import eventlog"),
        ("stores/x.py", "import actors.run"),
        ("actors/core/mailbox.py", "from ..agent import Agent"),
        ("actors/core/mailbox.py", "from .. import gateway"),
        ("actors/core/actor.py", "from ...stores.sqlite import SqliteStore"),
        ("actors/core/supervisor.py", "from ...protocol.machine import step"),
        ("actors/x.py", "import adjourn.stores"),
        ("actors/x.py", "from protocol import codec"),
        ("tests/x.py", "from stores.memory import MemoryStore"),
        ("bench/x.py", "import actors"),
    ],
)
def test_a_forbidden_import_is_found(path: str, line: str) -> None:
    assert len(violations(path, line)) == 1


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("protocol/x.py", "from urllib.parse import quote"),
        ("protocol/x.py", "from collections.abc import Mapping"),
        ("protocol/x.py", "import jsonschema.exceptions"),
        ("protocol/providers/x.py", "from ..messages import Text"),
        ("stores/x.py", "import sqlite3"),
        ("stores/x.py", "from ..protocol.record import Head"),
        ("actors/core/mailbox.py", "from ...protocol.errors import AdjournError"),
        ("actors/core/supervisor.py", "from .actor import Actor"),
        ("actors/x.py", "from ..stores.sqlite import SqliteStore"),
        ("tests/x.py", "from adjourn.protocol import codec"),
        ("bench/__main__.py", "from . import baseline"),
    ],
)
def test_an_allowed_import_is_let_through(path: str, line: str) -> None:
    assert violations(path, line) == []


def test_importing_the_actors_loads_no_network_side_no_http_client_and_no_terminal() -> None:
    code = (
        "import sys, json, trio, msgspec; before = set(sys.modules); import adjourn.actors;"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True)
    loaded = json.loads(done.stdout)
    unwanted = {*LAZY_DISTRIBUTIONS, *(f"adjourn.actors.{module}" for module in LAZY)}
    assert "adjourn.actors" in loaded
    assert unwanted.intersection(loaded) == set()


def test_a_model_that_nobody_has_called_yet_loads_no_http_client() -> None:
    code = (
        "import sys; from adjourn.actors import Agent; Agent(name='a', model='ollama:m');"
        "print('adjourn.actors.models.httpmodel' in sys.modules, 'httpx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "False"]
