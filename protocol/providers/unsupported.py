"""Which options a model API can't carry out, where the answer would be another one without them. Pure."""

from ..messages import Compat, ModelDescriptor
from ..options import ModelOptions

__all__ = ["unsupported"]


def unsupported(model: ModelDescriptor, options: ModelOptions) -> str | None:
    """What this model's API doesn't have of `tool_choice` and `response_schema`, in words; None: it has what is asked.

    For chat completions, `model.compat` says what its server has."""
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
