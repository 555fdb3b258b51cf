"""`Agent.run_sync`: one run for a script, in a system of its own."""

import asyncio

import pytest
from hosted import shop, talker

from adjourn.actors import DecisionNeeded, client_tool
from adjourn.actors.testing import calls
from adjourn.protocol import DecisionInvalid
from adjourn.protocol.transcript import PendingCall


def test_run_sync_returns_the_whole_state_of_the_finished_run() -> None:
    ended = talker("Forty-two.").run_sync("What is 6 times 7?")
    assert (ended.status, ended.messages[-1].text) == ("completed", "Forty-two.")


def test_a_run_that_failed_raises_nothing() -> None:
    assert talker(ZeroDivisionError()).run_sync("Hello.").status == "failed"


def test_decide_is_called_for_each_call_that_waits() -> None:
    asked: list[PendingCall] = []

    def decide(call: PendingCall) -> dict[str, bool]:
        asked.append(call)
        return {"approved": True}

    assert shop().run_sync("Refund order 7.", decide=decide).messages[2].text == "Order 7 is refunded."
    assert [(call.tool_name, call.input) for call in asked] == [("refund", {"order_id": 7})]


def test_without_decide_run_sync_raises_the_waiting_calls() -> None:
    with pytest.raises(DecisionNeeded, match="on: refund") as raised:
        shop().run_sync("Refund order 7.")
    assert [call.tool_name for call in raised.value.pending] == ["refund"]


def test_a_call_for_clients_can_not_be_decided_here() -> None:
    locate = client_tool("locate", "Locate the user.", {"type": "object"})
    with pytest.raises(DecisionNeeded, match="on: locate"):
        talker(calls(("locate", {})), tools=(locate,)).run_sync("Where am I?", decide=lambda call: None)


def test_a_decision_that_breaks_the_schema_is_raised() -> None:
    with pytest.raises(DecisionInvalid):
        shop().run_sync("Refund order 7.", decide=lambda call: "yes")


def test_an_error_of_decide_is_raised_unchanged() -> None:
    with pytest.raises(ZeroDivisionError):
        shop().run_sync("Refund order 7.", decide=lambda call: 1 / 0)


def test_run_sync_works_inside_an_asyncio_loop() -> None:
    async def cell() -> str:
        return talker("Hello.").run_sync("Hello.").messages[-1].text

    assert asyncio.run(cell()) == "Hello."


async def test_run_sync_on_trio_says_what_to_use() -> None:
    with pytest.raises(RuntimeError, match="use open_actor_system"):
        talker().run_sync("Hello.")
