"""Import rules that the contracts in pyproject.toml can't express; and a check that each contract can fail.

Imports are read from the AST of every tracked file.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import pytest
from tracked import PACKAGES, ROOT, tracked_files

# The modules that protocol may import besides itself. None reads a clock, a file, a socket, a thread or a source of
# randomness.
PURE = frozenset(
    {
        "__future__",
        "abc",
        "base64",
        "binascii",
        "bisect",
        "codecs",
        "collections",
        "contextlib.contextmanager",
        "contextvars",
        "copy",
        "dataclasses",
        "difflib",
        "enum",
    }
    | {
        "functools",
        "gc",
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
    | {"jsonschema", "jsonschema_rs", "jsonschema_specifications", "msgspec"}
)
IMPURE_BUILTINS = frozenset({"__import__", "breakpoint", "input", "open", "print"})

LAZY = ("cli", "client", "gateway", "hosts", "testing", "web")
SCHEMA_LIBRARIES = ("jsonschema", "jsonschema_rs", "jsonschema_specifications", "referencing")
LAZY_DISTRIBUTIONS = ("h2", "httpcore", "httpx", "hypercorn", "rich", "trio_websocket", "typer", "wsproto")
SLOW_TO_LOAD = ("http.cookiejar", "importlib.metadata", "stamina", "urllib.request")


def imported_names(tree: ast.AST) -> Iterator[tuple[int, bool, str]]:
    """Yield (line, whether the import is relative, dotted name) of each import; `from a import b` is `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, False, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, node.level > 0, f"{node.module or ''}.{alias.name}") for alias in node.names)


def called_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.lineno, node.func.id


def is_pure(name: str) -> bool:
    """Return whether a dotted name, or a module that contains it, is in `PURE`."""
    parts = name.split(".")
    return any(".".join(parts[:end]) in PURE for end in range(1, len(parts) + 1))


def violations(path: str, source: str) -> list[str]:
    """Return the wrong imports of a file, as `path:line: reason`; `path` is relative to the root."""
    tree = ast.parse(source, path)
    absolute = [(line, name) for line, relative, name in imported_names(tree) if not relative]
    found = [(line, f"{reason}: {name}") for line, name in absolute if (reason := wrong_import(path, name))]
    if path.startswith("protocol/"):
        found += [(line, f"protocol is pure: {name}()") for line, name in called_names(tree) if name in IMPURE_BUILTINS]
    return [f"{path}:{line}: {reason}" for line, reason in sorted(found)]


def wrong_import(path: str, name: str) -> str | None:
    """Return why a file may not import this name with an absolute import; None if it may."""
    top = name.split(".")[0]
    if top in PACKAGES:
        return "imported as adjourn.…, never bare"
    if path.startswith((*(f"{package}/" for package in PACKAGES), ".src/adjourn/")) and top == "adjourn":
        return "imports inside the library are relative"
    if path.startswith("protocol/") and not is_pure(name):
        return "protocol is pure"
    return None


def test_every_import_in_the_tree_keeps_the_rules() -> None:
    paths = tracked_files("*.py")
    assert {path.split("/")[0] for path in paths} >= {*PACKAGES, ".src"}
    assert [found for path in paths for found in violations(path, (ROOT / path).read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("protocol/x.py", "import trio"),
        ("protocol/x.py", "import time"),
        ("protocol/x.py", "from datetime import datetime"),
        ("protocol/x.py", "from urllib.request import urlopen"),
        ("protocol/x.py", "def f():\n    import socket"),
        ("protocol/x.py", "open('x')"),
        ("protocol/x.py", "from adjourn.protocol import machine"),
        ("stores/x.py", "import actors.run"),
        ("actors/x.py", "import adjourn.stores"),
        ("actors/x.py", "from protocol import codec"),
        (".src/adjourn/__init__.py", "from adjourn.actors import Agent"),
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
        ("tests/x.py", "from adjourn.protocol import codec"),
        ("bench/__main__.py", "from . import baseline"),
    ],
)
def test_an_allowed_import_is_let_through(path: str, line: str) -> None:
    assert violations(path, line) == []


# (contract, new files that break it). Each file is called `bad`, so that the contract's report names it.
BREAKING: list[tuple[str, dict[str, str]]] = [
    ("packages", {"protocol/bad.py": "from ..stores import base"}),
    ("packages", {"protocol/bad.py": "from .. import stores"}),
    ("packages", {"protocol/providers/bad.py": "def f():\n    from ...actors.models import HTTPModel"}),
    ("packages", {"stores/bad.py": "from ..actors import agent"}),
    ("packages", {".src/adjourn/bad.py": ""}),
    ("rooms", {"actors/models/bad.py": "from ..tools import Tool"}),
    (
        "rooms",
        {"actors/tools/bad.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..agent import Agent"},
    ),
    ("rooms", {"actors/runtime/bad.py": "def f():\n    from ..gateway.server import Gateway"}),
    ("rooms", {"actors/bad.py": ""}),
    ("cycles", {"stores/bad.py": "from . import bad_too", "stores/bad_too.py": "def f():\n    from . import bad"}),
    ("re-exports", {"actors/gateway/bad.py": "from .. import Agent"}),
    ("re-exports", {"stores/bad.py": "from .. import Agent"}),
    ("core", {"actors/core/bad.py": "from ..agent import Agent"}),
    ("core", {"actors/core/bad.py": "from ...stores.sqlite import SqliteStore"}),
    ("core", {"actors/core/bad.py": "from ...protocol.machine import step"}),
    ("core", {"actors/core/bad.py": "from ...protocol import Head"}),
    ("client", {"actors/client/bad.py": "from ..core.mailbox import Mailbox"}),
    ("client", {"actors/client/bad.py": "from ...stores.base import Page"}),
    ("stores", {"actors/gateway/bad.py": "from ...stores.base import Page"}),
    ("stores", {"actors/tools/bad.py": "from ...stores import thread_friendly"}),
    ("testing", {"actors/cli/bad.py": "from ..testing import ScriptedModel"}),
    ("testing", {"actors/runtime/bad.py": "from ...stores.testing import a_head"}),
    ("pure", {"protocol/bad.py": "def f():\n    import trio"}),
    ("http-client", {"actors/gateway/bad.py": "import httpx"}),
    ("http-client", {"stores/bad.py": "def f():\n    import httpcore"}),
    ("sockets", {"actors/runtime/bad.py": "import trio_websocket"}),
    ("sockets", {"actors/models/bad.py": "from hypercorn.trio import serve"}),
    ("postgres", {"stores/bad.py": "import psycopg"}),
    ("postgres", {"actors/runtime/bad.py": "from psycopg import pq"}),
    ("valkey", {"stores/bad.py": "from coredis import Redis"}),
    ("terminal", {"actors/client/bad.py": "from rich.console import Console"}),
]

LINT = """
import json, sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from importlinter.cli import lint_imports

sys.path[:0] = [".src"]
reports = []
for contract, files in json.load(sys.stdin):
    for path, text in files.items():
        Path(path).write_text(text, encoding="utf-8")
    with redirect_stdout(StringIO()) as report:
        code = lint_imports(limit_to_contracts=(contract,), no_cache=True)
    reports.append([code, report.getvalue()])
    for path in files:
        Path(path).unlink()
print(json.dumps(reports))
"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, str]]:
    """Return import-linter's exit code and report for each of `BREAKING`, from a copy of the tree."""
    copy = tmp_path_factory.mktemp("tree")
    for path in tracked_files(*PACKAGES, ".src", "pyproject.toml"):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, copy / path, follow_symlinks=False)
    # No colours, and no lines cut at the terminal's width.
    environment = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"} | {"COLUMNS": "500"}
    command = [sys.executable, "-c", LINT]
    done = subprocess.run(
        command, cwd=copy, input=json.dumps(BREAKING), env=environment, check=True, capture_output=True, text=True
    )
    return [(code, report) for code, report in json.loads(done.stdout)]


@pytest.mark.slow  # import-linter reads the whole tree once a case
@pytest.mark.parametrize("case", range(len(BREAKING)), ids=lambda case: f"{BREAKING[case][0]}-{case}")
def test_a_broken_contract_is_reported(reports: list[tuple[int, str]], case: int) -> None:
    code, report = reports[case]
    assert (code, "bad" in report) == (1, True), report


def test_each_contract_is_broken_once() -> None:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = configuration["tool"]["importlinter"]["contracts"]
    assert {contract["id"] for contract in contracts} == {contract for contract, _ in BREAKING}


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a statement loads in a new interpreter that has loaded trio and msgspec."""
    code = f"import sys, json, trio, msgspec; before = set(sys.modules); {statement}\n"
    code += "print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout))


def test_importing_adjourn_loads_nothing_but_itself() -> None:
    loaded = loaded_by("import adjourn")
    assert loaded - sys.stdlib_module_names == {"adjourn"}
    assert loaded_by("from adjourn import Limits") & {"adjourn.actors", "adjourn.stores"} == set()


def test_importing_the_actors_loads_no_network_side_no_http_client_and_no_terminal() -> None:
    loaded = loaded_by("import adjourn.actors")
    assert "adjourn.actors" in loaded
    unwanted = {*LAZY_DISTRIBUTIONS, *SCHEMA_LIBRARIES, *SLOW_TO_LOAD, *(f"adjourn.actors.{module}" for module in LAZY)}
    assert unwanted & loaded == set()


def test_only_a_refusal_loads_the_library_that_explains_it() -> None:
    compiled = "from adjourn.protocol.schema import compile_schema; compiled = compile_schema({'type': 'object'})"
    assert loaded_by(f"{compiled}; assert compiled.validate({{}}) == []") & {*SCHEMA_LIBRARIES} == {"jsonschema_rs"}
    assert "jsonschema" in loaded_by(f"{compiled}; assert compiled.validate(1) != []")


def test_a_model_that_nobody_has_called_yet_loads_no_http_client() -> None:
    loaded = loaded_by("from adjourn.actors import Agent; Agent(name='a', model='ollama:m')")
    assert "adjourn.actors.models.httpmodel" in loaded
    assert "httpx" not in loaded
