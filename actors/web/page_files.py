"""Serves the page's files: a fixed table, read from the package once. A request's path is only looked up in it.

`page/` has the page, `js/` the client that it imports. They hold no data, so they need no authentication.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from ...protocol.authority import parse_authority
from ...protocol.loopback import is_loopback
from .received import has_already

__all__ = ["PAGE_HEADERS", "PageFile", "page_files", "page_of_nodes"]

CONNECTS = "connect-src 'self'"
THIS_MACHINE = ("http://127.0.0.1:*", "http://localhost:*")  # a policy can't name IPv6 addresses
# Scripts and styles come only from files, never from the text of a model, a tool or a person.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        CONNECTS,
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
PAGE_HEADERS: Mapping[str, str] = {
    "cache-control": "no-cache",  # browsers keep the file, but ask each time whether it has changed
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HERE = Path(__file__).parent
_INDEX = "index.html"


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file in memory. Answers a request with the file, or with 304 if the client has it."""

    content: bytes
    media_type: str
    etag: str

    async def __call__(self, request: Request) -> Response:
        """Returns the response."""
        headers = {**PAGE_HEADERS, "etag": self.etag}
        if has_already(request, self.etag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(self.content, headers={**headers, "content-type": self.media_type})


@lru_cache(1)
def page_files() -> Mapping[str, PageFile]:
    """Returns the files of the page, by their paths: `/`, `/page/app.js`, `/js/chat.js` …"""
    pages = {("/" if path.name == _INDEX else f"/page/{path.name}"): path for path in _files("page", _TYPES)}
    modules = {f"/js/{path.name}": path for path in _files("js", [".js"])}
    return {served: _read(path) for served, path in {**pages, **modules}.items()}


def _files(folder: str, suffixes: Iterable[str]) -> Iterator[Path]:
    return (path for path in sorted((_HERE / folder).iterdir()) if path.suffix in suffixes)


def _read(path: Path) -> PageFile:
    content = path.read_bytes()
    return PageFile(content, _TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def page_of_nodes(index: PageFile, origins: Iterable[str]) -> Callable[[Request], Awaitable[Response]]:
    """Returns a handler of the page that lets it connect to other nodes of a shared store.

    They are at these origins. A page of this machine may connect to any port of this machine.
    """
    remote = [origin.rstrip("/") for origin in origins if origin.isascii() and "[" not in origin]

    async def answer(request: Request) -> Response:
        response = await index(request)
        authority = parse_authority(request.headers.get("host", ""))
        local = THIS_MACHINE if authority is not None and is_loopback(authority.host) else ()
        sources = [each for origin in (*remote, *local) for each in (origin, origin.replace("http", "ws", 1))]
        policy = CONTENT_SECURITY_POLICY.replace(CONNECTS, " ".join([CONNECTS, *sources]))
        response.headers["content-security-policy"] = policy
        return response

    return answer
