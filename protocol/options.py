"""How a model is to be asked: what a caller may wish for beyond the conversation itself. Data, and its checks."""

from collections.abc import Collection
from typing import Any, Literal

import msgspec

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
    """

    max_tokens: int | None = None  # of one answer, thinking included
    temperature: float | None = None
    top_p: float | None = None  # 0 to 1; left out, like `temperature`, where the model thinks and doesn't take it
    seed: int | None = None  # Anthropic's API and OpenAI's Responses have none
    stop: tuple[str, ...] = ()  # texts that end the answer; OpenAI's Responses has none
    reasoning: Reasoning | None = None  # how hard to think first; none: not at all, or as little as the model can
    tool_choice: Literal["auto", "none", "required"] | NamedTool | None = None  # see `for_turn`
    parallel_tool_calls: bool | None = None  # False: at most one call a message. Ollama's API has no such option
    response_schema: dict[str, Any] | None = None  # JSON Schema that the text of the answer must follow
    service_tier: str | None = None  # in the provider's own words. Ollama's API has none
    cache: Literal["none", "short", "long"] | None = None  # the whole request, up to its last message; none: no caching
    cache_instructions: Lifetime | None = None  # the system prompt
    cache_tools: Lifetime | None = None
    session_id: str | None = None  # what the provider's caches are keyed by; None: the run's id
    metadata: dict[str, Any] = {}  # OpenAI's Responses API takes what is text; others its `user_id`, or nothing
    extra: dict[str, Any] = {}  # fields of the request's body, as the API calls them; recorded, so without secrets
    headers: dict[str, str] | None = None  # sent with each request; may hold secrets: never recorded

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

    Raises: TypeError for a wrong type, ValueError for a value."""
    try:
        msgspec.convert(msgspec.to_builtins(options), ModelOptions)
    except msgspec.ValidationError as error:
        raise TypeError(str(error)) from error
    if reserved := sorted(RESERVED_FIELDS & options.extra.keys()):
        raise ValueError(f"extra can't set {', '.join(reserved)}: the run sets that itself")
    choice = options.tool_choice
    if options.forces_tool and not tools:
        raise ValueError("tool_choice makes the model call a tool, and the agent has none")
    if isinstance(choice, NamedTool) and choice.name not in tools:
        raise ValueError(f"tool_choice names {choice.name!r}; the agent's tools are: {', '.join(sorted(tools))}")


_DEFAULTS = ModelOptions()
