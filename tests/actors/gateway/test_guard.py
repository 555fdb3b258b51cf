"""The guard: what the authorizer sees, that nothing else is acted on, and that every fault forbids."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from runs import APPROVAL, YES
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors import ActorSystem, Agent, client_tool, open_actor_system, tool
from adjourn.actors.gateway import Action, Principal
from adjourn.actors.gateway.guard import Guard
from adjourn.actors.testing import Response, ScriptedModel, calls, says
from adjourn.protocol.calls import call_id
from adjourn.protocol.errors import AdjournError, Forbidden, NotPending, RunEnded, RunNotFound, ToolCallIdRequired
from adjourn.protocol.limits import RunLimits
from adjourn.protocol.methods import (
    AgentsList,
    Params,
    RunAbort,
    RunClaim,
    RunDecline,
    RunGet,
    RunResult,
    RunResume,
    RunStart,
    RunsWatch,
)

BOB = Principal("bob")
REFUND = calls(("refund", {"order": 7}))


@tool(decision=APPROVAL)
async def refund(order: int, decision: dict[str, Any]) -> str:
    """Pay back."""
    return f"order {order}: {decision['approved']}"


ring = client_tool("ring", "Ring a bell, at the client.", {"type": "object", "additionalProperties": False})


def scripted(*responses: Response, delay_s: float = 0.0) -> Agent:
    return Agent(name="shop", model=ScriptedModel(responses, delay_s=delay_s), tools=(refund, ring))


class Asked:
    """An authorizer that keeps its actions, and answers with `answer`, but about `run.get` with `sees`."""

    def __init__(self, answer: Any = True, *, sees: bool = True) -> None:
        self.answer, self.sees = answer, sees
        self.actions: list[Action] = []

    async def __call__(self, principal: Principal | None, action: Action) -> bool:
        assert principal is BOB
        if action.method == "run.get":
            return self.sees
        self.actions.append(action)
        return self.answer


@asynccontextmanager
async def paused(*responses: Response, **options: Any) -> AsyncGenerator[tuple[ActorSystem, str]]:
    """Yields a system with run `r`, which ada started and which waits at a call; and the call's id."""
    async with open_actor_system([scripted(*responses)], drain_s=0, **options) as system:
        await (await system.start("shop", "hello", run_id="r", metadata={"tags": ["a"]}, by="ada")).wait()
        pending = (await system.get("r")).snapshot.pending
        yield system, pending[0].tool_call_id


# What the authorizer sees.


@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize(
    ("method", "params", "shown"),
    [
        ("run.resume", RunResume(run_id="r", decision=YES), {"decision": YES}),
        ("run.decline", RunDecline(run_id="r", reason="too much"), {"reason": "too much"}),
    ],
)
async def test_the_authorizer_sees_a_decision_with_its_call_and_the_runs_owner(
    method: str, params: Any, shown: dict[str, Any], is_named: bool
) -> None:
    asked = Asked()
    async with paused(REFUND) as (system, call):
        given = type(params)(**{**_fields(params), "tool_call_id": call if is_named else None})
        assert await Guard(system, BOB, asked).check(method, given) == type(params)(
            **{**_fields(params), "tool_call_id": call}
        )
        assert asked.actions == [
            Action(
                method=method,
                run_id="r",
                agent="shop",
                owner="ada",
                tool_call_id=call,
                tool_name="refund",
                arguments={"order": 7},
                metadata={"tags": ["a"]},
                head=await system.head("r"),
                **shown,
            )
        ]


@pytest.mark.parametrize(
    "method_and_params",
    [
        lambda call: ("run.claim", RunClaim(run_id="r", tool_call_id=call)),
        lambda call: ("run.result", RunResult(run_id="r", tool_call_id=call, claim_token="t", result="x")),
    ],
)
async def test_the_authorizer_sees_the_call_of_a_client_side_action(
    method_and_params: Callable[[str], tuple[str, Params]],
) -> None:
    asked = Asked()
    async with paused(calls(("ring", {}))) as (system, call):
        method, params = method_and_params(call)
        assert await Guard(system, BOB, asked).check(method, params) == params
        [action] = asked.actions
        shown = (action.method, action.owner, action.tool_call_id, action.tool_name, action.arguments)
        assert shown == (method, "ada", call, "ring", {})


