"""The chat over a real gateway with scripted models: folding, callbacks, and messages that stay complete."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from adjourn.actors import ActorSystem, Agent, open_actor_system, tool
from adjourn.actors.client import Backoff, Chat, Client, open_client
from adjourn.actors.gateway import Action, GatewayLimits, serve_gateway
from adjourn.actors.testing import ScriptedModel, calls, hangs
from adjourn.protocol.errors import (
    AgentNotFound,
    ConnectionLost,
    DecisionInvalid,
    Forbidden,
    NotPending,
    RunNotFound,
    ToolCallIdRequired,
)
from adjourn.protocol.events import ErrorInfo
from adjourn.protocol.limits import RunLimits
from adjourn.protocol.messages import AssistantMessage, Image, Text, ToolResultMessage, UserMessage, user
from adjourn.protocol.transcript import PendingCall, ToolView

APPROVAL = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}


@tool(decision=APPROVAL)
async def refund(order: int, decision: dict[str, Any]) -> str:
    """Pay back."""
    return f"refund of {order}: {decision['ok']}"


@tool
async def dig(depth: int) -> str:
    """Dig."""
    return "x" * depth


@asynccontextmanager
async def chatting(*responses: Any, **options: Any) -> AsyncGenerator[tuple[ActorSystem, Client, ScriptedModel]]:
    model = ScriptedModel(responses)
    agent = Agent(name="a", model=model, tools=[refund, dig])
    async with open_actor_system([agent]) as system, trio.open_nursery() as nursery:
        served = await nursery.start(partial(serve_gateway, system, port=0, **options))
        async with open_client(served.url, reconnect=Backoff(first_s=0.0)) as client:
            yield system, client, model
        nursery.cancel_scope.cancel()


class Told:
    """The calls of a chat's callbacks, in order."""

    def __init__(self) -> None:
        self.all: list[tuple[str, Any]] = []

    def options(self) -> dict[str, Any]:
        return {
            "on_message": partial(self._note, "message"),
            "on_finish": partial(self._note, "finish"),
            "on_decision_pending": partial(self._note, "pending"),
        }

    def _note(self, kind: str, given: Any) -> None:
        self.all.append((kind, given))

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.all]


def texts(chat: Chat) -> list[str]:
    return [str(m.content) if isinstance(m, UserMessage) else m.text for m in chat.messages]


async def test_send_passes_the_conversation_so_far_and_folds_the_answer() -> None:
    told = Told()
    async with chatting("one", "two") as (_, client, model):
        chat = Chat(client, "a", messages=[user("earlier")], **told.options())
        assert chat.status == "idle"
        await chat.send("first")
        assert texts(chat) == ["earlier", "first", "one"]
        await chat.send("second")
        assert texts(chat) == ["earlier", "first", "one", "second", "two"]
        assert [str(getattr(m, "content", "")) for m in model.requests[1].messages[:1]] == ["earlier"]
        assert user("second").content in [getattr(m, "content", "") for m in model.requests[1].messages]
        assert chat.status == "completed"
        assert not chat.is_streaming
        assert told.kinds == ["message", "finish"] * 2
        assert told.all[1][1].messages == tuple(chat.messages[:3])


async def test_each_run_of_a_chat_has_the_limits_of_the_chat() -> None:
    async with chatting(calls(("dig", {"depth": 1})), "unasked") as (_, client, _):
        chat = Chat(client, "a", limits=RunLimits(max_turns=1))
        await chat.send("dig")
        assert chat.status == "failed"
        assert isinstance(chat.error, ErrorInfo)
        assert chat.error.message == "the run reached its limit of 1 turns"


async def test_a_conversation_larger_than_any_request_goes_on() -> None:
    digging = calls(*[("dig", {"depth": 900_000}) for _ in range(6)])
    async with chatting(digging, "done", "and on") as (system, client, model):
        chat = Chat(client, "a")
        await chat.send("dig")
        await chat.send("go on")
        assert texts(chat)[0] == "dig"
        assert texts(chat)[-2:] == ["go on", "and on"]
        assert model.requests[-1].messages[0] == chat.messages[0]
        assert tuple(chat.messages) == (await system.get(chat.run_id or "")).snapshot.messages


