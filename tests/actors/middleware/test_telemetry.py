"""Spans and metrics, read back from the real OpenTelemetry SDK's in-memory exporter and reader."""

import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType

import pytest
import trio
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Metric
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
from adjourn.stores import MemoryStore


@pytest.mark.parametrize("there", [None, ModuleType("opentelemetry")], ids=["nothing", "a part"])
def test_without_the_extra_it_says_how_to_install_it(there: ModuleType | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "adjourn.actors.middleware.telemetry")
    monkeypatch.delitem(sys.modules, "opentelemetry.metrics")
    monkeypatch.setitem(sys.modules, "opentelemetry", there)
    with pytest.raises(ImportError, match=r"^OpenTelemetry is an extra: pip install 'adjourn\[otel\]'$"):
        importlib.import_module("adjourn.actors.middleware.telemetry")


@dataclass
class Collected:
    """The spans and metrics that a collector would get."""

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
        found = [metric for metric in self._metrics() if metric.name == name]
        return [
            (dict(point.attributes), point.sum if hasattr(point, "sum") else point.value)
            for metric in found
            for point in metric.data.data_points
        ]

    def buckets(self, name: str) -> list[float]:
        (found,) = [metric for metric in self._metrics() if metric.name == name]
        return list(found.data.data_points[0].explicit_bounds)

    def _metrics(self) -> list[Metric]:
        data = self.reader.get_metrics_data()
        return [metric for each in data.resource_metrics for scope in each.scope_metrics for metric in scope.metrics]


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
    options = ModelOptions(max_tokens=100, temperature=0.5, stop=("END",))
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
    assert names == [call, stretch, "await_decision pay", "execute_tool pay", call, stretch]
    first, second = (span for span in collected.spans if span.name == stretch)
    parents = [span.parent and span.parent.span_id for span in collected.spans]
    one, two = first.context.span_id, second.context.span_id
    assert parents == [one, None, None, two, two, None]
    assert [link.context.span_id for link in second.links] == [one]
    assert {span.attributes["gen_ai.conversation.id"] for span in collected.spans} == {run.id}
    assert {span.attributes.get("gen_ai.agent.name") for span in collected.spans} == {"payer", None}
    measured = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "payer"}
    assert collected.points("gen_ai.invoke_agent.inference_calls") == [(measured, 2)]
    assert collected.points("gen_ai.invoke_agent.tool_calls") == [(measured, 1)]
    assert [attributes for attributes, _ in collected.points("gen_ai.invoke_agent.duration")] == [measured]


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
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.stream": True,
        "gen_ai.response.id": "msg_1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 15,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 3,
        "gen_ai.usage.cache_write.input_tokens": 2,
    }
    assert expected.items() <= dict(span.attributes).items()
    base = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "testing", "gen_ai.request.model": "scripted"}
    base["gen_ai.response.model"] = "scripted"
    counted = {**base, "gen_ai.token.modality": "unknown"}
    numbers = {"input": 15, "output": 7, "cache_read.input": 3, "cache_write.input": 2}
    for name, number in numbers.items():
        assert collected.points(f"gen_ai.client.inference.usage.{name}_tokens") == [(counted, number)]
    for name in ("duration", "time_to_first_chunk"):
        ((attributes, _),) = collected.points(f"gen_ai.client.inference.{name}")
        assert attributes == base
    assert collected.buckets("gen_ai.client.inference.duration") == pytest.approx([0.01 * 2**n for n in range(14)])


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


async def test_failures_set_error_types_of_low_cardinality(collected: Collected) -> None:
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
    assert ("error.type", "404") in collected.points("gen_ai.client.inference.duration")[-1][0].items()


async def test_the_first_chunk_is_timed(collected: Collected, autojump_clock: MockClock) -> None:
    slow = Agent(name="payer", model=ScriptedModel(["Hello there"], delay_s=2), middleware=[collected.telemetry])
    async with open_test_system(slow) as system:
        await (await system.start("payer", "Hi")).wait()
    span = collected.span("chat scripted")
    assert span.attributes["gen_ai.response.time_to_first_chunk"] == 2
    [(_, total)] = collected.points("gen_ai.client.inference.time_to_first_chunk")
    assert total == 2


async def test_a_run_belongs_to_the_trace_of_the_code_that_starts_it(collected: Collected) -> None:
    async with open_test_system(agent(collected, calls(("pay", {"amount": 5})), "Done")) as system:
        with collected.tracers.get_tracer("web").start_as_current_span("POST /pay") as caller:
            run = await system.start("payer", "Pay 5")
        await run.wait()
        await run.resume(True)
        await run.wait()
    context = caller.get_span_context()
    assert {span.context.trace_id for span in collected.spans} == {context.trace_id}
    tops = [span for span in collected.spans if span.name.startswith(("invoke_agent", "await_decision"))]
    assert [span.parent.span_id for span in tops] == [context.span_id] * 3


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"


