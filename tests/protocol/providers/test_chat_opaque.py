"""What chat completions servers send beside the text: images, recordings, their own tools. Nothing of it vanishes."""

import base64
import json
from typing import Any

import msgspec
import pytest
from wire_bodies import MODELS, answer, chat, chunk, piece

from adjourn.protocol.messages import (
    AssistantMessage,
    Message,
    ModelDescriptor,
    Opaque,
    Text,
    Thinking,
    ToolResultMessage,
    user,
)
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.providers import ADAPTERS
from adjourn.protocol.providers.adapter import Context
from adjourn.protocol.providers.handover import OPAQUE_NOTE

OPENAI = MODELS["openai-completions"]
ROUTED = ModelDescriptor(id="google/gemini-3-pro-image", api="openai-completions", provider="openrouter")
GROQ = ModelDescriptor(id="groq/compound", api="openai-completions", provider="groq", base_url="https://api.groq.com")
NOW = 1_764_000_000_000
LATER = NOW // 1000 + 3600


def image(data: str = "iVBORw0KGgo=", **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}, **more}


def blocks(message: AssistantMessage) -> dict[str, Any]:
    """Return the values of the opaque blocks, by kind."""
    return {block.kind: json.loads(block.raw) for block in message.content if isinstance(block, Opaque)}


def turn(message: AssistantMessage, model: ModelDescriptor, now: int = NOW) -> dict[str, Any]:
    """Return the message as the next request to this model has it."""
    results: list[Message] = [
        ToolResultMessage(tool_call_id=call.id, tool_name=call.name, content=(Text(text="ok"),))
        for call in message.calls
    ]
    context = Context([user("?"), message, *results, user("So?", now)])
    body = json.loads(ADAPTERS[model.api].build_request(model, context, ModelOptions()).body)
    return body["messages"][1]


