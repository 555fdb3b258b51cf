"""Spans and metrics, read back from the real OpenTelemetry SDK's in-memory exporter and reader."""

import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors import Agent, ToolError, tool
from adjourn.actors.middleware import Retry
from adjourn.actors.middleware.telemetry import Telemetry
from adjourn.actors.testing import ScriptedModel, calls, hangs, open_test_system, says
from adjourn.protocol import AssistantMessage, Failed, ModelOptions, Usage


@pytest.mark.parametrize("there", [None, ModuleType("opentelemetry")], ids=["nothing", "a part"])
def test_without_the_extra_it_says_how_to_install_it(there: ModuleType | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "adjourn.actors.middleware.telemetry")
    monkeypatch.delitem(sys.modules, "opentelemetry.metrics")
    monkeypatch.setitem(sys.modules, "opentelemetry", there)
    with pytest.raises(ImportError, match=r"^OpenTelemetry is an extra: pip install 'adjourn\[otel\]'$"):
        importlib.import_module("adjourn.actors.middleware.telemetry")


@dataclass
class Collected:
    """What a collector would get."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)

    def __post_init__(self) -> None:
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider([self.reader])
        self.telemetry = Telemetry(tracer_provider=self.tracers, meter_provider=self.meters)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def span(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def points(self, name: str) -> list[tuple[dict[str, object], float]]:
        data = self.reader.get_metrics_data()
        metrics = [metric for each in data.resource_metrics for scope in each.scope_metrics for metric in scope.metrics]
        return [
            (dict(p.attributes), p.sum) for metric in metrics if metric.name == name for p in metric.data.data_points
        ]


@pytest.fixture
def collected() -> Iterator[Collected]:
    found = Collected()
    yield found
    found.tracers.shutdown()
    found.meters.shutdown()


@tool(decision={"type": "boolean"})
async def pay(amount: int, decision: bool) -> str:
    """Pay somebody."""
    if amount < 0:
        raise ToolError("no money")
    with trace.get_tracer("bank").start_as_current_span("transfer"):
        return "paid"


def agent(collected: Collected, *responses: object, middleware: tuple[object, ...] = ()) -> Agent:
    model = ScriptedModel(responses)
    options = ModelOptions(max_tokens=100, temperature=0.5)
    return Agent(name="payer", model=model, tools=[pay], options=options, middleware=[collected.telemetry, *middleware])


USAGE = Usage(input=10, output=7, cache_read=3, cache_write=2, total_tokens=22)


async def test_a_run_with_a_pause_is_two_stretches_with_its_calls_inside(collected: Collected) -> None:
    answer = AssistantMessage(content=says("Done").content, usage=USAGE, response_id="msg_1")
    async with open_test_system(agent(collected, calls(("pay", {"amount": 5})), answer)) as system:
        run = await system.start("payer", "Pay 5")
        await run.wait()
        await run.resume(True)
        await run.wait()
    names = [span.name for span in collected.spans]
    stretch, call = "invoke_agent payer", "chat scripted"
    assert names == [call, stretch, "execute_tool pay", call, stretch]
    first, second = (span for span in collected.spans if span.name == stretch)
    parents = [span.parent and span.parent.span_id for span in collected.spans]
    one, two = first.context.span_id, second.context.span_id
    assert parents == [one, None, two, two, None]
    assert {span.attributes["gen_ai.conversation.id"] for span in collected.spans} == {run.id}
    assert {span.attributes["gen_ai.agent.name"] for span in collected.spans} == {"payer"}


async def test_a_model_call_has_the_attributes_of_the_conventions(collected: Collected) -> None:
    answer = AssistantMessage(content=says("Hi").content, usage=USAGE, response_id="msg_1")
    async with open_test_system(agent(collected, answer)) as system:
        await (await system.start("payer", "Hi")).wait()
    span = collected.span("chat scripted")
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "testing",
        "gen_ai.request.model": "scripted",
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.stream": True,
        "gen_ai.response.id": "msg_1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 15,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 3,
        "gen_ai.usage.cache_creation.input_tokens": 2,
    }
    assert expected.items() <= dict(span.attributes).items()
    base = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "testing", "gen_ai.request.model": "scripted"}
    tokens = collected.points("gen_ai.client.token.usage")
    assert tokens == [({**base, "gen_ai.token.type": "input"}, 15), ({**base, "gen_ai.token.type": "output"}, 7)]
    ((attributes, _),) = collected.points("gen_ai.client.operation.duration")
    assert attributes == base


async def test_an_execution_has_its_attributes_and_the_tool_nests_its_own_spans(collected: Collected) -> None:
    trace_of_tool: list[int] = []

    @tool
    async def add(a: int) -> int:
        """Add one."""
        trace_of_tool.append(trace.get_current_span().get_span_context().span_id)
        return a + 1

    with_add = Agent(
        name="adder",
        model=ScriptedModel([calls(("add", {"a": 1})), "2"]),
        tools=[add],
        middleware=[collected.telemetry],
    )
    async with open_test_system(with_add) as system:
        await (await system.start("adder", "1 + 1")).wait()
    span = collected.span("execute_tool add")
    assert trace_of_tool == [span.context.span_id]
    assert span.kind is SpanKind.INTERNAL
    expected = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "add", "gen_ai.tool.type": "function"}
    assert expected.items() <= dict(span.attributes).items()
    assert str(span.attributes["gen_ai.tool.call.id"]).startswith("call_")


async def test_what_fails_is_an_error_with_few_types(collected: Collected) -> None:
    message = AssistantMessage(content=(), stop_reason="error", error_message="HTTP 404: no", error_kind="terminal")
    failed = Failed(reason="error", error=message, status=404)
    paying = agent(collected, calls(("pay", {"amount": -5})), failed)
    async with open_test_system(paying) as system:
        run = await system.start("payer", "Pay -5")
        await run.wait()
        await run.resume(True)
        await run.wait()
    last = [span for span in collected.spans if span.name == "chat scripted"][-1]
    assert (last.attributes["error.type"], last.status.status_code) == ("404", StatusCode.ERROR)
    assert last.status.description == "HTTP 404: no"
    assert collected.span("execute_tool pay").attributes["error.type"] == "tool_error"
    assert collected.spans[-1].attributes["error.type"] == "modelError"
    assert ("error.type", "404") in collected.points("gen_ai.client.operation.duration")[-1][0].items()


async def test_one_span_covers_a_call_with_all_its_retries(collected: Collected, autojump_clock: MockClock) -> None:
    message = AssistantMessage(content=(), stop_reason="error", error_message="busy", error_kind="transient")
    retried = agent(collected, message, "Hello", middleware=(Retry(restart=True),))
    async with open_test_system(retried) as system:
        await (await system.start("payer", "Hi")).wait()
    assert [span.name for span in collected.spans] == ["chat scripted", "invoke_agent payer"]
    assert "error.type" not in collected.spans[0].attributes


async def test_an_aborted_call_ends_its_span(collected: Collected) -> None:
    async with open_test_system(agent(collected, hangs("So"))) as system:
        run = await system.start("payer", "Hi")
        await wait_all_tasks_blocked()
        await run.abort()
    assert collected.span("chat scripted").attributes["error.type"] == "cancelled"
    assert collected.span("invoke_agent payer").status.status_code is StatusCode.UNSET


async def test_runs_at_once_do_not_mix_their_spans(collected: Collected) -> None:
    both = Agent(name="payer", model=ScriptedModel(["a", "b"], delay_s=0), middleware=[collected.telemetry])
    async with open_test_system(both) as system:
        runs = [await system.start("payer", "Hi") for _ in range(2)]
        for run in runs:
            await run.wait()
    by_id = {span.context.span_id: span for span in collected.spans}
    chats = [span for span in collected.spans if span.name == "chat scripted"]
    assert len(chats) == 2
    for span in chats:
        parent = by_id[span.parent.span_id]
        assert parent.attributes["gen_ai.conversation.id"] == span.attributes["gen_ai.conversation.id"]


def test_nothing_else_imports_it() -> None:
    import subprocess
    import sys

    code = "import sys, adjourn.actors; print([m for m in sys.modules if m.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
