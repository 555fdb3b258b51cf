"""The data of a conversation: content blocks, messages, usage, model descriptors. Data only, camelCase on the wire.

Every struct here is frozen. Wire names are the field names in camelCase. An optional field that has its default value
is left out. Timestamps are milliseconds since the epoch.
"""

from collections.abc import Iterable
from itertools import repeat
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
    return msgspec.field(default_factory=repeat(default).__next__)  # a lambda would take three times as long


class Wire(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True, gc=False):
    """The base of all wire data: frozen, camelCase. A field with its default value is left out unless it is `shown`.

    Wire data has no cycles, so the garbage collector skips it. This saves a twentieth of a run's time.
    """


class Text(Wire, frozen=True, tag="text", tag_field="type"):
    """Plain text.

    Attributes:
        text: the text.
        signature: of a model's text: the provider's signature, of use to the same model only.
        citations: of a model's text: its sources, as the API of the message's `api` writes them.
        cache: marks all up to here as worth keeping in the provider's prompt cache. None: no mark.
    """

    text: str
    signature: str | None = None
    citations: tuple[dict[str, Any], ...] = ()
    cache: Lifetime | None = None


class Image(Wire, frozen=True, tag="image", tag_field="type"):
    """An inline image.

    Attributes:
        data: the image, base64.
        mime_type: its type: `image/png`, …
        cache: marks all up to here as worth keeping in the provider's prompt cache. None: no mark.
    """

    data: str
    mime_type: str
    cache: Lifetime | None = None


class ImageURL(Wire, frozen=True, tag="imageUrl", tag_field="type"):
    """An image at an address. The provider loads it from there, not this program.

    Attributes:
        url: the address, http or https. Any other address becomes a note to the model.
        cache: marks all up to here as worth keeping in the provider's prompt cache. None: no mark.
    """

    url: str
    cache: Lifetime | None = None


class File(Wire, frozen=True, tag="file", tag_field="type"):
    """A document, such as a PDF. It has `data`, or a `url` from which the provider loads it. `data` wins over `url`.

    Attributes:
        mime_type: its type: `application/pdf`, `text/plain`, …
        data: the document, base64.
        url: the address, http or https.
        name: the file's name: `report.pdf`.
        cache: marks all up to here as worth keeping in the provider's prompt cache. None: no mark.
    """

    mime_type: str
    data: str = ""
    url: str = ""
    name: str = ""
    cache: Lifetime | None = None


class Audio(Wire, frozen=True, tag="audio", tag_field="type"):
    """A sound recording.

    Attributes:
        data: the recording, base64.
        mime_type: its type: `audio/wav`, `audio/mpeg`.
        cache: marks all up to here as worth keeping in the provider's prompt cache. None: no mark.
    """

    data: str
    mime_type: str
    cache: Lifetime | None = None


class Thinking(Wire, frozen=True, tag="thinking", tag_field="type"):
    """A model's reasoning, with the provider's signature if it sent one.

    Attributes:
        thinking: the text of the reasoning.
        signature: the provider's signature. Without it the provider does not take the block back.
        redacted: True: there is no text to read, only the signature.
    """

    thinking: str
    signature: str | None = None
    redacted: bool = False


class ToolCall(Wire, frozen=True, tag="toolCall", tag_field="type"):
    """A tool call of the model.

    Attributes:
        id: the call's id. The runtime makes it, and it is unique for ever: the idempotency key for other systems.
        name: the tool's name.
        arguments: the arguments, by name.
        raw_arguments: the model's own text, where it is no JSON object that every wire can carry.
        provider_id: the id that the provider gave.
        signature: the provider's signature, of use to the same model only.
    """

    id: str
    name: str
    arguments: dict[str, Any]
    raw_arguments: str | None = None
    provider_id: str | None = None
    signature: str | None = None


class Opaque(Wire, frozen=True, tag="opaque", tag_field="type"):
    """A provider's own block, such as a web search or a picture that the model made. The block is sent back to its
    provider, if the provider accepts it. Other providers get a note instead.

    Attributes:
        api: the API that `raw` belongs to, as in the `ModelDescriptor`.
        kind: the provider's own type of the block; of chat completions, the field of the message that it was in.
        raw: the provider's block, as JSON text.
    """

    api: str
    kind: str
    raw: str


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
    """Amounts of money, in the currency of the model's prices. In a model descriptor: prices per million tokens.

    Attributes:
        input: for input tokens that no cache was used for.
        output: for output tokens.
        cache_read: for input tokens read from the provider's cache.
        cache_write: for input tokens written to the provider's cache.
        total: the sum of the four; 0 in prices.
    """

    input: float = shown(0.0)
    output: float = shown(0.0)
    cache_read: float = shown(0.0)
    cache_write: float = shown(0.0)
    total: float = shown(0.0)


class Usage(Wire, frozen=True):
    """Tokens of one model call, or of a run so far. `total_tokens` is the sum of the four.

    Attributes:
        input: input tokens, without those read from or written to the provider's cache.
        output: output tokens.
        cache_read: input tokens read from the provider's cache.
        cache_write: input tokens written to the provider's cache.
        total_tokens: the sum of the four.
        cost: what the tokens cost, by the model descriptor's prices.
        reasoning: how many of the `output` tokens are the model's reasoning, where the provider says so.
        provider_cost: the charge that the provider states, in its currency. None: it states none.
    """

    input: int = shown(0)
    output: int = shown(0)
    cache_read: int = shown(0)
    cache_write: int = shown(0)
    total_tokens: int = shown(0)
    cost: Cost = shown(Cost())
    reasoning: int = 0
    provider_cost: float | None = None

    def plus(self, other: "Usage") -> "Usage":
        """Return the sum of both."""
        if self == _NO_USAGE:
            return other
        a, b = self.cost, other.cost
        cost = a
        if b is not _NO_COST and b != _NO_COST:
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
_NO_COST = _NO_USAGE.cost  # the same object in every usage that was made without a cost


