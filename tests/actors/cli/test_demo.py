"""The demo agent: what its model answers, and what its tools do."""

from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import trio

from adjourn.actors.agent import Agent
from adjourn.actors.cli.demo import make_support
from adjourn.actors.models import ModelRequest
from adjourn.actors.testing import Updates, tool_context
from adjourn.actors.tools import ToolOutcome, execute
from adjourn.protocol.codec import check_value
from adjourn.protocol.events import Done, StreamEvent, TextDelta
from adjourn.protocol.messages import (
    AssistantMessage,
    Image,
    Message,
    Text,
    Thinking,
    ToolResultMessage,
    UserMessage,
    user,
)
from adjourn.protocol.schema import compile_schema


async def stream(agent: Agent, *messages: Message) -> list[StreamEvent]:
    spec = agent.spec()
    asked = ModelRequest(
        model=spec.model, instructions=spec.instructions, messages=messages, tools=spec.tools, run_id="run-1"
    )
    async with aclosing(agent.model.stream(asked)) as chunks:
        return [event async for chunk in chunks for event in chunk]


async def answer(*messages: Message | str) -> AssistantMessage:
    whole = [user(message) if isinstance(message, str) else message for message in messages]
    end = (await stream(make_support(delay_s=0), *whole))[-1]
    assert isinstance(end, Done)
    return end.message


