"""The data of a conversation: content blocks, messages, usage, model descriptors. Data only, camelCase on the wire.

Every struct here is frozen. Wire names are the field names in camelCase. An optional field that has its default value
is left out. Timestamps are milliseconds since the epoch.
"""

from collections.abc import Iterable
from typing import Any, Literal, TypeVar

import msgspec

from .misspelt import NamesOptions

__all__ = [
    "AssistantBlock",
    "AssistantMessage",
    "Audio",
    "Compat",
    "Cost",
    "ErrorKind",
    "File",
    "Image",
    "ImageURL",
    "InputPart",
    "Lifetime",
    "LongPrompt",
    "Message",
    "ModelDescriptor",
    "Opaque",
    "ReasoningFormat",
    "StopReason",
    "Text",
    "Thinking",
    "ToolCall",
    "ToolChoiceKind",
    "ToolResultMessage",
    "Usage",
    "UserBlock",
    "UserMessage",
    "label_of",
    "text_of",
    "user",
]

StopReason = Literal["stop", "length", "toolUse", "error", "aborted"]
ErrorKind = Literal["transient", "terminal"]  # transient: a retry may succeed; terminal: it will fail again
Lifetime = Literal["short", "long"]  # how long a provider keeps a cached prompt


T = TypeVar("T")


def shown(default: T) -> T:
    """Declare a field's default that is written on the wire too, because readers expect the field."""
    return msgspec.field(default_factory=lambda: default)


class Wire(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True, gc=False):
    """The base of all wire data: frozen, camelCase. A field with its default value is left out unless it is `shown`.

    Wire data has no cycles, so the garbage collector skips it. This saves a twentieth of a run's time.
    """


class Text(Wire, frozen=True, tag="text", tag_field="type"):
    """Plain text."""

    text: str
    signature: str | None = None  # the provider's signature of a model's text; only the same model accepts it
    citations: tuple[dict[str, Any], ...] = ()  # sources of a model's text, in the format of its `api`
    cache: Lifetime | None = None


class Image(Wire, frozen=True, tag="image", tag_field="type"):
    """An inline image."""

    data: str  # base64
    mime_type: str  # image/png, ...
    cache: Lifetime | None = None


class ImageURL(Wire, frozen=True, tag="imageUrl", tag_field="type"):
    """An image at an address. The provider loads it from there, not this program."""

    url: str  # http or https; other addresses become a note to the model
    cache: Lifetime | None = None


class File(Wire, frozen=True, tag="file", tag_field="type"):
    """A document, such as a PDF. It has `data`, or a `url` from which the provider loads it. `data` wins over `url`."""

    mime_type: str  # application/pdf, text/plain, ...
    data: str = ""  # base64
    url: str = ""  # http or https
    name: str = ""  # file name, such as report.pdf
    cache: Lifetime | None = None


class Audio(Wire, frozen=True, tag="audio", tag_field="type"):
    """A sound recording."""

    data: str  # base64
    mime_type: str  # audio/wav, audio/mpeg
    cache: Lifetime | None = None


class Thinking(Wire, frozen=True, tag="thinking", tag_field="type"):
    """A model's reasoning, with the provider's signature if it sent one."""

    thinking: str
    signature: str | None = None  # the provider's; without it, the provider refuses the block in later requests
    redacted: bool = False  # no readable text, only the signature


class ToolCall(Wire, frozen=True, tag="toolCall", tag_field="type"):
    """A tool call of the model."""

    id: str  # made by the runtime, globally unique: use it as an idempotency key in other systems
    name: str  # the tool's name
    arguments: dict[str, Any]
    raw_arguments: str | None = None  # the model's text, if it isn't a JSON object in the value domain
    provider_id: str | None = None  # the provider's id of the call
    signature: str | None = None  # the provider's; only the same model accepts it


class Opaque(Wire, frozen=True, tag="opaque", tag_field="type"):
    """A provider's own block, such as a web search. It is sent back unchanged. Other providers get a note instead."""

    api: str  # as in the `ModelDescriptor`: the API that `raw` belongs to
    kind: str  # the provider's own type of the block
    raw: str  # the provider's block, as JSON text


UserBlock = Text | Image | ImageURL | File | Audio
AssistantBlock = Text | Thinking | ToolCall | Opaque


def text_of(blocks: Iterable[UserBlock | AssistantBlock]) -> str:
    """Return the texts of the text blocks, joined."""
    return "".join([block.text for block in blocks if isinstance(block, Text)])


