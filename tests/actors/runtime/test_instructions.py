"""Instructions that a function makes from the run's metadata: once, when the run begins; the text is recorded."""

from pathlib import Path
from typing import Any

import pytest
import trio
from runs import parked

from adjourn.actors import Agent, open_actor_system, tool
from adjourn.actors.testing import ScriptedModel, calls, open_test_system
from adjourn.protocol import InternalError, Limits


@tool(approval=True)
async def act() -> str:
    """Act."""
    return "acted"


def shop(model: ScriptedModel, instructions: Any, **options: Any) -> Agent:
    return Agent(name="shop", model=model, tools=[act], instructions=instructions, **options)


async def slowly(metadata: dict[str, Any]) -> str:
    await trio.lowlevel.checkpoint()
    return f"Be kind to {metadata.pop('who')}."


@pytest.mark.parametrize("function", [slowly, lambda metadata: f"Be kind to {metadata['who']}."], ids=["async", "sync"])
async def test_each_run_has_the_text_for_its_metadata(function: Any) -> None:
    model = ScriptedModel(["a", "b"])
    agent = shop(model, function)
    async with open_test_system(agent) as system:
        for who in ("ann", "bob"):
            ended = await (await system.start(agent, "go", metadata={"who": who})).wait_ended()
            assert ended.metadata == {"who": who}
    assert [request.instructions for request in model.requests] == ["Be kind to ann.", "Be kind to bob."]
    assert agent.spec().instructions == ""


async def test_a_run_that_comes_back_goes_on_with_the_recorded_text(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/runs.db"
    async with open_actor_system([shop(ScriptedModel([calls(("act", {}))]), lambda _: "Then.")], store=store) as system:
        run_id = (run := await system.start("shop", "go")).id
        await parked(run)

    def not_again(metadata: dict[str, Any]) -> str:
        raise AssertionError("it is called once, at the begin")

    for instructions in (not_again, "Now."):
        model = ScriptedModel([calls(("act", {})), "done"])
        async with open_actor_system([shop(model, instructions)], store=store) as system:
            [head] = (await system.list()).heads
            assert await system.stranded(head) is None
            call = (await system.get(run_id)).snapshot.pending[0].tool_call_id
            await system.resume(run_id, {"approved": True}, call)
            await system.run(run_id).wait()
        assert {request.instructions for request in model.requests} == {"Then."}


@pytest.mark.parametrize(
    ("gives", "logged"),
    [
        (KeyError("who"), "KeyError: 'who'"),
        (7, "must return a text, got int"),
        ("\ud800", "surrogate"),
        ("x" * 200, "the text takes 202 bytes, and at most 100 are allowed"),
    ],
    ids=["raises", "no text", "a lone surrogate", "too long"],
)
async def test_a_function_that_fails_begins_no_run(gives: Any, logged: str, caplog: pytest.LogCaptureFixture) -> None:
    def fails(metadata: dict[str, Any]) -> Any:
        if isinstance(gives, Exception):
            raise gives
        return gives

    agent = shop(ScriptedModel([]), fails, limits=Limits(max_input_bytes=100))
    async with open_test_system(agent) as system:
        with pytest.raises(InternalError, match="the log has its cause"):
            await system.start(agent, "go")
        assert (await system.list()).heads == ()
    assert "the instructions of agent shop" in caplog.text
    assert logged in caplog.text
