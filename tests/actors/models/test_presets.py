"""Each preset, over loopback, at a server that is as strict as the preset's host; and how presets are chosen."""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from byteserver import open_byte_server
from hosts import HOSTS, Host, answering

from adjourn.actors import Agent, find_model, open_actor_system, tool
from adjourn.actors.models.httpmodel import HTTPModel
from adjourn.actors.models.presets import NARROWEST, PRESETS
from adjourn.actors.models.providers import compat_at, find_provider
from adjourn.protocol.messages import Compat, ModelDescriptor
from adjourn.protocol.options import ModelOptions

EVERYTHING = ModelOptions(
    max_tokens=100,
    temperature=0.5,
    top_p=0.9,
    seed=7,
    stop=("END",),
    reasoning="xhigh",
    parallel_tool_calls=False,
    service_tier="auto",
    cache="short",
)
CHAT_PRESETS = [each for each in PRESETS if each.apis[0] == "openai-completions"]
SOME = ModelDescriptor(id="some-model")
EACH = pytest.mark.parametrize("host", [pytest.param(host, id=host.name or "unknown") for host in HOSTS])


@tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def model_at(host: Host, url: str, monkeypatch: pytest.MonkeyPatch) -> HTTPModel:
    """Make the host's model at this address, set by the host's environment variable if it has one for the address."""
    if not host.name:
        return find_model(
            ModelDescriptor(id=host.model, api="openai-completions", base_url=url, reasoning=True), key="sesame-key"
        )
    provider = find_provider(host.name)
    assert provider is not None
    if not provider.base_url_variable:
        return find_model(f"{host.name}:{host.model}", base_url=url, key="sesame-key")
    for variable in (*provider.key_variables, *provider.token_variables, provider.version_variable):
        if variable:
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(provider.base_url_variable, url)
    monkeypatch.setenv(provider.key_variables[0], "sesame-key")
    return find_model(f"{host.name}:{host.model}")


def test_every_preset_has_a_server_that_is_as_strict() -> None:
    assert {host.name for host in HOSTS} - {""} == {each.name for each in CHAT_PRESETS} - {
        "openai"
    }  # recognised by the host name


def test_every_preset_names_its_sources() -> None:
    assert all(each.sources for each in PRESETS)