async def test_earlier_messages_are_not_sent_again() -> None:
    limits = GatewayLimits(max_message_bytes=3_000)
    async with chatting("x" * 2_000, "y" * 2_000, "z", limits=limits) as (_, client, _model):
        chat = Chat(client, "a")
        for text in ("first", "second", "third"):
            await chat.send(text)
        assert [text[0] for text in texts(chat)] == ["f", "x", "s", "y", "t", "z"]


async def deny(principal: object, action: Action) -> bool:
    """Forbids reading any run."""
    return action.method != "run.get"


@pytest.mark.parametrize("options", [{}, {"authorizer": deny}], ids=["deleted", "forbidden"])
async def test_the_whole_conversation_is_sent_if_the_server_cannot_continue_the_previous_run(
    options: dict[str, Any],
) -> None:
    async with chatting("one", "two", **options) as (system, client, model):
        chat = Chat(client, "a")
        await chat.send("first")
        if not options:
            await system.delete(chat.run_id or "")
        with pytest.raises((RunNotFound, Forbidden)):
            await client.start("a", "second", after=chat.run_id)
        await chat.send("second")
        assert texts(chat) == ["first", "one", "second", "two"]
        assert chat.error is None
        assert list(model.requests[-1].messages)[:3] == chat.messages[:3]


async def test_the_answer_can_be_seen_while_it_streams() -> None:
    seen: list[str] = []
    async with chatting("a b c") as (_, client, _model):

        def look(item: object) -> None:
            assert chat.is_streaming
            if chat.streaming_message is not None:
                seen.append(chat.streaming_message.text)

        chat = Chat(client, "a", on_event=look)
        await chat.send("go")
        assert "a b" in seen
        assert seen == sorted(seen)
        assert chat.streaming_message is None


async def test_a_pending_decision_surfaces_and_its_answer_continues_the_stream() -> None:
    told = Told()
    async with chatting(calls(("refund", {"order": 7})), "done") as (_, client, _model):
        chat = Chat(client, "a", **told.options())
        await chat.send("refund 7")
        assert chat.status == "paused"
        [call] = chat.pending
        assert (call.tool_name, call.input) == ("refund", {"order": 7})
        await chat.respond_with_decision({"ok": True})
        assert chat.pending == ()
        assert texts(chat)[-2:] == ["refund of 7: True", "done"]
        assert told.kinds == ["message", "pending", "message", "message", "finish"]
        assert told.all[1][1] == call


async def test_several_pending_calls_are_decided_by_their_ids() -> None:
    wanted = calls(("refund", {"order": 1}), ("refund", {"order": 2}), ("refund", {"order": 3}))
    told = Told()
    async with chatting(wanted, "done") as (_, client, _model):
        chat = Chat(client, "a", **told.options())
        await chat.send("refund 1, 2 and 3")
        third = chat.pending[2].tool_call_id
        await chat.decline(third, "not this one")
        await chat.respond_with_decision({"ok": True}, chat.pending[0].tool_call_id)
        assert [call.input for call in chat.pending] == [{"order": 2}]
        assert chat.status == "paused"
        await chat.respond_with_decision({"ok": False})
        results = [m for m in chat.messages if isinstance(m, ToolResultMessage)]
        assert [m.text for m in results[:2]] == ["refund of 1: True", "refund of 2: False"]
        assert results[2].is_error
        assert told.kinds.count("pending") == 3


