"""What gets installed: each tracked file of the three packages and no others, importable with no checkout around."""

import json
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from tracked import PACKAGES, ROOT, tracked_files

PIP = [sys.executable, "-m", "pip", "--isolated", "--quiet"]
BUILD_OFFLINE = ["--no-index", "--no-deps", "--no-build-isolation"]

IMPORT_ALL = """
import importlib, json, pkgutil, sys
target, dependencies = sys.argv[1:]
sys.path[:0] = [target]
sys.path.append(dependencies)  # by hand, under -S: the .pth of an editable install is not read
import adjourn
found = {}
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
"""


def run(command: list[str], cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_isolated(code: str, installed: Path, cwd: Path) -> str:
    return run([sys.executable, "-I", "-S", "-c", code, str(installed), sysconfig.get_path("purelib")], cwd)


def contents(wheel: Path) -> dict[str, int]:
    """Path -> CRC of every file in the wheel that is not its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return {entry.filename: entry.CRC for entry in archive.infolist() if ".dist-info/" not in entry.filename}


def build_wheel(source: str, out: Path) -> Path:
    run([*PIP, "wheel", *BUILD_OFFLINE, "--wheel-dir", str(out), source], cwd=out)
    [wheel] = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git tracks, symlinks kept, as a fresh clone of the working tree would have it."""
    root = tmp_path_factory.mktemp("checkout")
    for path in tracked_files():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, root / path, follow_symlinks=False)
    return root


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(str(checkout), tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    run([*PIP, "install", "--no-index", "--no-deps", "--no-compile", "--target", str(target), str(wheel)], cwd=target)
    return target


def test_wheel_holds_the_tracked_files_of_the_packages_and_no_others(wheel: Path) -> None:
    assert sorted(contents(wheel)) == [f"adjourn/{path}" for path in tracked_files(*PACKAGES)]


def test_every_package_is_marked_as_typed(wheel: Path) -> None:
    assert {f"adjourn/{package}/py.typed" for package in PACKAGES} <= contents(wheel).keys()


def test_sdist_builds_the_same_wheel(checkout: Path, wheel: Path, tmp_path: Path) -> None:
    hook = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    run([sys.executable, "-c", hook, str(tmp_path)], cwd=checkout)
    [sdist] = tmp_path.glob("*.tar.gz")
    assert contents(build_wheel(str(sdist), tmp_path)) == contents(wheel)


def test_every_installed_module_imports_with_no_checkout_around(installed: Path, tmp_path: Path) -> None:
    found = json.loads(run_isolated(IMPORT_ALL, installed, cwd=tmp_path))
    assert found.keys() >= {f"adjourn.{package}" for package in PACKAGES}
    assert [name for name, file in found.items() if not Path(file).is_relative_to(installed)] == []


def test_the_adjourn_command_is_installed_and_loads(installed: Path, tmp_path: Path) -> None:
    run_isolated(LOAD_COMMAND, installed, cwd=tmp_path)
