"""The page's table of what each model API supports: every cell is compared with what its adapter does."""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from decoding_checks import decode, golden, golden_body, golden_names
from wire_bodies import chunk, ndjson, sse

from adjourn.protocol.events import Done, Failed, StreamEvent, TextDelta, ThinkingDelta
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
    UserBlock,
    UserMessage,
    user,
)
from adjourn.protocol.options import ModelOptions, NamedTool
from adjourn.protocol.providers import ADAPTERS
from adjourn.protocol.providers.adapter import Context
from adjourn.protocol.providers.ollama import read_models
from adjourn.protocol.providers.unsupported import unsupported
from adjourn.protocol.record import ToolSpec

README = Path(__file__).parents[3] / ".src/adjourn/actors/models/README.md"  # this path also exists in an sdist
APIS = {  # the table's columns
    "Anthropic Messages": ModelDescriptor(id="claude-sonnet-4-6", provider="anthropic", api="anthropic-messages"),
    "OpenAI chat completions": ModelDescriptor(id="gpt-5.1", provider="openai", api="openai-completions"),
    "OpenAI Responses": ModelDescriptor(id="gpt-5.1", provider="openai", api="openai-responses"),
    "Ollama chat": ModelDescriptor(id="qwen3:8b", provider="ollama", api="ollama-chat"),
}
SIGNATURES = {"openai-responses": '{"id":"rs_1","encrypted_content":"c2VjcmV0"}', "openai-completions": "reasoning"}
SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
TOOL = ToolSpec(name="look", description="Looks.", parameters=SCHEMA)
CAT = Image(data="aGVsbG8gY2F0", mime_type="image/png")


def model(api: str, *, vision: bool = True, thinks: bool = True) -> ModelDescriptor:
    (found,) = [each for each in APIS.values() if each.api == api]
    kinds = ("text", "image", "file", "audio") if vision else ("text",)
    return ModelDescriptor(id=found.id, provider=found.provider, api=api, input=kinds, reasoning=thinks)


def sent(api: str, *messages: Message, vision: bool = True, thinks: bool = True, **options: Any) -> dict[str, Any]:
    context = Context(messages or (user("Hi"),), "Be brief.", [TOOL])
    request = ADAPTERS[api].build_request(model(api, vision=vision, thinks=thinks), context, ModelOptions(**options))
    return json.loads(request.body)


def turns(api: str, *messages: Message, **options: Any) -> list[dict[str, Any]]:
    body = sent(api, *messages, **options)
    return body.get("messages") or body["input"]


def answered(api: str, *, by: str) -> list[Message]:
    call = ToolCall(id="call_1", name="look", arguments={})
    thought = Thinking(thinking="Hmm", signature=SIGNATURES.get(api, "c2lnbmF0dXJl"))
    own = model(api)
    message = AssistantMessage(content=(thought, Text(text="So."), call), api=api, provider=own.provider, model=by)
    return [user("Hi"), message, ToolResultMessage(tool_call_id="call_1", tool_name="look", content=(CAT,))]


@cache
def heard(api: str, name: str) -> list[StreamEvent]:
    """Return the events of a golden body, fed line by line."""
    return decode(ADAPTERS[api], golden(api, name).model, golden_body(api, name).splitlines(keepends=True))


def any_golden(api: str, holds: Callable[[list[StreamEvent], AssistantMessage], object]) -> bool:
    """Check whether the condition holds for any complete answer in this API's golden bodies."""
    all_heard = [heard(api, name) for name in golden_names(api)]
    return any(isinstance(end := events[-1], Done) and holds(events, end.message) for events in all_heard)


def yes(holds: object) -> str:
    return "yes" if holds else "no"


FIELDS = {  # of an assistant message of chat completions, with what the table calls them
    "images": ("images", '[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]'),
    "audio": ("recordings", '{"id":"audio_1","expires_at":4e9}'),
    "executed_tools": ("tools", '[{"type":"search"}]'),
}