async def wanted(said: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the model's calls, after a check that each is valid."""
    agent = make_support()
    message = await answer(said)
    for call in message.calls:
        tool = agent.tool(call.name)
        assert tool is not None
        assert compile_schema(tool.spec.parameters).validate(call.arguments) == []
    assert message.stop_reason == ("toolUse" if message.calls else "stop")
    return [(call.name, call.arguments) for call in message.calls]


async def use(agent: Agent, name: str, arguments: dict[str, Any], decision: Any = None) -> ToolOutcome:
    tool = agent.tool(name)
    assert tool is not None
    if tool.spec.decision is not None:
        assert compile_schema(tool.spec.decision).validate(decision) == []
    return await execute(tool, arguments, decision, tool_context(name), max_result_bytes=10_000)


def text(outcome: ToolOutcome) -> str:
    return "".join(block.text for block in outcome.content if isinstance(block, Text))


# The model's answers.


@pytest.mark.parametrize("said", ["hello", "Hi!", "Good morning", "  hey there"])
async def test_the_demo_greets(said: str) -> None:
    message = await answer(said)
    assert message.text.startswith("Hello!")
    assert message.calls == []


@pytest.mark.parametrize(
    "said", ["where is order 7", "Where is my order #7?", "hi, where's  order 7 ?", "where\nis order 7"]
)
async def test_the_demo_looks_up_an_order(said: str) -> None:
    assert await wanted(said) == [("look_up_order", {"order_id": 7})]


async def test_the_demo_refunds_the_orders_price() -> None:
    (call,) = await wanted("please refund order 7")
    assert call == ("refund_order", {"order_id": 7, "amount": 79.5})
    assert "It cost 79.50." in text(await use(make_support(), "look_up_order", {"order_id": 7}))


@pytest.mark.parametrize(
    ("said", "orders"),
    [
        ("refund orders 7 and 8", [7, 8]),
        ("refund orders 7, 8 and #9 today", [7, 8, 9]),
        ("refund orders 7,8, and 9", [7, 8, 9]),
        ("refund orders 7 and 7", [7]),
        ("refund order 7 and ship 8", [7]),
    ],
)
async def test_the_demo_calls_several_refunds_in_one_turn(said: str, orders: list[int]) -> None:
    assert [(name, arguments["order_id"]) for name, arguments in await wanted(said)] == [
        ("refund_order", order) for order in orders
    ]


async def test_the_calls_of_one_message_have_ids_of_their_own() -> None:
    message = await answer("refund orders 7 and 8")
    assert len({call.id for call in message.calls}) == 2


async def test_the_demo_ships_an_order() -> None:
    assert await wanted("ship order 12") == [("ship_order", {"order_id": 12})]


async def test_the_demo_thinks_before_a_refund() -> None:
    thought = (await answer("refund order 7")).content[0]
    assert isinstance(thought, Thinking)
    assert "79.50" in thought.thinking
    assert not any(isinstance(block, Thinking) for block in (await answer("hello")).content)


async def test_its_answers_have_tokens_and_a_cost() -> None:
    usage = (await answer("x" * 400, "hello")).usage
    assert usage.input == 101 + 2
    assert usage.output > 10
    assert usage.cost.total == pytest.approx((usage.input * 1 + usage.output * 5) / 1_000_000)


async def test_the_demo_counts_the_stock_and_reports_progress(autojump_clock: trio.testing.MockClock) -> None:
    assert await wanted("Count the stock!") == [("check_stock", {})]
    updates = Updates()
    agent = make_support(delay_s=0.1)
    tool = agent.tool("check_stock")
    assert tool is not None
    outcome = await execute(tool, {}, None, tool_context("check_stock", updates=updates), max_result_bytes=1000)
    assert text(outcome) == "There are 605 things on 5 shelves."
    assert len(updates.seen) == 5
    assert trio.current_time() == pytest.approx(5)


async def test_the_browser_tells_the_time_zone() -> None:
    assert await wanted("What time is it here?") == [("time_zone", {})]
    tool = make_support().tool("time_zone")
    assert tool is not None
    assert tool.spec.runs == "client"
    result = ToolResultMessage(tool_call_id="a", tool_name="time_zone", content=(Text(text="Europe/Berlin"),))
    assert (await answer("what time is it here", result)).text == "Your browser says: Europe/Berlin"


def test_a_refunds_amount_may_be_edited_and_nothing_else() -> None:
    tool = make_support().tool("refund_order")
    assert tool is not None
    assert tool.spec.editable == ("amount",)


async def test_the_demo_counts() -> None:
    assert (await answer("count to 5")).text == "1 2 3 4 5"
    deltas = [
        event.delta
        for event in await stream(make_support(delay_s=0), user("count to 50"))
        if isinstance(event, TextDelta)
    ]
    assert len(deltas) == 50
    assert (await answer("count to 0")).text == "Counting to 0 takes no words."
    assert (await answer("count to 999999999")).text.endswith(" 10000 and there I stop.")


@pytest.mark.parametrize("said", ["what?", "", "refund order", "where is order seven", "x" * 100_000])
async def test_the_demo_answers_unknown_input_with_what_it_can_do(said: str) -> None:
    message = await answer(said)
    assert message.text.startswith("I can tell where an order is")
    assert message.calls == []


@pytest.mark.parametrize("said", ["refund orders 7 and 12345678901234567890", "where is order 99999999999999999999"])
async def test_the_demo_refuses_numbers_outside_the_value_domain(said: str) -> None:
    message = await answer(said)
    assert "too many digits" in message.text
    assert message.calls == []


async def test_the_demo_reads_content_in_blocks() -> None:
    content = (Image(data="aGk=", mime_type="image/png"), Text(text="where is order 7"))
    assert (await answer(UserMessage(content=content))).calls[0].arguments == {"order_id": 7}


async def test_the_demo_answers_only_the_last_message() -> None:
    assert (await answer("refund order 7", "hello")).calls == []


async def test_the_demo_reports_the_results_of_its_calls_in_order() -> None:
    results = [
        ToolResultMessage(tool_call_id="a", tool_name="refund_order", content=(Text(text="Refunded 1."),)),
        ToolResultMessage(tool_call_id="b", tool_name="refund_order", content=(Text(text="declined"),), is_error=True),
    ]
    before = ToolResultMessage(tool_call_id="c", tool_name="look_up_order", content=(Text(text="old"),))
    message = await answer("x", before, "refund orders 7 and 8", *results)
    assert message.text == "Refunded 1.\nThat did not work: declined"
    assert message.calls == []


async def test_the_demo_streams_one_word_at_a_time_on_the_trio_clock(autojump_clock: trio.testing.MockClock) -> None:
    started = trio.current_time()
    events = await stream(make_support(delay_s=0.5), user("count to 10"))
    assert trio.current_time() - started == pytest.approx(0.5 * len(events))


# The tools.


async def test_a_refund_that_is_approved_is_written_down_once(tmp_path: Path) -> None:
    ledger = tmp_path / "refunds.txt"
    agent = make_support(ledger)
    outcome = await use(agent, "refund_order", {"order_id": 7, "amount": 79.5}, {"approved": True})
    assert text(outcome) == "Refunded 79.50 for order 7."
    assert ledger.read_text() == "order 7: refunded 79.50 (call call-1)\n"
    await use(agent, "refund_order", {"order_id": 8, "amount": 116.0}, {"approved": True, "reason": "broken"})
    assert ledger.read_text().splitlines()[1] == "order 8: refunded 116.00 (call call-1)"


def test_a_refund_waits_for_an_approval_that_may_change_the_amount() -> None:
    tool = make_support().tool("refund_order")
    assert tool is not None
    assert tool.spec.approval
    assert tool.spec.editable == ("amount",)


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ({"method": "courier", "address": "1 Main St"}, "Order 7 goes by courier to 1 Main St."),
        ({"method": "courier", "address": "1 Main St", "express": True}, "goes by courier to 1 Main St, express."),
        ({"method": "pickup", "point": "P4"}, "Order 7 waits to be picked up at P4."),
    ],
)
async def test_an_order_ships_as_was_decided(decision: dict[str, Any], said: str) -> None:
    assert said in text(await use(make_support(), "ship_order", {"order_id": 7}, decision))


def test_a_shipments_decision_is_one_of_two() -> None:
    tool = make_support().tool("ship_order")
    assert tool is not None
    schema = compile_schema(tool.spec.decision or {})
    for wrong in (
        {"method": "courier"},
        {"method": "pickup", "address": "x"},
        {"method": "pigeon", "point": "x"},
        {"method": "pickup", "point": "x", "express": True},
    ):
        assert schema.validate(wrong) != []


async def test_any_order_has_a_state_and_a_price() -> None:
    seen = {text(await use(make_support(), "look_up_order", {"order_id": n})) for n in range(200)}
    assert len(seen) == 200
    for n in (0, 1, 999_999_999):
        ((_, arguments),) = await wanted(f"refund order {n}")
        check_value(arguments)


def test_only_demo_tools_with_effects_need_a_person() -> None:
    gated = {tool.name for tool in make_support().spec().tools if tool.decision is not None}
    assert gated == {"refund_order", "ship_order"}