def _sum(a: float | None, b: float | None) -> float | None:
    return b if a is None else a if b is None else a + b


class UserMessage(Wire, frozen=True, tag="user", tag_field="role"):
    """A message from a person.

    Attributes:
        content: text, or content blocks.
        timestamp: when it was written, in milliseconds since the epoch.
        cache: marks all up to here as worth keeping in the provider's prompt cache. None: no mark.
    """

    content: str | tuple[UserBlock, ...]
    timestamp: int = shown(0)
    cache: Lifetime | None = None

    @property
    def blocks(self) -> tuple[UserBlock, ...]:
        """The content as blocks: a string becomes one text block."""
        return (Text(text=self.content),) if isinstance(self.content, str) else self.content

    @property
    def text(self) -> str:
        """The texts of its text blocks, joined."""
        return self.content if isinstance(self.content, str) else text_of(self.content)


class AssistantMessage(Wire, frozen=True, tag="assistant", tag_field="role"):
    """A complete message from the model, and how it ended.

    Attributes:
        content: content blocks, in the model's order.
        api: the API that the model was asked by, as in the `ModelDescriptor`.
        provider: the provider, as in the `ModelDescriptor`.
        model: the model's id, as in the `ModelDescriptor`.
        usage: tokens and cost of this model call, with all its attempts.
        stop_reason: why the message ended.
        error_message: of a model call that failed: what happened, for a person.
        error_kind: of a model call that failed: `transient`: the same call may succeed later; `terminal`: it will
            fail again.
        response_id: the provider's id of the response, for its support.
        timestamp: when it ended, in milliseconds since the epoch.
        cache: marks all up to here as worth keeping in the provider's prompt cache. None: no mark.
    """

    content: tuple[AssistantBlock, ...]
    api: str = shown("")
    provider: str = shown("")
    model: str = shown("")
    usage: Usage = shown(Usage())
    stop_reason: StopReason = shown("stop")
    error_message: str | None = None
    error_kind: ErrorKind | None = None
    response_id: str | None = None
    timestamp: int = shown(0)
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
    """The result of a tool call.

    Attributes:
        tool_call_id: the tool call's id.
        tool_name: the tool's name.
        content: the result, for the model.
        is_error: True: the tool failed, or never executed.
        details: the result, for programs. The model does not see it.
        timestamp: when it was made, in milliseconds since the epoch.
        cache: marks all up to here as worth keeping in the provider's prompt cache. None: no mark.
        arguments: the arguments that the decider edited and the tool executed with. None: the model's own.
    """

    tool_call_id: str
    tool_name: str
    content: tuple[UserBlock, ...]
    is_error: bool = shown(False)
    details: Any = None
    timestamp: int = shown(0)
    cache: Lifetime | None = None
    arguments: dict[str, Any] | None = None

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

    Attributes:
        max_tokens_field: the field of the request that bounds the answer.
        reasoning_format: how the server is asked to think: see above.
        supports_reasoning_effort: whether it takes a word for how hard to think. Of Ollama's models, None:
            gpt-oss's do.
        reasoning_efforts: the words for how hard to think that it takes, from least to most. None: all.
        supports_strict_tool_schema: whether it takes `strict` in a tool's schema.
        supports_usage_in_streaming: whether it can be asked for the usage of a stream.
        tool_call_id_format: the tool call ids that it takes: `passthrough`: any; `safe64`: at most 64 of `A-Z a-z
            0-9 _ -`; `mistral9`: 9 letters and digits.
        requires_tool_result_name: whether a tool's result must name the tool.
        tool_choices: the kinds of `tool_choice` that it takes. None: all.
        seed_field: the field of the request that the seed goes into.
        input_parts: what a message to a chat completions server may hold beside text and inline images. None:
            `imageUrl`, `file` and `audio`.
        refused_fields: fields of the request's body, by OpenAI's names, that are never sent.
        thinking_tag: of chat completions and Ollama: the TAG, such as `think`, where the model writes its thinking
            into its text between <TAG> and </TAG>.
        thinks_at_once: whether the model's text begins inside that tag, because the prompt has the opening one.
    """

    max_tokens_field: Literal["max_completion_tokens", "max_tokens"] | None = None
    reasoning_format: ReasoningFormat | None = None
    supports_reasoning_effort: bool | None = None
    reasoning_efforts: tuple[str, ...] | None = None
    supports_strict_tool_schema: bool | None = None
    supports_usage_in_streaming: bool | None = None
    tool_call_id_format: Literal["passthrough", "safe64", "mistral9"] | None = None
    requires_tool_result_name: bool | None = None
    tool_choices: tuple[ToolChoiceKind, ...] | None = None
    seed_field: Literal["seed", "random_seed"] | None = None
    input_parts: tuple[InputPart, ...] | None = None
    refused_fields: tuple[str, ...] | None = None
    # Chat completions and Ollama: the model writes its thinking into its text, between <TAG> and </TAG>.
    thinking_tag: str | None = None
    thinks_at_once: bool | None = None


class LongPrompt(Wire, frozen=True):
    """Other prices, for a whole call with a long prompt.

    Attributes:
        above: these prices hold for prompts of more tokens than this, cached ones included.
        cost: the prices, per million tokens.
    """

    above: int
    cost: Cost


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
