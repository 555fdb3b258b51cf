"""For any transcript, the request obeys the rules of its API."""

import json
from typing import Any

import pytest
import transcripts
from decoding_checks import golden, golden_names
from hypothesis import given
from hypothesis import strategies as st
from wire_rules import violations

from adjourn.protocol.calls import with_ids
from adjourn.protocol.messages import AssistantMessage, Message, ModelDescriptor, Text, ToolResultMessage, user
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.providers import ADAPTERS
from adjourn.protocol.providers.adapter import Context
from adjourn.protocol.record import ToolSpec


def sent(model: ModelDescriptor, context: Context, options: Any) -> Any:
    return json.loads(ADAPTERS[model.api].build_request(model, context, options).body)


EVERY_MODEL = pytest.mark.parametrize(
    "model", transcripts.MODELS, ids=lambda model: f"{model.api} {model.provider} {model.id}"
)


@EVERY_MODEL
@given(data=st.data())
def test_any_transcript_becomes_a_request_that_its_api_takes(model: ModelDescriptor, data: st.DataObject) -> None:
    context = Context(
        data.draw(transcripts.transcripts), data.draw(transcripts.instructions), data.draw(transcripts.tool_lists)
    )
    body = sent(model, context, data.draw(transcripts.options))
    assert violations(model.api, body, model.compat) == []
    assert "image" in model.input or transcripts.PIXEL not in json.dumps(body)


@EVERY_MODEL
@given(data=st.data())
def test_a_repeated_conversation_breaks_no_rule(model: ModelDescriptor, data: st.DataObject) -> None:
    once = data.draw(transcripts.clean_transcripts(model))
    assert violations(model.api, sent(model, Context([*once, *once]), ModelOptions()), model.compat) == []


def told() -> list[Message]:
    """Return one long conversation with the messages of all golden bodies of all APIs, as a run keeps it."""
    messages: list[Message] = []
    for api in ADAPTERS:
        for name in golden_names(api):
            said = with_ids(golden(api, name).message, f"{api}-{name}")
            messages += [user("ask"), said]
            messages += [
                ToolResultMessage(tool_call_id=call.id, tool_name=call.name, content=(Text(text="seen"),))
                for call in said.calls
            ]
    return [*messages, user("and now?")]


@EVERY_MODEL
def test_messages_of_every_api_can_be_sent_to_every_other(model: ModelDescriptor) -> None:
    messages = told()
    look = ToolSpec(name="look", description="Look.", parameters={"type": "object"})
    body = sent(model, Context(messages, "be", [look]), ModelOptions(reasoning="low"))
    assert violations(model.api, body, model.compat) == []
    whole = [each for each in messages if isinstance(each, AssistantMessage) and each.stop_reason != "error"]
    assert {each.api for each in whole if each.calls} == set(ADAPTERS)
    everything = json.dumps(body, ensure_ascii=False)
    for text in {block.text for each in whole for block in each.content if isinstance(block, Text)}:
        if text.strip():
            assert json.dumps(text, ensure_ascii=False)[1:-1] in everything
