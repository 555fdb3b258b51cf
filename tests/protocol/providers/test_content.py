"""Image addresses, files and recordings: in each model API's form, or as notes where the API doesn't support them."""

import json
from typing import Any

import pytest

from adjourn.protocol.messages import (
    AssistantMessage,
    Audio,
    Compat,
    File,
    ImageURL,
    Message,
    ModelDescriptor,
    Text,
    ToolCall,
    ToolResultMessage,
    UserBlock,
    UserMessage,
)
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.providers import ADAPTERS
from adjourn.protocol.providers.adapter import Context
from adjourn.protocol.providers.handover import AUDIO_NOTE, FILE_NOTE, IMAGE_NOTE

ALL: Any = ("text", "image", "file", "audio")
CLAUDE = ModelDescriptor(id="claude-opus-5", api="anthropic-messages", provider="anthropic", input=ALL)
CHAT = ModelDescriptor(id="gpt-4.1", api="openai-completions", provider="openai", input=ALL)
RESPONSES = ModelDescriptor(id="gpt-4.1", api="openai-responses", provider="openai", input=ALL)
OLLAMA = ModelDescriptor(id="qwen3", api="ollama-chat", provider="ollama", input=ALL)

CAT = ImageURL(url="https://example.test/cat.png")
PDF = File(mime_type="application/pdf", data="JVBERi0=", name="report.pdf")
PDF_URL = File(mime_type="application/pdf", url="https://example.test/report.pdf")
PAGE = File(mime_type="text/markdown", data="IyBIaQ==", name="page.md")
WAV = Audio(data="UklGRg==", mime_type="audio/x-wav")


def written(model: ModelDescriptor, *messages: Message) -> list[dict[str, Any]]:
    body = json.loads(ADAPTERS[model.api].build_request(model, Context(messages), ModelOptions()).body)
    return body.get("messages") or body["input"]


def parts(model: ModelDescriptor, *blocks: UserBlock) -> list[Any]:
    """Return the content of a user's message with these blocks."""
    content: Any = written(model, UserMessage(content=blocks))[0]["content"]
    return [content] if isinstance(content, str) else content


def text(note: str) -> dict[str, str]:
    return {"type": "text", "text": note}


def test_anthropic_has_images_and_documents() -> None:
    assert parts(CLAUDE, CAT, PDF, PDF_URL, PAGE, WAV) == [
        {"type": "image", "source": {"type": "url", "url": CAT.url}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF.data},
            "title": "report.pdf",
        },
        {"type": "document", "source": {"type": "url", "url": PDF_URL.url}},
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "# Hi"},
            "title": "page.md",
        },
        text(AUDIO_NOTE),
    ]


def test_chat_completions_have_images_files_and_audio() -> None:
    assert parts(CHAT, CAT, PDF, PDF_URL, WAV) == [
        {"type": "image_url", "image_url": {"url": CAT.url}},
        {"type": "file", "file": {"filename": "report.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
        text(FILE_NOTE),
        {"type": "input_audio", "input_audio": {"data": WAV.data, "format": "wav"}},
    ]


def test_responses_have_images_and_files() -> None:
    nameless = File(mime_type="application/pdf", data="JVBERi0=")
    assert parts(RESPONSES, CAT, nameless, PDF_URL, WAV) == [
        {"type": "input_image", "image_url": CAT.url, "detail": "auto"},
        {"type": "input_file", "filename": "file.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
        {"type": "input_file", "file_url": PDF_URL.url},
        {"type": "input_text", "text": AUDIO_NOTE},
    ]


def test_ollama_gets_notes_one_for_several_of_a_kind() -> None:
    (content,) = parts(OLLAMA, CAT, CAT, PDF, PDF_URL, WAV)
    assert content.split("\n\n") == [IMAGE_NOTE, FILE_NOTE, AUDIO_NOTE]


@pytest.mark.parametrize(
    ("takes", "told"),
    [
        ((), [text(IMAGE_NOTE), text(FILE_NOTE)]),
        (("imageUrl", "fileUrl"), [{"type": "image_url"}, {"type": "file"}]),
    ],
)
def test_a_server_gets_the_parts_that_it_takes(takes: Any, told: list[dict[str, str]]) -> None:
    served = ModelDescriptor(
        id="m", api="openai-completions", provider="p", input=ALL, compat=Compat(input_parts=takes)
    )
    found = parts(served, CAT, PDF_URL)
    if takes:
        assert [part["type"] for part in found] == [part["type"] for part in told]
        assert found[1]["file"] == {"filename": "file.pdf", "file_data": PDF_URL.url}
    else:
        assert found == [f"{IMAGE_NOTE}\n\n{FILE_NOTE}"]


@pytest.mark.parametrize(
    ("block", "note"),
    [
        (ImageURL(url="file:///etc/passwd"), IMAGE_NOTE),
        (ImageURL(url="javascript:alert(1)"), IMAGE_NOTE),
        (File(mime_type="application/pdf", url="ftp://example.test/a.pdf"), FILE_NOTE),
        (File(mime_type="application/pdf"), FILE_NOTE),
        (File(mime_type="application/zip", url="https://example.test/a.zip"), FILE_NOTE),
        (File(mime_type="application/zip", data="UEs="), FILE_NOTE),
        (Audio(data="T2dn", mime_type="audio/ogg"), AUDIO_NOTE),
    ],
)
def test_content_that_the_provider_cannot_read_becomes_a_note(block: UserBlock, note: str) -> None:
    assert parts(CLAUDE, block) == [text(note)]


def test_a_model_that_reads_text_alone_gets_notes() -> None:
    blind = ModelDescriptor(id="gpt-4.1", api="openai-completions", provider="openai")
    assert parts(blind, CAT, PDF, WAV) == [f"{IMAGE_NOTE}\n\n{FILE_NOTE}\n\n{AUDIO_NOTE}"]


def answered(*content: UserBlock, is_error: bool = False) -> list[Message]:
    call = ToolCall(id="call_1", name="fetch", arguments={})
    result = ToolResultMessage(tool_call_id="call_1", tool_name="fetch", content=content, is_error=is_error)
    return [UserMessage(content="Fetch it"), AssistantMessage(content=(call,)), result]


def test_files_from_tools_stand_in_the_result_or_in_the_message_after_it() -> None:
    (*_, user) = written(CLAUDE, *answered(PDF))
    assert [part["type"] for part in user["content"][0]["content"]] == ["document"]
    (*_, output) = written(RESPONSES, *answered(PDF))
    assert [part["type"] for part in output["output"]] == ["input_file"]
    (*_, result, after) = written(CHAT, *answered(PDF))
    assert result["content"] == "(The files are in the next user message.)"
    assert [part["type"] for part in after["content"]] == ["text", "file"]
    assert after["content"][0]["text"] == "Files that fetch (call_1) gave back:"


def test_files_of_a_failed_tool_stand_behind_its_result_at_anthropic() -> None:
    (*_, user) = written(CLAUDE, *answered(Text(text="Half of it"), PDF, is_error=True))
    result, document = user["content"]
    assert (result["content"], document["type"]) == ([text("Half of it")], "document")
