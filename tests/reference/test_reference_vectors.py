"""Replays the streams of `tests/vectors/wire/` to the vendors' SDKs, which must read them as our decoders do.

Streams that no vendor sends are left out, because the SDKs read them differently or not at all.
"""

from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import msgspec
import ours
import pytest
from heard import Refused
from sdks import Anthropic, Ollama, OpenAIChat, OpenAIResponses

from adjourn.protocol.messages import AssistantMessage

VECTORS = Path(__file__).parents[1] / "vectors/wire"
SPEAKS = {
    "anthropic-messages": Anthropic(),
    "openai-completions": OpenAIChat(),
    "openai-responses": OpenAIResponses(),
    "ollama-chat": Ollama(),
}
ANSWERS = {
    "anthropic-messages": (
        "arguments-cut-off cache context-window-exceeded max-tokens no-message-stop parallel-tool-use "
        "redacted-thinking stop-sequence text thinking thinking-omitted tool-input-at-once tool-use usage-corrected"
    ),
    "openai-completions": (
        "call calls-parallel length mistral-calls-whole no-done-marker nothing-said text text-crlf-and-comments "
        "usage-cache-written usage-cached"
    ),
    "openai-responses": "phases text thinking usage-cached usage-written-without-a-price",
    "ollama-chat": (
        "bytes-that-are-no-text-in-arguments call calls-parallel calls-without-ids length "
        "no-newline-at-the-end nothing-said text text-in-the-last-line thinking thinking-alone "
        "thinking-in-one-line-with-text usage-not-counted"
    ),
}
ERRORS = {
    "anthropic-messages": "invalid-request overloaded",
    "openai-completions": "error-in-mid-stream error-invalid-request error-rate-limit openrouter-error",
    "openai-responses": "error-event-nested",
    "ollama-chat": "error-after-a-call error-at-once error-in-mid-stream",
}


class Vector(msgspec.Struct):
    message: AssistantMessage


def each(names: dict[str, str]) -> list[tuple[str, str]]:
    return [(api, name) for api, found in names.items() for name in found.split()]


@contextmanager
def replayed(body: bytes) -> Generator[str]:
    """Serves this body as the answer to every request; yields the server's address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


def read(api: str, name: str) -> tuple[object, AssistantMessage]:
    """Returns the answer as the SDK and as our decoder read it."""
    with replayed((VECTORS / api / f"{name}.body").read_bytes()) as url:
        expected = SPEAKS[api].ask(url, "Hello")
    return expected, msgspec.json.decode((VECTORS / api / f"{name}.json").read_bytes(), type=Vector).message


@pytest.mark.parametrize(("api", "name"), each(ANSWERS))
def test_the_sdk_and_the_decoder_read_the_same_answer(api: str, name: str) -> None:
    expected, message = read(api, name)
    assert ours.heard(SPEAKS[api], message) == expected


@pytest.mark.parametrize(("api", "name"), each(ERRORS))
def test_an_error_within_an_answer_has_the_same_words_for_both(api: str, name: str) -> None:
    expected, message = read(api, name)
    assert isinstance(expected, Refused)
    assert expected.status is None
    assert message.stop_reason == "error"
    assert expected.words
    assert expected.words in (message.error_message or "")