async def test_a_decision_without_an_id_is_refused_while_several_calls_wait() -> None:
    wanted = calls(("refund", {"order": 1}), ("refund", {"order": 2}))
    async with chatting(wanted, "done") as (_, client, _model):
        chat = Chat(client, "a")
        await chat.send("refund 1 and 2")
        assert chat.pending_decision == chat.pending_decisions[0] == chat.pending[0]
        for answer in (partial(chat.respond_with_decision, {"ok": True}), chat.decline):
            with pytest.raises(ToolCallIdRequired) as refused:
                await answer()
            assert refused.value.data["open"] == [call.tool_call_id for call in chat.pending_decisions]
            assert chat.error is refused.value
        await chat.respond_with_decision({"ok": True}, chat.pending[1].tool_call_id)
        await chat.respond_with_decision({"ok": False})
        assert texts(chat)[-3:] == ["refund of 1: False", "refund of 2: True", "done"]


async def test_a_callback_may_decide_and_the_stream_that_called_it_goes_on() -> None:
    wanted = calls(("refund", {"order": 1}), ("refund", {"order": 2}))
    async with chatting(wanted, "done") as (_, client, _model):

        async def decide(call: Any) -> None:
            await chat.respond_with_decision({"ok": call.input["order"] == 1}, call.tool_call_id)

        chat = Chat(client, "a", on_decision_pending=decide)
        await chat.send("refund 1 and 2")
        assert chat.status == "completed"
        assert texts(chat)[-3:] == ["refund of 1: True", "refund of 2: False", "done"]


async def test_a_decision_without_an_id_ignores_answered_calls() -> None:
    wanted = calls(("refund", {"order": 1}), ("refund", {"order": 2}))
    async with chatting(wanted, "done") as (_, client, _model):

        async def decide(call: PendingCall) -> None:
            if call.input == {"order": 2}:  # both wait, and their events are still to come
                await chat.respond_with_decision({"ok": True}, call.tool_call_id)
                await chat.respond_with_decision({"ok": False})

        chat = Chat(client, "a", on_decision_pending=decide)
        await chat.send("refund 1 and 2")
        assert texts(chat)[-3:] == ["refund of 1: False", "refund of 2: True", "done"]


async def test_another_task_may_decide_while_the_run_is_followed() -> None:
    async with chatting(calls(("refund", {"order": 1})), "done") as (_, client, _model), trio.open_nursery() as nursery:

        def decide(call: Any) -> None:
            nursery.start_soon(chat.respond_with_decision, {"ok": True})

        chat = Chat(client, "a", on_decision_pending=decide)
        await chat.send("refund 1")
        await chat.follow()
        assert chat.status == "completed"


async def test_an_invalid_decision_sets_the_error_and_the_call_still_waits() -> None:
    async with chatting(calls(("refund", {"order": 7})), "done") as (_, client, _model):
        chat = Chat(client, "a")
        await chat.send("refund 7")
        before = chat.messages
        with pytest.raises(DecisionInvalid):
            await chat.respond_with_decision({"ok": "maybe"})
        assert isinstance(chat.error, DecisionInvalid)
        assert chat.messages == before
        await chat.respond_with_decision({"ok": True})
        assert chat.error is None
        assert chat.status == "completed"


async def test_a_decision_without_a_pending_call_is_refused() -> None:
    async with chatting("hello") as (_, client, _model):
        chat = Chat(client, "a")
        with pytest.raises(NotPending):
            await chat.respond_with_decision({"ok": True})
        await chat.send("hi")
        with pytest.raises(NotPending):
            await chat.decline("no-such-call")


async def test_the_other_chat_sees_who_decided_and_its_card_closes() -> None:
    told = Told()
    async with chatting(calls(("refund", {"order": 7})), "done") as (_, client, _model):
        one, other = Chat(client, "a"), Chat(client, "a", **told.options())
        await one.send("refund 7")
        assert one.run_id is not None
        await other.attach(one.run_id)
        assert other.pending == one.pending
        assert told.kinds == ["pending"]
        await one.respond_with_decision({"ok": True})
        await other.follow()
        assert other.messages == one.messages
        assert other.pending == ()
        assert told.kinds == ["pending", "message", "message", "finish"]


