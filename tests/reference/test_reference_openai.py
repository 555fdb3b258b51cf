"""OpenAI's reasoning items: encrypted content is kept with its id, and sent back unchanged."""

import json
from base64 import b64encode

import ours
from asking import answer, events
from mockserver import MockServer
from sdks import OpenAIResponses

from adjourn.protocol.messages import Thinking, user
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.providers.adapter import HTTPRequest

SDK = OpenAIResponses()


async def test_encrypted_reasoning_goes_back_before_the_call_that_it_led_to(server: MockServer) -> None:
    bodies: list[bytes] = []
    model = ours.opened(SDK, server.url)

    def keep(request: HTTPRequest) -> None:
        bodies.append(request.body)

    model.on_request = keep
    options = ModelOptions(reasoning="low")
    question = user("Think, then call")
    message = answer(await events(model, [question], tools=ours.SPECS, options=options))
    recorded, results = ours.as_recorded(message, "12:00")
    answered = await events(model, [question, recorded, *results], tools=ours.SPECS, options=options)
    assert answer(answered).text == "It is noon."
    [thought] = [block for block in message.content if isinstance(block, Thinking)]
    assert thought.thinking == "I have to look it up."
    _, reasoning, call, output = json.loads(bodies[-1])["input"]
    assert [item["type"] for item in (reasoning, call, output)] == [
        "reasoning",
        "function_call",
        "function_call_output",
    ]
    assert reasoning["summary"] == [{"type": "summary_text", "text": thought.thinking}]
    secret = f"aimock-encrypted-reasoning:{reasoning['id']}"  # this server's form of encrypted content
    assert reasoning["encrypted_content"] == b64encode(secret.encode()).decode()
