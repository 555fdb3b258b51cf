"""The metrics of runs as Prometheus reads them: `Telemetry` with OpenTelemetry's exporter. Needs the extra `metrics`.

What serves them is `web_app(metrics=...)`'s business.
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
    """The metrics of `Telemetry`, kept in this process until Prometheus fetches them.

    Give `telemetry` to each agent as a middleware, and the object itself to `web_app(metrics=...)`. It makes no spans.
    `provider` is OpenTelemetry's meter provider, for further metrics of the program's own.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        reader = PrometheusMetricReader(registry=self._registry)
        self.provider = MeterProvider([reader])
        self.telemetry = Telemetry(tracer_provider=trace.NoOpTracerProvider(), meter_provider=self.provider)

    def __call__(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics as they are now, and the content type, in the format that an `Accept` header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type