async def test_a_snapshot_announces_what_is_pending_as_the_events_would_and_only_once() -> None:
    told = Told()
    wanted = calls(("refund", {"order": 1}), ("refund", {"order": 2}))
    async with chatting(wanted, "done") as (system, client, _model):
        await system.start("a", "refund 1 and 2", run_id="r")
        await system.run("r").wait()
        chat = Chat(client, "a", **told.options())
        await chat.attach("r")
        assert [call.input for kind, call in told.all if kind == "pending"] == [{"order": 1}, {"order": 2}]
        await chat.attach("r")
        await chat.respond_with_decision({"ok": True}, chat.pending[0].tool_call_id)
        assert told.kinds.count("pending") == 4  # attaching again announces the calls again


async def test_abort_keeps_the_partial_message_and_nothing_comes_after_it() -> None:
    told = Told()
    async with chatting(hangs("half a sentence")) as (_, client, _model), trio.open_nursery() as nursery:
        streamed = trio.Event()

        def look(item: object) -> None:
            if chat.streaming_message is not None and chat.streaming_message.text.startswith("half a"):
                streamed.set()

        chat = Chat(client, "a", on_event=look, **told.options())
        nursery.start_soon(chat.send, "go")
        await streamed.wait()
        await chat.abort("enough")
        assert chat.status == "aborted"
        assert not chat.is_streaming
        last = chat.messages[-1]
        assert isinstance(last, AssistantMessage)
        assert last.stop_reason == "aborted"
        assert told.kinds == ["message", "finish"]
        before = list(told.all)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert told.all == before


async def test_abort_while_paused_ends_the_run_and_answers_its_calls() -> None:
    told = Told()
    async with chatting(calls(("refund", {"order": 7}))) as (_, client, _model):
        chat = Chat(client, "a", **told.options())
        await chat.send("refund 7")
        await chat.abort()
        await chat.abort()
        assert chat.status == "aborted"
        assert chat.pending == ()
        assert isinstance(chat.messages[-1], ToolResultMessage)
        assert told.kinds.count("finish") == 1


async def test_a_callback_may_abort() -> None:
    async with chatting(calls(("refund", {"order": 7}))) as (_, client, _model):

        async def stop(call: object) -> None:
            await chat.abort()

        chat = Chat(client, "a", on_decision_pending=stop)
        await chat.send("refund 7")
        assert chat.status == "aborted"


async def test_a_run_that_could_not_begin_leaves_the_messages_as_they_were() -> None:
    async with chatting("one") as (_, client, _model):
        chat = Chat(client, "a")
        await chat.send("first")
        before, run_id = chat.messages, chat.run_id
        chat.agent = "nobody"
        with pytest.raises(AgentNotFound):
            await chat.send("second")
        assert isinstance(chat.error, AgentNotFound)
        assert (chat.messages, chat.run_id, chat.status) == (before, run_id, "completed")


async def test_a_chat_that_cannot_attach_stays_as_it_was() -> None:
    async with chatting("one") as (_, client, _model):
        chat = Chat(client, "a")
        await chat.send("first")
        with pytest.raises(RunNotFound):
            await chat.attach("no-such-run")
        assert texts(chat) == ["first", "one"]


@pytest.mark.parametrize("call", ["follow", "abort", "respond_with_decision"])
async def test_a_deleted_run_leaves_its_messages_and_the_chat_goes_on(call: str) -> None:
    async with chatting(calls(("refund", {"order": 7})), "fine") as (system, client, _model):
        chat = Chat(client, "a")
        await chat.send("refund 7")
        await system.delete(chat.run_id or "")
        with pytest.raises(RunNotFound):
            await getattr(chat, call)(*([{"ok": True}] if call == "respond_with_decision" else []))
        assert (chat.status, chat.run_id, chat.pending) == ("idle", None, ())
        await chat.send("hello?")
        assert (texts(chat)[0], texts(chat)[-1]) == ("refund 7", "fine")


