"""What a conversation is made of: content blocks, messages, usage, model descriptors. Data only, camelCase on the wire.

Every struct here is frozen. Wire names are the camelCase forms of the field names; an optional
field at its default is left out. Timestamps are milliseconds since the epoch.
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
ErrorKind = Literal["transient", "terminal"]  # the same call may succeed later | it will fail again
Lifetime = Literal["short", "long"]  # of a prompt cache: a marker says that all up to here is worth keeping that long


T = TypeVar("T")


def shown(default: T) -> T:
    """A default that is written on the wire all the same, because readers count on the field."""
    return msgspec.field(default_factory=lambda: default)


class Wire(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True, gc=False):
    """The base of all wire data: frozen, camelCase, a field at its default left out unless it is `shown`.

    What it holds has no cycles, so the garbage collector need not look (a twentieth of a run's time).
    """


class Text(Wire, frozen=True, tag="text", tag_field="type"):
    """Plain text."""

    text: str
    signature: str | None = None  # of a model's text: the provider's word on it, of use to the same model only
    citations: tuple[dict[str, Any], ...] = ()  # of a model's text: what it rests on, in the words of its `api`
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
    """A document, as PDF. It has `data`, or a `url` that the provider loads it from; where it has both, data counts."""

    mime_type: str  # application/pdf, text/plain, ...
    data: str = ""  # base64
    url: str = ""  # http or https
    name: str = ""  # of the file, as report.pdf
    cache: Lifetime | None = None


class Audio(Wire, frozen=True, tag="audio", tag_field="type"):
    """A recording."""

    data: str  # base64
    mime_type: str  # audio/wav, audio/mpeg
    cache: Lifetime | None = None


class Thinking(Wire, frozen=True, tag="thinking", tag_field="type"):
    """A model's reasoning, with the provider's signature where it gave one."""

    thinking: str
    signature: str | None = None  # the provider's: without it, it doesn't take the block back
    redacted: bool = False  # there is nothing to read; the signature is all of it


class ToolCall(Wire, frozen=True, tag="toolCall", tag_field="type"):
    """The model asks for a tool."""

    id: str  # minted by the runtime, unique for ever: the idempotency key for the outside
    name: str  # of the tool
    arguments: dict[str, Any]
    raw_arguments: str | None = None  # the model's own words, where they are no JSON object that every wire can carry
    provider_id: str | None = None  # the id that the provider gave
    signature: str | None = None  # the provider's, of use to the same model only


class Opaque(Wire, frozen=True, tag="opaque", tag_field="type"):
    """What a provider did by itself, as searching the web: it goes back as it came. Other providers see a note."""

    api: str  # as in the `ModelDescriptor`: whose words `raw` are
    kind: str  # the provider's own type of the block
    raw: str  # the provider's block, as JSON text


UserBlock = Text | Image | ImageURL | File | Audio
AssistantBlock = Text | Thinking | ToolCall | Opaque


def text_of(blocks: Iterable[UserBlock | AssistantBlock]) -> str:
    """The text blocks among these, joined."""
    return "".join([block.text for block in blocks if isinstance(block, Text)])


def label_of(block: UserBlock) -> str:
    """A block in one line or more for a person: the text of a text, else what it is, in brackets."""
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
    """Money, in the currency of the model descriptor's prices; for a descriptor: per million tokens."""

    input: float = shown(0.0)
    output: float = shown(0.0)
    cache_read: float = shown(0.0)
    cache_write: float = shown(0.0)
    total: float = shown(0.0)


_NO_COST = Cost()


class Usage(Wire, frozen=True):
    """Tokens of one model call, or of a run so far. `total_tokens` is the sum of the four."""

    input: int = shown(0)  # without those that came from, or went into, the provider's cache
    output: int = shown(0)
    cache_read: int = shown(0)
    cache_write: int = shown(0)
    total_tokens: int = shown(0)
    cost: Cost = shown(Cost())
    reasoning: int = 0  # of `output`: the tokens of the model's reasoning, where the provider tells
    provider_cost: float | None = None  # what the provider says that it charges, in its currency; None: not said

    def plus(self, other: "Usage") -> "Usage":
        """The sum of both."""
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
    """What a person said."""

    content: str | tuple[UserBlock, ...]
    timestamp: int = shown(0)  # ms
    cache: Lifetime | None = None

    @property
    def blocks(self) -> tuple[UserBlock, ...]:
        """The content, in which a string is one block of text."""
        return (Text(text=self.content),) if isinstance(self.content, str) else self.content

    @property
    def text(self) -> str:
        """All its text blocks, joined."""
        return text_of(self.blocks)


class AssistantMessage(Wire, frozen=True, tag="assistant", tag_field="role"):
    """What the model said, whole, with how it ended."""

    content: tuple[AssistantBlock, ...]
    api: str = shown("")  # these three as in the `ModelDescriptor` that was asked
    provider: str = shown("")
    model: str = shown("")  # its id
    usage: Usage = shown(Usage())  # of this call, with all its attempts
    stop_reason: StopReason = shown("stop")
    error_message: str | None = None  # of a call that failed, for a person
    error_kind: ErrorKind | None = None  # of a call that failed
    response_id: str | None = None  # the provider's, for its support
    timestamp: int = shown(0)  # ms
    cache: Lifetime | None = None

    @property
    def calls(self) -> list[ToolCall]:
        """The tool calls in it, in the model's order."""
        found: list[ToolCall] = []
        for block in self.content:
            if type(block) is ToolCall:
                found.append(block)
        return found

    @property
    def text(self) -> str:
        """All its text blocks, joined."""
        return text_of(self.content)


class ToolResultMessage(Wire, frozen=True, tag="toolResult", tag_field="role"):
    """What a tool gave back."""

    tool_call_id: str
    tool_name: str
    content: tuple[UserBlock, ...]  # for the model
    is_error: bool = shown(False)  # the tool failed, or never executed
    details: Any = None  # for programs; the model sees content only
    timestamp: int = shown(0)  # ms
    cache: Lifetime | None = None
    arguments: dict[str, Any] | None = None  # edited by the decider, in place of the model's; None: not edited

    @property
    def text(self) -> str:
        """All its text blocks, joined."""
        return text_of(self.content)


Message = UserMessage | AssistantMessage | ToolResultMessage


InputPart = Literal["imageUrl", "file", "fileUrl", "audio"]  # what a message may hold beside text and inline images
ToolChoiceKind = Literal["auto", "none", "required", "tool"]  # `tool`: one tool, by its name
ReasoningFormat = Literal["none", "openai", "openrouter", "thinking", "together", "chat_template"]


class Compat(Wire, frozen=True, metaclass=NamesOptions):
    """How a server that speaks one of OpenAI's APIs differs from OpenAI's own. None: as the server's host is known to
    do (`actors/models/presets.py`), else as OpenAI does. Of Ollama's models, only `supports_reasoning_effort` and the
    tags of thinking count.

    `reasoning_format` says how a chat completions server is asked to think:
    - `none`: it can't be asked. `openai`: `reasoning_effort`. `openrouter`: `reasoning.effort`.
    - `thinking`: `thinking.type`, on or off, and `reasoning_effort` unless `supports_reasoning_effort` is False.
    - `together`: `reasoning.enabled`, and `reasoning_effort`.
    - `chat_template`: `chat_template_kwargs.enable_thinking`, on or off.
    """

    max_tokens_field: Literal["max_completion_tokens", "max_tokens"] | None = None  # what bounds the answer
    reasoning_format: ReasoningFormat | None = None
    supports_reasoning_effort: bool | None = None  # how hard to think; of Ollama's, None: gpt-oss's do
    reasoning_efforts: tuple[str, ...] | None = None  # the words it takes, from least to most; None: as they are asked
    supports_strict_tool_schema: bool | None = None
    supports_usage_in_streaming: bool | None = None
    tool_call_id_format: Literal["passthrough", "safe64", "mistral9"] | None = None  # of the ids it takes
    requires_tool_result_name: bool | None = None  # a result must name its tool
    tool_choices: tuple[ToolChoiceKind, ...] | None = None  # those it takes; None: all
    seed_field: Literal["seed", "random_seed"] | None = None
    input_parts: tuple[InputPart, ...] | None = None  # of chat completions; None: `imageUrl`, `file` and `audio`
    refused_fields: tuple[str, ...] | None = None  # of the body, by OpenAI's names: never sent
    # Of chat completions and Ollama: the model puts its thinking into its text, between <TAG> and </TAG>.
    thinking_tag: str | None = None  # the TAG: "think"
    thinks_at_once: bool | None = None  # its text begins inside the tag: the opening one is in its prompt


class LongPrompt(Wire, frozen=True):
    """Other prices for a whole call, where its prompt is long."""

    above: int  # tokens of the prompt, cached ones included
    cost: Cost  # per million tokens


class ModelDescriptor(Wire, frozen=True, metaclass=NamesOptions):
    """Which model, where, and what it can do.

    Attributes:
        id: the model's name, as the API calls it.
        name: a name for people.
        api: the API that it is asked by, as `anthropic-messages`. Empty: the provider's first.
        provider: the name of whoever serves it.
        base_url: the address of the API. Empty: the provider's own.
        input: what the model takes.
        reasoning: True: the model can think first.
        tools: True: the model can call tools.
        context_window: tokens. Ollama is asked for so many, and decides itself where it is None.
        max_output_tokens: tokens of one answer, at most.
        cost: prices, per million tokens. None: not known, so a limit in cost is refused.
        long_prompts: other prices for long prompts, the longest last. Of several that apply, the last counts.
        prices_from: the catalogue that the prices were looked up in, with its date. None: they were stated by hand.
        headers: headers that are sent with each request. They may hold secrets, and are never recorded.
        compat: how its server differs from OpenAI's own.
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
    """A repr with the names of its `headers`, and not what they hold."""
    values = msgspec.structs.asdict(struct)
    if values.get("headers"):
        values["headers"] = dict.fromkeys(values["headers"], "***")
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in values.items())})"


def user(content: str, timestamp: int = 0) -> UserMessage:
    """A user message of plain text."""
    return UserMessage(content=content, timestamp=timestamp)
