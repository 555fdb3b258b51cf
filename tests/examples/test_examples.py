"""The examples of this folder run with the real libraries, as a user of each would run them."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

FOLDER = Path(__file__).parent
PATIENCE_S = 30  # for a machine that is busy
REFUNDED = "Order 7 is refunded."


@asynccontextmanager
async def client_of(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an ASGI app of Starlette or FastAPI, inside its lifespan."""
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            yield client


def test_fastapi_starts_decides_and_streams() -> None:
    from fastapi_app import api

    async def main() -> str:
        async with client_of(api) as client:
            started = (await client.post("/refunds/7")).json()
            assert started["status"] == "paused"
            decided = await client.post(f"/runs/{started['run']}/decision", params={"approved": True})
            assert decided.status_code == 200
            assert (await client.get("/runs/nothing/events")).status_code == 404
            assert (
                await client.post(f"/runs/{started['run']}/decision", params={"approved": False})
            ).status_code == 409
            return (await client.get(f"/runs/{started['run']}/events")).text

    assert REFUNDED in asyncio.run(main())


def test_our_own_app_is_mounted_in_starlette() -> None:
    from starlette_app import app

    async def main() -> str:
        async with client_of(app) as client:
            started = await client.post("/agents/runs", json={"input": "Refund order 7."})
            run = f"/agents/runs/{started.headers['x-run-id']}"
            return (await client.post(f"{run}/resume", json={"decision": {"approved": True}})).text

    assert REFUNDED in asyncio.run(main())


def test_flask_views_block() -> None:
    from flask_view import app, stack

    with stack:
        client = app.test_client()
        started = client.post("/refunds/7").get_json()
        assert started["status"] == "paused"
        assert client.post(f"/runs/{started['run']}/decision", json={"approved": True}).status_code == 200
        assert client.get("/runs/nothing/events").status_code == 404
        assert client.post(f"/runs/{started['run']}/decision", json={"approved": False}).status_code == 409
        assert REFUNDED in client.get(f"/runs/{started['run']}/events").text


def test_django_views_block_or_are_async() -> None:
    import django
    from django.conf import settings

    settings.configure(ALLOWED_HOSTS=["testserver"], MIDDLEWARE=["django_view.Refusals"], ROOT_URLCONF="django_view")
    django.setup()
    from django.test import AsyncClient, Client
    from django_view import stack

    async def main(run: str) -> str:
        client = AsyncClient()
        decided = await client.post(f"/runs/{run}/decision", {"approved": True}, content_type="application/json")
        assert decided.status_code == 200
        assert (await client.get("/runs/nothing/events")).status_code == 404
        streamed = await client.get(f"/runs/{run}/events")
        return b"".join([chunk async for chunk in streamed]).decode()

    with stack:
        started = Client().post("/refunds/7").json()
        assert started["status"] == "paused"
        assert REFUNDED in asyncio.run(main(started["run"]))


CELLS = """
import asyncio, json, sys
from IPython.core.interactiveshell import InteractiveShell

async def main():
    shell = InteractiveShell()
    for cell in json.load(open("notebook.ipynb"))["cells"]:
        source = shell.transform_cell("".join(cell["source"]))
        (await shell.run_cell_async(source, transformed_cell=source)).raise_error()

asyncio.run(main())
"""


def test_cells_of_a_notebook_run_in_a_loop_that_is_running(tmp_path: Path) -> None:
    """As ipykernel does: it awaits `run_cell_async` in its own asyncio loop."""
    environment = {**os.environ, "IPYTHONDIR": str(tmp_path), "NO_COLOR": "1"}
    command = [sys.executable, "-c", CELLS]
    done = subprocess.run(command, cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.returncode, done.stderr) == (0, "")
    shown = re.findall(r"Out\[\d*\]: (.*)", done.stdout)
    assert shown == ["{'order_id': 7}", f"'{REFUNDED}'", "'Order 8 is refunded.'"]


@contextmanager
def uvicorn(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", httpx.Client]]:
    """The FastAPI example in a process of its own, its runs in `folder`, and a client of it."""
    command = [sys.executable, "-m", "uvicorn", "fastapi_app:api", "--port", "0", "--app-dir", str(FOLDER)]
    environment = {**os.environ, "RUNS": f"sqlite:///{folder}/runs.db"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            lines = iter(process.stderr.readline, "")
            address = next(found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
            with httpx.Client(base_url=address, timeout=PATIENCE_S) as client:
                yield process, client
        finally:
            process.kill()


@pytest.mark.slow
def test_a_run_that_waits_survives_the_kill_of_uvicorn(tmp_path: Path) -> None:
    with uvicorn(tmp_path) as (_, client):
        started = client.post("/refunds/7").json()
        assert started["status"] == "paused"
    with uvicorn(tmp_path) as (_, client):
        assert client.post(f"/runs/{started['run']}/decision", params={"approved": True}).status_code == 200
        assert REFUNDED in client.get(f"/runs/{started['run']}/events").text


@pytest.mark.slow
def test_uvicorn_leaves_in_order_when_it_is_interrupted(tmp_path: Path) -> None:
    with uvicorn(tmp_path) as (process, client):
        client.post("/refunds/7").raise_for_status()
        process.terminate()
        assert process.stderr is not None
        said = process.stderr.read()
    assert "Application shutdown complete" in said
    assert "Traceback" not in said
