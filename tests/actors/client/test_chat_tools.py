"""Client-side tools of the chat over a real gateway: each call is executed by one client, once, and always answered."""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from adjourn.actors import ActorSystem, Agent, Tool, open_actor_system, tool
from adjourn.actors.client import Backoff, Chat, Client, open_client
from adjourn.actors.gateway import Action, serve_gateway
from adjourn.actors.testing import ScriptedModel, calls
from adjourn.protocol.errors import Forbidden, StoreUnavailable
from adjourn.protocol.messages import ToolResultMessage
from adjourn.protocol.transcript import PendingCall


@tool(runs="client")
async def locate(n: int) -> str:
    """Find out where the user is."""


@tool(approval=True)
async def pay(n: int) -> str:
    """Pay."""
    return "paid"


@asynccontextmanager
async def chatting(
    *responses: Any, tools: Sequence[Tool] = (locate, pay), **options: Any
) -> AsyncGenerator[tuple[ActorSystem, Client]]:
    agent = Agent(name="a", model=ScriptedModel(responses), tools=tools)
    async with open_actor_system([agent]) as system, trio.open_nursery() as nursery:
        served = await nursery.start(partial(serve_gateway, system, port=0, **options))
        async with open_client(served.url, reconnect=Backoff(first_s=0.0)) as client:
            yield system, client
        nursery.cancel_scope.cancel()


def results(chat: Chat) -> list[tuple[str, bool]]:
    return [(message.text, message.is_error) for message in chat.messages if isinstance(message, ToolResultMessage)]


class Hanging:
    """A tool that never returns."""

    def __init__(self) -> None:
        self.begun = trio.Event()
        self.executions = 0
        self.cancelled = 0

    async def __call__(self, call: PendingCall) -> None:
        self.executions += 1
        self.begun.set()
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            self.cancelled += 1
            raise


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_an_offered_call_is_executed_and_answered_and_the_run_goes_on(is_async: bool) -> None:
    given: list[PendingCall] = []

    def here(call: PendingCall) -> dict[str, int]:
        given.append(call)
        return {"lat": 52}

    async def later(call: PendingCall) -> dict[str, int]:
        await trio.lowlevel.checkpoint()
        return here(call)

    async with chatting(calls(("locate", {"n": 7})), "there") as (_, client):
        chat = Chat(client, "a")
        chat.tool("locate", later if is_async else here)
        await chat.send("where am I?")
        assert chat.status == "completed"
        assert results(chat) == [('{"lat":52}', False)]
        assert [(call.tool_name, call.input) for call in given] == [("locate", {"n": 7})]


async def test_an_exception_of_the_function_goes_to_the_model() -> None:
    def stumble(call: PendingCall) -> None:
        raise LookupError("no GPS here")

    async with chatting(calls(("locate", {"n": 7})), "sorry") as (_, client):
        chat = Chat(client, "a")
        chat.tool("locate", stumble)
        await chat.send("where am I?")
        assert results(chat) == [("no GPS here", True)]
        assert (chat.status, chat.error) == ("completed", None)


async def test_an_unencodable_result_is_reported_as_an_error() -> None:
    async with chatting(calls(("locate", {"n": 7})), "sorry") as (_, client):
        chat = Chat(client, "a")
        chat.tool("locate", lambda call: math.nan)
        await chat.send("where am I?")
        assert [is_error for _, is_error in results(chat)] == [True]
        assert chat.status == "completed"


async def test_several_calls_execute_at_once_and_the_chat_waits_for_all() -> None:
    both = trio.testing.Sequencer()

    async def meet(call: PendingCall) -> int:
        n = call.input["n"]
        async with both(n):
            return n

    async with chatting(calls(("locate", {"n": 1}), ("locate", {"n": 0})), "there") as (_, client):
        chat = Chat(client, "a")
        chat.tool("locate", meet)
        await chat.send("where am I?")
        assert results(chat) == [("1", False), ("0", False)]
        assert chat.status == "completed"


