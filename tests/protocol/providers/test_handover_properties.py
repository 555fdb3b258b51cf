"""Properties of a hand-over, for any transcript, target and rules."""

from collections import Counter
from typing import Any

import msgspec
import transcripts
from hypothesis import given
from hypothesis import strategies as st

from adjourn.protocol.messages import (
    AssistantMessage,
    Image,
    Message,
    ModelDescriptor,
    Text,
    Thinking,
    ToolCall,
    ToolResultMessage,
    UserMessage,
)
from adjourn.protocol.providers.call_ids import CallIds
from adjourn.protocol.providers.handover import (
    AUDIO_NOTE,
    FILE_NOTE,
    GO_ON,
    IMAGE_NOTE,
    NO_OUTPUT,
    NO_RESULT,
    OPAQUE_NOTE,
    Rules,
    hand_over,
)

TARGETS: Any = st.sampled_from(transcripts.MODELS)
RULES = st.builds(
    Rules,
    call_ids=st.sampled_from(["passthrough", "safe64", "openai40", "mistral9"]),
    unsigned_thinking=st.booleans(),
)


def blocks_of(message: Message) -> list[Any]:
    """Return the content as blocks; a string is one text block."""
    return list(message.blocks if isinstance(message, UserMessage) else message.content)


def texts_of(messages: list[Message]) -> Counter[str]:
    """Count every text that is not blank."""
    texts = [block.text for message in messages for block in blocks_of(message) if isinstance(block, Text)]
    return Counter(text for text in texts if text.strip())


def calls_of(message: Message) -> list[ToolCall]:
    return message.calls if isinstance(message, AssistantMessage) else []


def failed(message: Message) -> bool:
    return isinstance(message, AssistantMessage) and message.stop_reason in ("error", "aborted")


def is_synthetic(message: Message) -> bool:
    return isinstance(message, ToolResultMessage) and message.text == NO_RESULT and message.is_error


@given(transcripts.transcripts, TARGETS, RULES)
def test_every_call_has_one_result_right_behind_it_and_every_id_is_unique(
    messages: list[Message], target: ModelDescriptor, rules: Rules
) -> None:
    waiting: list[ToolCall] = []
    ids: list[str] = []
    for message in hand_over(messages, target, rules):
        if isinstance(message, ToolResultMessage):
            asked = waiting.pop(0)
            assert (message.tool_call_id, message.tool_name) == (asked.id, asked.name)
        else:
            assert waiting == []
            waiting = calls_of(message)
            ids += [call.id for call in waiting]
    assert waiting == []
    assert len(set(ids)) == len(ids)
    # A second hand-over of its result changes nothing.
    fitting = CallIds(rules.call_ids)
    assert [fitting.give(each) for each in ids] == ids


@given(transcripts.transcripts, TARGETS, RULES)
def test_nothing_is_blank_and_nothing_is_there_that_the_target_cannot_take(
    messages: list[Message], target: ModelDescriptor, rules: Rules
) -> None:
    out = hand_over(messages, target, rules)
    assert out
    for message in out:
        assert message.content
        blocks = blocks_of(message)
        assert all(block.text.strip() for block in blocks if isinstance(block, Text))
        assert not isinstance(blocks[-1], Thinking)
        if "image" not in target.input:
            assert not any(isinstance(block, Image) for block in blocks)
        if isinstance(message, AssistantMessage):
            assert not failed(message)
            own = (message.api, message.provider, message.model) == (target.api, target.provider, target.id)
            for block in blocks:
                if isinstance(block, Thinking):
                    assert own
                    assert block.signature or rules.unsigned_thinking
                elif isinstance(block, ToolCall):
                    assert block.raw_arguments is None


@given(transcripts.transcripts, TARGETS, RULES)
def test_nothing_is_invented(messages: list[Message], target: ModelDescriptor, rules: Rules) -> None:
    thoughts = {block.thinking for each in messages for block in blocks_of(each) if isinstance(block, Thinking)}
    notes = {GO_ON, AUDIO_NOTE, FILE_NOTE, IMAGE_NOTE, NO_OUTPUT, NO_RESULT, OPAQUE_NOTE}
    assert set(texts_of(hand_over(messages, target, rules))) <= set(texts_of(messages)) | thoughts | notes


@given(transcripts.transcripts, TARGETS, RULES)
def test_no_text_of_users_and_models_is_lost(messages: list[Message], target: ModelDescriptor, rules: Rules) -> None:
    said = [each for each in messages if not isinstance(each, ToolResultMessage) and not failed(each)]
    assert texts_of(said) <= texts_of(hand_over(messages, target, rules))


@given(transcripts.transcripts, TARGETS, RULES)
def test_handing_over_twice_is_handing_over_once(
    messages: list[Message], target: ModelDescriptor, rules: Rules
) -> None:
    once = hand_over(messages, target, rules)
    assert hand_over(once, target, rules) == once


@given(transcripts.transcripts, TARGETS, RULES)
def test_appending_to_a_transcript_keeps_the_beginning_of_its_handover(
    messages: list[Message], target: ModelDescriptor, rules: Rules
) -> None:
    before: list[Message] = []
    for end, last in enumerate(messages, 1):
        now = hand_over(messages[:end], target, rules)
        if before != hand_over([], target, rules):
            changed = [at for at, message in enumerate(before) if now[at] != message]
            assert len(now) >= len(before)
            if isinstance(last, ToolResultMessage):  # it may replace the synthetic result
                assert len(changed) <= 1
                assert all(is_synthetic(before[at]) for at in changed)
            else:
                assert changed == []
        before = now


@given(st.data(), TARGETS)
def test_messages_of_the_target_model_stay_unchanged(data: st.DataObject, target: ModelDescriptor) -> None:
    messages = data.draw(transcripts.clean_transcripts(target))
    rules = Rules(call_ids="mistral9", unsigned_thinking=target.api == "ollama-chat")
    out = hand_over(messages, target, rules)
    assert [anonymous(message) for message in out] == [anonymous(message) for message in messages or out]


def anonymous(message: Message) -> Message:
    """Return the messages without call ids."""
    if isinstance(message, ToolResultMessage):
        return msgspec.structs.replace(message, tool_call_id="")
    if isinstance(message, AssistantMessage):
        content = [msgspec.structs.replace(b, id="") if isinstance(b, ToolCall) else b for b in message.content]
        return msgspec.structs.replace(message, content=tuple(content))
    return message
