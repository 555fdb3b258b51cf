"""How a transcript is changed for another model, case by case."""

from typing import Any

import msgspec
import pytest

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
    user,
)
from adjourn.protocol.providers.handover import GO_ON, IMAGE_NOTE, NO_OUTPUT, NO_RESULT, Rules, hand_over

TARGET = ModelDescriptor(id="m", api="a", provider="p")
SEES = ModelDescriptor(id="m", api="a", provider="p", input=("text", "image"))
PIXEL = Image(data="iVBORw0KGgo=", mime_type="image/png")
HM = Thinking(thinking="hm", signature="s")
SAID = Text(text="said")


def said(*content: Any, **changes: Any) -> AssistantMessage:
    """Make a message of the target model itself."""
    return AssistantMessage(content=content, **{"api": "a", "provider": "p", "model": "m", **changes})


def call(id: str, name: str = "look", **changes: Any) -> ToolCall:  # noqa: A002  # the field's name
    return ToolCall(id=id, name=name, **{"arguments": {"n": 1}, **changes})


def seen(id: str, *content: Any, **changes: Any) -> ToolResultMessage:  # noqa: A002  # as above
    return ToolResultMessage(tool_call_id=id, tool_name="look", content=content or (Text(text="seen"),), **changes)


def lost(id: str, name: str = "look") -> ToolResultMessage:  # noqa: A002  # as above
    return ToolResultMessage(tool_call_id=id, tool_name=name, content=(Text(text=NO_RESULT),), is_error=True)


def handed(*messages: Message, target: ModelDescriptor = TARGET, **rules: Any) -> list[Message]:
    return hand_over(messages, target, Rules(**rules))


# Which messages are kept, and in which order.


@pytest.mark.parametrize("stop_reason", ["error", "aborted"])
def test_a_failed_message_is_left_out_with_its_results(stop_reason: Any) -> None:
    failed = said(SAID, call("x"), stop_reason=stop_reason)
    assert handed(user("a"), failed, seen("x"), user("b")) == [user("a"), user("b")]


def test_a_result_belongs_to_the_nearest_message_before_it_that_has_its_call() -> None:
    one, other = said(call("x"), call("y")), said(call("x"), stop_reason="error")
    assert handed(one, other, seen("x"), seen("y")) == [one, lost("x"), seen("y")]


def test_empty_messages_are_gone() -> None:
    blank = [said(), said(Text(text=" \n")), user(""), UserMessage(content=()), UserMessage(content=(Text(text=" "),))]
    assert handed(user("a"), *blank, user("b")) == [user("a"), user("b")]


def test_where_nothing_is_left_the_model_is_asked_to_go_on() -> None:
    assert handed(user(" ")) == [user(GO_ON)]


def test_results_follow_their_calls_in_order_and_other_messages_come_after_them() -> None:
    both = said(call("x"), call("y"))
    assert handed(both, user("well?"), seen("y"), seen("x")) == [both, seen("x"), seen("y"), user("well?")]


def test_a_call_without_a_result_gets_a_synthetic_one() -> None:
    assert handed(said(call("x"), timestamp=7), user("a"))[1] == ToolResultMessage(
        tool_call_id="x", tool_name="look", content=(Text(text=NO_RESULT),), is_error=True, timestamp=7
    )


def test_results_of_no_call_and_second_ones_are_gone() -> None:
    asked = said(call("x"))
    assert handed(seen("x"), asked, seen("x"), seen("x", SAID), seen("z")) == [asked, seen("x")]


def test_a_result_that_comes_after_the_next_answer_is_too_late() -> None:
    assert handed(said(call("x")), said(SAID), seen("x")) == [said(call("x")), lost("x"), said(SAID)]


def test_two_calls_with_one_id_get_the_results_in_turn() -> None:
    out = handed(said(call("x"), call("x")), seen("x", Text(text="1")), seen("x", Text(text="2")))
    assert [each.text for each in out[1:] if isinstance(each, ToolResultMessage)] == ["1", "2"]
    assert out[1].tool_call_id == "x" != out[2].tool_call_id  # type: ignore[union-attr]


# Thinking.


def test_signed_thinking_of_the_target_itself_stays() -> None:
    for thought in (HM, Thinking(thinking="", signature="s"), Thinking(thinking="", signature="s", redacted=True)):
        assert handed(said(thought, SAID)) == [said(thought, SAID)]


@pytest.mark.parametrize("origin", [{"api": "b"}, {"provider": "q"}, {"model": "n"}])
def test_thinking_of_others_becomes_text_where_it_stood_if_it_can_be_read(origin: dict[str, str]) -> None:
    secret = Thinking(thinking="?", signature="s", redacted=True)
    blank = Thinking(thinking=" ", signature="s")
    message = said(SAID, HM, secret, blank, SAID, **origin)
    assert handed(message) == [said(SAID, Text(text="hm"), SAID, **origin)]


def test_unsigned_thinking_stays_only_where_the_api_takes_it() -> None:
    message = said(Thinking(thinking="hm"), Thinking(thinking="hm", redacted=True), Thinking(thinking=" "), SAID)
    assert handed(message) == [said(Text(text="hm"), SAID)]
    assert handed(message, unsigned_thinking=True) == [said(Thinking(thinking="hm"), SAID)]


def test_thinking_that_led_to_nothing_is_text() -> None:
    redacted = Thinking(thinking="", signature="s", redacted=True)
    assert handed(said(HM, SAID, HM, redacted)) == [said(HM, SAID, Text(text="hm"))]
    assert handed(user("a"), said(redacted)) == [user("a")]


