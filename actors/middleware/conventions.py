"""OpenTelemetry's names for generative AI: attributes of spans and metrics, and bucket boundaries. Pure.

Source: github.com/open-telemetry/semantic-conventions-genai, v0.1.0 (status: development), read in November 2026.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from ...protocol.messages import ModelDescriptor, Usage
from ..models.language_model import ModelRequest
from .interface import ModelOutcome, ToolRequest

__all__ = [
    "CALL_BUCKETS",
    "COUNT_BUCKETS",
    "RUN_BUCKETS",
    "WAIT_BUCKETS",
    "Attributes",
    "answered",
    "asked",
    "error_type",
    "kind_of",
    "tool_attributes",
    "usage_attributes",
]

Attributes = Mapping[str, str | bool | int | float | list[str]]

CALL_BUCKETS = tuple(0.01 * 2**n for n in range(14))  # s, 0.01 to 81.92: of model and tool calls
RUN_BUCKETS = tuple(0.1 * 2**n for n in range(13))  # s, 0.1 to 409.6: of agents
COUNT_BUCKETS = tuple(float(2**n) for n in range(8))  # 1 to 128: calls of an agent
WAIT_BUCKETS = (1.0, 10.0, 60.0, 600.0, 3600.0, 21_600.0, 86_400.0, 604_800.0, 2_592_000.0)  # s, of decisions; our own

_PROVIDERS = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertex": "gcp.vertex_ai",
    "xai": "x_ai",
}
"""OpenTelemetry's names of providers, by our names, if they differ."""


def kind_of(model: ModelDescriptor) -> dict[str, str | int]:
    """Returns the attributes of all spans and metrics of a model's calls."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _PROVIDERS.get(model.provider, model.provider),
        "gen_ai.request.model": model.id,
        **_server(model.base_url),
    }


def _server(base_url: str) -> dict[str, str | int]:
    parts = urlsplit(base_url)
    if not parts.hostname:
        return {}
    return {"server.address": parts.hostname, "server.port": parts.port or (443 if parts.scheme == "https" else 80)}


def asked(request: ModelRequest) -> Attributes:
    """Returns the attributes of a model call's span that come from the request."""
    options = request.options
    given = {
        "gen_ai.request.max_tokens": options.max_tokens,
        "gen_ai.request.temperature": options.temperature,
        "gen_ai.request.top_p": options.top_p,
        "gen_ai.request.seed": options.seed,
        "gen_ai.request.stop_sequences": list(options.stop) or None,
        "gen_ai.request.reasoning.level": options.reasoning,
    }
    return {
        "gen_ai.conversation.id": request.run_id,
        "gen_ai.agent.name": request.agent,
        "gen_ai.request.stream": True,
        "adjourn.call.id": request.call_id,
        **{name: value for name, value in given.items() if value is not None},
    }


def answered(outcome: ModelOutcome) -> Attributes:
    """Returns the attributes of a model call's span that come from the answer."""
    message = outcome.message
    reason = "tool_call" if message.stop_reason == "toolUse" else message.stop_reason
    attributes: dict[str, str | bool | int | float | list[str]] = {"gen_ai.response.finish_reasons": [reason]}
    if message.response_id is not None:
        attributes["gen_ai.response.id"] = message.response_id
    if message.model:
        attributes["gen_ai.response.model"] = message.model
    return {**attributes, **usage_attributes(message.usage)}


def usage_attributes(usage: Usage) -> dict[str, int]:
    """Returns the token counts of a call or a run. Input includes the cache's tokens, output those of thinking."""
    return {
        "gen_ai.usage.input_tokens": usage.input + usage.cache_read + usage.cache_write,
        "gen_ai.usage.output_tokens": usage.output,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read,
        "gen_ai.usage.cache_write.input_tokens": usage.cache_write,
        **({"gen_ai.usage.reasoning.output_tokens": usage.reasoning} if usage.reasoning else {}),
    }


def tool_attributes(request: ToolRequest) -> dict[str, str]:
    """Returns the attributes of a tool execution's span."""
    return {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": request.tool.name,
        "gen_ai.tool.type": "function",
        "gen_ai.tool.description": request.tool.description,
        "gen_ai.tool.call.id": request.tool_call_id,
        "gen_ai.conversation.id": request.run_id,
        "gen_ai.agent.name": request.agent,
    }


def error_type(outcome: ModelOutcome) -> str | None:
    """Returns a failed call's error type: the HTTP status, if there was one. None: the call did not fail."""
    if outcome.message.stop_reason != "error":
        return None
    status = outcome.failed.status if outcome.failed is not None else None
    return str(status) if status is not None else (outcome.message.error_kind or "error")
