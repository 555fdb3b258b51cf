"""The OpenAPI document, and a fuzzer that checks the server against it."""

import json
import sys
from typing import Any

import pytest
import trio
from gateway_wire import REFUND, scripted
from web import serving

from adjourn.actors.testing import calls, says
from adjourn.actors.web.operations import OPERATIONS

EXAMPLES = 25  # for each operation


async def document() -> dict[str, Any]:
    async with serving(scripted(says("hello"))) as (_, client):
        return json.loads((await client.get("/openapi.json")).text)


async def test_the_document_has_every_operation_and_every_reference_in_it_leads_somewhere() -> None:
    found = await document()
    for operation in OPERATIONS:
        assert operation.verb.lower() in found["paths"][operation.path]
    text = json.dumps(found)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(found["components"]["schemas"])
    assert found["openapi"] == "3.1.0"


@pytest.mark.slow
async def test_a_fuzzer_finds_no_answer_that_the_document_does_not_know() -> None:
    answers = (REFUND, calls(("ring", {})), says("done"))
    async with serving(scripted(*answers * 1000)) as (_, client):
        for number in range(20):
            body = {"input": "hello", "runId": f"run-{number}"}
            await client.post("/runs", json=body, headers={"accept": "application/json"})
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{client.base_url}/openapi.json"]
        options = ["--checks", "all", "--max-examples", str(EXAMPLES), "--generation-deterministic", "--no-color"]
        only = ["--header", "Accept: application/json", "--exclude-operation-id", "run.subscribe"]
        done = await trio.run_process([*command, *options, *only], capture_stdout=True, check=False)
        assert done.returncode == 0, done.stdout.decode()
