"""Options of a model call, such as the temperature, and their checks."""

from collections.abc import Collection
from typing import Any, Literal

import msgspec

from . import codec
from .messages import Lifetime, ToolChoiceKind, Wire, without_secrets
from .misspelt import NamesOptions

__all__ = ["RESERVED_FIELDS", "ModelOptions", "NamedTool", "Reasoning", "check_options", "merge_options"]

Reasoning = Literal["none", "minimal", "low", "medium", "high", "xhigh"]

# Fields that `extra` may not set: the run sets the conversation, model and tools, and needs one streamed answer.
RESERVED_FIELDS = frozenset(
    {"background", "conversation", "functions", "input", "instructions", "messages", "model", "n"}
    | {"previous_response_id", "prompt", "stream", "system", "tools"}
)


class NamedTool(Wire, frozen=True):
    """A choice of one tool: the model must call this one.

    Attributes:
        name: the tool's name.
    """

    name: str


class ModelOptions(Wire, frozen=True, metaclass=NamesOptions):
    """The options of an agent's model calls. None: the provider's default.

    An option that an API or a host doesn't support is left out of the request, without an error. Only `tool_choice` and
    `response_schema` are refused then, when the agent is declared, because the answer would not be what was asked for.

    Attributes:
        max_tokens: maximum tokens of one answer, including reasoning.
        temperature: randomness of the answer. Left out if the model reasons and then doesn't accept it.
        top_p: 0 to 1: the model chooses among the most likely words with this total probability. Left out like
            `temperature`.
        seed: makes answers repeatable, as far as the provider can. Anthropic's API and OpenAI's Responses API don't
            have it.
        stop: texts that end the answer. OpenAI's Responses API doesn't have it.
        reasoning: how much the model reasons first. `none`: not at all, or as little as the model allows.
        tool_choice: `auto`: the model may call a tool; `none`: it may not; `required`: it must; a `NamedTool`: it
            must call that tool. The last two apply only to the run's first model call.
        parallel_tool_calls: False: at most one call in a message. Ollama's API doesn't have it.
        response_schema: JSON Schema that the text of the answer must follow.
        service_tier: the provider's name of the tier. Ollama's API doesn't have it.
        cache: how long the provider caches the whole request, up to its last message. `none`: no caching.
        cache_instructions: how long the provider caches the system prompt.
        cache_tools: how long the provider caches the tools.
        session_id: the key of the provider's caches. None: the run's id.
        metadata: data for the provider. OpenAI's Responses API accepts texts; other APIs only `user_id`, or nothing.
        extra: more fields of the request's body, by the API's names. They are recorded, so put no secrets there.
        headers: HTTP headers for each request. They may hold secrets, and are never recorded.
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
        """Return the `user_id` in `metadata`, if it is a string and not empty."""
        user_id = self.metadata.get("user_id")
        return user_id if isinstance(user_id, str) and user_id else None

    @property
    def tool_choice_kind(self) -> ToolChoiceKind | None:
        """Return the kind of `tool_choice`; None if it isn't set."""
        return "tool" if isinstance(self.tool_choice, NamedTool) else self.tool_choice

    @property
    def forces_tool(self) -> bool:
        """Check whether the model must call a tool."""
        return self.tool_choice_kind in ("required", "tool")

    def for_turn(self, turn: int) -> "ModelOptions":
        """Return the options for a turn's model call; the first turn is 1.

        Only the first call may be forced to call a tool: a run can end only with a message without calls.
        """
        return msgspec.structs.replace(self, tool_choice=None) if turn > 1 and self.forces_tool else self

    def __repr__(self) -> str:
        return without_secrets(self, "ModelOptions")


def merge_options(own: ModelOptions, over: ModelOptions) -> ModelOptions:
    """Return the options `own`, overridden by those options of `over` that differ from their defaults."""
    changes = {
        field.name: value
        for field in msgspec.structs.fields(ModelOptions)
        if (value := getattr(over, field.name)) != getattr(_DEFAULTS, field.name)
    }
    return msgspec.structs.replace(own, **changes)


def check_options(options: ModelOptions, tools: Collection[str]) -> None:
    """Check the options as far as possible without knowing the model. `tools`: the names of the agent's tools.

    Raises: TypeError for a wrong type; ValueError for a wrong value, or one that a record can't hold."""
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
