"""Hypothesis strategies for transcripts, clean and damaged, and for the models that they are handed to.

Ids, names and texts come from small pools, so that they collide with each other and with generated ones.
"""

import json
from typing import Any

import msgspec
from hypothesis import strategies as st

from adjourn.protocol.messages import (
    AssistantMessage,
    Audio,
    Compat,
    File,
    Image,
    ImageURL,
    Message,
    ModelDescriptor,
    Opaque,
    Text,
    Thinking,
    ToolCall,
    ToolResultMessage,
    UserMessage,
)
from adjourn.protocol.options import ModelOptions, NamedTool
from adjourn.protocol.providers.call_ids import CallIds
from adjourn.protocol.record import ToolSpec

_SEES: Any = ("text", "image", "file", "audio")
_BLIND: Any = ("text",)


def _model(name: str, provider: str, api: str, *, sees: bool, compat: Compat | None = None) -> ModelDescriptor:
    return ModelDescriptor(
        id=name,
        api=api,
        provider=provider,
        input=_SEES if sees else _BLIND,
        reasoning=True,
        max_output_tokens=64_000,
        compat=compat,
    )


ANTHROPIC = [
    _model("claude-opus-5-1", "anthropic", "anthropic-messages", sees=True),
    _model("claude-opus-5", "anthropic", "anthropic-messages", sees=True),
    _model("claude-opus-4-8", "anthropic", "anthropic-messages", sees=True),
    _model("claude-sonnet-4-5", "anthropic", "anthropic-messages", sees=True),
    _model("claude-haiku-4-5", "anthropic", "anthropic-messages", sees=False),
]
CHAT = [
    _model("gpt-5.6", "openai", "openai-completions", sees=True),
    _model("gpt-4.1", "openai", "openai-completions", sees=False),
    *(
        _model(
            "other",
            f"server-{form}",
            "openai-completions",
            sees=form != "safe64",
            compat=Compat(tool_call_id_format=form, requires_tool_result_name=form == "mistral9"),
        )
        for form in ("passthrough", "safe64", "mistral9")
    ),
]
RESPONSES = [
    _model("gpt-5.6", "openai", "openai-responses", sees=True),
    _model("gpt-5.4", "openai", "openai-responses", sees=False),
]
OLLAMA = [
    msgspec.structs.replace(_model("gemma4", "ollama", "ollama-chat", sees=True), context_window=65_536),
    _model("gpt-oss", "ollama", "ollama-chat", sees=False),
]
MODELS = [*ANTHROPIC, *CHAT, *RESPONSES, *OLLAMA]

SIGNATURES = {  # each adapter's signature of a thinking block; {n} is a unique number
    "anthropic-messages": "EqQBCkgI{n}",
    "openai-completions": "reasoning_content",
    "openai-responses": '{{"id":"rs_{n}","encrypted_content":"gAAA"}}',
}
PIXEL = "iVBORw0KGgo="
OTHER_PIXEL = "data:image/gif;base64,R0lGODlhAQA="
SEEN = Text(text="seen")

_IDS = ["a", "a b", "a_b", "a\tb", "", "call_0", "abcdefghi", "x" * 40, "x" * 65, "toolu_01", "ü"]
_TAKEN = [CallIds(form).give("a b") for form in ("passthrough", "safe64", "openai40", "mistral9") for _ in "."]
IDS = st.sampled_from([*_IDS, *_TAKEN])
NAMES = st.sampled_from(["look", "look up", "files.read", "", "n" * 80, "läuft"])
TEXTS = st.sampled_from(["", " ", "\n\t", "\u00a0"]) | st.sampled_from(
    ["one", "two ", " three", "四", "\x00", "\u200b"]
)
LIFETIMES: Any = st.sampled_from([None, None, None, "short", "long"])
ARGUMENTS = st.sampled_from([{}, {"n": 1}, {"of": {"deep": [None, True, 1.5, "ü"]}}])

