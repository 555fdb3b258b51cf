"""Ollama's list of models."""

import pytest
import trio
from mockserver import MockServer
from sdks import Ollama

from adjourn.actors.models.httpmodel import list_models


async def test_sdk_and_adapter_list_the_same_models(server: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    expected = await trio.to_thread.run_sync(Ollama().models, server.url)
    assert expected
    assert [model.id for model in await list_models("ollama")] == expected