async def test_a_network_error_sets_the_error_and_leaves_the_messages_whole() -> None:
    agent = Agent(name="a", model=ScriptedModel([calls(("refund", {"order": 7}))]), tools=[refund])
    async with open_actor_system([agent]) as system, trio.open_nursery() as nursery:
        served = await nursery.start(partial(serve_gateway, system, port=0))
        lost = trio.Event()
        async with open_client(served.url, reconnect=None, on_connection=lambda why: why and lost.set()) as client:
            chat = Chat(client, "a")
            await chat.send("refund 7")
            before = chat.messages
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await lost.wait()
                with pytest.raises(ConnectionLost):
                    await chat.respond_with_decision({"ok": True})
            assert isinstance(chat.error, ConnectionLost)
            assert chat.messages == before
            assert chat.status == "paused"


async def test_a_run_that_fails_says_why() -> None:
    async with chatting(ValueError("out of order")) as (_, client, _model):
        chat = Chat(client, "a")
        await chat.send("go")
        assert chat.status == "failed"
        assert isinstance(chat.error, ErrorInfo)
        assert texts(chat)[0] == "go"


async def test_one_run_at_a_time() -> None:
    async with chatting(calls(("refund", {"order": 7})), "done") as (_, client, _model):
        chat = Chat(client, "a")
        await chat.send("refund 7")
        with pytest.raises(trio.BusyResourceError):
            await chat.send("and 8")
        assert texts(chat)[0] == "refund 7"
        assert chat.error is None


async def test_an_error_of_a_callback_comes_out_ungrouped_and_the_run_can_be_followed_again() -> None:
    async with chatting(calls(("refund", {"order": 7})), "done") as (_, client, _model):
        raised: list[str] = []

        async def stumble(message: object) -> None:
            if not raised:
                raised.append("once")
                raise KeyError("mine")

        chat = Chat(client, "a", on_message=stumble)
        with pytest.raises(KeyError, match="mine"):
            await chat.send("refund 7")
        await chat.follow()
        assert chat.status == "paused"
        await chat.respond_with_decision({"ok": True})
        assert chat.status == "completed"


async def test_a_cancelled_send_aborts_nothing() -> None:
    async with chatting(calls(("refund", {"order": 7})), "done") as (_, client, _model):
        with trio.CancelScope() as scope:
            chat = Chat(client, "a", on_message=lambda _: scope.cancel())
            await chat.send("refund 7")
        assert scope.cancelled_caught
        await chat.follow()
        assert chat.status == "paused"
        await chat.respond_with_decision({"ok": True})
        assert texts(chat)[-1] == "done"


async def test_a_message_may_carry_images_and_several_are_sent_at_once() -> None:
    picture = UserMessage(content=(Text(text="this?"), Image(data="aGk=", mime_type="image/png")), timestamp=5)
    async with chatting("one", "two") as (_, client, model):
        chat = Chat(client, "a")
        await chat.send(picture)
        await chat.send([user("and", 6), user("now", 7)])
        assert [message for message in chat.messages if isinstance(message, UserMessage)] == [
            picture,
            user("and", 6),
            user("now", 7),
        ]
        assert model.requests[0].messages[0] == picture


async def test_on_tool_call_is_called_once_for_each_executing_call() -> None:
    told: list[ToolView] = []
    seen: list[tuple[ToolView, ...]] = []
    wanted = calls(("dig", {"depth": 2}), ("refund", {"order": 7}))
    async with chatting(wanted, "done") as (_, client, _model):

        def look(view: ToolView) -> None:
            told.append(view)
            seen.append(chat.tools)

        chat = Chat(client, "a", on_tool_call=look)
        await chat.send("dig, and refund 7")
        await chat.respond_with_decision({"ok": True})
        assert [(view.tool_name, view.args) for view in told] == [("dig", {"depth": 2}), ("refund", {"order": 7})]
        assert told[0] in seen[0]
        assert [view.tool_name for view in seen[1]] == ["dig", "refund"]
        assert chat.tools == ()