texts = st.builds(Text, text=TEXTS, cache=LIFETIMES)
images = st.builds(
    Image,
    data=st.sampled_from([PIXEL, PIXEL, ""]),
    mime_type=st.sampled_from(["image/png", "image/jpeg", "image/jpg", "image/tiff"]),
    cache=LIFETIMES,
)
thoughts = st.builds(
    Thinking,
    thinking=TEXTS,
    signature=st.sampled_from([None, "", "native", "native", "EqQBforeign"]),
    redacted=st.booleans(),
)
calls = st.builds(
    ToolCall,
    id=IDS,
    name=NAMES,
    arguments=ARGUMENTS,
    raw_arguments=st.sampled_from([None, None, "{oops"]),
    provider_id=st.none() | IDS,
)
_SEARCHED = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x"}}
_OWN_BLOCKS: list[tuple[str, str, Any]] = [  # api, kind and value. `executed_tools`, `message` and None can't be sent
    ("openai-completions", "images", [{"type": "image_url", "image_url": {"url": OTHER_PIXEL}}]),
    ("openai-completions", "audio", {"id": "audio_1", "expires_at": 4e9}),
    ("openai-completions", "executed_tools", [{"type": "search"}]),
    (
        "anthropic-messages",
        "server_tool_use",
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
    ),
    ("anthropic-messages", "server_tool_use", None),
    ("openai-responses", "web_search_call", _SEARCHED),
    ("openai-responses", "web_search_call", None),
    ("openai-responses", "message", {"type": "message", "content": []}),
]
opaques = st.sampled_from(_OWN_BLOCKS).map(lambda own: Opaque(api=own[0], kind=own[1], raw=json.dumps(own[2])))
addresses = st.sampled_from(["https://example.test/cat.png", "file:///cat.png", ""])
image_urls = st.builds(ImageURL, url=addresses, cache=LIFETIMES)
files = st.builds(
    File,
    mime_type=st.sampled_from(["application/pdf", "text/plain", "application/zip"]),
    data=st.sampled_from([PIXEL, "SGk=", ""]),
    url=addresses,
    name=st.sampled_from(["", "report.pdf"]),
    cache=LIFETIMES,
)
recordings = st.builds(
    Audio, data=st.sampled_from([PIXEL, ""]), mime_type=st.sampled_from(["audio/wav", "audio/ogg"]), cache=LIFETIMES
)
contents = st.lists(texts | images | image_urls | files | recordings, max_size=4).map(tuple)
users = st.builds(UserMessage, content=TEXTS | contents, cache=LIFETIMES)
results = st.builds(
    ToolResultMessage,
    tool_call_id=IDS,
    tool_name=NAMES,
    content=contents,
    is_error=st.booleans(),
    cache=LIFETIMES,
    timestamp=st.integers(0, 9),
)


@st.composite
def assistants(draw: st.DrawFn) -> AssistantMessage:
    """Draw messages of any of the models."""
    model = draw(st.sampled_from([*MODELS, ModelDescriptor(id="")]))
    return AssistantMessage(
        content=tuple(draw(st.lists(texts | thoughts | calls | opaques, max_size=5))),
        api=model.api,
        provider=model.provider,
        model=model.id,
        stop_reason=draw(st.sampled_from(["stop", "toolUse", "toolUse", "toolUse", "length", "error", "aborted"])),
        cache=draw(LIFETIMES),
    )


