"""Errors inside a stream: the provider's message and the right kind, in each form that servers use."""

import json
from typing import Any

import pytest
from wire_bodies import answer, anthropic, chat, chunk, ollama, responses, sse

HALF = chunk(content="4")
SSE_APIS = ["anthropic-messages", "openai-completions", "openai-responses"]
BUSY = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


@pytest.mark.parametrize("api", SSE_APIS)
@pytest.mark.parametrize(
    "body",
    [
        b"error: " + json.dumps(BUSY["error"]).encode() + b"\n\n",
        b"error: " + json.dumps(BUSY).encode() + b"\n\ndata: [DONE]\n\n",
        b"event: error\ndata: " + json.dumps(BUSY).encode() + b"\n\n",
        json.dumps(BUSY).encode(),
        json.dumps([BUSY], indent=2).encode(),
        b"data: " + json.dumps(BUSY).encode(),
    ],
    ids=["the field error", "an error, then the end", "the event error", "bare JSON", "a list with one", "no end"],
)
def test_the_text_of_an_error_is_kept_in_every_form(api: str, body: bytes) -> None:
    message = answer(api, body)
    assert message.error_message == "The model is overloaded. (503, UNAVAILABLE)"
    assert message.error_kind == "transient"


@pytest.mark.parametrize(
    ("error", "words", "kind"),
    [
        ("the model is gone", "the model is gone", "transient"),
        ({"message": {"detail": "No such tool."}, "code": 400}, "No such tool. (400)", "terminal"),
        ({"message": '{"error":{"message":"Too many.","code":429}}'}, "Too many. (429)", "transient"),
        (
            {"message": "Provider returned error", "code": 400, "metadata": {"raw": "image too large"}},
            "Provider returned error: image too large (400)",
            "terminal",
        ),
        (
            {
                "message": "Provider returned error",
                "metadata": {"raw": '{"error":{"message":"Busy","type":"overloaded"}}'},
            },
            "Provider returned error: Busy (overloaded)",
            "transient",
        ),
        ({"type": "error"}, "the provider broke the answer off with an error", "transient"),
        ([{"message": "First."}, {"message": "Second."}], "First.", "transient"),
    ],
)
def test_the_words_of_an_error_are_found_where_they_are(error: Any, words: str, kind: str) -> None:
    for message in (
        chat(HALF, {"error": error}),
        anthropic({"type": "error", "error": error}),
        responses({"type": "error", "error": error}),
        responses({"type": "response.failed", "response": {"error": error}}),
        ollama({"error": error}),
    ):
        assert (message.error_message, message.error_kind) == (words, kind)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ([{"error": {"message": "busy", "code": 503}}], "busy (503)"),
        ({"message": "busy", "code": 503}, "busy (503)"),
        ({"detail": "busy"}, "busy"),
        ({"errors": [{"message": "busy", "code": 503}]}, "busy (503)"),
        ({"error_code": "TEMPORARILY_UNAVAILABLE", "message": "busy"}, "busy (TEMPORARILY_UNAVAILABLE)"),
        ({"error": {"msg": "busy", "code": 503}}, "busy (503)"),
        ({"error": {"error": {"message": "busy", "code": 503}}}, "busy (503)"),
    ],
)
def test_an_error_in_place_of_an_event_is_one(event: Any, words: str) -> None:
    for message in (chat(HALF, event), anthropic(event), responses(event), ollama(event)):
        assert (message.error_message, message.error_kind) == (words, "transient")


def test_words_in_place_of_an_event_are_told() -> None:
    for message in (chat(HALF, "upstream is gone"), anthropic("upstream is gone"), responses("upstream is gone")):
        assert (message.error_message or "").endswith("that is no JSON: upstream is gone")
        assert message.error_kind == "transient"


def test_the_error_of_a_choice_is_told() -> None:
    choice = {"index": 0, "delta": {}, "finish_reason": "error", "error": {"code": 502, "message": "busy"}}
    message = chat(HALF, {"choices": [choice]})
    assert (message.error_message, message.error_kind, message.text) == ("busy (502)", "transient", "4")


@pytest.mark.parametrize(
    ("code", "kind"), [(1002, "transient"), (1008, "terminal"), (2013, "terminal"), (9999, "transient")]
)
def test_minimax_says_it_in_a_field_of_its_own(code: int, kind: str) -> None:
    message = chat(HALF, {"choices": None, "base_resp": {"status_code": code, "status_msg": "no"}})
    assert message.error_kind == kind
    assert (message.error_message or "").startswith(f"no ({code})")
    good = chat(HALF, chunk("stop") | {"base_resp": {"status_code": 0, "status_msg": ""}})
    assert good.text == "4"


@pytest.mark.parametrize("nothing", ["", None, {}, [], False])
def test_an_error_that_is_empty_is_none(nothing: Any) -> None:
    assert chat(HALF | {"error": nothing}, chunk("stop")).stop_reason == "stop"
    assert ollama({"message": {"content": "4"}, "error": nothing, "done": True}).stop_reason == "stop"


@pytest.mark.parametrize("api", SSE_APIS)
def test_a_body_that_is_no_stream_at_all_is_a_stream_cut_short(api: str) -> None:
    for body in (b"<html>Welcome</html>", b"{}", b"[]", b"[5]", b'{"hello":', b"5\n"):
        assert answer(api, body).error_kind == "transient"


@pytest.mark.parametrize("api", SSE_APIS)
def test_an_event_without_data_keeps_the_connection_alive(api: str) -> None:
    message = answer(
        api, b"data:\n\ndata: \n\nevent: ping\ndata:  \n\ndata: null\n\ndata: []\n\n" + sse({"error": "gone"})
    )
    assert message.error_message == "gone"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"choices": [], "x_groq": {"error": "Busy."}}, "Busy."),
        ({"fault": {"faultstring": "Busy.", "detail": {"errorcode": "x"}}}, "Busy."),
        ({"Message": "Busy."}, "Busy."),
        ({"code": 503, "msg": "Busy."}, "Busy. (503)"),
        ({"error_code": 18, "error_msg": "Busy."}, "Busy. (18)"),
    ],
)
def test_the_words_of_a_gateways_error_are_found(error: dict[str, Any], words: str) -> None:
    message = chat(HALF, error)
    assert (message.text, message.error_message, message.error_kind) == ("4", words, "transient")