async def test_the_authorizer_sees_a_finished_call_when_its_decision_is_repeated() -> None:
    asked = Asked()
    async with paused(REFUND, says("bye")) as (system, call):
        await system.resume("r", YES, by="bob")
        await system.run("r").wait_ended()
        await Guard(system, BOB, asked).check("run.resume", RunResume(run_id="r", decision=YES))
    [action] = asked.actions
    assert (action.tool_call_id, action.tool_name, action.arguments) == (call, "refund", {"order": 7})


async def test_checking_a_call_activates_no_run(autojump_clock: MockClock) -> None:
    async def is_in_memory() -> bool:
        return await system.log("r") is await system.log("r")  # otherwise each look reads the record anew

    asked = Asked()
    async with paused(REFUND, passivate_after_s=1) as (system, call):
        assert await is_in_memory()
        await trio.sleep(5)
        await Guard(system, BOB, asked).check("run.resume", RunResume(run_id="r", decision=YES))
        assert asked.actions[0].tool_call_id == call
        assert not await is_in_memory()


async def test_the_authorizer_sees_a_start_with_agent_input_metadata_and_limits() -> None:
    asked, limits = Asked(), RunLimits(max_turns=2)
    async with paused(REFUND) as (system, _):
        params = RunStart(agent="shop", input="hello", run_id="r", metadata={"a": 1}, limits=limits)
        assert await Guard(system, BOB, asked).check("run.start", params) == params
    assert asked.actions == [
        Action(method="run.start", run_id="r", agent="shop", input="hello", metadata={"a": 1}, limits=limits)
    ]


async def test_the_authorizer_sees_the_run_of_other_methods(autojump_clock: MockClock) -> None:
    asked = Asked()
    async with paused(REFUND) as (system, _):
        guard = Guard(system, BOB, asked)
        await guard.check("agents.list", AgentsList())
        await guard.check("runs.watch", RunsWatch(status="paused"))
        await guard.check("run.abort", RunAbort(run_id="r", reason="enough"))
        with pytest.raises(RunNotFound):
            await guard.check("run.get", RunGet(run_id="other"))
    shown = [(each.method, each.run_id, each.owner, each.reason, each.head is None) for each in asked.actions]
    assert shown == [
        ("agents.list", None, None, None, True),
        ("runs.watch", None, None, None, True),
        ("run.abort", "r", "ada", "enough", False),
    ]


async def test_an_authorizer_that_changes_its_action_changes_nothing_else() -> None:
    async def meddle(principal: Principal | None, action: Action) -> bool:
        assert action.arguments is not None
        assert action.metadata is not None
        assert action.head is not None
        action.arguments["order"] = 8
        action.decision["approved"] = False
        action.metadata["tags"].append("b")
        action.head.metadata["tags"].append("c")
        return True

    async with paused(REFUND) as (system, _):
        params = await Guard(system, BOB, meddle).check("run.resume", RunResume(run_id="r", decision=dict(YES)))
        assert isinstance(params, RunResume)
        assert params.decision == YES
        found = (await system.get("r")).snapshot
        assert found.pending[0].input == {"order": 7}
        assert found.metadata == {"tags": ["a"]}
        assert (await system.head("r")).metadata == {"tags": ["a"]}


# Nothing else is acted on.


@pytest.mark.parametrize("is_named", [True, False])
async def test_a_call_that_appears_while_the_authorizer_decides_is_not_decided(
    is_named: bool, autojump_clock: MockClock
) -> None:
    answer = trio.Event()
    asked: list[Action] = []

    async def slow(principal: Principal | None, action: Action) -> bool:
        asked.append(action)
        await answer.wait()
        return action.tool_name != "refund"

    agent = scripted(REFUND, delay_s=1)
    async with open_actor_system([agent], drain_s=0) as system, trio.open_nursery() as nursery:
        run = await system.start("shop", "hello", run_id="r")
        head = await system.head("r")
        call = call_id(f"{head.nonce}_{head.seq}", 0)  # a client that knows one call id of a run can guess the next
        params = RunResume(run_id="r", decision=YES, tool_call_id=call if is_named else None)
        nursery.start_soon(_is_refused, Guard(system, BOB, slow), params, NotPending)
        await wait_all_tasks_blocked()
        assert [action.tool_name for action in asked] == [None]
        assert [waiting.tool_call_id for waiting in (await run.wait()).pending] == [call]
        answer.set()