async def test_a_call_that_no_tool_here_executes_waits_visibly() -> None:
    async with chatting(calls(("locate", {"n": 7})), "there") as (_, client):
        chat = Chat(client, "a")
        await chat.send("where am I?")
        assert (chat.status, chat.pending[0].kind, chat.pending_decisions) == ("paused", "client", ())
        chat.tool("locate", lambda call: "here")  # nothing follows the run now
        await chat.follow()
        assert results(chat) == [("here", False)]


async def test_a_tool_added_while_the_run_is_followed_executes_waiting_calls() -> None:
    async with chatting(calls(("locate", {"n": 7})), "there") as (_, client), trio.open_nursery() as nursery:
        chat = Chat(client, "a")
        await chat.send("where am I?")
        nursery.start_soon(chat.follow)
        await trio.testing.wait_all_tasks_blocked(0.01)
        chat.tool("locate", lambda call: "here")
        await chat.follow()
        assert results(chat) == [("here", False)]


async def test_following_again_executes_waiting_calls_without_a_new_event() -> None:
    found = trio.Event()

    @tool
    async def wait(n: int) -> str:
        """Wait for the client's call."""
        await found.wait()
        return "waited"

    wanted = calls(("wait", {"n": 1}), ("locate", {"n": 2}))
    async with chatting(wanted, "done", tools=[wait, locate]) as (_, client):
        with trio.CancelScope() as scope:
            chat = Chat(client, "a", on_event=lambda _: scope.cancel() if len(chat.pending) and chat.tools else None)
            await chat.send("go")
        assert (scope.cancelled_caught, chat.status) == (True, "running")
        chat.tool("locate", lambda call: found.set())
        await chat.follow()
        assert chat.status == "completed"


async def test_on_tool_call_is_called_once_for_an_offered_call() -> None:
    told: list[tuple[str, dict[str, Any]]] = []
    async with chatting(calls(("locate", {"n": 7})), "there") as (_, client):
        chat = Chat(client, "a", on_tool_call=lambda view: told.append((view.tool_name, view.args)))
        chat.tool("locate", lambda call: "here")
        await chat.send("where am I?")
        assert told == [("locate", {"n": 7})]


async def test_a_claim_and_a_result_are_sent_again_while_the_server_cannot_take_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    executed: list[str] = []
    async with chatting(calls(("locate", {"n": 7})), "there") as (_, client):
        for method in ("claim", "result"):
            monkeypatch.setattr(client, method, failing_once(getattr(client, method), asked, method))
        monkeypatch.setattr("adjourn.actors.client.tools.RETRY", Backoff(first_s=0.0))
        chat = Chat(client, "a")
        chat.tool("locate", lambda call: executed.append("once") or "here")
        await chat.send("where am I?")
        assert (asked, executed) == (["claim", "claim", "result", "result"], ["once"])
        assert (results(chat), chat.error) == ([("here", False)], None)


def failing_once(method: Callable[..., Awaitable[Any]], asked: list[str], name: str) -> Callable[..., Awaitable[Any]]:
    async def call(*args: Any, **options: Any) -> Any:
        asked.append(name)
        if asked.count(name) == 1:
            raise StoreUnavailable("the store is away for a moment")
        return await method(*args, **options)

    return call


async def test_while_a_decision_waits_too_the_chat_returns_once_the_tool_is_done() -> None:
    async with chatting(calls(("locate", {"n": 7}), ("pay", {"n": 7})), "done") as (_, client):
        chat = Chat(client, "a")
        chat.tool("locate", lambda call: "here")
        await chat.send("go")
        assert [call.tool_name for call in chat.pending] == ["pay"]
        assert chat.status == "paused"
        await chat.respond_with_decision({"approved": True})
        assert results(chat) == [("here", False), ("paid", False)]
        assert chat.status == "completed"


async def test_a_call_claimed_by_another_client_is_not_executed() -> None:
    executed: list[str] = []
    async with chatting(calls(("locate", {"n": 7})), "there") as (system, client):
        await system.start("a", "where am I?", run_id="r")
        await system.run("r").wait()
        [call] = (await system.get("r")).snapshot.pending
        await system.claim("r", call.tool_call_id)
        chat = Chat(client, "a")
        chat.tool("locate", lambda call: executed.append(call.tool_call_id))
        await chat.attach("r")
        assert (chat.status, chat.error, executed) == ("paused", None, [])
        assert chat.pending[0].claimed


