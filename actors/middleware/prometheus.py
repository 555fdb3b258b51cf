"""The metrics of runs in Prometheus' format: `Telemetry` with OpenTelemetry's exporter. Needs the extra `metrics`.

`web_app(metrics=...)` serves them.
"""

try:
    from opentelemetry import trace
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.sdk.metrics import MeterProvider
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder
except ImportError as error:
    raise ImportError("Prometheus metrics are an extra: pip install 'adjourn[metrics]'") from error

from .telemetry import Telemetry

__all__ = ["PrometheusMetrics"]


class PrometheusMetrics:
    """Collects the metrics of `Telemetry` until Prometheus fetches them. Makes no spans.

    Give `telemetry` to each agent as a middleware, and this object to `web_app(metrics=...)`. `provider` is
    OpenTelemetry's meter provider, for the program's own metrics.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        reader = PrometheusMetricReader(registry=self._registry)
        self.provider = MeterProvider([reader])
        self.telemetry = Telemetry(tracer_provider=trace.NoOpTracerProvider(), meter_provider=self.provider)

    def __call__(self, accept: str) -> tuple[bytes, str]:
        """Returns the current metrics in the format that an `Accept` header asks for, and the content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type
