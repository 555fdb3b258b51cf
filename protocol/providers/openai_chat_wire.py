"""The chunks of OpenAI's chat completions API as structs. Every field may be missing or null. No decoding here."""

from typing import Any

import msgspec

from ..messages import ModelDescriptor, Usage
from .openai_models import cost_of, usage_of

__all__ = ["CHUNKS", "PARTS", "CallDelta", "Chunk", "Delta", "Function", "Part", "usage_in"]


class Function(msgspec.Struct, frozen=True, gc=False):
    name: str | None = None
    arguments: str | None = None  # a piece of JSON text
    provider_specific_fields: dict[str, Any] | None = None  # LiteLLM's
    thought_signature: str | None = None  # GitHub Copilot's
    thoughtSignature: str | None = None

    @property
    def has_extras(self) -> bool:
        """Whether there are fields that may have a signature."""
        return bool(self.thought_signature or self.thoughtSignature or self.provider_specific_fields)


class Custom(msgspec.Struct, frozen=True, gc=False):
    name: str | None = None
    input: str | None = None  # the whole text


class CallDelta(msgspec.Struct, frozen=True, gc=False):
    index: int | None = None  # some servers leave it out, or send 0 for all
    id: str | None = None  # with the first delta of a call; with some servers, with each
    function: Function | None = None
    custom: Custom | None = None  # instead of `function`: the call of a tool whose input is text
    extra_content: dict[str, Any] | None = None  # Google's: a signature is in it
    provider_specific_fields: dict[str, Any] | None = None  # LiteLLM's
    thought_signature: str | None = None
    thoughtSignature: str | None = None

    @property
    def has_extras(self) -> bool:
        """Whether there are fields that may have a signature."""
        return bool(
            self.extra_content
            or self.provider_specific_fields
            or self.thought_signature
            or self.thoughtSignature
            or (self.function is not None and self.function.has_extras)
        )


class Part(msgspec.Struct, frozen=True, gc=False):
    """A part of a content that isn't just text."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    thinking: "list[Part] | None" = None  # Mistral
    summary: list[Any] | None = None  # Databricks: the reasoning of Anthropic's models, signed


class Delta(msgspec.Struct, frozen=True, gc=False):
    content: str | list[msgspec.Raw] | None = None  # text, or parts
    refusal: str | None = None
    reasoning_content: str | None = None  # DeepSeek, vLLM, llama.cpp, Qwen
    reasoning: str | None = None  # OpenRouter, Groq, later vLLM; some send both, with the same text
    reasoning_text: str | None = None  # GitHub Copilot
    reasoning_opaque: str | None = None  # GitHub Copilot: a signature, to be sent back
    reasoning_details: list[Any] | None = None  # OpenRouter, Vercel
    thinking_blocks: list[Any] | None = None  # LiteLLM
    annotations: list[dict[str, Any]] | None = None  # what the text rests on
    tool_calls: list[CallDelta] | None = None
    function_call: Function | None = None  # the only call, from servers that don't know `tool_calls`
    extra_content: dict[str, Any] | None = None  # Google's: the signature of a text may be in it
    provider_specific_fields: dict[str, Any] | None = None  # LiteLLM's: the same
    images: list[Any] | None = None  # OpenRouter, LiteLLM, Vercel
    audio: dict[str, Any] | None = None  # OpenAI: a piece of a recording
    executed_tools: list[Any] | None = None  # Groq: what the server's own tools did

    @property
    def thinks(self) -> bool:
        """Whether the delta has reasoning."""
        return bool(
            self.reasoning_content
            or self.reasoning
            or self.reasoning_text
            or self.reasoning_details
            or self.thinking_blocks
        )


class Choice(msgspec.Struct, frozen=True, gc=False):
    index: int | None = 0
    delta: Delta | None = None
    message: Delta | None = None  # of servers that know no deltas
    finish_reason: str | None = None
    error: Any = None  # OpenRouter has it here too
    usage: "Counts | None" = None  # Moonshot (Kimi) has it here


class InputDetails(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class OutputDetails(msgspec.Struct, frozen=True, gc=False):
    reasoning_tokens: int | None = None


class Counts(msgspec.Struct, frozen=True, gc=False):
    prompt_tokens: int | None = None  # with the cached ones
    completion_tokens: int | None = None  # with those of the reasoning, but for some servers
    input_tokens: int | None = None  # the same two by their names in the Responses API
    output_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None
    prompt_cache_hit_tokens: int | None = None  # DeepSeek's word for cached_tokens
    cached_tokens: int | None = None  # Moonshot (Kimi) has it here
    reasoning_tokens: int | None = None  # Perplexity has it here
    cost: Any = None
    cost_in_usd_ticks: int | None = None


class BaseResp(msgspec.Struct, frozen=True, gc=False):
    status_code: int | None = None  # 0: all is well


class Groq(msgspec.Struct, frozen=True, gc=False):
    usage: Counts | None = None
    error: str | None = None  # why the stream was stopped early


class Chunk(msgspec.Struct, frozen=True, gc=False):
    id: str | None = None
    choices: list[Choice] | None = None  # empty with the usage at the end
    usage: Counts | None = None
    error: Any = None
    object: str | None = None  # `error` where the chunk itself is one (vLLM until 2025)
    base_resp: BaseResp | None = None  # MiniMax's
    x_groq: Groq | None = None
    search_results: list[dict[str, Any]] | None = None  # Perplexity's, the same in each chunk: what the text rests on
    citations: list[str] | None = None  # addresses alone: x.ai's, older Perplexity's

    @property
    def sources(self) -> list[dict[str, Any]]:
        """The sources of the whole text, each with its `url`."""
        return self.search_results or [{"url": each} for each in self.citations or ()]

    @property
    def fails(self) -> bool:
        """Check whether the chunk reports an error. An empty `error` doesn't count."""
        return bool(self.error) or self.object == "error" or bool(self.base_resp and self.base_resp.status_code)


CHUNKS = msgspec.json.Decoder(Chunk)
PARTS = msgspec.json.Decoder(Part)


def usage_in(model: ModelDescriptor, usage: Counts) -> Usage:
    """Return the usage of a call."""
    details = usage.prompt_tokens_details or InputDetails()
    read = details.cached_tokens or usage.prompt_cache_hit_tokens or usage.cached_tokens or 0
    written = details.cache_write_tokens or 0
    of_output = usage.completion_tokens_details or OutputDetails()
    return usage_of(
        model,
        prompt=usage.prompt_tokens or usage.input_tokens or 0,
        output=usage.completion_tokens or usage.output_tokens or 0,
        total=usage.total_tokens or 0,
        reasoning=of_output.reasoning_tokens or usage.reasoning_tokens or 0,
        cache_read=read,
        cache_write=written,
        provider_cost=cost_of(usage.cost, usage.cost_in_usd_ticks),
    )