# Calls.


def test_the_providers_own_id_goes_back_to_it_and_to_no_other() -> None:
    own = call("minted", provider_id="toolu_1")
    for model, wanted in ("m", "toolu_1"), ("another", "toolu_1"):
        out = handed(said(own, model=model), seen("minted"))
        assert out == [said(call(wanted), model=model), seen(wanted)]
    assert handed(said(own, provider="q"), seen("minted")) == [said(call("minted"), provider="q"), seen("minted")]


def test_an_id_that_a_provider_gave_before_is_replaced_by_the_runtimes() -> None:
    first, again = call("one", provider_id="call_0"), call("two", provider_id="call_0")
    out = handed(said(first), seen("one"), said(again), seen("two"))
    assert out == [said(call("call_0")), seen("call_0"), said(call("two")), seen("two")]


def test_where_neither_id_fits_one_is_made_of_the_runtimes() -> None:
    assert handed(said(call("a b", provider_id="c d")))[0] == handed(said(call("a b")))[0]


@pytest.mark.parametrize(
    ("form", "given", "made"),
    [
        ("passthrough", "a b/ü", "a b/ü"),
        ("passthrough", "", "call_6e340b9cffb3"),
        ("safe64", "x" * 64, "x" * 64),
        ("safe64", "x" * 65, "x" * 51 + "_997ee4d91241"),
        ("safe64", "a b", "a_b_522207d28129"),
        ("openai40", "x" * 40, "x" * 40),
        ("openai40", "x" * 41, "x" * 27 + "_657eab0e9e3b"),
        ("mistral9", "abcdefghi", "abcdefghi"),
        ("mistral9", "abcdefgh", "BhOi23Mg2"),
        ("mistral9", "call_1234", "TyBgjS9tX"),
    ],
)
def test_an_id_is_made_to_fit_and_always_the_same(form: Any, given: str, made: str) -> None:
    assert handed(said(call(given)), seen(given), call_ids=form) == [said(call(made)), seen(made)]


def test_an_id_that_another_was_made_into_is_not_given_twice() -> None:
    squatter = handed(said(call("a b")))[1].tool_call_id  # type: ignore[union-attr]
    out = handed(said(call("a b")), said(call(squatter)), said(call("a b")))
    assert len({call.id for each in out if isinstance(each, AssistantMessage) for call in each.calls}) == 3


def test_names_are_made_to_fit_and_a_result_is_named_as_its_call() -> None:
    for name, made in ("files.read", "files_read"), ("n" * 65, "n" * 64), ("", "_"), ("läuft\n", "l_uft_"):
        assert handed(said(call("x", name))) == [said(call("x", made)), lost("x", made)]
    other = said(call("x", "other"))
    assert handed(other, seen("x")) == [other, msgspec.structs.replace(seen("x"), tool_name="other")]


def test_arguments_that_were_no_json_are_an_empty_object() -> None:
    broken = call("x", arguments={"n": 1}, raw_arguments='{"n": 1')
    assert handed(said(broken))[0] == said(call("x", arguments={}))


# Contents.


def test_images_stay_for_a_model_that_sees() -> None:
    messages = [UserMessage(content=(SAID, PIXEL)), said(call("x")), seen("x", PIXEL)]
    assert handed(*messages, target=SEES) == messages


def test_a_common_misnomer_of_jpeg_is_set_right() -> None:
    out = handed(UserMessage(content=(Image(data="AA==", mime_type="image/jpg"),)), target=SEES)
    assert out == [UserMessage(content=(Image(data="AA==", mime_type="image/jpeg"),))]


@pytest.mark.parametrize("image", [Image(data="AA==", mime_type="image/tiff"), Image(data="", mime_type="image/png")])
def test_images_that_no_api_takes_are_notes_for_a_model_that_sees_too(image: Image) -> None:
    assert handed(UserMessage(content=(image, PIXEL)), target=SEES) == [
        UserMessage(content=(Text(text=IMAGE_NOTE), PIXEL))
    ]


def test_images_in_a_row_are_one_note_that_keeps_the_longest_mark() -> None:
    marked = Image(data="AA==", mime_type="image/png", cache="short")
    lasting = Image(data="AA==", mime_type="image/png", cache="long")
    note = Text(text=IMAGE_NOTE)
    content = (PIXEL, marked, Text(text=" "), lasting, PIXEL, SAID, marked, PIXEL)
    assert handed(said(call("x")), seen("x", *content))[1] == seen(
        "x", Text(text=IMAGE_NOTE, cache="long"), SAID, Text(text=IMAGE_NOTE, cache="short")
    )
    assert handed(UserMessage(content=(PIXEL, PIXEL))) == [UserMessage(content=(note,))]


@pytest.mark.parametrize("content", [(), (Text(text="\n"),)])
def test_a_result_with_nothing_in_it_says_so(content: Any) -> None:
    empty = ToolResultMessage(tool_call_id="x", tool_name="look", content=content, details={"n": 1}, cache="long")
    out = handed(said(call("x")), empty)
    assert out[1] == seen("x", Text(text=NO_OUTPUT), details={"n": 1}, cache="long")


def test_cache_marks_stay_on_kept_messages_and_blocks() -> None:
    marked = Text(text="one", cache="short")
    messages = [
        UserMessage(content=(marked,), cache="long"),
        said(HM, marked, call("x"), cache="short"),
        seen("x", marked, cache="long"),
    ]
    assert handed(*messages) == messages
