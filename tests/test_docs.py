"""Checks docstrings, public names, and the README's programs and commands against the code."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import pytest
from markdown_pages import Example, examples, links
from tracked import PACKAGES, ROOT, tracked_files

import adjourn.actors
import adjourn.protocol

FOLDERS = {"actors", "bench", "protocol", "stores", "tests"}
# setuptools finds MANIFEST.in only at the top level.
FILES = {"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "MANIFEST.in", "README.md", "SECURITY.md", "pyproject.toml"}

# The names that a program uses to declare agents, tools, models, middleware and actors.
DECLARED = """
    Agent Limits RunLimits ModelOptions NamedTool Tool ToolContext ToolOptions ToolOutcome client_tool make_tool tool
    Compat Cost LongPrompt ModelDescriptor
    LanguageModel ModelRequest Provider events_of register_model register_provider
    Budget CallLog CallModel CallTool ConcurrencyLimit EndRun Middleware ModelOutcome Retry ToolRequest
    ActorRef ChildSpec Ended Mail Mailbox NameTaken RestartIntensityExceeded Supervisor open_supervisor
"""


def run_example(example: Example, folder: Path) -> None:
    """Run the program in its own process, in `folder`. It must succeed, and print exactly the given output, if any."""
    program = folder / "example.py"
    program.write_text(example.program, encoding="utf-8")
    command = [sys.executable, "-I", "-W", "error", str(program)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"the example at line {example.line} failed:\n{done.stderr}"
    if example.output is not None:
        assert done.stdout == example.output


def is_documented(value: object) -> bool:
    """Whether a class or function has its own docstring: not inherited, not generated (dataclass, NamedTuple). Type
    aliases and constants can't have one.
    """
    if inspect.isclass(value):
        doc = vars(value).get("__doc__") or ""
        return bool(doc.strip()) and not doc.startswith(f"{value.__name__}(")
    return not inspect.isroutine(value) or bool((value.__doc__ or "").strip())


README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readmes_example_runs_in_its_own_process_and_prints_its_output(tmp_path: Path) -> None:
    [example] = examples(README)
    run_example(example, tmp_path)


def test_an_example_is_compared_with_the_text_block_right_after_it(tmp_path: Path) -> None:
    markdown = "```sh\nls\n```\n\n```python\nprint(1)\n```\n\n```text\n2\n```\n"
    markdown += "\n```python\npass\n```\nThen:\n```text\n3\n```\n"
    first, second = examples(markdown)
    assert (first, second) == (Example(5, "print(1)\n", "2\n"), Example(13, "pass\n", None))
    with pytest.raises(AssertionError):
        run_example(first, tmp_path)


CI = (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_ci_runs_the_test_command_of_the_readme_word_for_word() -> None:
    [command] = [line.strip() for line in README.splitlines() if line.strip().endswith("-m pytest")]
    assert CI.splitlines().count(command) == 1


def test_ci_runs_every_python_that_the_package_names() -> None:
    named = re.findall(r"Python :: (\d\.\d+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [run] = re.findall(r"^versions=\(([\d. ]+)\)", CI, re.MULTILINE)
    assert run.split() == named


def test_a_commit_is_checked_with_commands_of_ci() -> None:
    hooks = re.findall(r"entry: (.+)", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert hooks
    assert [hook for hook in hooks if hook not in CI] == []


def library_packages() -> list[str]:
    """Return the dotted name of each package of the library."""
    inits = [path for path in tracked_files("*/__init__.py") if path.split("/")[0] in PACKAGES]
    return ["adjourn", *(f"adjourn.{path.removesuffix('/__init__.py').replace('/', '.')}" for path in inits)]


@pytest.mark.parametrize("package", library_packages())
def test_public_names_are_listed_sorted_exist_and_are_documented(package: str) -> None:
    module = importlib.import_module(package)
    names: list[str] = module.__all__
    # As ruff sorts them: constants, classes, functions.
    assert names == sorted(set(names), key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    public = {name: getattr(module, name) for name in names}
    assert [name for name, value in public.items() if not is_documented(value)] == []
    assert set(names) <= set(dir(module))


def test_adjourn_loads_the_names_that_it_shows_to_type_checkers() -> None:
    tree = ast.parse((ROOT / ".src/adjourn/__init__.py").read_text(encoding="utf-8"))
    shown = {
        alias.name: getattr(importlib.import_module(f"adjourn.{node.module}"), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    assert {*shown, "__version__"} == set(adjourn.__all__)
    assert {name: getattr(adjourn, name) for name in shown} == shown
    assert adjourn.__version__ == version("adjourn")
    with pytest.raises(AttributeError, match=r"adjourn.*Agnet"):
        adjourn.__getattr__("Agnet")


def types_in(hint: object) -> Iterator[type]:
    """Return the classes that a type hint names, at any depth."""
    for found in (hint, get_origin(hint)):
        if inspect.isclass(found):
            yield found
    for inner in get_args(hint):
        for each in inner if isinstance(inner, list) else [inner]:  # a list: the parameters of a Callable
            yield from types_in(each)


def signatures(value: object) -> Iterator[object]:
    """Yield the objects with the type hints of a public name: itself, and a class's fields, methods and properties."""
    yield inspect.unwrap(value) if inspect.isfunction(value) else value
    for name, member in vars(value).items() if inspect.isclass(value) else ():
        if not name.startswith("_") or name in ("__init__", "__call__"):
            yield from filter(inspect.isfunction, (member, getattr(member, "fget", None)))


def test_all_that_a_declaration_takes_is_exported_by_actors_or_protocol() -> None:
    exported = {*adjourn.actors.__all__, *adjourn.protocol.__all__}
    names = DECLARED.split()
    assert set(names) <= set(adjourn.actors.__all__)
    missing = {
        (name, found.__qualname__)
        for name in names
        for signature in signatures(getattr(adjourn.actors, name))
        for hint in get_type_hints(signature).values()
        for found in types_in(hint)
        if found.__module__.startswith("adjourn.") and found.__name__ not in exported
    }
    assert missing == set()


def test_a_docstring_that_nobody_wrote_does_not_count() -> None:
    class Documented:
        """Says what it is."""

    class Inherits(Documented): ...

    @dataclass
    class Generated:
        field: int

    assert is_documented(Documented)
    assert not is_documented(Inherits)
    assert not is_documented(Generated)
    assert not is_documented(lambda: None)


def test_every_module_has_a_docstring() -> None:
    sources = {path: (ROOT / path).read_text(encoding="utf-8") for path in tracked_files("*.py")}
    docs = {path: ast.get_docstring(ast.parse(source, path)) or "" for path, source in sources.items()}
    assert [path for path, doc in docs.items() if len(doc.split()) < 3] == []


def test_readme_has_no_link_that_breaks_on_a_package_index() -> None:
    relative = [link for link in links(README) if not link.startswith("https://")]
    assert relative == [".github/page.png"]  # an index shows its alternative text instead
    assert (ROOT / relative[0]).stat().st_size < 200_000


def test_the_top_level_holds_the_agreed_names_only() -> None:
    names = {path.split("/")[0] for path in tracked_files()}
    assert {name for name in names if not name.startswith(".")} <= FOLDERS | FILES
