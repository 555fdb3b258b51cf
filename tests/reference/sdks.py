"""The vendors' own Python SDKs as reference clients: one class for each API, with its requests and its answers.

Requests are written by hand in the vendor's form; no code of adjourn is used here. The methods block: use a thread.
"""

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import anthropic
import httpx  # used by Ollama's SDK
import httpx2  # used by the two other SDKs
import ollama
import openai
from heard import Block, Broken, Heard, Refused

CITY: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NOTHING: dict[str, Any] = {"type": "object", "properties": {}}
TOOLS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("weather", "The weather in a city", CITY),
    ("now", "The time", NOTHING),
)
"""What every request offers: name, description, parameters."""

OSLO = {"city": "Oslo", "days": 3}
WEATHER_ASKED = "What is the weather in Oslo?"
WEATHER_TOLD = "snow, -4 °C"
INSTRUCTIONS = "You are a weather service."

Answer = Heard | Refused | Broken


class Sdk(Protocol):
    """A vendor's client of one API."""

    model: str  # the model's name in adjourn
    path: str  # the path of the API's requests
    ordered: bool  # whether the API keeps the order of text and calls
    ids: bool  # whether calls have ids
    counts: bool  # whether the server counts tokens for this API

    def ask(self, url: str, question: str) -> Answer:
        """Returns the answer to one user message, as the SDK read it."""
        ...

    def tell_weather(self, url: str) -> Answer:
        """Returns the answer to a conversation: a question about the weather, the model's tool call, and its result."""
        ...


class Anthropic:
    """`/v1/messages`."""

    model, path = "anthropic:claude-mock-4-5", "/v1/messages"
    ordered = ids = counts = True
    stops = {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "toolUse",
    }

    def ask(self, url: str, question: str) -> Answer:
        return self._stream(url, [{"role": "user", "content": question}])

    def tell_weather(self, url: str) -> Answer:
        call = {"type": "tool_use", "id": "call_oslo", "name": "weather", "input": OSLO}
        result = {"type": "tool_result", "tool_use_id": "call_oslo", "content": WEATHER_TOLD}
        conversation = [
            {"role": "user", "content": WEATHER_ASKED},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
        ]
        return self._stream(url, conversation)

    def final(self, url: str, question: str) -> Any:
        """Returns the SDK's own message."""
        with self._open(url, [{"role": "user", "content": question}]) as stream:
            return stream.get_final_message()

    @contextmanager
    def _open(self, url: str, messages: Sequence[Any]) -> Generator[Any]:
        tools: Any = [
            {"name": name, "description": description, "input_schema": schema} for name, description, schema in TOOLS
        ]
        with (
            anthropic.Anthropic(base_url=url, api_key="sk-test", max_retries=0) as client,
            client.messages.stream(
                model="claude-mock-4-5", max_tokens=4096, system=INSTRUCTIONS, messages=messages, tools=tools
            ) as stream,
        ):
            yield stream

    def _stream(self, url: str, messages: Sequence[Any]) -> Answer:
        text = ""
        try:
            with self._open(url, messages) as stream:
                for text_delta in stream.text_stream:
                    text += text_delta
                message = stream.get_final_message()
        except anthropic.APIStatusError as error:
            return refused(error)
        except httpx2.TransportError:
            return Broken(text)
        blocks: list[Block] = []
        for block in message.content:
            if block.type == "text":
                blocks.append(("text", block.text))
            elif block.type == "thinking":
                blocks.append(("thinking", block.thinking))
            elif block.type == "tool_use":
                blocks.append(("call", block.id, block.name, block.input))
        usage = message.usage
        cached = (usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0)
        return Heard(tuple(blocks), self.stops[message.stop_reason], (usage.input_tokens, usage.output_tokens, *cached))


class OpenAIChat:
    """`/v1/chat/completions`."""

    model, path = "openai:mock-gpt", "/v1/chat/completions"
    ids = counts = True
    ordered = False
    stops = {"stop": "stop", "length": "length", "tool_calls": "toolUse"}

    def ask(self, url: str, question: str) -> Answer:
        return self._stream(url, [{"role": "user", "content": question}])

    def tell_weather(self, url: str) -> Answer:
        function = {"name": "weather", "arguments": '{"city":"Oslo","days":3}'}
        call = {"id": "call_oslo", "type": "function", "function": function}
        conversation = [
            {"role": "user", "content": WEATHER_ASKED},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_oslo", "content": WEATHER_TOLD},
        ]
        return self._stream(url, conversation)

    def _stream(self, url: str, messages: list[Any]) -> Answer:
        text = ""
        tools: Any = [
            {"name": name, "description": description, "parameters": schema, "strict": False}
            for name, description, schema in TOOLS
        ]
        system = {"role": "system", "content": INSTRUCTIONS}
        try:
            with (
                openai.OpenAI(base_url=f"{url}/v1", api_key="sk-test", max_retries=0) as client,
                client.chat.completions.stream(
                    model="mock-gpt",
                    messages=[system, *messages],  # type: ignore[list-item]
                    tools=[{"type": "function", "function": tool} for tool in tools],
                    stream_options={"include_usage": True},
                ) as stream,
            ):
                for event in stream:
                    text += event.delta if event.type == "content.delta" else ""
                completion = stream.get_final_completion()
        except openai.LengthFinishReasonError as error:  # the SDK raises this if it knows tools
            completion = error.completion
        except openai.APIStatusError as error:
            return refused(error)
        except openai.APIConnectionError:
            return Broken(text)
        except openai.APIError as error:
            return Refused(None, error.message, None)
        [choice] = completion.choices
        message: Any = choice.message
        blocks: list[Block] = []
        if reasoning := getattr(message, "reasoning_content", None):
            blocks.append(("thinking", reasoning))
        if message.content:
            blocks.append(("text", message.content))
        for call in message.tool_calls or ():
            blocks.append(("call", call.id, call.function.name, json.loads(call.function.arguments)))
        usage = completion.usage
        assert usage is not None
        tokens = counted(usage.prompt_tokens, usage.completion_tokens, usage.prompt_tokens_details)
        return Heard(tuple(blocks), self.stops[choice.finish_reason], tokens)


