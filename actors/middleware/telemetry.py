"""Middleware for OpenTelemetry, by its semantic conventions for generative AI (`conventions.py`).

Needs the extra `otel`; only `prometheus.py` imports this module. No span has the content of messages.
"""

from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

try:
    from opentelemetry import metrics, trace
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    from opentelemetry.util.types import AttributeValue
except ImportError as error:
    raise ImportError("OpenTelemetry is an extra: pip install 'adjourn[otel]'") from error

from ...protocol.events import (
    AgentEnd,
    AgentPaused,
    AgentResume,
    AgentStart,
    Envelope,
    MessageStart,
    MessageUpdate,
    ToolDecisionResolved,
)
from ...protocol.messages import Usage
from ..models.language_model import ModelRequest
from ..tools.execution import ToolOutcome
from .conventions import answered, asked, error_type, kind_of, tool_attributes, usage_attributes
from .instruments import Instruments
from .interface import CallModel, CallTool, Middleware, ModelOutcome, ToolRequest

__all__ = ["Telemetry"]

_PROPAGATOR = TraceContextTextMapPropagator()
MAX_RESTING = 10_000  # paused runs whose trace is kept

Values = dict[str, AttributeValue]


@dataclass(slots=True)
class _Trace:
    """The trace of a run in this process."""

    caller: SpanContext  # of the code that started the run; invalid if unknown
    latest: SpanContext = trace.INVALID_SPAN_CONTEXT  # of the run's latest stretch; invalid before the first
    agent: str | None = None  # the agent's name, if known

    def context(self) -> Context:
        """Returns the parent context of the run's spans: the caller's trace, or a new one."""
        return trace.set_span_in_context(NonRecordingSpan(self.caller), Context())

    def links(self) -> list[Link]:
        """Returns a link to the latest stretch, if there is one."""
        return [Link(self.latest)] if self.latest.is_valid else []


@dataclass(slots=True)
class _Stretch:
    """The current stretch of a run: from its start or resumption to its pause or end."""

    span: Span
    trace: _Trace
    agent: str | None  # the agent's name, once known
    begun: float = field(default_factory=trio.current_time)
    model_calls: int = 0
    tool_calls: int = 0
    usage: Usage = field(default_factory=Usage)
    asked_at: float | None = None  # when the current model call began; None once its answer has begun
    first_chunk_s: float | None = None  # seconds until the answer began, of the current or latest model call
    kind: Values = field(default_factory=dict[str, AttributeValue])  # of the model call under way, or the latest
    chunk: int = 0  # the time of the latest chunk's events, in ms: all events of one chunk have the same
    chunk_at: float = 0.0  # when that chunk came


