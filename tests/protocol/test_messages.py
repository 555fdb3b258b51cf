"""Messages, events and descriptors survive both wire formats, and have the documented names."""

from typing import Any

import drawn
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from adjourn.protocol import codec
from adjourn.protocol.events import Envelope, Event, StreamEvent
from adjourn.protocol.messages import (
    AssistantMessage,
    Image,
    Message,
    ModelDescriptor,
    Text,
    ToolCall,
    Usage,
    UserMessage,
    user,
)
from adjourn.protocol.methods import METHODS, NOTIFICATIONS
from adjourn.protocol.record import Entry, Head
from adjourn.protocol.transcript import Snapshot

KINDS = [Message, ModelDescriptor, StreamEvent, Envelope, Snapshot, Head, Entry]
PARAMS_AND_RESULTS = sorted(
    {kind for method in METHODS.values() for kind in (method.params, method.result)} | set(NOTIFICATIONS.values()),
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", [*KINDS, *PARAMS_AND_RESULTS])
@examples(25)
@given(data=st.data())
def test_json_and_messagepack_give_back_what_was_put_in(kind, data):
    value = data.draw(drawn.of(kind))
    as_json, as_msgpack = codec.to_json(value), codec.to_msgpack(value)
    assert codec.from_json(as_json, kind) == value
    assert codec.from_msgpack(as_msgpack, kind) == value
    assert drawn.same(codec.parse_json(as_json), codec.from_msgpack(as_msgpack, Any))


ZERO = (
    '{"input":0,"output":0,"cacheRead":0,"cacheWrite":0,"totalTokens":0,'
    '"cost":{"input":0.0,"output":0.0,"cacheRead":0.0,"cacheWrite":0.0,"total":0.0}}'
)
ASSISTANT = (
    '{"role":"assistant","content":[{"type":"text","text":"Hi"},{"type":"thinking","thinking":"Hm","signature":"s"},'
    '{"type":"toolCall","id":"c1","name":"refund","arguments":{"order":7},"providerId":"p1"},'
    '{"type":"toolCall","id":"c2","name":"refund","arguments":{},"rawArguments":"[7"}],'
    '"api":"messages","provider":"x","model":"m","usage":' + ZERO + ',"stopReason":"toolUse","timestamp":5}'
)
EMPTY = (
    '{"role":"assistant","content":[],"api":"","provider":"","model":"","usage":' + ZERO + ","
    '"stopReason":"stop","timestamp":0}'
)
RESULT = (
    '{"role":"toolResult","toolCallId":"c1","toolName":"refund","content":[{"type":"text","text":"done"}],'
    '"isError":false,"details":{"paid":true},"timestamp":6,"arguments":{"order":8}}'
)

MESSAGES = [
    '{"role":"user","content":"Hello","timestamp":1}',
    '{"role":"user","content":[{"type":"text","text":"What is this?"},'
    '{"type":"image","data":"AAAA","mimeType":"image/png"}],"timestamp":1}',
    ASSISTANT,
    EMPTY.replace('"stop"', '"error","errorMessage":"overloaded"'),
    RESULT,
]

STREAM = [
    '{"type":"start"}',
    '{"type":"text_start","contentIndex":0}',
    '{"type":"text_delta","contentIndex":0,"delta":"He"}',
    '{"type":"text_end","contentIndex":0}',
    '{"type":"thinking_start","contentIndex":1}',
    '{"type":"thinking_delta","contentIndex":1,"delta":"Hm"}',
    '{"type":"thinking_end","contentIndex":1,"signature":"s"}',
    '{"type":"toolcall_start","contentIndex":2,"id":"c1","name":"refund","providerId":"p1"}',
    '{"type":"toolcall_delta","contentIndex":2,"delta":"{\\"order\\":"}',
    '{"type":"toolcall_end","contentIndex":2,"signature":"s"}',
    '{"type":"opaque_block","contentIndex":3,"block":{"type":"opaque","api":"a","kind":"k","raw":"{}"}}',
    '{"type":"usage","usage":' + ZERO + "}",
    '{"type":"done","reason":"toolUse","message":' + ASSISTANT + "}",
    '{"type":"error","reason":"aborted","error":' + EMPTY + "}",
]

EVENTS = [
    '{"type":"agent_start","agent":"support","input":[{"role":"user","content":"Hi","timestamp":1}],'
    '"metadata":{"tenant":"t"},"by":"ann"}',
    '{"type":"agent_end","status":"failed","reason":"crashLoop","usage":' + ZERO + ","
    '"error":{"type":"internal","message":"Something broke","id":"e1"},"expiresAt":9}',
    '{"type":"agent_paused","toolCallIds":["c1"],"expiresAt":9}',
    '{"type":"agent_resume","reason":"recovered"}',
    '{"type":"agent_retry","attempt":1,"reason":"503"}',
    '{"type":"middleware_error","middleware":"Log","where":"tool","error":{"type":"internal","message":"1"}}',
    '{"type":"turn_start","turn":1}',
    '{"type":"turn_end","message":' + ASSISTANT + ',"toolResults":[' + RESULT + "]}",
    '{"type":"message_start","message":' + EMPTY + "}",
    '{"type":"message_update","assistantMessageEvent":{"type":"text_delta","contentIndex":0,"delta":"He"}}',
    '{"type":"message_end","message":' + ASSISTANT + "}",
    '{"type":"tool_execution_start","toolCallId":"c1","toolName":"refund","args":{"order":7}}',
    '{"type":"tool_execution_update","toolCallId":"c1","toolName":"refund","partialResult":"half"}',
    '{"type":"tool_execution_end","toolCallId":"c1","toolName":"refund",'
    '"result":{"content":[{"type":"text","text":"done"}],"details":1},"isError":false,"arguments":{"order":8}}',
    '{"type":"tool_decision_pending","toolCallId":"c1","toolName":"refund","input":{"order":7},'
    '"schema":{"type":"object"},"digest":"d","dueAt":9,"since":8,"editable":["order"],"approval":true,'
    '"parameters":{"type":"object"}}',
    '{"type":"tool_decision_pending","toolCallId":"c1","toolName":"refund","input":{"order":7},'
    '"schema":{"type":"object"},"digest":"d","editable":true,"parameters":{"type":"object"}}',
    '{"type":"tool_decision_resolved","toolCallId":"c1","outcome":"decided","by":"ann","decision":{"approved":true},'
    '"arguments":{"order":8},"digest":"d"}',
    '{"type":"tool_decision_resolved","toolCallId":"c1","outcome":"declined","decision":{"approved":false},'
    '"reason":"no"}',
    '{"type":"tool_client_execute_pending","toolCallId":"c1","toolName":"locate","input":{},"since":8}',
    '{"type":"tool_client_claimed","toolCallId":"c1","by":"ann","dueAt":9}',
]

MODEL = (
    '{"id":"m","name":"M","api":"completions","provider":"x","baseUrl":"https://example.org","input":["text","image"],'
    '"reasoning":true,"tools":false,"contextWindow":8,"maxOutputTokens":4,'
    '"cost":{"input":1.0,"output":2.0,"cacheRead":0.0,"cacheWrite":0.0,"total":0.0},"headers":{"X-A":"b"},'
    '"compat":{"maxTokensField":"max_tokens","reasoningFormat":"openai","supportsReasoningEffort":true,'
    '"supportsStrictToolSchema":false,"supportsUsageInStreaming":true,"toolCallIdFormat":"mistral9",'
    '"requiresToolResultName":true}}'
)


@pytest.mark.parametrize(
    ("kind", "text"),
    [(Message, text) for text in MESSAGES]
    + [(StreamEvent, text) for text in STREAM]
    + [(Event, text) for text in EVENTS]
    + [(ModelDescriptor, MODEL)],
)
def test_the_wire_names_are_the_documented_ones(kind, text):
    assert codec.to_json(codec.from_json(text, kind)).decode() == text


@pytest.mark.parametrize(("kind", "texts"), [(Message, MESSAGES), (StreamEvent, STREAM), (Event, EVENTS)])
def test_every_member_of_a_union_has_its_literal(kind, texts):
    assert {type(codec.from_json(text, kind)) for text in texts} == set(kind.__args__)


def test_an_envelope_wraps_one_event():
    text = '{"runId":"r","seq":4,"time":1700000000000,"event":' + EVENTS[5] + "}"
    assert codec.to_json(codec.from_json(text, Envelope)).decode() == text


def test_usage_adds_up_with_its_cost():
    one = codec.from_json(
        '{"input":1,"output":2,"cacheRead":3,"cacheWrite":4,"totalTokens":10,'
        '"cost":{"input":0.5,"output":0.25,"cacheRead":1,"cacheWrite":2,"total":3.75}}',
        Usage,
    )
    two = one.plus(one)
    assert two.total_tokens == 20
    assert two.cost.total == 7.5
    assert [2 * part for part in msgspec.structs.astuple(one)[:4]] == list(msgspec.structs.astuple(two)[:4])
    assert [2 * part for part in msgspec.structs.astuple(one.cost)] == list(msgspec.structs.astuple(two.cost))


def test_calls_and_text_are_read_off_the_blocks_in_order():
    message = AssistantMessage(content=(Text(text="a"), ToolCall(id="1", name="t", arguments={}), Text(text="b")))
    assert (message.text, [call.id for call in message.calls]) == ("ab", ["1"])


def test_the_text_of_a_user_message_is_that_of_its_blocks():
    picture = Image(data="", mime_type="image/png")
    assert UserMessage(content=(Text(text="a"), picture, Text(text="b"))).text == "ab"
    assert user("Hi").text == "Hi"


def test_messages_are_frozen():
    with pytest.raises(AttributeError):
        user("Hi").content = "Ho"
