"""Scripted chat completions servers on loopback that refuse what the real hosts refuse, with the same messages.

The accepted fields are listed here independently of the presets, from each host's SDK or documentation (the versions in
`actors/models/presets.py`). So a preset that sends too much fails.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from byteserver import Reply, Request

Body = dict[str, Any]
Fault = Callable[[str], tuple[int, Body]]

COMMON = frozenset({"model", "messages", "stream", "temperature", "top_p", "tools"})
OPENAI = COMMON | {"max_completion_tokens", "stream_options", "stop", "seed", "service_tier", "tool_choice"}
OPENAI |= {"parallel_tool_calls", "reasoning_effort", "response_format", "prompt_cache_key"}
SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
ALL_CHOICES = frozenset({"auto", "none", "required", "tool"})
CALL_ID = "call12345"
SIGNATURE = {"google": {"thought_signature": "c2ln"}}


def openai_words(text: str) -> tuple[int, Body]:
    return 400, {"error": {"message": text, "type": "invalid_request_error", "param": None, "code": None}}


def pydantic_words(text: str) -> tuple[int, Body]:
    detail = {"type": "extra_forbidden", "loc": ["body"], "msg": f"Extra inputs are not permitted: {text}"}
    return 422, {"object": "error", "message": {"detail": [detail]}, "type": "invalid_request_error"}


def google_words(text: str) -> tuple[int, Body]:
    message = f"Invalid JSON payload received. {text}: Cannot find field."
    return 400, {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}


def databricks_words(text: str) -> tuple[int, Body]:
    return 400, {"error_code": "BAD_REQUEST", "message": f"Bad request: json: {text}"}


def bare_words(text: str) -> tuple[int, Body]:
    return 400, {"error": text}


@dataclass(frozen=True)
class Host:
    """The fields that one host accepts."""

    name: str  # of the preset
    fields: frozenset[str]  # of the body
    path: str = "/chat/completions"
    key_header: str = "authorization"
    strict_tools: bool = False  # tools may have `strict`
    choices: frozenset[str] = ALL_CHOICES
    call_id: re.Pattern[str] = SAFE_ID
    efforts: frozenset[str] | None = None
    gives_back: dict[str, Any] = field(default_factory=dict[str, Any])  # fields that calls in the history must have
    model: str = "some-model"
    words: Fault = openai_words

    def fault(self, request: Request) -> str | None:
        """Returns why the host refuses the request; None if it accepts it."""
        body = json.loads(request.body)
        if request.path != self.path:
            return f"no such path: {request.path}"
        if not request.headers.get(self.key_header, "").endswith("sesame-key"):
            return "no key"
        if unknown := sorted(body.keys() - self.fields):
            return f"unknown field {unknown[0]!r}"
        return self._tool_fault(body) or self._message_fault(body["messages"]) or self._effort_fault(body)

    def _tool_fault(self, body: Body) -> str | None:
        known = {"name", "description", "parameters"} | ({"strict"} if self.strict_tools else set())
        for tool in body.get("tools", ()):
            if unknown := sorted(tool["function"].keys() - known):
                return f"unknown field {unknown[0]!r} of a tool"
        choice = body.get("tool_choice")
        kind = "tool" if isinstance(choice, dict) else choice
        return None if kind is None or kind in self.choices else f"Invalid tool_choice: {kind}"

    def _effort_fault(self, body: Body) -> str | None:
        effort = body.get("reasoning_effort")
        refused = effort is not None and self.efforts is not None and effort not in self.efforts
        return f"Invalid reasoning_effort: {effort}" if refused else None

    def _message_fault(self, messages: list[Body]) -> str | None:
        for message in messages:
            known = {"role", "content", "tool_calls", "tool_call_id", *self.gives_back, "reasoning_content"}
            if unknown := sorted(message.keys() - known):
                return f"unknown field {unknown[0]!r} of a message"
            for call in message.get("tool_calls") or ():
                if not self.call_id.fullmatch(call["id"]):
                    return f"Tool call id was {call['id']}"
                for name, value in self.gives_back.items():
                    if value not in (call.get(name), message.get(name)):
                        return f"{name} must be passed back"
        return None


MISTRAL_FIELDS = COMMON | {"max_tokens", "stop", "random_seed", "tool_choice", "parallel_tool_calls"}
MISTRAL_FIELDS |= {"reasoning_effort", "response_format", "service_tier", "prompt_cache_key"}
DEEPSEEK_FIELDS = COMMON | {"max_tokens", "stop", "stream_options", "tool_choice", "thinking", "reasoning_effort"}
LOCAL_FIELDS = (OPENAI - {"max_completion_tokens"}) | {"max_tokens"}
LOW_TO_HIGH = frozenset({"low", "medium", "high"})

HOSTS = (
    Host("azure", OPENAI, path="/openai/v1/chat/completions", key_header="api-key", strict_tools=True, model="gpt-4.1"),
    Host("cerebras", OPENAI, path="/v1/chat/completions", efforts=LOW_TO_HIGH | {"none"}),
    Host(
        "databricks",
        COMMON | {"max_tokens", "stop", "tool_choice", "reasoning_effort"},
        path="/serving-endpoints/chat/completions",
        words=databricks_words,
    ),
    Host("deepseek", DEEPSEEK_FIELDS, gives_back={"reasoning_content": "Hm."}),
    Host(
        "google",
        COMMON | {"max_tokens", "stop", "stream_options", "tool_choice", "reasoning_effort", "response_format"},
        gives_back={"extra_content": SIGNATURE},
        model="gemini-3-flash",
        words=google_words,
    ),
    Host("groq", OPENAI - {"prompt_cache_key"}, path="/openai/v1/chat/completions", efforts=LOW_TO_HIGH | {"none"}),
    Host(
        "huggingface",
        COMMON | {"max_tokens", "stop", "seed", "stream_options", "tool_choice", "response_format"},
        words=bare_words,
    ),
    Host("litellm", LOCAL_FIELDS),
    Host("llamacpp", LOCAL_FIELDS | {"chat_template_kwargs"}),
    Host("lmstudio", LOCAL_FIELDS, choices=ALL_CHOICES - {"tool"}, words=bare_words),
    Host("mistral", MISTRAL_FIELDS, call_id=re.compile(r"[A-Za-z0-9]{9}"), words=pydantic_words),
    Host("openrouter", OPENAI | {"reasoning"}),
    Host(
        "together",
        COMMON | {"max_tokens", "stop", "seed", "tool_choice", "reasoning", "reasoning_effort", "response_format"},
        path="/v1/chat/completions",
        choices=ALL_CHOICES - {"tool"},
        efforts=LOW_TO_HIGH,
    ),
    Host("vllm", LOCAL_FIELDS | {"chat_template_kwargs"}),
    Host(
        "xai",
        COMMON | {"max_tokens", "seed", "stream_options", "tool_choice", "parallel_tool_calls", "reasoning_effort"},
        efforts=LOW_TO_HIGH,
        words=bare_words,
    ),
    Host(
        "zai",
        COMMON | {"max_tokens", "stop", "seed", "tool_choice", "thinking"},
        choices=frozenset({"auto"}),
    ),
    Host(  # an unknown host: the fields that all hosts above accept
        "",
        COMMON | {"max_tokens"},
        choices=frozenset(),
        words=bare_words,
    ),
)


def answering(host: Host) -> Callable[[Request], Reply]:
    """Returns a server's answers: a call after each user message, text after each result, else a refusal."""

    def reply(request: Request) -> Reply:
        if (fault := host.fault(request)) is not None:
            status, words = host.words(fault)
            return Reply(json.dumps(words).encode(), status=status, content_type="application/json")
        last = json.loads(request.body)["messages"][-1]
        return Reply(_text() if last["role"] == "tool" else _call(host))

    return reply


def _call(host: Host) -> bytes:
    function = {"name": "add", "arguments": '{"a": 20, "b": 22}'}
    call = {"index": 0, "id": CALL_ID, "type": "function", "function": function}
    delta: Body = {"role": "assistant", "tool_calls": [call]}
    for name, value in host.gives_back.items():
        (delta if name == "reasoning_content" else call)[name] = value
    return _stream(delta, "tool_calls")


def _text() -> bytes:
    return _stream({"role": "assistant", "content": "42"}, "stop")


def _stream(delta: Body, reason: str) -> bytes:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    chunks: list[Body] = [
        {"id": "c1", "choices": [{"index": 0, "delta": delta}]},
        {"id": "c1", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": usage},
    ]
    return b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"
