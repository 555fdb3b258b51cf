"""Shared by the tests of HTTP models: a model at an address, and responses of Ollama's API."""

from typing import Any

from byteserver import Reply

from adjourn.actors import Provider
from adjourn.actors.models import ModelRequest
from adjourn.actors.models.httpmodel import HTTPModel
from adjourn.protocol.messages import ModelDescriptor, user

HELLO = b'{"message": {"role": "assistant", "content": "Hel"}}\n{"message": {"content": "lo"}}\n'
DONE = b'{"message": {"content": ""}, "done": true, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}\n'
NDJSON = "application/x-ndjson"


def said(body: bytes = HELLO + DONE, **settings: Any) -> Reply:
    """Returns a response of Ollama's API."""
    return Reply(body, **{"content_type": NDJSON, **settings})


def local(url: str, **settings: Any) -> HTTPModel:
    """Returns a model with Ollama's API, at a provider with these settings."""
    provider = Provider(**{"name": "local", "apis": ("ollama-chat",), "base_url": url, "needs_key": False, **settings})
    return HTTPModel(ModelDescriptor(id="m", api="ollama-chat", provider="local"), provider)


def call_of(asked: HTTPModel, **fields: Any) -> ModelRequest:
    """A call as a run makes it."""
    given = {"model": asked.descriptor, "instructions": "", "messages": [user("Hi")], "tools": (), "run_id": "run-1"}
    return ModelRequest(**{**given, **fields})
