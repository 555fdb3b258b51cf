"""The installed package has each tracked file of the library and no others, and works without the checkout. Type
checkers see its types, in an editable install and in one from the wheel.
"""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tracked import PACKAGES, ROOT, tracked_files

PIP = [sys.executable, "-m", "pip", "--isolated", "--quiet", "--disable-pip-version-check"]
OFFLINE = ["--no-index", "--no-deps"]
BUILD_OFFLINE = [*OFFLINE, "--no-build-isolation"]

HOOK = """
import sys
sys.path[:0] = [".src/build-backend"]
import adjourn_build
getattr(adjourn_build, sys.argv[1])(sys.argv[2])
"""

IMPORT_ALL = """
import importlib, json, pkgutil, sys
target, dependencies = sys.argv[1:]
sys.path[:0] = [target]
sys.path.append(dependencies)  # by hand, under -S: the .pth of an editable install is not read
import adjourn
found = {"adjourn": adjourn.__file__}
for info in pkgutil.walk_packages(adjourn.__path__, "adjourn."):
    if not info.name.endswith(".__main__"):
        found[info.name] = importlib.import_module(info.name).__file__
print(json.dumps(found))
"""

LOAD_COMMAND = """
import sys
from importlib.metadata import distribution
target, dependencies = sys.argv[1:]
sys.path[:0] = [target]
sys.path.append(dependencies)
[command] = distribution("adjourn").entry_points.select(group="console_scripts", name="adjourn")
assert callable(command.load())
import adjourn
assert adjourn.__version__ == distribution("adjourn").version
"""

RIGHT = '''# pyright: strict
"""A small server and a small client, with nothing in them for a type checker to report."""

from dataclasses import dataclass
from typing import Any, assert_type

import trio

from adjourn import Agent, Limits, Run, ToolContext, __version__, open_actor_system, open_client, open_threaded_system
from adjourn import tool
from adjourn.actors.hosts import AsyncioRun, BlockingRun
from adjourn.actors.testing import ScriptedModel, says
from adjourn.protocol import AssistantMessage, Envelope, Message, ToolDecisionPending
from adjourn.protocol.methods import RunSnapshot


@tool(decision={"type": "boolean"})
async def refund(order_id: int, decision: bool, context: ToolContext) -> str:
    """Pay an order's money back."""
    return f"{order_id}: {decision}, {context.tool_call_id}"


@dataclass
class Shop:
    owner: str


@tool
async def owner(context: ToolContext[Shop]) -> str:
    """Whose shop it is."""
    return assert_type(context.deps, Shop).owner


@tool(runs="client")
async def time_zone() -> str:
    """The time zone of the browser."""
    raise NotImplementedError


async def open_shop(metadata: dict[str, Any]) -> Shop:
    return Shop(metadata["owner"])


agent = Agent(
    name="shop",
    model=ScriptedModel([says("Hello.")]),
    instructions=lambda metadata: f"You work for {metadata['owner']}.",
    tools=[refund, owner, time_zone],
    deps=open_shop,
    limits=Limits(max_turns=3),
)


async def serve() -> str:
    async with open_actor_system([agent], store="memory:") as system:
        run = await system.start("shop", "Refund order 7.")
        assert_type(run, Run)
        return (await run.wait()).status


def serve_blocking() -> None:
    with open_threaded_system([agent], store="memory:", drain_s=1) as system:
        run = system.start("shop", "Refund order 7.", by="ann")
        assert_type(run, BlockingRun)
        assert_type(run.resume({"approved": True}, by="bob").seq, int)
        for event in run.events():
            assert_type(event, Envelope | RunSnapshot)
            if isinstance(event, RunSnapshot):
                print(event.status == "paused")
            elif event.event.type == "tool_decision_pending":
                assert_type(event.event, ToolDecisionPending)


async def serve_asyncio() -> None:
    async with open_threaded_system([agent]) as system:
        run = await system.start("shop", "Refund order 7.", by="ann")
        assert_type(run, AsyncioRun)
        assert_type((await run.resume({"approved": True}, by="bob")).seq, int)
        async for event in run.events():
            assert_type(event, Envelope | RunSnapshot)


async def watch(messages: list[Message]) -> None:
    async with open_client("ws://127.0.0.1:8765") as client:
        assert_type((await client.info()).version, str)
    print([message.text for message in messages if isinstance(message, AssistantMessage)])


print(assert_type(__version__, str), trio.run(serve))
'''