def opaque_given_back(api: str) -> str:
    if api != "openai-completions":
        return yes(any_golden(api, lambda _, said: any(isinstance(block, Opaque) for block in said.content)))
    own = model(api)
    content = tuple(Opaque(api=api, kind=field, raw=raw) for field, (_, raw) in FIELDS.items())
    message = AssistantMessage(content=content, api=api, provider=own.provider, model=own.id)
    back = next(turn for turn in turns(api, user("?"), message, user("So?", 1)) if turn["role"] == "assistant")
    return ", ".join(name for field, (name, _) in FIELDS.items() if field in back)


def streamed(kind: type) -> Callable[[str], str]:
    return lambda api: yes(any_golden(api, lambda events, _: sum(isinstance(each, kind) for each in events) > 1))


def thinking_given_back(api: str) -> str:
    own, foreign = (json.dumps(turns(api, *answered(api, by=by))) for by in (model(api).id, "another"))
    return yes("Hmm" in own and own != foreign)


def thinking_of_another(api: str) -> str:
    foreign = json.dumps(turns(api, *answered(api, by="another")))
    return "as text" if "Hmm" in foreign and "signature" not in foreign and "encrypted" not in foreign else "no"


def thinking_in_tags(api: str) -> str:
    said = "<think>Hmm</think>So."
    parts = [{"type": "output_text", "text": said, "annotations": []}]
    item = {"type": "message", "id": "msg_1", "role": "assistant", "content": parts, "status": "completed"}
    bodies = {
        "anthropic-messages": sse(
            {"type": "message_start", "message": {"id": "msg_1"}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": said}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
            {"type": "message_stop"},
        ),
        "openai-completions": sse(chunk("stop", content=said)),
        "openai-responses": sse({"type": "response.completed", "response": {"status": "completed", "output": [item]}}),
        "ollama-chat": ndjson({"message": {"content": said}, "done": True, "done_reason": "stop"}),
    }
    tagged = msgspec.structs.replace(model(api), compat=Compat(thinking_tag="think"))
    done = decode(ADAPTERS[api], tagged, [bodies[api]])[-1]
    assert isinstance(done, Done)
    return yes(done.message.text == "So.")


def citations_given_back(api: str) -> str:
    own, cited = model(api), Text(text="So.", citations=({"type": "url_citation", "url": "https://example.test"},))
    message = AssistantMessage(content=(cited,), api=api, provider=own.provider, model=own.id)
    return yes("url_citation" in json.dumps(turns(api, user("Hi"), message, user("And?"))))


def images_in_results(api: str) -> str:
    written = [json.dumps(turn) for turn in turns(api, *answered(api, by="another"))]
    (result,) = [
        at for at, turn in enumerate(written) if re.search(r'"tool_result"|"role": "tool"|_call_output"', turn)
    ]
    (image,) = [at for at, turn in enumerate(written) if CAT.data in turn]
    return "yes" if image == result else "in a message after the result"


def images_without_vision(api: str) -> str:
    written = json.dumps(turns(api, UserMessage(content=(CAT, Text(text="What is it?"))), vision=False))
    return "a note" if CAT.data not in written and "(Here was an image" in written else "no"


def cache_wish(api: str) -> str:
    plain, wished = sent(api), sent(api, cache="long", session_id="s")
    if plain == wished:
        return "ignored"
    return "breakpoints" if "cache_control" in json.dumps(wished) else "key, retention"


def refusals(api: str) -> str:
    if "refusal" not in golden_names(api):
        return "not in the API"
    return "an error" if isinstance(heard(api, "refusal")[-1], Failed) else "text"


def asked(**options: Any) -> Callable[[str], str]:
    return lambda api: yes(sent(api) != sent(api, **options))


def shown(block: UserBlock, marker: str) -> Callable[[str], str]:
    def is_shown(api: str) -> str:
        written = json.dumps(turns(api, UserMessage(content=(block,))))
        return "yes" if marker in written else "a note" if "(Here was a" in written else "no"

    return is_shown


def tool_choices(api: str) -> str:
    own = model(api)
    lacking = [choice for choice in ("required", NamedTool(name="look")) if unsupported(own, with_choice(choice))]
    return "`auto`, `none`" if lacking else asked(tool_choice="required")(api)


def with_choice(choice: Any) -> ModelOptions:
    return ModelOptions(tool_choice=choice)


def failures_keep_the_partial_message(api: str) -> str:
    ends = [heard(api, name)[-1] for name in golden_names(api)]
    return yes(any(isinstance(end, Failed) and end.error.text and end.error.error_message for end in ends))


ROWS: dict[str, Callable[[str], str]] = {
    "text, streamed": streamed(TextDelta),
    "thinking, streamed": streamed(ThinkingDelta),
    "encrypted thinking": lambda api: yes(
        any_golden(api, lambda _, said: any(isinstance(block, Thinking) and block.redacted for block in said.content))
    ),
    "thinking between tags in the text (`Compat.thinking_tag`)": thinking_in_tags,
    "thinking sent back to its model": thinking_given_back,
    "thinking of another model": thinking_of_another,
    "actions of the provider itself, sent back": opaque_given_back,
    "citations of a text, sent back": citations_given_back,
    "parallel tool calls": lambda api: yes(any_golden(api, lambda _, said: len(said.calls) > 1)),
    "strict tool schemas": lambda api: yes('"strict": true' in json.dumps(sent(api))),
    "images from users": lambda api: yes(CAT.data in json.dumps(turns(api, UserMessage(content=(CAT,))))),
    "images from tools": images_in_results,
    "images, for a model without vision": images_without_vision,
    "images by URL": shown(ImageURL(url="https://example.test/cat.png"), "cat.png"),
    "files: PDF": shown(File(data="JVBERi0=", mime_type="application/pdf"), "JVBERi0="),
    "files by URL: PDF": shown(File(url="https://example.test/cat.pdf", mime_type="application/pdf"), "cat.pdf"),
    "audio: WAV, MP3": shown(Audio(data="UklGRg==", mime_type="audio/wav"), "UklGRg=="),
    "`reasoning`": asked(reasoning="high"),
    "`max_tokens`": asked(max_tokens=99),
    "`temperature`, `top_p`, if the model doesn't think": lambda api: yes(
        sent(api, thinks=False) not in (sent(api, thinks=False, temperature=0.5), sent(api, thinks=False, top_p=0.5))
    ),
    "`seed`": asked(seed=7),
    "`stop`": asked(stop=("END",)),
    "`tool_choice`": tool_choices,
    "`parallel_tool_calls`": asked(parallel_tool_calls=False),
    "`response_schema`": asked(response_schema=SCHEMA),
    "`service_tier`": asked(service_tier="auto"),
    "`extra`: fields of the request's body": asked(extra={"verbosity": "low"}),
    "`cache`": cache_wish,
    "cache reads counted": lambda api: yes(any_golden(api, lambda _, said: said.usage.cache_read)),
    "cache writes counted": lambda api: yes(any_golden(api, lambda _, said: said.usage.cache_write)),
    "cost": lambda api: yes(any_golden(api, lambda _, said: said.usage.cost.total)),
    "refusals": refusals,
    "failures keep the partial message": failures_keep_the_partial_message,
    "`httpmodel.list_models()`": lambda api: yes(api == "ollama-chat" and read_models(b'{"models":[{"name":"a"}]}')),
}


def table() -> dict[str, list[str]]:
    """Return the page's rows, by their first cell."""
    lines = README.read_text(encoding="utf-8").splitlines()
    (first,) = [at for at, line in enumerate(lines) if all(name in line for name in APIS)]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[first:] if line.startswith("|")]
    end = next((at for at, line in enumerate(lines[first:]) if not line.startswith("|")), len(lines))
    return {row[0]: row[1:] for row in rows[:end]}


def test_the_table_has_just_these_rows_and_columns() -> None:
    found = table()
    assert list(found) == ["", "---", *ROWS]
    assert found[""] == list(APIS)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("column", APIS)
def test_each_cell_says_what_the_adapter_does(column: str, row: str) -> None:
    assert table()[row][list(APIS).index(column)] == ROWS[row](APIS[column].api)
