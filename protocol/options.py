"""How a model is to be asked: what a caller may wish for beyond the conversation itself. Data, and its checks."""

from collections.abc import Collection
from typing import Any, Literal

import msgspec

from . import codec
from .messages import Lifetime, ToolChoiceKind, Wire, without_secrets
from .misspelt import NamesOptions

__all__ = ["RESERVED_FIELDS", "ModelOptions", "NamedTool", "Reasoning", "check_options", "merge_options"]

Reasoning = Literal["none", "minimal", "low", "medium", "high", "xhigh"]

# What `extra` may not say: the conversation, the model and its tools are the run's, and answers are read as one stream.
RESERVED_FIELDS = frozenset(
    {"background", "conversation", "functions", "input", "instructions", "messages", "model", "n"}
    | {"previous_response_id", "prompt", "stream", "system", "tools"}
)


class NamedTool(Wire, frozen=True):
    """A choice of one tool: the model must call this one."""

    name: str


class ModelOptions(Wire, frozen=True, metaclass=NamesOptions):
    """What an agent wishes of its model calls. None: as the provider does by itself.

    An option that an API or a host doesn't have is left out of the request, without an error; but `tool_choice` and
    `response_schema` are refused when the agent is declared, because without them the answer would be another one.

    Attributes:
        max_tokens: tokens of one answer, thinking included.
        temperature: how freely the model chooses its words. Left out where the model thinks and doesn't take it.
        top_p: 0 to 1: from how much of all likely words the model chooses. Left out as `temperature` is.
        seed: makes answers repeatable, as far as the provider can. Anthropic's API and OpenAI's Responses have
            none.
        stop: texts that end the answer. OpenAI's Responses has none.
        reasoning: how hard the model is to think first. `none`: not at all, or as little as it can.
        tool_choice: `auto`: the model may call a tool; `none`: it may not; `required`: it must; a `NamedTool`: it
            must call that one. A must holds for the run's first model call only.
        parallel_tool_calls: False: at most one call in a message. Ollama's API has no such option.
        response_schema: JSON Schema that the text of the answer must follow.
        service_tier: in the provider's own words. Ollama's API has none.
        cache: how long the provider is to cache the whole request, up to its last message. `none`: no caching.
        cache_instructions: how long it is to cache the system prompt.
        cache_tools: how long it is to cache the tools.
        session_id: what the provider's caches are keyed by. None: the run's id.
        metadata: the caller's own. OpenAI's Responses API takes what is text; others its `user_id`, or nothing.
        extra: fields of the request's body, as the API calls them. Recorded, so put no secrets there.
        headers: headers that are sent with each request. They may hold secrets, and are never recorded.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    reasoning: Reasoning | None = None
    tool_choice: Literal["auto", "none", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    response_schema: dict[str, Any] | None = None
    service_tier: str | None = None
    cache: Literal["none", "short", "long"] | None = None
    cache_instructions: Lifetime | None = None
    cache_tools: Lifetime | None = None
    session_id: str | None = None
    metadata: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    headers: dict[str, str] | None = None

    @property
    def user_id(self) -> str | None:
        """The one in `metadata`, if it is a string and not empty."""
        user_id = self.metadata.get("user_id")
        return user_id if isinstance(user_id, str) and user_id else None

    @property
    def tool_choice_kind(self) -> ToolChoiceKind | None:
        """The kind of `tool_choice`; None where there is none."""
        return "tool" if isinstance(self.tool_choice, NamedTool) else self.tool_choice

    @property
    def forces_tool(self) -> bool:
        """Whether the model must call a tool."""
        return self.tool_choice_kind in ("required", "tool")

    def for_turn(self, turn: int) -> "ModelOptions":
        """The options of a run's model call, the first being turn 1. Only the first one must call a tool: a run ends
        with a message that calls none."""
        return msgspec.structs.replace(self, tool_choice=None) if turn > 1 and self.forces_tool else self

    def __repr__(self) -> str:
        return without_secrets(self, "ModelOptions")


def merge_options(own: ModelOptions, over: ModelOptions) -> ModelOptions:
    """The options `own`, with those of `over` in their place that are not at their default."""
    changes = {
        field.name: value
        for field in msgspec.structs.fields(ModelOptions)
        if (value := getattr(over, field.name)) != getattr(_DEFAULTS, field.name)
    }
    return msgspec.structs.replace(own, **changes)


def check_options(options: ModelOptions, tools: Collection[str]) -> None:
    """Check what can be checked without knowing the model. `tools`: the names of the agent's tools.

    Raises: TypeError for a wrong type, ValueError for a value, also for one that no record can hold."""
    plain = msgspec.to_builtins(options)
    try:
        msgspec.convert(plain, ModelOptions)
    except msgspec.ValidationError as error:
        raise TypeError(str(error)) from error
    codec.check_value(plain)
    if reserved := sorted(RESERVED_FIELDS & options.extra.keys()):
        raise ValueError(f"extra can't set {', '.join(reserved)}: the run sets that itself")
    choice = options.tool_choice
    if options.forces_tool and not tools:
        raise ValueError("tool_choice makes the model call a tool, and the agent has none")
    if isinstance(choice, NamedTool) and choice.name not in tools:
        raise ValueError(f"tool_choice names {choice.name!r}; the agent's tools are: {', '.join(sorted(tools))}")


_DEFAULTS = ModelOptions()
