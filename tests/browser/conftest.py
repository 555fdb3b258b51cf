"""Tests of the page and the JavaScript client in a real browser, with a real server. Each has the marker `browser`.

They need Debian's Chromium and Playwright: `apt-get install chromium`, `.venv/bin/pip install -e '.[dev,browser]'`. No
test sleeps: Playwright's `expect` waits until the page shows something. An error in the browser's console fails the
test, unless `profile.expect_fault` names it. So does anything that the server writes to stderr.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from chromium import Browser, Profile, open_browser
from served import Served

Start: TypeAlias = Callable[..., Served]
OpenProfile: TypeAlias = Callable[..., Profile]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this folder."""
    with open_browser() as browser:
        yield browser


@contextmanager
def serving(folder: Path, *args: str, expected: str = "") -> Iterator[Served]:
    """Serves `adjourn ARGS`. `expected`: a pattern of the lines that the server may write to stderr."""
    server = Served(folder, *args)
    try:
        server.start()
        yield server
    finally:
        server.kill()
    errors = [line for line in server.errors().splitlines() if not (expected and re.search(expected, line))]
    assert not errors, server.errors()


@pytest.fixture(scope="package")
def demo(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serves the demo, as the README's first command does. One server for all tests that don't kill it."""
    with serving(tmp_path_factory.mktemp("demo"), "demo", "--headless") as server:
        yield server


@pytest.fixture(scope="package")
def stage(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serves the agents of `stage.py`. One server for all tests that don't kill it."""
    with serving(tmp_path_factory.mktemp("stage"), "serve", "stage:agents") as server:
        yield server


@pytest.fixture
def start(browser: Browser, tmp_path: Path) -> Iterator[Start]:
    """Starts a server for one test, which may kill it: `start("demo", "--headless")`."""
    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(serving(tmp_path, *args, **options))


@pytest.fixture
def own_stage(start: Start) -> Served:
    """Serves the agents of `stage.py`, for one test."""
    return start("serve", "stage:agents")


@pytest.fixture
def own_demo(start: Start) -> Served:
    """Serves the demo, for one test."""
    return start("demo", "--headless")


@pytest.fixture
def open_profile(browser: Browser, start: Start) -> Iterator[OpenProfile]:
    """Opens a profile at a server: `open_profile(demo)`. More arguments are those of Playwright's `new_context`.

    The profile is closed before the server is killed.
    """
    profiles: list[Profile] = []

    def open_profile(server: Served, **options: Any) -> Profile:
        profiles.append(Profile(browser.new_context(**options), server.url))
        return profiles[-1]

    yield open_profile
    for profile in profiles:
        profile.context.close()
    faults = [fault for profile in profiles for fault in profile.faults]
    assert not faults, "\n".join(faults)