@st.composite
def clean_transcripts(draw: st.DrawFn, *models: ModelDescriptor) -> list[Message]:
    """Draw turns of a run with these models (or any): every call has its result, no block is blank, and another block
    follows thinking."""
    out: list[Message] = []
    for turn in range(draw(st.integers(0, 4))):
        model = draw(st.sampled_from(models or MODELS))
        said = [Text(text="said")] if draw(st.booleans()) else []
        made = [
            ToolCall(id=f"call{turn}{n:04d}", name="look", arguments=draw(ARGUMENTS))
            for n in range(draw(st.integers(0 if said else 1, 3)))
        ]
        thought = Thinking(thinking="hm", signature="native")
        content = (*([thought] if draw(st.booleans()) else []), *said, *made)
        out.append(UserMessage(content=draw(st.sampled_from(["ask", (Text(text="ask"),)]))))
        origin = {"api": model.api, "provider": model.provider, "model": model.id}
        out.append(AssistantMessage(content=content, stop_reason="toolUse" if made else "stop", **origin))
        pictures = (Image(data=PIXEL, mime_type="image/png"),) if "image" in model.input else ()
        shown = st.sampled_from([(SEEN,), (*pictures, SEEN), pictures or (SEEN,)])
        out += [
            ToolResultMessage(tool_call_id=call.id, tool_name="look", content=draw(shown), is_error=draw(st.booleans()))
            for call in made
        ]
    return signed(out)


@st.composite
def damaged_transcripts(draw: st.DrawFn) -> list[Message]:
    """Draw clean transcripts in which messages were then lost, doubled, moved or inserted."""
    out = draw(clean_transcripts())
    for _ in range(draw(st.integers(0, 4))):
        at, to = (draw(st.integers(0, len(out))) for _ in "..")
        taken = out[at : at + 1]
        match draw(st.sampled_from(["lose", "double", "move", "add"])):
            case "lose":
                del out[at : at + 1]
            case "double":
                out[to:to] = taken
            case "move":
                del out[at : at + 1]
                out[to:to] = taken
            case _:
                out.insert(to, draw(users | assistants() | results))
    return signed(out)


def signed(messages: list[Message]) -> list[Message]:
    """Return the messages with `native` signatures replaced by unique ones in the form of their models' adapters."""
    return [
        _signed(message, at) if isinstance(message, AssistantMessage) else message
        for at, message in enumerate(messages)
    ]


def _signed(message: AssistantMessage, at: int) -> AssistantMessage:
    form = SIGNATURES.get(message.api)
    content = tuple(
        msgspec.structs.replace(block, signature=form.format(n=f"{at}_{place}") if form else None)
        if isinstance(block, Thinking) and block.signature == "native"
        else block
        for place, block in enumerate(message.content)
    )
    return msgspec.structs.replace(message, content=content)


transcripts = st.lists(users | assistants() | results, max_size=10).map(signed) | damaged_transcripts()

_TOOLS = [
    ToolSpec(name=name, description=about, parameters={"type": "object", "properties": {"n": {"type": "integer"}}})
    for name, about in [("look", "Look."), ("n" * 64, ""), ("a-b_C", "Dashes.")]
]
tool_lists = st.lists(st.sampled_from(_TOOLS), unique_by=lambda tool: tool.name, max_size=3)
options: Any = st.builds(
    ModelOptions,
    max_tokens=st.sampled_from([None, 1, 1000, 1025, 64_000]),
    temperature=st.sampled_from([None, 0.0, 0.7]),
    top_p=st.sampled_from([None, 0.5]),
    seed=st.sampled_from([None, 7]),
    stop=st.sampled_from([(), ("END",)]),
    reasoning=st.sampled_from([None, "none", "minimal", "low", "medium", "high", "xhigh"]),
    tool_choice=st.sampled_from([None, "auto", "none", "required", NamedTool(name="look")]),
    parallel_tool_calls=st.sampled_from([None, True, False]),
    response_schema=st.sampled_from([None, {"type": "object", "title": "Läuft"}]),
    service_tier=st.sampled_from([None, "auto"]),
    cache=st.sampled_from([None, "none", "short", "long"]),
    cache_instructions=LIFETIMES,
    cache_tools=LIFETIMES,
    session_id=st.sampled_from([None, "", "s", "s" * 100]),
    metadata=st.sampled_from([{}, {"user_id": "u"}, {"user_id": "u" * 300, "deep": {"n": 1}}]),
)
instructions = TEXTS
