"""What is written about the code is true of it: docstrings, public names, the README's programs and commands."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from tracked import PACKAGES, ROOT, tracked_files

FOLDERS = {"actors", "bench", "protocol", "stores", "tests"}
FILES = {"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md", "pyproject.toml"}

FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A ```python block of a Markdown file; `output` is the ```text block right after it, if there is one."""

    line: int
    program: str
    output: str | None


def examples(markdown: str) -> list[Example]:
    blocks = list(FENCE.finditer(markdown))
    found: list[Example] = []
    for block, after in pairwise([*blocks, None]):
        if block["language"] != "python":
            continue
        line = markdown.count("\n", 0, block.start()) + 1
        between = markdown[block.end() : after.start()].strip() if after else ""
        output = after["text"] if after and after["language"] == "text" and not between else None
        found.append(Example(line, block["text"], output))
    return found


def run_example(example: Example, folder: Path) -> None:
    """Run the program in its own process, in `folder`: it must succeed and print just the output given, if any."""
    program = folder / "example.py"
    program.write_text(example.program, encoding="utf-8")
    command = [sys.executable, "-I", "-W", "error", str(program)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"the example at line {example.line} failed:\n{done.stderr}"
    if example.output is not None:
        assert done.stdout == example.output


def is_documented(value: object) -> bool:
    """Whether a class or function has its own docstring: not inherited, not generated (dataclass, NamedTuple)."""
    if inspect.isclass(value):
        doc = vars(value).get("__doc__") or ""
        return bool(doc.strip()) and not doc.startswith(f"{value.__name__}(")
    return bool((value.__doc__ or "").strip())


README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_has_an_example_to_run() -> None:
    assert examples(README) != []


@pytest.mark.parametrize("example", [pytest.param(found, id=f"line {found.line}") for found in examples(README)])
def test_readme_example_runs_and_prints_what_it_says(example: Example, tmp_path: Path) -> None:
    run_example(example, tmp_path)


def test_an_example_is_compared_with_the_text_block_right_after_it(tmp_path: Path) -> None:
    markdown = "```sh\nls\n```\n\n```python\nprint(1)\n```\n\n```text\n2\n```\n"
    markdown += "\n```python\npass\n```\nThen:\n```text\n3\n```\n"
    first, second = examples(markdown)
    assert (first, second) == (Example(5, "print(1)\n", "2\n"), Example(13, "pass\n", None))
    with pytest.raises(AssertionError):
        run_example(first, tmp_path)


def test_ci_ends_with_the_test_command_of_the_readme() -> None:
    [command] = [line.strip() for line in README.splitlines() if line.strip().endswith("-m pytest")]
    assert (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()[-1] == command


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_exist_once_and_are_documented(package: str) -> None:
    module = importlib.import_module(f"adjourn.{package}")
    names: list[str] = module.__all__
    assert len(names) == len(set(names)) > 0
    public = {name: getattr(module, name) for name in names}
    assert [name for name, value in public.items() if not is_documented(value)] == []


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


def test_every_module_says_what_lives_in_it() -> None:
    sources = {path: (ROOT / path).read_text(encoding="utf-8") for path in tracked_files("*.py")}
    docs = {path: ast.get_docstring(ast.parse(source, path)) or "" for path, source in sources.items()}
    assert [path for path, doc in docs.items() if len(doc.split()) < 3] == []


def test_the_top_level_holds_the_agreed_names_only() -> None:
    names = {path.split("/")[0] for path in tracked_files()}
    assert {name for name in names if not name.startswith(".")} <= FOLDERS | FILES