async def test_two_chats_of_one_client_execute_a_call_once() -> None:
    executed: list[str] = []
    async with chatting(calls(("locate", {"n": 7})), "there") as (system, client), trio.open_nursery() as nursery:
        await system.start("a", "where am I?", run_id="r")
        await system.run("r").wait()

        async def take_part() -> None:
            chat = Chat(client, "a")
            chat.tool("locate", lambda call: executed.append(call.tool_call_id))
            await chat.attach("r")
            await chat.follow()
            assert chat.status == "completed"

        nursery.start_soon(take_part)
        nursery.start_soon(take_part)
    assert len(executed) == 1


async def test_an_abort_cancels_the_function() -> None:
    hanging = Hanging()
    async with chatting(calls(("locate", {"n": 7}))) as (_, client), trio.open_nursery() as nursery:
        chat = Chat(client, "a")
        chat.tool("locate", hanging)
        nursery.start_soon(chat.send, "where am I?")
        await hanging.begun.wait()
        await chat.abort()
        assert (chat.status, hanging.cancelled, chat.error) == ("aborted", 1, None)


async def test_a_call_settled_elsewhere_is_cancelled_and_the_run_is_followed_on() -> None:
    hanging = Hanging()
    async with chatting(calls(("locate", {"n": 7})), "done") as (system, client), trio.open_nursery() as nursery:
        chat = Chat(client, "a")
        chat.tool("locate", hanging)
        nursery.start_soon(chat.send, "go")
        await hanging.begun.wait()
        await system.decline(chat.run_id or "", chat.pending[0].tool_call_id)
        await chat.follow()  # until `send` returns
        assert (hanging.cancelled, chat.status) == (1, "completed")


async def test_a_call_settled_elsewhere_is_cancelled_and_the_chat_returns_for_the_next_decision() -> None:
    hanging = Hanging()
    wanted = calls(("locate", {"n": 7}), ("pay", {"n": 7}))
    async with chatting(wanted, "done") as (system, client), trio.open_nursery() as nursery:
        chat = Chat(client, "a")
        chat.tool("locate", hanging)
        nursery.start_soon(chat.send, "go")
        await hanging.begun.wait()
        await system.decline(chat.run_id or "", chat.pending[0].tool_call_id)
        await chat.follow()  # until `send` returns
        assert hanging.cancelled == 1
        assert [call.tool_name for call in chat.pending] == ["pay"]


@pytest.mark.parametrize("idempotent", [False, True])
async def test_a_cancelled_call_is_executed_again_only_if_the_tool_is_idempotent(idempotent: bool) -> None:
    hanging = Hanging()
    async with chatting(calls(("locate", {"n": 7})), "there") as (_, client), trio.open_nursery() as nursery:
        chat = Chat(client, "a")
        chat.tool("locate", hanging, idempotent=idempotent)
        nursery.start_soon(chat.send, "where am I?")
        await hanging.begun.wait()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            while chat.is_streaming:
                await chat.follow()
            executed: list[str] = []
            chat.tool("locate", lambda call: executed.append("again") or "here", idempotent=idempotent)
            await chat.follow()
        assert chat.status == "completed"
        [(text, is_error)] = results(chat)
        if idempotent:
            assert (text, executed) == ("here", ["again"])
        else:
            assert (is_error, executed) == (True, [])
            assert "may have taken effect" in text


async def deny_claims(principal: object, action: Action) -> bool:
    """Forbids claiming any call."""
    return action.method != "run.claim"


async def test_a_refused_claim_sets_the_error_and_the_call_waits() -> None:
    told: list[object] = []
    async with chatting(calls(("locate", {"n": 7})), authorizer=deny_claims) as (_, client):
        chat = Chat(client, "a", on_error=told.append)
        chat.tool("locate", lambda call: "here")
        await chat.send("where am I?")
        assert chat.status == "paused"
        assert isinstance(chat.error, Forbidden)
        assert told == [chat.error]
