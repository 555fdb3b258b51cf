"""Finds options that a model's API doesn't support, and that can't be left out without changing the answer. Pure."""

from ..messages import Compat, ModelDescriptor
from ..options import ModelOptions

__all__ = ["unsupported"]


def unsupported(model: ModelDescriptor, options: ModelOptions) -> str | None:
    """Return an error text if the model's API doesn't support `tool_choice` or `response_schema`; None if it does.

    For chat completions, `model.compat` says what its server supports."""
    kind = options.tool_choice_kind
    if model.api == "ollama-chat" and options.forces_tool:
        return "Ollama's API can't be told to call a tool: tool_choice may be 'auto' or 'none'"
    if model.api != "openai-completions":
        return None
    compat, at = model.compat or Compat(), f"the server of {model.provider or model.base_url!r}"
    refused = compat.refused_fields or ()
    choices = compat.tool_choices if "tool_choice" not in refused else ()
    if kind is not None and choices is not None and kind not in choices:
        return f"{at} doesn't take this tool_choice ({kind}); it takes: {', '.join(choices) or 'none at all'}"
    if options.response_schema is not None and "response_format" in refused:
        return f"{at} takes no response_schema"
    return None