class OpenAIResponses:
    """`/v1/responses`."""

    model, path = "openai-responses:mock-gpt", "/v1/responses"
    ordered = ids = counts = True
    ends = ("response.completed", "response.incomplete")

    def ask(self, url: str, question: str) -> Answer:
        return self._stream(url, [{"role": "user", "content": question}])

    def tell_weather(self, url: str) -> Answer:
        call = {"call_id": "call_oslo", "name": "weather", "arguments": '{"city":"Oslo","days":3}'}
        conversation = [
            {"role": "user", "content": WEATHER_ASKED},
            {"type": "function_call", **call},
            {"type": "function_call_output", "call_id": "call_oslo", "output": WEATHER_TOLD},
        ]
        return self._stream(url, conversation)

    def _stream(self, url: str, conversation: Any) -> Answer:
        text = ""
        response: Any = None
        event: Any
        tools: Any = [
            {"type": "function", "name": name, "description": description, "parameters": schema, "strict": False}
            for name, description, schema in TOOLS
        ]
        try:
            with (
                openai.OpenAI(base_url=f"{url}/v1", api_key="sk-test", max_retries=0) as client,
                client.responses.stream(
                    model="mock-gpt", input=conversation, tools=tools, instructions=INSTRUCTIONS
                ) as stream,
            ):
                for event in stream:
                    text += event.delta if event.type == "response.output_text.delta" else ""
                    response = event.response if event.type in self.ends else response
        except openai.APIStatusError as error:
            return refused(error)
        except openai.APIConnectionError:
            return Broken(text)
        except openai.APIError as error:
            return Refused(None, error.message, None)
        blocks: list[Block] = []
        for item in response.output:
            if item.type == "reasoning":
                blocks.append(("thinking", "\n\n".join(part.text for part in item.summary)))
            elif item.type == "message":
                blocks += [("text", part.text) for part in item.content if part.type == "output_text"]
            elif item.type == "function_call":
                blocks.append(("call", item.call_id, item.name, json.loads(item.arguments)))
        stop = "toolUse" if any(block[0] == "call" for block in blocks) else "stop"
        if response.status == "incomplete":  # aimock gives no reason
            stop = "length"
        usage = response.usage
        tokens = counted(usage.input_tokens, usage.output_tokens, usage.input_tokens_details)
        return Heard(tuple(blocks), stop, tokens)


class Ollama:
    """`/api/chat`."""

    model, path = "ollama:mock-llama", "/api/chat"
    ordered = ids = counts = False

    def ask(self, url: str, question: str) -> Answer:
        return self._stream(url, [{"role": "user", "content": question}])

    def tell_weather(self, url: str) -> Answer:
        conversation = [
            {"role": "user", "content": WEATHER_ASKED},
            {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather", "arguments": OSLO}}]},
            {"role": "tool", "tool_name": "weather", "content": WEATHER_TOLD},
        ]
        return self._stream(url, conversation)

    def models(self, url: str) -> list[str]:
        """Returns the models of `/api/tags`, by name."""
        with self._client(url) as client:
            return [model.model for model in client.list().models]

    def _client(self, url: str) -> Any:  # the SDK doesn't declare the type
        return ollama.Client(host=url)

    def _stream(self, url: str, messages: list[Any]) -> Answer:
        text, thinking, calls = "", "", list[Block]()
        last: Any = None
        tools: Any = [
            {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}
            for name, description, schema in TOOLS
        ]
        system = {"role": "system", "content": INSTRUCTIONS}
        try:
            with self._client(url) as client:
                for part in client.chat("mock-llama", [system, *messages], tools=tools, stream=True):
                    text += part.message.content or ""
                    thinking += part.message.thinking or ""
                    for call in part.message.tool_calls or ():
                        calls.append(("call", None, call.function.name, dict(call.function.arguments)))
                    last = part
        except ollama.ResponseError as error:
            told: Any = error.error
            if isinstance(told, str):
                return Refused(None, told, None)
            return Refused(error.status_code, told["message"], None)  # aimock sends errors in OpenAI's form
        except httpx.TransportError:
            return Broken(text)
        assert last.done
        spoken = [("thinking", thinking)] * bool(thinking) + [("text", text)] * bool(text)
        stop = "toolUse" if calls else str(last.done_reason)
        return Heard((*spoken, *calls), stop, (last.prompt_eval_count or 0, last.eval_count or 0, 0, 0))


SDKS: tuple[Sdk, ...] = (Anthropic(), OpenAIChat(), OpenAIResponses(), Ollama())


def counted(tokens_in: int, tokens_out: int, details: Any) -> tuple[int, int, int, int]:
    """Returns OpenAI's usage as `Heard.tokens`; its details have the cached part of the input."""
    read = getattr(details, "cached_tokens", None) or 0
    written = getattr(details, "cache_write_tokens", None) or 0
    return (tokens_in - read - written, tokens_out, read, written)


def refused(error: Any) -> Refused:
    """Returns a status other than 200 as the SDKs of Anthropic and OpenAI read it."""
    told = error.body.get("error", error.body)  # only one SDK removes the outer object
    status = None if error.status_code == 200 else error.status_code
    return Refused(status, told["message"], error.response.headers.get("retry-after"))