async def _is_refused(guard: Guard, params: Params, error: type[AdjournError]) -> None:
    with pytest.raises(error):
        await guard.check("run.resume", params)


async def test_an_allowed_action_without_a_matching_call_is_refused_as_by_the_run() -> None:
    asked = Asked()
    both = calls(("refund", {"order": 7}), ("refund", {"order": 8}))
    async with paused(both) as (system, call):
        guard = Guard(system, BOB, asked)
        with pytest.raises(ToolCallIdRequired) as required:
            await guard.check("run.resume", RunResume(run_id="r", decision=YES))
        assert call in required.value.data["open"]
        assert len(required.value.data["open"]) == 2
        with pytest.raises(NotPending):
            await guard.check("run.resume", RunResume(run_id="r", decision=YES, tool_call_id="other"))
        await system.abort("r")
        with pytest.raises(RunEnded):
            await guard.check("run.decline", RunDecline(run_id="r", tool_call_id="other"))
        asked.answer = False
        with pytest.raises(Forbidden):
            await guard.check("run.resume", RunResume(run_id="r", decision=YES))
    assert [action.tool_name for action in asked.actions] == [None] * 4


# Every fault forbids.


async def test_without_an_authorizer_everything_is_allowed_and_nothing_is_looked_up() -> None:
    async with open_actor_system() as system:
        params = RunGet(run_id="unknown")
        assert await Guard(system, None, None).check("run.get", params) is params


async def raises(principal: Principal | None, action: Action) -> bool:
    if action.method == "run.get":
        return True
    raise RuntimeError("the secret cause")


async def fails(principal: Principal | None, action: Action) -> bool:
    raise RuntimeError("the secret cause")


def not_async(principal: Principal | None, action: Action) -> bool:
    return True


@pytest.mark.parametrize("authorizer", [raises, Asked(None), Asked(1), Asked("no")], ids=["raises", "None", "1", "no"])
async def test_an_authorizer_that_fails_or_gives_no_bool_forbids(
    authorizer: Callable[[Principal | None, Action], Awaitable[bool]], caplog: pytest.LogCaptureFixture
) -> None:
    async with paused(REFUND) as (system, _):
        guard = Guard(system, BOB, authorizer)
        with pytest.raises(Forbidden) as forbidden:
            await guard.check("run.resume", RunResume(run_id="r", decision=YES))
        assert "secret cause" not in forbidden.value.message
        assert forbidden.value.data["id"] in caplog.records[-1].getMessage()
        with pytest.raises(Forbidden):
            await guard.check("agents.list", AgentsList())


@pytest.mark.parametrize("authorizer", [fails, not_async])
async def test_an_unreadable_run_is_hidden_from_everyone(
    authorizer: Callable[[Principal | None, Action], Awaitable[bool]],
    caplog: pytest.LogCaptureFixture,
    autojump_clock: MockClock,
) -> None:
    async with paused(REFUND) as (system, _):
        guard = Guard(system, BOB, authorizer)
        assert not await guard.sees(await system.head("r"))
        with pytest.raises(RunNotFound):
            await guard.check("run.abort", RunAbort(run_id="r"))
        assert "asked whether bob may run.abort on run 'r'" in caplog.text


async def test_false_forbids_and_logs_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async with paused(REFUND) as (system, _):
        with pytest.raises(Forbidden, match=r"bob may not run.resume on run 'r'"):
            await Guard(system, BOB, Asked(False)).check("run.resume", RunResume(run_id="r", decision=YES))
    assert not caplog.records


def _fields(params: Params) -> dict[str, Any]:
    return {name: getattr(params, name) for name in params.__struct_fields__}
