"""Whatever transcript goes in, the request that comes out obeys the rules of its API."""

import json
from typing import Any

import pytest
import transcripts
from hypothesis import given
from hypothesis import strategies as st
from wire_rules import violations

from adjourn.protocol.messages import ModelDescriptor
from adjourn.protocol.providers import anthropic, ollama, openai_chat, openai_responses
from adjourn.protocol.providers.adapter import Context

ADAPTERS = {module.ADAPTER.api: module.ADAPTER for module in (anthropic, openai_chat, openai_responses, ollama)}


def sent(model: ModelDescriptor, context: Context, options: Any) -> Any:
    return json.loads(ADAPTERS[model.api].build_request(model, context, options).body)


@pytest.mark.parametrize("model", transcripts.MODELS, ids=lambda model: f"{model.api} {model.provider} {model.id}")
@given(data=st.data())
def test_any_transcript_becomes_a_request_that_its_api_takes(model: ModelDescriptor, data: st.DataObject) -> None:
    context = Context(
        data.draw(transcripts.transcripts), data.draw(transcripts.instructions), data.draw(transcripts.tool_lists)
    )
    body = sent(model, context, data.draw(transcripts.options))
    assert violations(model.api, body, model.compat) == []