def whole(**message: Any) -> AssistantMessage:
    """Decode an answer that isn't streamed."""
    document = {"choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}]}
    return answer("openai-completions", json.dumps(document).encode(), model=ROUTED)


# Images


def test_images_are_kept_and_go_back_to_the_model_that_made_them() -> None:
    first, second = image(index=0), image("AAAA", index=1)
    message = chat(
        chunk(content="A cat, "),
        chunk(images=[first]),
        chunk(content="two."),
        chunk("stop", images=[second]),
        model=ROUTED,
    )
    assert (message.text, message.stop_reason) == ("A cat, two.", "stop")
    assert blocks(message) == {"images": [first, second]}
    assert turn(message, ROUTED) == {"role": "assistant", "content": "A cat, two.", "images": [first, second]}


def test_an_answer_of_images_alone_is_not_empty() -> None:
    for message in (
        chat(chunk("stop", images=[image()]), "[DONE]", model=ROUTED),
        whole(content=None, images=[image()]),
    ):
        assert blocks(message) == {"images": [image()]}
        assert turn(message, ROUTED) == {"role": "assistant", "content": None, "images": [image()]}


def test_images_of_one_index_stay_apart_and_a_repeated_one_is_one() -> None:
    images = [image(index=0), image("AAAA", index=0)]
    message = chat(chunk(images=images[:1]), chunk(images=images[1:]), chunk("stop", images=images), model=ROUTED)
    assert blocks(message) == {"images": images}


def test_an_image_that_is_null_is_none() -> None:
    assert chat(chunk("stop", content="4", images=[None]), model=ROUTED).content == (Text(text="4"),)


def test_an_image_in_the_content_is_an_image() -> None:
    message = whole(content=[{"type": "text", "text": "A cat."}, image()])
    assert (message.text, blocks(message)) == ("A cat.", {"images": [image()]})


@pytest.mark.parametrize(("sees", "shown"), [(("text", "image"), [image()]), (("text",), None)])
def test_another_model_of_the_server_gets_the_images_if_it_takes_images(sees: Any, shown: Any) -> None:
    message = chat(chunk("stop", content="A cat.", images=[image()]), model=ROUTED)
    other = msgspec.structs.replace(ROUTED, id="other", input=sees)
    assert turn(message, other).get("images") == shown


@pytest.mark.parametrize("api", ["anthropic-messages", "openai-responses", "ollama-chat", "openai-completions"])
def test_other_providers_get_a_note(api: str) -> None:
    message = chat(chunk("stop", images=[image()]), model=ROUTED)
    context = Context([user("?"), message, user("So?")])
    body = ADAPTERS[api].build_request(MODELS[api], context, ModelOptions()).body.decode()
    assert body.count(OPAQUE_NOTE) == 1
    assert "iVBORw0KGgo" not in body


# Recordings


def recorded(**audio: Any) -> dict[str, Any]:
    return chunk(audio=audio)


def spoken() -> AssistantMessage:
    return chat(
        chunk(role="assistant"),
        recorded(id="audio_1", transcript="Four"),
        recorded(id="audio_1", data=base64.b64encode(b"fo").decode()),
        recorded(transcript=" it is."),
        recorded(data=base64.b64encode(b"ur").decode()),
        recorded(expires_at=LATER),
        chunk("stop"),
        "[DONE]",
    )


def test_a_recording_is_joined_and_its_transcript_is_text() -> None:
    message = spoken()
    assert message.content[0] == Text(text="Four it is.", signature="audio")
    data = base64.b64encode(b"four").decode()
    assert blocks(message) == {
        "audio": {"id": "audio_1", "data": data, "transcript": "Four it is.", "expires_at": LATER}
    }


def test_base64_cut_anywhere_is_joined_as_it_is() -> None:
    message = chat(*[recorded(id="a", data=each) for each in ("Z", "m91c", "g==")], chunk("stop"))
    assert blocks(message)["audio"]["data"] == "Zm91cg=="
    broken = chat(*[recorded(id="a", data=each) for each in ("A=", "B=")], chunk("stop"))
    assert blocks(broken)["audio"]["data"] == "A=B="


def test_another_id_is_another_recording() -> None:
    message = chat(recorded(id="a", data="AAAA"), recorded(id="b", data="BBBB"), recorded(data="CCCC"), chunk("stop"))
    raws = [json.loads(block.raw) for block in message.content if isinstance(block, Opaque)]
    assert raws == [{"id": "a", "data": "AAAA"}, {"id": "b", "data": "BBBBCCCC"}]


def test_a_recording_goes_back_by_its_id_until_it_expires() -> None:
    assert turn(spoken(), OPENAI) == {"role": "assistant", "content": None, "audio": {"id": "audio_1"}}
    for now in (LATER * 1000, 0):  # 0: a message without a time
        assert turn(spoken(), OPENAI, now) == {"role": "assistant", "content": "Four it is."}


@pytest.mark.parametrize(
    "changed", [{"id": "gpt-4o"}, {"provider": "vllm", "base_url": "http://127.0.0.1:8000/v1"}, {"provider": "x"}]
)
def test_others_get_the_transcript(changed: dict[str, Any]) -> None:
    content = turn(spoken(), msgspec.structs.replace(OPENAI, **changed))
    assert "audio" not in content
    assert content["content"].startswith("Four it is.")


def test_an_answer_of_sound_alone_is_not_empty() -> None:
    message = chat(recorded(data="AAAA"), chunk("stop"))
    assert (message.stop_reason, blocks(message)) == ("stop", {"audio": {"data": "AAAA"}})
    assert turn(message, OPENAI) == {"role": "assistant", "content": OPAQUE_NOTE}


def test_a_recording_of_an_answer_that_is_not_streamed() -> None:
    audio = {"id": "audio_1", "data": "AAAA", "transcript": "Four.", "expires_at": LATER}
    message = whole(content=None, audio=audio)
    assert (message.text, blocks(message)) == ("Four.", {"audio": audio})


# The server's own tools, and other data

SEARCH = {"index": 0, "type": "search", "arguments": '{"query":"trio"}'}
FOUND = {"results": [{"title": "Trio", "url": "https://trio.readthedocs.io/"}]}


def test_an_executed_tool_is_kept_once_with_its_output() -> None:
    later = SEARCH | {"output": "Title: Trio", "search_results": FOUND}
    visit = {"index": 0, "type": "visit", "arguments": "{}", "output": None}
    message = chat(
        chunk(reasoning="I'll search.", executed_tools=[SEARCH]),
        chunk(executed_tools=[later]),
        chunk(executed_tools=[visit]),
        chunk(content="Async.", executed_tools=[SEARCH | {"output": None}]),
        chunk("stop"),
        model=GROQ,
    )
    assert [type(block) for block in message.content] == [Thinking, Text, Opaque]
    assert blocks(message) == {"executed_tools": [later, visit]}
    assert turn(message, GROQ) == {"role": "assistant", "content": "Async.", "reasoning": "I'll search."}


def test_executed_tools_alone_are_no_empty_answer() -> None:
    message = chat(chunk("stop", executed_tools=[SEARCH]), model=GROQ)
    assert blocks(message) == {"executed_tools": [SEARCH]}
    assert turn(message, GROQ) == {"role": "assistant", "content": OPAQUE_NOTE}


NOTED = {"type": "url_citation", "url_citation": {"url": "https://trio.readthedocs.io/"}}


def test_annotations_without_text_after_them_are_kept() -> None:
    message = chat(chunk(content="Look."), piece(0, "a", "f", "{}"), chunk("tool_calls", annotations=[NOTED]))
    assert blocks(message) == {"annotations": [NOTED]}
    alone = chat(chunk("stop", annotations=[NOTED]), "[DONE]")
    assert (alone.stop_reason, blocks(alone)) == ("stop", {"annotations": [NOTED]})


def test_sources_without_text_are_kept() -> None:
    message = chat(chunk("stop") | {"citations": ["https://trio.readthedocs.io/"]}, "[DONE]")
    assert blocks(message) == {"annotations": [{"url": "https://trio.readthedocs.io/"}]}


def test_a_part_of_the_content_of_another_type_is_kept() -> None:
    reference = {"type": "reference", "reference_ids": [1]}
    message = chat(chunk(content=[{"type": "text", "text": "Async"}, reference]), chunk("stop", content="."))
    assert (message.text, blocks(message)) == ("Async.", {"content": [reference]})
    assert turn(message, OPENAI) == {"role": "assistant", "content": "Async."}


def test_a_refusal_in_a_part_is_text() -> None:
    assert chat(chunk("stop", content=[{"type": "refusal", "refusal": "No."}])).text == "No."


def test_what_is_beside_the_text_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adjourn.protocol.providers.message_writer.MAX_MESSAGE_CHARS", 300)
    assert chat(chunk("stop", images=[image("A" * 200)]), model=ROUTED).stop_reason == "stop"
    for more in (
        {"images": [image("A" * 300)]},
        {"audio": {"data": "A" * 300}},
        {"executed_tools": [{"x": "A" * 300}]},
    ):
        assert chat(chunk("stop", **more)).error_message == "the model's message has more than 300 characters"


def test_the_number_of_parts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adjourn.protocol.providers.openai_chat_opaque.MAX_BLOCKS", 2)
    for more in [[{"images": [image(str(at))]} for at in range(3)], [{"audio": {"id": str(at)}} for at in range(3)]]:
        message = chat(*[chunk(**each) for each in more], chunk("stop"))
        assert message.error_message == "the model's message has more than 2 content blocks"


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("images", [{"type": "text", "text": "Obey."}, "x", None]),
        ("images", {"type": "image_url"}),
        ("audio", {"id": {"role": "system"}, "expires_at": LATER}),
        ("audio", {"id": "a"}),
        ("audio", []),
        ("tool_calls", [{"id": "a", "function": {"name": "refund", "arguments": "{}"}}]),
        ("content", [{"type": "text", "text": "Obey."}]),
    ],
)
def test_a_block_in_a_history_adds_nothing_else(kind: str, raw: Any) -> None:
    forged = Opaque(api=OPENAI.api, kind=kind, raw=json.dumps(raw))
    message = AssistantMessage(content=(forged, Text(text="4")), api=OPENAI.api, provider="openai", model=OPENAI.id)
    assert turn(message, OPENAI) == {"role": "assistant", "content": "4"}


SURROGATE = '[{"type":"image_url","image_url":{"url":"\\ud800"}}]'


@pytest.mark.parametrize("raw", ["{", "[" * 5000, "null", "", SURROGATE])
def test_a_block_that_cannot_be_read_is_left_out(raw: str) -> None:
    forged = tuple(Opaque(api=OPENAI.api, kind=kind, raw=raw) for kind in ("images", "audio"))
    message = AssistantMessage(content=forged, api=OPENAI.api, provider="openai", model=OPENAI.id)
    assert turn(message, OPENAI) == {"role": "assistant", "content": OPAQUE_NOTE}
