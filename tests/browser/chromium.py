"""Drives Debian's Chromium with Playwright: opens the browser, and a profile for each test. No tests here.

Playwright's synchronous interface runs an asyncio loop in its thread, so tests that use it can't be `async`.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

PATIENCE_MS = 30_000  # for busy machines; usually a step takes a second or two

try:
    from playwright.sync_api import (
        Browser,
        BrowserContext,
        Locator,
        Page,
        Route,
        WebSocketRoute,
        expect,
        sync_playwright,
    )
except ImportError as error:
    # Names that other modules import from here.
    Browser = BrowserContext = Locator = Page = Route = WebSocketRoute = expect = None
    MISSING = f"{error}: .venv/bin/pip install -e '.[dev,browser]'"
else:
    MISSING = None if shutil.which("chromium") else "no chromium found: apt-get install chromium"
    expect.set_options(timeout=PATIENCE_MS)

__all__ = ["UNREACHABLE", "Browser", "Locator", "Page", "Profile", "Route", "WebSocketRoute", "expect", "open_browser"]

# Chromium's own errors for requests while a server or the network is down.
UNREACHABLE = (
    "ERR_(CONNECTION|CONTENT_LENGTH_MISMATCH|EMPTY_RESPONSE|INCOMPLETE_CHUNKED|INTERNET_DISC)"
    "|WebSocket connection to .* failed"
)
FLAGS = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]  # resolves no other host


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Opens the browser. If it is not installed, tests are skipped; in CI they fail."""
    if MISSING is not None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Profile:
    """A browser profile of one test: its tabs share storage and network.

    `faults` has the errors of all tabs: uncaught errors, and errors on the console. A failed request is an error on the
    console, and each request to another machine fails.
    """

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.context, self.origin = context, origin
        self.faults: list[str] = []
        self._expected: list[re.Pattern[str]] = []
        context.set_default_timeout(PATIENCE_MS)
        context.on("weberror", lambda error: self._note(error.error.stack or error.error.message))
        context.on("console", lambda said: said.type == "error" and self._note(f"{said.text} ({said.location['url']})"))

    def open(self, path: str = "/") -> Page:
        """Opens a new tab at a path of the server."""
        page = self.context.new_page()
        page.goto(self.origin + path)
        return page

    def expect_fault(self, pattern: str) -> None:
        """Leaves errors that match out of `faults`: the test expects them."""
        self._expected.append(re.compile(pattern))

    def serve(self, prefix: str, body_of: Callable[[str], tuple[str, str]]) -> None:
        """Answers requests for paths that begin with `prefix` instead of the server, with a media type and a body."""

        def answer(route: Route) -> None:
            content_type, body = body_of(route.request.url.removeprefix(self.origin + prefix))
            route.fulfill(content_type=content_type, body=body)

        self.context.route(lambda url: url.startswith(self.origin + prefix), answer)

    def _note(self, fault: str) -> None:
        if not any(pattern.search(fault) for pattern in self._expected):
            self.faults.append(fault)