def label_of(block: UserBlock) -> str:
    """Describe a block for a person: a text block's text; else the kind of block, in brackets."""
    match block:
        case Text():
            return block.text
        case Image():
            return "[image]"
        case ImageURL():
            return f"[image at {block.url}]"
        case File():
            return f"[file {block.name or block.url or block.mime_type}]"
        case Audio():
            return "[audio]"


class Cost(Wire, frozen=True):
    """Amounts of money, in the currency of the model's prices. In a model descriptor: prices per million tokens."""

    input: float = shown(0.0)
    output: float = shown(0.0)
    cache_read: float = shown(0.0)
    cache_write: float = shown(0.0)
    total: float = shown(0.0)


_NO_COST = Cost()


class Usage(Wire, frozen=True):
    """Tokens of one model call, or of a run so far. `total_tokens` is the sum of the four."""

    input: int = shown(0)  # without tokens read from, or written to, the provider's cache
    output: int = shown(0)
    cache_read: int = shown(0)
    cache_write: int = shown(0)
    total_tokens: int = shown(0)
    cost: Cost = shown(Cost())
    reasoning: int = 0  # the part of `output` that is the model's reasoning, if the provider reports it
    provider_cost: float | None = None  # the cost that the provider reports, in its currency; None: not reported

    def plus(self, other: "Usage") -> "Usage":
        """Return the sum of both."""
        if self == _NO_USAGE:
            return other
        a, b = self.cost, other.cost
        cost = a
        if b != _NO_COST:
            cost = Cost(
                input=a.input + b.input,
                output=a.output + b.output,
                cache_read=a.cache_read + b.cache_read,
                cache_write=a.cache_write + b.cache_write,
                total=a.total + b.total,
            )
        return Usage(
            input=self.input + other.input,
            output=self.output + other.output,
            cache_read=self.cache_read + other.cache_read,
            cache_write=self.cache_write + other.cache_write,
            total_tokens=self.total_tokens + other.total_tokens,
            cost=cost,
            reasoning=self.reasoning + other.reasoning,
            provider_cost=_sum(self.provider_cost, other.provider_cost),
        )


_NO_USAGE = Usage()


def _sum(a: float | None, b: float | None) -> float | None:
    return b if a is None else a if b is None else a + b


class UserMessage(Wire, frozen=True, tag="user", tag_field="role"):
    """A message from a person."""

    content: str | tuple[UserBlock, ...]
    timestamp: int = shown(0)  # ms
    cache: Lifetime | None = None

    @property
    def blocks(self) -> tuple[UserBlock, ...]:
        """The content as blocks: a string becomes one text block."""
        return (Text(text=self.content),) if isinstance(self.content, str) else self.content

    @property
    def text(self) -> str:
        """The texts of its text blocks, joined."""
        return text_of(self.blocks)


class AssistantMessage(Wire, frozen=True, tag="assistant", tag_field="role"):
    """A complete message from the model, and how it ended."""

    content: tuple[AssistantBlock, ...]
    api: str = shown("")  # as in the `ModelDescriptor` of the call, like `provider` and `model`
    provider: str = shown("")
    model: str = shown("")  # the model's id
    usage: Usage = shown(Usage())  # of this model call, including all attempts
    stop_reason: StopReason = shown("stop")
    error_message: str | None = None  # only if the call failed: for a person
    error_kind: ErrorKind | None = None  # only if the call failed
    response_id: str | None = None  # the provider's id of the response, for its support
    timestamp: int = shown(0)  # ms
    cache: Lifetime | None = None

    @property
    def calls(self) -> list[ToolCall]:
        """The message's tool calls, in the model's order."""
        found: list[ToolCall] = []
        for block in self.content:
            if type(block) is ToolCall:
                found.append(block)
        return found

    @property
    def text(self) -> str:
        """The texts of its text blocks, joined."""
        return text_of(self.content)


class ToolResultMessage(Wire, frozen=True, tag="toolResult", tag_field="role"):
    """The result of a tool call."""

    tool_call_id: str
    tool_name: str
    content: tuple[UserBlock, ...]  # for the model
    is_error: bool = shown(False)  # the tool failed, or never executed
    details: Any = None  # for programs; the model sees only `content`
    timestamp: int = shown(0)  # ms
    cache: Lifetime | None = None
    arguments: dict[str, Any] | None = None  # the edited arguments, used in place of the model's; None: not edited

    @property
    def text(self) -> str:
        """The texts of its text blocks, joined."""
        return text_of(self.content)


Message = UserMessage | AssistantMessage | ToolResultMessage


