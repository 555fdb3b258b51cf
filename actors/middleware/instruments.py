"""The metrics of runs, by OpenTelemetry's conventions for generative AI."""

from collections.abc import Mapping

from opentelemetry.metrics import Histogram, Meter
from opentelemetry.util.types import AttributeValue

from ...protocol.messages import Usage
from .conventions import CALL_BUCKETS, COUNT_BUCKETS, RUN_BUCKETS, WAIT_BUCKETS

__all__ = ["Instruments"]

Values = Mapping[str, AttributeValue]

_USAGE = "gen_ai.client.inference.usage"


class Instruments:
    """The instruments of one meter. Durations are in seconds."""

    def __init__(self, meter: Meter) -> None:
        def seconds(name: str, text: str, buckets: tuple[float, ...] = CALL_BUCKETS) -> Histogram:
            return meter.create_histogram(name, "s", text, explicit_bucket_boundaries_advisory=buckets)

        def count(name: str, unit: str, text: str) -> Histogram:
            return meter.create_histogram(name, unit, text, explicit_bucket_boundaries_advisory=COUNT_BUCKETS)

        self.inference = seconds("gen_ai.client.inference.duration", "How long a model call took.")
        self.first_chunk = seconds(
            "gen_ai.client.inference.time_to_first_chunk", "How long a model call took until its answer began."
        )
        self.output_chunk = seconds(
            "gen_ai.client.inference.time_per_output_chunk", "How long each chunk after the first took to come."
        )
        self.tool = seconds("gen_ai.execute_tool.duration", "How long the execution of a tool took.")
        self.agent = seconds(
            "gen_ai.invoke_agent.duration", "How long a stretch of a run took, from start or resume on.", RUN_BUCKETS
        )
        self.wait = seconds("adjourn.decision.duration", "How long a call waited for its decision.", WAIT_BUCKETS)
        self.inference_calls = count(
            "gen_ai.invoke_agent.inference_calls", "{inference_call}", "Model calls in a stretch of a run."
        )
        self.tool_calls = count("gen_ai.invoke_agent.tool_calls", "{tool_call}", "Tool calls in a stretch of a run.")
        self._tokens = {
            name: meter.create_counter(f"{_USAGE}.{name}", "{token}", text)
            for name, text in (
                ("input_tokens", "Tokens that model calls read, cached ones included."),
                ("output_tokens", "Tokens that model calls wrote, those of thinking included."),
                ("cache_read.input_tokens", "Tokens that came from the provider's cache."),
                ("cache_write.input_tokens", "Tokens that went into the provider's cache."),
                ("reasoning.output_tokens", "Tokens of thinking."),
            )
        }

    def count_tokens(self, usage: Usage, attributes: Values) -> None:
        """Counts the tokens of a model call, 0 if unknown. Does not distinguish tokens of text and of images."""
        with_modality = {**attributes, "gen_ai.token.modality": "unknown"}
        tokens = {
            "input_tokens": usage.input + usage.cache_read + usage.cache_write,
            "output_tokens": usage.output,
            "cache_read.input_tokens": usage.cache_read,
            "cache_write.input_tokens": usage.cache_write,
            "reasoning.output_tokens": usage.reasoning,
        }
        for name, number in tokens.items():
            if number or name in ("input_tokens", "output_tokens"):
                self._tokens[name].add(number, with_modality)
