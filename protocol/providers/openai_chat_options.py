"""Converts a model call's options into fields of a chat completions request, as its server names them. Pure.

`Compat` says how a server differs. Source of the fields: the types of OpenAI's Python SDK 3.54.0 (October 2026). The
sources for other servers are in `actors/models/presets.py`.
"""

from typing import Any

from ..messages import Compat, ModelDescriptor
from ..options import ModelOptions, NamedTool, Reasoning
from .openai_models import at_openai, effort_of, generation, never_reasons, reasons
from .strict_schema import is_strict

__all__ = ["option_fields", "reasoning_fields", "sampling_fields", "schema_name"]

_LEVELS: tuple[Reasoning, ...] = ("none", "minimal", "low", "medium", "high", "xhigh")
_NO_REASONING_WITH_TOOLS_FROM = (5, 4)

_JSON = dict[str, Any]


def option_fields(options: ModelOptions, compat: Compat, *, with_tools: bool) -> _JSON:
    """Return all fields except those of reasoning and caching. Some may be fields that the server refuses."""
    fields: _JSON = {}
    if options.max_tokens is not None:
        fields[compat.max_tokens_field or "max_completion_tokens"] = options.max_tokens
    if options.stop:
        fields["stop"] = list(options.stop)
    wishes = {"seed": options.seed, "service_tier": options.service_tier}
    if with_tools:  # without tools, OpenAI refuses the next two fields
        wishes |= {"tool_choice": _tool_choice(options), "parallel_tool_calls": options.parallel_tool_calls}
    fields |= {name: value for name, value in wishes.items() if value is not None}
    if options.response_schema is not None:
        fields["response_format"] = _response_format(options.response_schema, compat)
    return fields


def reasoning_fields(model: ModelDescriptor, options: ModelOptions, compat: Compat, *, with_tools: bool) -> _JSON:
    """Return the fields that request reasoning. {} if the model can't reason, or always decides by itself."""
    form = compat.reasoning_format or "openai"
    takes_effort = compat.supports_reasoning_effort is not False
    if form == "none" or never_reasons(model) or (form == "openai" and not takes_effort):
        return {}
    # From gpt-5.4 on, this API refuses tools together with reasoning, and from gpt-5.5 on reasoning is the default. So
    # reasoning is switched off when there are tools. The Responses API has both at once.
    # github.com/openai/openai-openapi/issues/541, and the error's message (as of September 2026).
    if generation(model) >= _NO_REASONING_WITH_TOOLS_FROM and (
        with_tools or (reasons(model) and options.reasoning is None)
    ):
        return {"reasoning_effort": "none"}
    if options.reasoning is None or not reasons(model):
        return {}
    thinks = options.reasoning != "none"
    effort = _nearest(effort_of(model, options.reasoning), compat.reasoning_efforts)
    with_effort: _JSON = {"reasoning_effort": effort} if takes_effort and thinks else {}
    match form:
        case "openai":
            return {"reasoning_effort": effort}
        case "openrouter":
            return {"reasoning": {"effort": effort}}
        case "thinking":
            return {"thinking": {"type": "enabled" if thinks else "disabled"}, **with_effort}
        case "together":
            return {"reasoning": {"enabled": thinks}, **with_effort}
        case "chat_template":
            return {"chat_template_kwargs": {"enable_thinking": thinks}}


def sampling_fields(model: ModelDescriptor, options: ModelOptions, effort: str | None) -> _JSON:
    """Return `temperature` and `top_p`. {} for OpenAI's own models that reason, because they refuse both."""
    if at_openai(model) and reasons(model) and effort != "none":
        return {}
    wishes = {"temperature": options.temperature, "top_p": options.top_p}
    return {name: value for name, value in wishes.items() if value is not None}


def schema_name(schema: _JSON) -> str:
    """Return a name for a response schema. The API requires 1 to 64 letters, digits, _ and -."""
    title = schema.get("title")
    name = "".join(char if char.isascii() and (char.isalnum() or char in "_-") else "_" for char in str(title))[:64]
    return name if isinstance(title, str) and title else "answer"


def _tool_choice(options: ModelOptions) -> str | _JSON | None:
    choice = options.tool_choice
    return {"type": "function", "function": {"name": choice.name}} if isinstance(choice, NamedTool) else choice


def _response_format(schema: _JSON, compat: Compat) -> _JSON:
    strict = {} if compat.supports_strict_tool_schema is False else {"strict": is_strict(schema)}
    return {"type": "json_schema", "json_schema": {"name": schema_name(schema), "schema": schema, **strict}}


def _nearest(effort: str, known: tuple[str, ...] | None) -> str:
    """Return the accepted value for that effort, or the next lower one. It never switches requested thinking off."""
    if not known or effort in known or effort not in _LEVELS:
        return effort
    words = known if effort == "none" else tuple(word for word in known if word != "none")
    less = [word for word in words if word in _LEVELS and _LEVELS.index(word) < _LEVELS.index(effort)]
    return less[-1] if less else words[0]
