"""The page over real sockets: which files are served, to whom, and with which headers."""

from pathlib import Path

import pytest
from gateway_wire import scripted
from web import serving

from adjourn.actors import web
from adjourn.actors.gateway import token_authenticator
from adjourn.actors.testing import says
from adjourn.actors.web.page_files import page_files

FOLDER = Path(web.__file__).parent
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def test_every_file_of_the_page_and_every_module_of_the_client_is_served() -> None:
    expected = {f"/js/{path.name}" for path in (FOLDER / "js").glob("*.js")}
    expected |= {f"/page/{path.name}" for path in (FOLDER / "page").iterdir()}
    assert page_files().keys() == expected - {"/page/index.html"} | {"/"}
    assert "/js/chat.js" in page_files()


async def test_the_page_needs_no_token_and_all_else_does() -> None:
    async with serving(scripted(says("hello")), authenticator=token_authenticator("s3cret")) as (_, client):
        for path, file in page_files().items():
            answer = await client.get(path)
            assert (answer.status_code, answer.content) == (200, file.content), path
        assert (await client.get("/runs")).status_code == 401
        assert (await client.get("/page/")).status_code == 401


async def test_a_files_headers_keep_strange_code_out_and_say_its_type() -> None:
    async with serving(scripted(says("hello"))) as (_, client):
        for path, file in page_files().items():
            answer = await client.get(path)
            suffix = ".html" if path == "/" else Path(path).suffix
            assert answer.headers["content-type"].partition(";")[0] == TYPES[suffix]
            assert answer.headers["content-security-policy"] == POLICY
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cache-control"] == "no-cache"
            assert answer.headers["etag"] == file.etag


async def test_a_browser_that_has_a_file_is_not_sent_it_again() -> None:
    async with serving(scripted(says("hello"))) as (_, client):
        etag = (await client.get("/js/chat.js")).headers["etag"]
        for known in (etag, f'"other", W/{etag}'):
            again = await client.get("/js/chat.js", headers={"if-none-match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
            assert again.headers["content-security-policy"] == POLICY
        assert (await client.get("/js/chat.js", headers={"if-none-match": '"other"'})).status_code == 200


async def test_head_has_the_headers_alone_and_other_verbs_are_refused() -> None:
    async with serving(scripted(says("hello"))) as (_, client):
        whole, head = await client.get("/"), await client.head("/")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == whole.headers["content-length"]
        assert (await client.post("/", json={})).status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/page/..%2Fapp.py",
        "/page/%2e%2e/app.py",
        "/js/../app.py",
        "/js/types/chat.d.ts",
        "/js/package.json",
        "/page/index.html",
        "/page//etc/passwd",
        "/js/chat.js%00.html",
    ],
)
async def test_a_path_outside_of_the_table_is_not_found(path: str) -> None:
    async with serving(scripted(says("hello"))) as (_, client):
        assert (await client.get(path)).status_code == 404


async def test_a_strange_host_is_refused_the_page_too() -> None:
    async with serving(scripted(says("hello"))) as (_, client):
        assert (await client.get("/", headers={"host": "rebound.example"})).status_code == 403


async def test_an_app_may_leave_the_page_out() -> None:
    async with serving(scripted(says("hello")), page=False) as (_, client):
        for path in ("/", "/js/chat.js"):
            assert (await client.get(path)).status_code == 404
        assert (await client.get("/healthz")).status_code == 200
