"""OpenTelemetry for runs, by its semantic conventions for generative AI (as of November 2026; status: development).

Middleware. Needs the extra `otel`; nothing else imports this module. What was said is in no span.
"""

from collections.abc import Generator
from contextlib import contextmanager

import trio

try:
    from opentelemetry import metrics, trace
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanKind, Status, StatusCode
    from opentelemetry.util.types import AttributeValue
except ImportError as error:
    raise ImportError("OpenTelemetry is an extra: pip install 'adjourn[otel]'") from error

from ...protocol.events import AgentEnd, AgentPaused, AgentResume, AgentStart, Envelope
from ..models.language_model import ModelRequest
from ..tools.execution import ToolOutcome
from .interface import CallModel, CallTool, Middleware, ModelOutcome, ToolRequest

__all__ = ["Telemetry"]

Attributes = dict[str, AttributeValue]


class Telemetry(Middleware):
    """Spans and metrics of runs, towards the given providers, or the global ones.

    `invoke_agent AGENT` spans a stretch of a run, from its start or resumption to its pause or end; inside it are
    `chat MODEL` for each model call (kind CLIENT, with all its retries if it stands outside of `Retry`) and
    `execute_tool TOOL` for each execution, within which spans of the tool's own nest. All carry the run's id as
    `gen_ai.conversation.id`. Metrics: `gen_ai.client.operation.duration` (s) and `gen_ai.client.token.usage`.
    """

    observes = True

    def __init__(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer("adjourn", tracer_provider=tracer_provider)
        meter = metrics.get_meter("adjourn", meter_provider=meter_provider)
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration", unit="s", description="How long a call took."
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", unit="{token}", description="Tokens that a model call read and wrote."
        )
        self._stretches: dict[str, Span] = {}  # by run id

    async def model_call(self, request: ModelRequest, call_next: CallModel) -> ModelOutcome:
        """The call's own outcome."""
        kind: Attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": request.model.provider,
            "gen_ai.request.model": request.model.id,
        }
        asked: Attributes = {"gen_ai.conversation.id": request.run_id, "gen_ai.agent.name": request.agent}
        asked |= {"gen_ai.request.stream": True, "adjourn.call.id": request.call_id}
        if request.options.max_tokens is not None:
            asked["gen_ai.request.max_tokens"] = request.options.max_tokens
        if request.options.temperature is not None:
            asked["gen_ai.request.temperature"] = request.options.temperature
        begun = trio.current_time()
        with self._span(f"chat {request.model.id}", SpanKind.CLIENT, {**kind, **asked}, request) as span:
            outcome = await call_next(request)
            span.set_attributes(_answered(outcome))
            error = _error_type(outcome)
            if error is not None:
                _failed(span, error, outcome.message.error_message)
        self._measure(kind if error is None else {**kind, "error.type": error}, begun, outcome)
        return outcome

    async def tool_call(self, request: ToolRequest, call_next: CallTool) -> ToolOutcome:
        """The call's own outcome."""
        attributes: Attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": request.tool.name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.description": request.tool.description,
            "gen_ai.tool.call.id": request.tool_call_id,
            "gen_ai.conversation.id": request.run_id,
            "gen_ai.agent.name": request.agent,
        }
        with self._span(f"execute_tool {request.tool.name}", SpanKind.INTERNAL, attributes, request) as span:
            outcome = await call_next(request)
            if outcome.is_error:
                _failed(span, "tool_error", None)
        return outcome

    def on_event(self, envelope: Envelope) -> None:
        """Begin and end the spans of a run's stretches."""
        event = envelope.event
        if isinstance(event, AgentStart | AgentResume):
            self._begin(envelope.run_id)
        elif isinstance(event, AgentPaused | AgentEnd):
            span = self._stretches.pop(envelope.run_id, None)
            if span is not None:
                if isinstance(event, AgentEnd) and event.error is not None:
                    _failed(span, event.reason, event.error.message)
                span.end()

    def _begin(self, run_id: str) -> None:
        left = self._stretches.pop(run_id, None)
        if left is not None:  # of an actor that crashed
            left.end()
        attributes: Attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.conversation.id": run_id}
        self._stretches[run_id] = self._tracer.start_span("invoke_agent", Context(), SpanKind.INTERNAL, attributes)

    @contextmanager
    def _span(
        self, name: str, kind: SpanKind, attributes: Attributes, request: ModelRequest | ToolRequest
    ) -> Generator[Span]:
        stretch = self._stretches.get(request.run_id)
        if stretch is not None:
            _name(stretch, request.agent)
        parent = None if stretch is None else trace.set_span_in_context(stretch)
        with self._tracer.start_as_current_span(
            name, parent, kind, attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except BaseException as error:
                _failed(span, "cancelled" if isinstance(error, trio.Cancelled) else type(error).__qualname__, None)
                raise

    def _measure(self, attributes: Attributes, begun: float, outcome: ModelOutcome) -> None:
        self._duration.record(trio.current_time() - begun, attributes)
        usage = outcome.message.usage
        tokens = {"input": usage.input + usage.cache_read + usage.cache_write, "output": usage.output}
        for token_type, count in tokens.items():
            if count:
                self._tokens.record(count, {**attributes, "gen_ai.token.type": token_type})


def _name(stretch: Span, agent: str) -> None:
    """Events don't say of which agent they are; the calls in between do."""
    stretch.update_name(f"invoke_agent {agent}")
    stretch.set_attribute("gen_ai.agent.name", agent)


def _answered(outcome: ModelOutcome) -> Attributes:
    message, usage = outcome.message, outcome.message.usage
    attributes: Attributes = {
        "gen_ai.response.finish_reasons": [message.stop_reason],
        "gen_ai.usage.input_tokens": usage.input + usage.cache_read + usage.cache_write,
        "gen_ai.usage.output_tokens": usage.output,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write,
    }
    if message.response_id is not None:
        attributes["gen_ai.response.id"] = message.response_id
    return attributes


def _error_type(outcome: ModelOutcome) -> str | None:
    """The HTTP status where there was one: few values, as the conventions want it."""
    if outcome.message.stop_reason != "error":
        return None
    status = outcome.failed.status if outcome.failed is not None else None
    return str(status) if status is not None else (outcome.message.error_kind or "error")


def _failed(span: Span, error_type: str, description: str | None) -> None:
    span.set_attribute("error.type", error_type)
    span.set_status(Status(StatusCode.ERROR, description))