async def test_a_run_belongs_to_the_trace_that_its_metadata_names_also_after_a_restart(collected: Collected) -> None:
    metadata = {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "vendor=1"}
    store, anew = MemoryStore(), Collected()
    async with open_test_system(agent(collected, calls(("pay", {"amount": 5}))), store=store) as system:
        run = await system.start("payer", "Pay 5", metadata=metadata)
        await run.wait()
    async with open_test_system(agent(anew, "Done"), store=store) as system:
        await system.resume(run.id, True)
        await system.run(run.id).wait()
    spans = [*collected.spans, *anew.spans]
    assert {f"{span.context.trace_id:032x}" for span in spans} == {TRACE}
    tops = [span for span in spans if span.name.startswith(("invoke_agent", "await_decision"))]
    assert [f"{span.parent.span_id:016x}" for span in tops] == [CALLER] * 3
    assert [span.context.trace_state.get("vendor") for span in tops] == ["1"] * 3
    assert {span.name for span in tops} == {"invoke_agent payer", "await_decision pay"}


@pytest.mark.parametrize("named", ["", "rubbish", f"00-{'0' * 32}-{CALLER}-01", f"ff-{TRACE}-{CALLER}-01", 7, None])
async def test_an_invalid_traceparent_is_ignored(collected: Collected, named: object) -> None:
    async with open_test_system(agent(collected, "Done")) as system:
        await (await system.start("payer", "Pay 5", metadata={"traceparent": named, "tracestate": "a=1"})).wait()
    assert collected.span("invoke_agent payer").parent is None


async def test_the_current_trace_goes_before_the_one_in_the_metadata(collected: Collected) -> None:
    async with open_test_system(agent(collected, "Done")) as system:
        with collected.tracers.get_tracer("web").start_as_current_span("POST /pay") as caller:
            run = await system.start("payer", "Pay 5", metadata={"traceparent": f"00-{TRACE}-{CALLER}-01"})
        await run.wait()
    assert collected.span("invoke_agent payer").parent.span_id == caller.get_span_context().span_id


async def test_each_chunk_after_the_first_is_timed(collected: Collected, autojump_clock: MockClock) -> None:
    model = ScriptedModel(["Hello there, how are you?"], delay_s=2, deltas_per_chunk=1)
    async with open_test_system(Agent(name="payer", model=model, middleware=[collected.telemetry])) as system:
        await (await system.start("payer", "Hi")).wait()
    name = "gen_ai.client.inference.time_per_output_chunk"
    [(attributes, total)] = collected.points(name)
    [(ended, whole)] = collected.points("gen_ai.client.inference.duration")
    assert total == whole - 2 - 2  # without the first chunk, and without the last, which ends the message
    assert total > 2
    assert attributes == {key: value for key, value in ended.items() if key != "gen_ai.response.model"}
    assert collected.buckets(name) == [0.01 * 2**n for n in range(14)]


async def test_a_wait_says_how_long_by_whom_and_how_it_ended(collected: Collected, autojump_clock: MockClock) -> None:
    async with open_test_system(agent(collected, calls(("pay", {"amount": 5})), "Done")) as system:
        run = await system.start("payer", "Pay 5")
        await run.wait()
        await trio.sleep(90)
        await run.decline(reason="no", by="ann")
        await run.wait()
    wait = collected.span("await_decision pay")
    assert (wait.end_time - wait.start_time) / 1e9 == 90
    assert (wait.attributes["adjourn.decision.outcome"], wait.attributes["adjourn.decision.by"]) == ("declined", "ann")
    measured = {"gen_ai.tool.name": "pay", "adjourn.decision.outcome": "declined"}
    assert collected.points("adjourn.decision.duration") == [(measured, 90)]


async def test_a_wait_that_outlives_its_process_is_told_whole(collected: Collected, autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with open_test_system(agent(collected, calls(("pay", {"amount": 5}))), store=store) as system:
        run_id = (run := await system.start("payer", "Pay 5")).id
        await run.wait()
        await trio.sleep(30)
    anew = Collected()
    async with open_test_system(agent(anew, "Done"), store=store) as system:
        await trio.sleep(30)
        await system.resume(run_id, True)
        await system.run(run_id).wait()
    wait = anew.span("await_decision pay")
    assert (wait.end_time - wait.start_time) / 1e9 == 60
    assert [span.name for span in anew.spans][-1] == "invoke_agent payer"


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