async def test_on_tool_call_is_not_called_for_calls_done_before_attach() -> None:
    told: list[ToolView] = []
    wanted = calls(("dig", {"depth": 2}), ("refund", {"order": 7}))
    async with chatting(wanted) as (system, client, _model):
        await system.start("a", "dig, and refund 7", run_id="r")
        await system.run("r").wait()
        chat = Chat(client, "a", on_tool_call=told.append)
        await chat.attach("r")
        assert [view.tool_name for view in chat.tools] == ["dig"]
        assert told == []


async def test_on_error_is_called_once_for_each_error() -> None:
    told: list[object] = []
    async with chatting(calls(("refund", {"order": 7})), ValueError("out of order")) as (_, client, _model):
        chat = Chat(client, "a", on_error=told.append)
        await chat.send("refund 7")
        with pytest.raises(DecisionInvalid) as refused:
            await chat.respond_with_decision({"ok": "maybe"})
        assert told == [refused.value]
        await chat.respond_with_decision({"ok": True})
        assert told[1:] == [chat.error]
        assert isinstance(chat.error, ErrorInfo)


async def test_on_error_is_called_once_for_an_error_inside_a_callback() -> None:
    told: list[object] = []
    async with chatting(calls(("refund", {"order": 7}))) as (_, client, _model):

        async def decide(call: object) -> None:
            await chat.respond_with_decision({"ok": "maybe"})

        chat = Chat(client, "a", on_decision_pending=decide, on_error=told.append)
        with pytest.raises(DecisionInvalid) as refused:
            await chat.send("refund 7")
        assert told == [refused.value]


async def test_a_previous_run_that_cannot_be_continued_is_no_error() -> None:
    told: list[object] = []
    async with chatting("one", "two") as (system, client, _model):
        chat = Chat(client, "a", on_error=told.append)
        await chat.send("first")
        await system.delete(chat.run_id or "")
        await chat.send("second")
        assert told == []


async def test_set_messages_replaces_the_conversation() -> None:
    async with chatting("one", calls(("refund", {"order": 7}))) as (_, client, model):
        chat = Chat(client, "a")
        await chat.send("first")
        with pytest.raises(NotPending):
            await chat.decline()
        chat.set_messages([user("instead")])
        assert chat.error is None
        assert (texts(chat), chat.run_id, chat.status) == (["instead"], None, "idle")
        await chat.send("second")
        assert [m.text for m in model.requests[1].messages if isinstance(m, UserMessage)] == ["instead", "second"]
        with pytest.raises(trio.BusyResourceError):
            chat.set_messages([])
        assert texts(chat)[0] == "instead"


async def test_changes_yields_the_latest_state_after_each_change() -> None:
    async with chatting("one") as (_, client, _model), trio.open_nursery() as nursery:
        chat = Chat(client, "a")
        seen: list[tuple[str, bool, int]] = []
        changes = chat.changes()
        assert await anext(changes) is chat

        async def watch() -> None:
            async for latest in changes:
                seen.append((latest.status, latest.is_streaming, len(latest.messages)))
                if latest.status == "completed" and not latest.is_streaming:
                    return

        nursery.start_soon(watch)
        await chat.send("first")
    assert ("running", True, 1) in seen
    assert seen[-1] == ("completed", False, 2)


async def test_changes_waits_while_the_chat_does_not_change() -> None:
    async with chatting("one") as (_, client, _model), trio.open_nursery() as nursery:
        chat = Chat(client, "a")
        changes = chat.changes()
        await anext(changes)
        woken = trio.Event()

        async def watch() -> None:
            await anext(changes)
            woken.set()

        nursery.start_soon(watch)
        await trio.testing.wait_all_tasks_blocked()
        assert not woken.is_set()
        chat.set_messages([user("hello")])
        await woken.wait()