class Telemetry(Middleware):
    """Sends spans and metrics of runs to the given providers, or to the global ones.

    Spans: `invoke_agent AGENT` is a stretch of a run, from its start or resumption to its pause or end. It contains
    `chat MODEL` for each model call (kind CLIENT; if listed before `Retry`, one span with all its retries) and
    `execute_tool TOOL` for each execution, which contains the tool's own spans. `await_decision TOOL` is the wait for a
    decision since the call was announced, even if that was in another process. Its attributes are how the wait ended
    (`adjourn.decision.outcome`: decided, declined, expired or aborted) and who decided (`adjourn.decision.by`). All
    spans have the run's id as `gen_ai.conversation.id`.

    A run belongs to the trace that is current where it is started. If there is none, it belongs to the trace that its
    metadata names in `traceparent`, and `tracestate`, as W3C Trace Context writes them; an invalid `traceparent` is
    ignored. A client sends them in the metadata of `run.start`, or as headers of `POST /runs`. They are recorded with
    the run, so they are also used after a restart. A trace that was only current is lost at a restart, or if more than
    10,000 runs are paused; the next stretch then begins a new trace. Each stretch is linked to the one before.

    Metrics: `gen_ai.client.inference.duration`, `.time_to_first_chunk`, `.time_per_output_chunk` and `.usage.*`,
    `gen_ai.execute_tool.duration`, `gen_ai.invoke_agent.duration`, `.inference_calls` and `.tool_calls`, each of a
    stretch; and our own `adjourn.decision.duration`.

    Args:
        tracer_provider: where spans go. None: the global provider.
        meter_provider: where metrics go. None: the global provider.
    """

    observes = True

    def __init__(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer("adjourn", tracer_provider=tracer_provider)
        self._instruments = Instruments(metrics.get_meter("adjourn", meter_provider=meter_provider))
        self._stretches: dict[str, _Stretch] = {}  # by run id
        self._resting: OrderedDict[str, _Trace] = OrderedDict()  # of paused runs, by run id

    async def model_call(self, request: ModelRequest, call_next: CallModel) -> ModelOutcome:
        """Makes the call, within its span."""
        kind: Values = {**kind_of(request.model)}
        stretch = self._stretch_of(request)
        begun = trio.current_time()
        failed: str | None = None
        try:
            with self._span(f"chat {request.model.id}", SpanKind.CLIENT, {**kind, **asked(request)}, stretch) as span:
                if stretch is not None:
                    stretch.model_calls += 1
                    stretch.asked_at, stretch.first_chunk_s, stretch.kind = begun, None, {**kind}
                outcome = await call_next(request)
                failed = error_type(outcome)
                self._answer(span, stretch, outcome, kind)
            return outcome
        except BaseException as raised:
            failed = _kind_of(raised)
            raise
        finally:
            ended: Values = kind if failed is None else {**kind, "error.type": failed}
            self._instruments.inference.record(trio.current_time() - begun, ended)

    def _answer(self, span: Span, stretch: _Stretch | None, outcome: ModelOutcome, kind: Values) -> None:
        span.set_attributes(answered(outcome))
        failed = error_type(outcome)
        if failed is not None:
            _fail(span, failed, outcome.message.error_message)
        if outcome.message.model:
            kind["gen_ai.response.model"] = outcome.message.model
        self._instruments.count_tokens(outcome.message.usage, kind)
        if stretch is not None:
            stretch.usage = stretch.usage.plus(outcome.message.usage)
            if stretch.first_chunk_s is not None:
                span.set_attribute("gen_ai.response.time_to_first_chunk", stretch.first_chunk_s)
                self._instruments.first_chunk.record(stretch.first_chunk_s, kind)

    async def tool_call(self, request: ToolRequest, call_next: CallTool) -> ToolOutcome:
        """Executes the tool, within its span."""
        attributes: Values = {**tool_attributes(request)}
        stretch = self._stretch_of(request)
        if stretch is not None:
            stretch.tool_calls += 1
        begun = trio.current_time()
        failed: str | None = None
        try:
            with self._span(f"execute_tool {request.tool.name}", SpanKind.INTERNAL, attributes, stretch) as span:
                outcome = await call_next(request)
                failed = "tool_error" if outcome.is_error else None
                if failed is not None:
                    _fail(span, failed, None)
            return outcome
        except BaseException as raised:
            failed = _kind_of(raised)
            raise
        finally:
            names = ("gen_ai.operation.name", "gen_ai.tool.name", "gen_ai.tool.type", "gen_ai.agent.name")
            measured = {name: attributes[name] for name in names}
            ended: Values = measured if failed is None else {**measured, "error.type": failed}
            self._instruments.tool.record(trio.current_time() - begun, ended)

    def on_activation(self, run_id: str, agent: str, metadata: dict[str, Any]) -> None:
        """Finds the trace that the run's metadata names, unless the run's trace is known."""
        if run_id not in self._resting:
            self._rest(run_id, _Trace(_named_trace(metadata), agent=agent))

    def on_event(self, envelope: Envelope) -> None:
        """Begins and ends the spans of a run's stretches and waits."""
        event, run_id = envelope.event, envelope.run_id
        match event:
            case AgentStart():
                caller = trace.get_current_span().get_span_context()
                if not caller.is_valid:
                    caller = _named_trace(event.metadata)
                self._begin(run_id, _Trace(caller, agent=event.agent))
            case AgentResume():
                left = self._stretches.pop(run_id, None)  # of a crashed actor
                if left is not None:
                    left.span.end()
                self._begin(run_id, self._trace_of(run_id) if left is None else left.trace)
            case AgentPaused() | AgentEnd():
                self._end(run_id, event)
            case MessageStart():
                stretch = self._stretches.get(run_id)
                if stretch is not None and stretch.asked_at is not None:
                    stretch.first_chunk_s, stretch.asked_at = trio.current_time() - stretch.asked_at, None
                    stretch.chunk, stretch.chunk_at = envelope.time, trio.current_time()
            case MessageUpdate():
                self._time_chunk(run_id, envelope.time)
            case ToolDecisionResolved():
                self._tell_wait(run_id, event, envelope.time)
            case _:
                pass

    def _trace_of(self, run_id: str) -> _Trace:
        """Returns the run's trace; one without caller and stretch if it is unknown."""
        if run_id in self._stretches:
            return self._stretches[run_id].trace
        return self._resting.get(run_id, _Trace(trace.INVALID_SPAN_CONTEXT))

    def _rest(self, run_id: str, belongs: _Trace) -> None:
        self._resting[run_id] = belongs
        if len(self._resting) > MAX_RESTING:
            self._resting.popitem(last=False)

    def _time_chunk(self, run_id: str, time: int) -> None:
        """Measures the time since the previous chunk. Deltas of the same millisecond are one chunk; the first chunk is
        measured by `time_to_first_chunk`."""
        stretch = self._stretches.get(run_id)
        if stretch is not None and time > stretch.chunk:
            now = trio.current_time()
            self._instruments.output_chunk.record(now - stretch.chunk_at, stretch.kind)
            stretch.chunk, stretch.chunk_at = time, now

    def _begin(self, run_id: str, belongs: _Trace) -> None:
        self._resting.pop(run_id, None)
        agent = belongs.agent
        attributes: Values = {"gen_ai.operation.name": "invoke_agent", "gen_ai.conversation.id": run_id}
        name = "invoke_agent"
        if agent is not None:
            attributes["gen_ai.agent.name"] = agent
            name = f"invoke_agent {agent}"
        span = self._tracer.start_span(name, belongs.context(), SpanKind.INTERNAL, attributes, links=belongs.links())
        belongs.latest = span.get_span_context()
        self._stretches[run_id] = _Stretch(span, belongs, agent)

    def _end(self, run_id: str, event: AgentPaused | AgentEnd) -> None:
        stretch = self._stretches.pop(run_id, None)
        self._resting.pop(run_id, None)
        if stretch is None:
            return
        measured: Values = {"gen_ai.operation.name": "invoke_agent"}
        if stretch.agent is not None:
            measured["gen_ai.agent.name"] = stretch.agent
        if isinstance(event, AgentPaused):
            self._rest(run_id, stretch.trace)
        elif event.error is not None:
            _fail(stretch.span, event.reason, event.error.message)
            measured["error.type"] = event.reason
        stretch.span.set_attributes(usage_attributes(stretch.usage))
        stretch.span.end()
        self._instruments.agent.record(trio.current_time() - stretch.begun, measured)
        self._instruments.inference_calls.record(stretch.model_calls, measured)
        self._instruments.tool_calls.record(stretch.tool_calls, measured)

    def _tell_wait(self, run_id: str, event: ToolDecisionResolved, now: int) -> None:
        """Makes the span of a wait that has just ended. `now`: ms since the epoch."""
        since = now if event.since is None else event.since
        measured: Values = {"gen_ai.tool.name": event.tool_name, "adjourn.decision.outcome": event.outcome}
        told: Values = {"gen_ai.conversation.id": run_id, "gen_ai.tool.call.id": event.tool_call_id, **measured}
        if event.by is not None:
            told["adjourn.decision.by"] = event.by
        belongs = self._trace_of(run_id)
        span = self._tracer.start_span(
            f"await_decision {event.tool_name}",
            belongs.context(),
            SpanKind.INTERNAL,
            told,
            links=belongs.links(),
            start_time=since * 1_000_000,
        )
        span.end(now * 1_000_000)
        self._instruments.wait.record((now - since) / 1000, measured)

    def _stretch_of(self, request: ModelRequest | ToolRequest) -> _Stretch | None:
        """Returns a call's stretch. Sets the stretch's agent name, which events after a restart don't have."""
        stretch = self._stretches.get(request.run_id)
        if stretch is not None and stretch.agent is None:
            stretch.agent = stretch.trace.agent = request.agent
            stretch.span.update_name(f"invoke_agent {request.agent}")
            stretch.span.set_attribute("gen_ai.agent.name", request.agent)
        return stretch

    @contextmanager
    def _span(self, name: str, kind: SpanKind, attributes: Values, stretch: _Stretch | None) -> Generator[Span]:
        parent = None if stretch is None else trace.set_span_in_context(stretch.span)
        with self._tracer.start_as_current_span(
            name, parent, kind, attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except BaseException as error:
                _fail(span, _kind_of(error), None)
                raise


def _named_trace(metadata: dict[str, Any]) -> SpanContext:
    """Returns the trace that a run's metadata names (W3C Trace Context); an invalid context if it names none."""
    named = {name: text for name in ("traceparent", "tracestate") if isinstance(text := metadata.get(name), str)}
    return trace.get_current_span(_PROPAGATOR.extract(named, Context())).get_span_context()


def _kind_of(error: BaseException) -> str:
    return "cancelled" if isinstance(error, trio.Cancelled) else type(error).__qualname__


def _fail(span: Span, error_type: str, description: str | None) -> None:
    span.set_attribute("error.type", error_type)
    span.set_status(Status(StatusCode.ERROR, description))