WRONG = """# pyright: strict
from adjourn import Agent, Limits, open_actor_system
from adjourn import Agnet  # wrong

agent = Agent(name=7, model="ollama:m")  # wrong
limits = Limits(max_turns="three")  # wrong
misspelt = Limits(max_turn=3)  # wrong
shop = Agent(name="shop", model="ollama:m", deps=3)  # wrong


async def serve() -> None:
    async with open_actor_system([agent]) as system:
        (await system.start("shop", "Hello.")).resumes(True)  # wrong
"""


def run(command: list[str], cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_isolated(code: str, installed: Path, cwd: Path) -> str:
    return run([sys.executable, "-I", "-S", "-c", code, str(installed), sysconfig.get_path("purelib")], cwd)


def contents(wheel: Path) -> dict[str, int]:
    """Return the CRC of every file in the wheel, by path, without the metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return {entry.filename: entry.CRC for entry in archive.infolist() if ".dist-info/" not in entry.filename}


def copy_tracked(root: Path) -> Path:
    """Copy the tracked files and symlinks, as a new clone of the working tree would have them."""
    for path in tracked_files():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, root / path, follow_symlinks=False)
    return root


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_tracked(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run([*PIP, "wheel", *BUILD_OFFLINE, "--wheel-dir", str(out), str(checkout)], cwd=out)
    [wheel] = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the packages of this environment, without this library."""
    folder = tmp_path_factory.mktemp("dependencies")
    for found in Path(sysconfig.get_path("purelib")).iterdir():
        if "adjourn" not in found.name:
            (folder / found.name).symlink_to(found)
    return folder


@pytest.fixture(scope="module")
def pythons(
    checkout: Path, wheel: Path, dependencies: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Return the Pythons of two virtual environments: one with an editable install, one with the wheel."""
    found: dict[str, Path] = {}
    for kind, arguments in {"editable": ["--editable", str(checkout)], "wheel": [str(wheel)]}.items():
        folder = tmp_path_factory.mktemp(kind)
        venv.create(folder, symlinks=True)
        found[kind] = folder / "bin/python"
        (site_packages(found[kind]) / "dependencies.pth").write_text(f"{dependencies}\n", encoding="utf-8")
        run([*PIP, "--python", str(found[kind]), "install", *BUILD_OFFLINE, "--no-compile", *arguments], cwd=folder)
    return found


def site_packages(python: Path) -> Path:
    [folder] = python.parents[1].glob("lib/python*/site-packages")
    return folder


@pytest.fixture(scope="module")
def installed(pythons: dict[str, Path]) -> Path:
    return site_packages(pythons["wheel"])


def tracked_as_built() -> set[str]:
    """Return the paths of the tracked files in a build: packages are under .src/adjourn/, in place of the links."""
    links = {f".src/adjourn/{package}" for package in PACKAGES}
    paths = tracked_files()
    return {f".src/adjourn/{path}" if path.split("/")[0] in PACKAGES else path for path in paths} - links


def test_wheel_holds_the_tracked_files_of_the_package_but_the_pages_and_no_others(wheel: Path) -> None:
    tracked = [path.removeprefix(".src/") for path in tracked_as_built() if path.startswith(".src/adjourn/")]
    assert sorted(contents(wheel)) == sorted(path for path in tracked if not path.endswith(".md"))


def test_the_package_is_marked_as_typed(wheel: Path) -> None:
    assert "adjourn/py.typed" in contents(wheel)


@pytest.mark.slow
def test_sdist_holds_all_that_is_tracked_and_builds_the_same_wheel(checkout: Path, wheel: Path, tmp_path: Path) -> None:
    run([sys.executable, "-c", HOOK, "build_sdist", str(tmp_path)], cwd=checkout)
    [sdist] = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    [unpacked] = tmp_path.glob("*/")
    found = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    made = {path for path in found if path.startswith(("PKG-INFO", "setup.cfg", ".src/adjourn.egg-info/"))}
    assert found - made == tracked_as_built() - {".gitattributes", ".gitignore"}

    run([sys.executable, "-c", HOOK, "build_wheel", str(tmp_path)], cwd=unpacked)
    [rebuilt] = tmp_path.glob("*.whl")
    assert contents(rebuilt) == contents(wheel)


@pytest.mark.slow
def test_every_installed_module_imports_with_no_checkout_around(installed: Path, tmp_path: Path) -> None:
    found = json.loads(run_isolated(IMPORT_ALL, installed, cwd=tmp_path))
    assert found.keys() >= {f"adjourn.{package}" for package in PACKAGES}
    assert [name for name, file in found.items() if not Path(file).is_relative_to(installed)] == []


@pytest.mark.slow
def test_the_adjourn_command_is_installed_and_loads(installed: Path, tmp_path: Path) -> None:
    run_isolated(LOAD_COMMAND, installed, cwd=tmp_path)


@pytest.mark.slow
def test_a_checkout_whose_links_are_text_files_is_not_built_and_says_what_to_do(tmp_path: Path) -> None:
    checkout = copy_tracked(tmp_path / "checkout")
    for command in ("init", "config core.symlinks false", "add --all"):
        run(["git", *command.split()], cwd=checkout)
    shutil.rmtree(checkout / ".src")
    run(["git", "checkout", "--", ".src"], cwd=checkout)
    assert (checkout / ".src/adjourn/actors").read_text(encoding="utf-8") == "../../actors"

    command = [*PIP, "wheel", *BUILD_OFFLINE, "--wheel-dir", str(tmp_path), str(checkout)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert list(tmp_path.glob("*.whl")) == []
    [sentence] = re.findall(r"adjourn cannot be built here .*", done.stderr)

    for advice in re.findall(r"`git (.*?)`", sentence):
        run(["git", *advice.split()], cwd=checkout)
    assert all((checkout / ".src/adjourn" / package / "__init__.py").is_file() for package in PACKAGES)


def mypy(python: Path, program: Path) -> list[tuple[str, int]]:
    """Return (file name, line) of each error that mypy reports."""
    options = ["--strict", "--no-error-summary", "--no-pretty", "--cache-dir", str(program / "cache")]
    command = [sys.executable, "-m", "mypy", *options, "--python-executable", str(python), "right.py", "wrong.py"]
    done = subprocess.run(command, cwd=program, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr  # 2: it could not run
    return sorted({(name, int(line)) for name, line in re.findall(r"^(.+?):(\d+): error", done.stdout, re.MULTILINE)})


def pyright(python: Path, program: Path) -> list[tuple[str, int]]:
    """Return (file name, line) of each error that pyright reports."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", str(python), "right.py", "wrong.py"]
    done = subprocess.run(command, cwd=program, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    found = json.loads(done.stdout)["generalDiagnostics"]
    return sorted({(Path(error["file"]).name, error["range"]["start"]["line"] + 1) for error in found})


@pytest.mark.slow
def test_type_checkers_report_what_is_wrong_in_a_users_program_and_nothing_else(
    pythons: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "right.py").write_text(RIGHT, encoding="utf-8")
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    with ThreadPoolExecutor() as pool:  # in parallel, because both are slow
        checks = [
            pool.submit(lambda check: [check(python, tmp_path) for python in pythons.values()], check)
            for check in (mypy, pyright)
        ]
    wrong = [("wrong.py", number) for number, line in enumerate(WRONG.splitlines(), 1) if line.endswith("# wrong")]
    assert [check.result() for check in checks] == [[wrong, wrong], [wrong, wrong]]


@pytest.mark.slow
def test_an_editable_install_is_a_plain_path(pythons: dict[str, Path], checkout: Path) -> None:
    [link] = site_packages(pythons["editable"]).glob("__editable__*")
    assert link.read_text(encoding="utf-8").strip() == str(checkout / ".src")