InputPart = Literal["imageUrl", "file", "fileUrl", "audio"]  # besides text and inline images
ToolChoiceKind = Literal["auto", "none", "required", "tool"]  # `tool`: one named tool
ReasoningFormat = Literal["none", "openai", "openrouter", "thinking", "together", "chat_template"]


class Compat(Wire, frozen=True, metaclass=NamesOptions):
    """How a server with one of OpenAI's APIs differs from OpenAI's own server.

    None: the known behaviour of the server's host (`actors/models/presets.py`), else OpenAI's. For Ollama, only
    `supports_reasoning_effort`, `thinking_tag` and `thinks_at_once` have an effect.

    `reasoning_format` says how to ask a chat completions server for reasoning:
    - `none`: not possible. `openai`: `reasoning_effort`. `openrouter`: `reasoning.effort`.
    - `thinking`: `thinking.type`, on or off, and `reasoning_effort` unless `supports_reasoning_effort` is False.
    - `together`: `reasoning.enabled`, and `reasoning_effort`.
    - `chat_template`: `chat_template_kwargs.enable_thinking`, on or off.
    """

    max_tokens_field: Literal["max_completion_tokens", "max_tokens"] | None = None  # field that limits the answer
    reasoning_format: ReasoningFormat | None = None
    supports_reasoning_effort: bool | None = None  # Ollama: None means only gpt-oss models do
    reasoning_efforts: tuple[str, ...] | None = None  # accepted values, lowest first; None: sent unchanged
    supports_strict_tool_schema: bool | None = None
    supports_usage_in_streaming: bool | None = None
    tool_call_id_format: Literal["passthrough", "safe64", "mistral9"] | None = None  # format of the ids it accepts
    requires_tool_result_name: bool | None = None  # a result must name its tool
    tool_choices: tuple[ToolChoiceKind, ...] | None = None  # accepted kinds; None: all
    seed_field: Literal["seed", "random_seed"] | None = None
    input_parts: tuple[InputPart, ...] | None = None  # chat completions only; None: `imageUrl`, `file` and `audio`
    refused_fields: tuple[str, ...] | None = None  # body fields, by OpenAI's names, that are never sent
    # Chat completions and Ollama: the model writes its thinking into its text, between <TAG> and </TAG>.
    thinking_tag: str | None = None  # the TAG: "think"
    thinks_at_once: bool | None = None  # the text begins inside the tag, because the prompt ends with <TAG>


class LongPrompt(Wire, frozen=True):
    """Other prices, for a whole call with a long prompt."""

    above: int  # these prices apply to prompts of more tokens than this, cached ones included
    cost: Cost  # per million tokens


class ModelDescriptor(Wire, frozen=True, metaclass=NamesOptions):
    """Describes a model: its name, its API's address, its abilities and its prices.

    Attributes:
        id: the model's name in the API.
        name: a name for people.
        api: the API to use, such as `anthropic-messages`. Empty: the provider's first.
        provider: the name of the provider, the company or server that runs the model.
        base_url: the address of the API. Empty: the provider's own.
        input: the kinds of input that the model accepts.
        reasoning: True: the model can reason before it answers.
        tools: True: the model can call tools.
        context_window: size in tokens. Ollama gets this size in each request; with None it uses its own default.
        max_output_tokens: maximum tokens of one answer.
        cost: prices, per million tokens. None: unknown; then a limit in cost is refused.
        long_prompts: other prices for long prompts, the longest last. If several apply, the last one counts.
        prices_from: the catalogue that the prices come from, with its date. None: they were set by hand.
        headers: HTTP headers for each request. They may hold secrets, and are never recorded.
        compat: how the server differs from OpenAI's own.
    """

    id: str
    name: str = ""
    api: str = shown("")
    provider: str = shown("")
    base_url: str = ""
    input: tuple[Literal["text", "image", "file", "audio"], ...] = ("text",)
    reasoning: bool = False
    tools: bool = True
    context_window: int | None = None
    max_output_tokens: int | None = None
    cost: Cost | None = None
    long_prompts: tuple[LongPrompt, ...] = ()
    prices_from: str | None = None
    headers: dict[str, str] | None = None
    compat: Compat | None = None

    def __repr__(self) -> str:
        return without_secrets(self, "ModelDescriptor")


def without_secrets(struct: msgspec.Struct, name: str) -> str:
    """Return a repr that has the names of `headers` but not their values."""
    values = msgspec.structs.asdict(struct)
    if values.get("headers"):
        values["headers"] = dict.fromkeys(values["headers"], "***")
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in values.items())})"


def user(content: str, timestamp: int = 0) -> UserMessage:
    """Return a user message with plain text."""
    return UserMessage(content=content, timestamp=timestamp)
