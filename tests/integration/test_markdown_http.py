"""`POST /markdown` over real sockets: its input, its bounds, and that it delays no other request."""

import json
import threading
from typing import Any

import pytest
import trio
from gateway_wire import scripted
from web import serving

from adjourn.actors.gateway import token_authenticator
from adjourn.actors.testing import says
from adjourn.actors.web import documents

KB = 1024


async def test_each_text_becomes_a_document() -> None:
    async with serving(scripted(says("hello"))) as (_, client):
        answer = await client.post("/markdown", json={"texts": ["*a*", "", "b"]})
        assert answer.json() == {
            "documents": [
                [{"tag": "p", "children": [{"tag": "em", "children": ["a"]}]}],
                [],
                [{"tag": "p", "children": ["b"]}],
            ]
        }
        assert (await client.post("/markdown", json={"texts": []})).json() == {"documents": []}


@pytest.mark.parametrize(
    ("texts", "limit"),
    [
        (["a"] * 65, "maxTexts"),
        (["é" * 32 * KB + "a"], "maxTextBytes"),
        (["a" * 64 * KB] * 4 + ["a"], "maxTotalBytes"),
    ],
)
async def test_too_much_is_refused(texts: list[str], limit: str) -> None:
    async with serving(scripted(says("hello"))) as (_, client):
        refused = (await client.post("/markdown", json={"texts": texts})).json()
        assert (refused["type"], refused["limit"]) == ("limitExceeded", limit)


async def test_as_much_as_is_allowed_is_taken_also_where_json_makes_it_six_times_as_long() -> None:
    async with serving(scripted(says("hello"))) as (_, client):
        for texts in (["a"] * 64, ["\x7f" * 64 * KB] * 4, ["\x01" * 64 * KB] * 4):
            answer = await client.post("/markdown", json={"texts": texts})
            assert (answer.status_code, len(answer.json()["documents"])) == (200, len(texts))


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, ""),
        ({"texts": "a"}, "/texts"),
        ({"texts": [1]}, "/texts/0"),
        ({"texts": ["a", "\ud83d"]}, ""),
        ({"texts": [], "html": True}, ""),
        ([], ""),
    ],
)
async def test_a_body_without_a_list_of_texts_is_refused_with_its_path(body: Any, path: str) -> None:
    async with serving(scripted(says("hello"))) as (_, client):
        headers = {"content-type": "application/json"}
        refused = await client.post("/markdown", content=json.dumps(body), headers=headers)
        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, path), refused.text


async def test_markdown_needs_a_token() -> None:
    async with serving(scripted(says("hello")), authenticator=token_authenticator("s3cret")) as (_, client):
        assert (await client.post("/markdown", json={"texts": []})).status_code == 401
        answer = await client.post("/markdown", json={"texts": []}, headers={"authorization": "Bearer s3cret"})
        assert answer.status_code == 200


async def test_others_are_answered_while_a_text_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def parse(texts: tuple[str, ...]) -> list[Any]:
        begun.set()
        assert go_on.wait(30)
        return list(texts)

    monkeypatch.setattr(documents, "documents_of", parse)
    async with serving(scripted(says("hello"))) as (_, client):

        async def ask() -> None:
            answer = await client.post("/markdown", json={"texts": ["a"]})
            assert answer.json() == {"documents": ["a"]}

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.to_thread.run_sync(begun.wait)
            assert (await client.get("/healthz")).status_code == 200
            go_on.set()