@EACH
@pytest.mark.parametrize("options", [ModelOptions(), EVERYTHING], ids=["plain", "all options"])
async def test_ask_call_a_tool_answer_and_call_again(
    host: Host, options: ModelOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not host.name and options == EVERYTHING:
        options = ModelOptions(max_tokens=100, temperature=0.5, top_p=0.9)  # other options are up to the caller
    async with open_byte_server(answering(host)) as server:
        model = model_at(host, server.url, monkeypatch)
        agent = Agent(name="adder", model=model, instructions="Add.", tools=[add], options=options)
        async with open_actor_system([agent]) as system:
            first = await (run := await system.start(agent, "20 + 22?")).wait()
            second = await (await system.start(agent, "And again?", after=run.id)).wait()
    for snapshot in (first, second):
        assert snapshot.error is None
        assert snapshot.messages[-1].text == "42"
        assert snapshot.usage.input == 20
    assert len(server.requests) == 4


@EACH
async def test_a_server_is_as_strict_as_its_host(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the previous test proves nothing."""
    options = ModelOptions(extra={"frequency_penalty": 1})
    async with open_byte_server(answering(host)) as server:
        agent = Agent(name="adder", model=model_at(host, server.url, monkeypatch), options=options)
        async with open_actor_system([agent]) as system:
            snapshot = await (await system.start(agent, "Hi")).wait()
    assert snapshot.error is not None
    assert "frequency_penalty" in snapshot.error.message


def test_a_server_of_ones_own_is_not_told_to_load_an_address() -> None:
    for provider in CHAT_PRESETS:
        at_home = "//127.0.0.1" in provider.base_url
        taken = (provider.compat or Compat()).input_parts or ()
        assert not (at_home and {"imageUrl", "fileUrl"} & {*taken}), provider.name


# The choice of a preset.


@pytest.mark.parametrize("provider", CHAT_PRESETS, ids=lambda each: each.name)
def test_a_preset_is_found_by_name_and_by_the_host_of_a_base_url(provider: Any) -> None:
    found = find_model(f"{provider.name}:some/model:tag")
    assert (found.provider, found.descriptor.id) == (provider, "some/model:tag")
    openai = find_provider("openai")
    assert openai is not None
    hosts = [f"https://{each.lstrip('.') if each[0] != '.' else 'my' + each}" for each in provider.hosts]
    for base_url in [provider.base_url, *hosts] if provider.base_url else hosts:
        assert compat_at(openai, SOME, base_url) == provider.compat


def test_an_unknown_host_gets_the_narrowest_request() -> None:
    openai, mistral = find_provider("openai"), find_provider("mistral")
    assert openai is not None
    assert mistral is not None
    for base_url in ("https://models.example.test/v1", "https://evil-api.mistral.ai.test", "http://127.0.0.1:9999/v1"):
        assert compat_at(openai, SOME, base_url) == NARROWEST
        assert compat_at(mistral, SOME, base_url) == mistral.compat  # recognised by the provider's name
    assert compat_at(openai, SOME, "http://localhost:8000/v1") != NARROWEST  # vLLM's port


def test_openais_own_models_get_its_own_request_through_a_proxy() -> None:
    openai = find_provider("openai")
    assert openai is not None
    for name in ("gpt-5.4-mini", "o3", "chatgpt-4o-latest"):
        model = ModelDescriptor(id=name, provider="openai")
        assert compat_at(openai, model, "https://proxy.example.test/v1") == Compat()
        assert compat_at(openai, model, "https://api.x.ai/v1") != Compat()
    for name in ("openai/gpt-oss-20b", "gpt-oss-20b", "o9", "olmo"):
        assert compat_at(openai, ModelDescriptor(id=name), "https://proxy.example.test/v1") == NARROWEST


def test_a_descriptors_compat_takes_precedence_over_its_hosts() -> None:
    openai = find_provider("openai")
    assert openai is not None
    own = Compat(supports_usage_in_streaming=True, refused_fields=())
    model = ModelDescriptor(id="m", provider="openai", compat=own)
    told = compat_at(openai, model, "https://api.x.ai/v1")
    assert (told.supports_usage_in_streaming, told.refused_fields, told.max_tokens_field) == (True, (), "max_tokens")


@pytest.mark.parametrize(
    ("version", "asked"),
    [
        ("2024-10-21", "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"),
        ("preview", "/openai/v1/chat/completions?api-version=preview"),
        ("", "/openai/v1/chat/completions"),
    ],
)
async def test_azure_has_its_version_in_the_url(version: str, asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host = next(each for each in HOSTS if each.name == "azure")
    async with open_byte_server(answering(host)) as server:
        model_at(host, server.url, monkeypatch)
        monkeypatch.setenv("OPENAI_API_VERSION", version)
        agent = Agent(name="a", model="azure:my gpt")
        async with open_actor_system([agent]) as system:
            await (await system.start(agent, "Hi")).wait()
        request = server.requests[0]
    assert request.path == asked
    assert request.headers["api-key"] == "sesame-key"
    assert json.loads(request.body)["model"] == "my gpt"


def test_an_address_in_a_variable_may_lack_scheme_and_path(monkeypatch: pytest.MonkeyPatch) -> None:
    databricks, groq = find_provider("databricks"), find_provider("groq")
    assert databricks is not None
    assert groq is not None
    monkeypatch.delenv("DATABRICKS_HOST", raising=False)
    assert databricks.address() == ""
    monkeypatch.setenv("DATABRICKS_HOST", "dbc-1.cloud.databricks.com/")
    assert databricks.address() == "https://dbc-1.cloud.databricks.com/serving-endpoints"
    for given in ("https://groq.example.test", "https://groq.example.test/openai/v1/"):
        monkeypatch.setenv("GROQ_BASE_URL", given)
        assert urlsplit(groq.address()).path == "/openai/v1"


async def test_a_provider_without_an_address_says_which_variable_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT", raising=False)
    agent = Agent(name="a", model="azure:gpt")
    async with open_actor_system([agent]) as system:
        snapshot = await (await system.start(agent, "Hi")).wait()
    assert snapshot.error is not None
    assert "there is no address for provider 'azure': set AZURE_OPENAI_ENDPOINT" in snapshot.error.message
