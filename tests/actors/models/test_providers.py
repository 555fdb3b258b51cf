"""Models by name: the provider, its address, and the key that is sent."""

import pytest

from adjourn.actors import Agent, Provider, find_model, register_model, register_provider
from adjourn.actors.models import catalogue, providers
from adjourn.actors.models.baseurl import check_base_url, ollama_address
from adjourn.actors.models.httpmodel import HTTPModel
from adjourn.actors.models.keys import Refused, Scrubber, check_headers, key_headers
from adjourn.actors.models.providers import find_provider
from adjourn.protocol.messages import Cost, ModelDescriptor


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    """Remove the test's registrations afterwards."""
    monkeypatch.setattr(providers, "_providers", dict(providers._providers))
    monkeypatch.setattr(catalogue, "_models", dict(catalogue._models))
    for variable in ("OLLAMA_HOST", "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)


# Names.


@pytest.mark.parametrize(
    ("name", "provider", "api", "model"),
    [
        ("anthropic:claude-x", "anthropic", "anthropic-messages", "claude-x"),
        ("openai:gpt-x", "openai", "openai-completions", "gpt-x"),
        ("openai-responses:gpt-x", "openai", "openai-responses", "gpt-x"),
        ("ollama:qwen3:8b", "ollama", "ollama-chat", "qwen3:8b"),
        ("ollama:hf.co/a/b:Q4", "ollama", "ollama-chat", "hf.co/a/b:Q4"),
    ],
)
def test_a_model_is_found_by_name(name: str, provider: str, api: str, model: str) -> None:
    found = find_model(name).descriptor
    assert (found.provider, found.api, found.id, found.base_url) == (provider, api, model, "")
    assert found.input == ("text", "image", "file", "audio")
    assert found.reasoning


@pytest.mark.parametrize("name", ["", "gpt-x", ":x", "openai", "openai:", "openai: ", "nobody:x"])
def test_an_unusable_model_name_is_refused_with_the_expected_form(name: str) -> None:
    with pytest.raises(ValueError, match=r"expected 'PROVIDER:NAME' \(known providers: anthropic, azure, .*, zai\)$"):
        find_model(name)


def test_a_model_of_a_wrong_type_is_refused() -> None:
    with pytest.raises(TypeError, match="expected 'PROVIDER:NAME' or a ModelDescriptor, got int"):
        find_model(5)  # type: ignore[arg-type]


def test_a_registered_model_is_found_with_all_that_is_known_of_it() -> None:
    register_model(ModelDescriptor(id="gpt-x", provider="openai", cost=Cost(input=2.0), context_window=1000))
    found = find_model("openai:gpt-x").descriptor
    assert (found.api, found.cost, found.context_window) == ("openai-completions", Cost(input=2.0), 1000)
    assert find_model("openai-responses:gpt-x").descriptor.api == "openai-responses"
    with pytest.raises(ValueError, match="must have an id"):
        register_model(ModelDescriptor(id="", provider="openai"))
    with pytest.raises(ValueError, match="provider 'nobody' is not known"):
        register_model(ModelDescriptor(id="x", provider="nobody"))


def test_a_registered_provider_is_found() -> None:
    provider = Provider(name="groq", apis=("openai-completions",), base_url="https://api.groq.test/v1/")
    register_provider(provider)
    assert find_provider("groq") is provider
    assert find_model("groq:llama").descriptor.api == "openai-completions"
    assert find_model("groq:llama").provider is provider
    register_provider(Provider(name="groq", apis=("openai-responses",), base_url="https://api.groq.test/v1"))
    assert find_model("groq:llama").descriptor.api == "openai-responses"


def test_a_descriptor_that_says_it_all_needs_no_provider() -> None:
    found = find_model(ModelDescriptor(id="m", api="openai-completions", base_url="http://127.0.0.1:8000/v1"))
    assert found.provider.base_url == "http://127.0.0.1:8000/v1"
    assert not found.provider.needs_key
    for lacking in ({"api": "openai-completions"}, {"base_url": "http://127.0.0.1:8000/v1"}):
        with pytest.raises(ValueError, match="provider 'mine' is not known"):
            find_model(ModelDescriptor(id="m", provider="mine", **lacking))
    with pytest.raises(ValueError, match="API 'soap' is not known"):
        find_model(ModelDescriptor(id="m", provider="openai", api="soap"))


def test_an_agent_takes_a_name_a_descriptor_or_a_model() -> None:
    model = find_model("ollama:m")
    descriptor = ModelDescriptor(id="m", provider="ollama")
    assert Agent(name="a", model=model).language_model is model
    for given in ("ollama:m", descriptor):
        agent = Agent(name="a", model=given)
        assert isinstance(agent.language_model, HTTPModel)
        assert agent.spec().model.id == "m"
        assert agent.spec().model.base_url == ""
    with pytest.raises(AttributeError):
        agent.model = model  # type: ignore[misc]
    with pytest.raises(TypeError, match="'model'"):
        Agent(name="a")  # type: ignore[call-arg]


# Addresses.


def test_the_environment_is_asked_when_a_call_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = find_model("openai:m").provider
    assert provider.address() == "https://api.openai.com/v1"
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1/")
    assert provider.address() == "http://127.0.0.1:1/v1"
    monkeypatch.setenv("OPENAI_BASE_URL", " ")
    assert provider.address() == "https://api.openai.com/v1"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("1.2.3.4", "http://1.2.3.4:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        (":5000", "http://127.0.0.1:5000"),
        ("example.test", "http://example.test:11434"),
        ("example.test:5000", "http://example.test:5000"),
        ("example.test:5000/", "http://example.test:5000"),
        ("example.test/path/", "http://example.test:11434/path"),
        ("http://example.test", "http://example.test:80"),
        ("https://example.test", "https://example.test:443"),
        ("https://example.test:5000/path", "https://example.test:5000/path"),
        (' "1.2.3.4:5000" ', "http://1.2.3.4:5000"),
        ("::1", "http://[::1]:11434"),
        ("[::]", "http://[::1]:11434"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("http://[2001:db8::1]", "http://[2001:db8::1]:80"),
    ],
)
def test_every_form_of_ollama_host(host: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ollama_address(host) == url
    monkeypatch.setenv("OLLAMA_HOST", host)
    assert find_model("ollama:m").provider.address() == url


@pytest.mark.parametrize("host", ["host:port", "ftp://x", "a b:1", "http://u:p@host", "[::1"])
def test_an_ollama_host_that_is_none(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", host)
    with pytest.raises(ValueError, match=r"^OLLAMA_HOST: "):
        find_model("ollama:m").provider.address()


@pytest.mark.parametrize(
    "url", ["", "host", "ftp://host", "http://", "http://host:x", "http://host:0", "http://ho\nst", "http://[::1"]
)
def test_an_invalid_base_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected a base URL"):
        check_base_url(url)


@pytest.mark.parametrize("url", ["https://me:sesame@host", "https://host/v1?key=sesame", "https://host/#sesame"])
def test_a_base_url_holds_no_secret_and_is_not_shown(url: str) -> None:
    with pytest.raises(ValueError, match="secrets belong into headers") as caught:
        find_model("openai:m", base_url=url)
    assert "sesame" not in str(caught.value)
    with pytest.raises(ValueError, match="secrets belong into headers"):
        Provider(name="p", apis=("openai-completions",), base_url=url)


# Keys.


def keys(name: str, key: str | None = None, *, at_home: bool = True) -> dict[str, str]:
    return key_headers(find_model(f"{name}:m").provider, key, at_home=at_home)


@pytest.fixture
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY", "OLLAMA_API_KEY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.usefixtures("_no_keys")
def test_keys_come_from_the_variables_that_the_vendors_sdks_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match=r"'anthropic': set ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN$"):
        keys("anthropic")
    with pytest.raises(Refused, match="set OPENAI_API_KEY"):
        keys("openai")
    assert keys("ollama") == {}
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token")
    assert keys("anthropic") == {"authorization": "Bearer token"}
    monkeypatch.setenv("ANTHROPIC_API_KEY", " key\n")
    assert keys("anthropic") == {"x-api-key": "key"}
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    assert keys("openai") == {"authorization": "Bearer key"}
    monkeypatch.setenv("OLLAMA_API_KEY", "key")
    assert keys("ollama") == {"authorization": "Bearer key"}


@pytest.mark.usefixtures("_no_keys")
def test_a_key_of_the_environment_stays_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    assert keys("openai", at_home=False) == {}
    assert keys("openai", " passed\n", at_home=False) == {"authorization": "Bearer passed"}
    provider = Provider(name="p", apis=("openai-completions",), base_url="http://x", key="own", key_header="api-key")
    assert key_headers(provider, None, at_home=True) == {"api-key": "own"}
    assert key_headers(provider, None, at_home=False) == {}
    assert key_headers(provider, "passed", at_home=True) == {"api-key": "passed"}


@pytest.mark.parametrize("key", ["", " \n", "sesame\u2026open", "sesame\nopen", "sesame\x00open"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(Refused, match="the key that was passed is empty, or has characters") as caught:
        keys("openai", key)
    assert "sesame" not in repr(caught.value)


def test_headers_are_checked_without_showing_them() -> None:
    check_headers({"x-fine": "1"})
    for headers in ({"x-h": "sesame\nopen"}, {"x-h": "sesamé"}):
        with pytest.raises(Refused, match="header x-h has characters") as caught:
            check_headers(headers)
        assert "sesam" not in str(caught.value)
    with pytest.raises(Refused, match="is not a valid header name"):
        check_headers({"x h": "1"})


def test_secrets_are_blotted_out_the_longest_first() -> None:
    scrubber = Scrubber({"authorization": "Bearer sk-12345678", "x-more": "sk-12345678-more", "x-short": "short"})
    assert scrubber.text("no sk-12345678, Bearer sk-12345678, sk-12345678-more; short") == "no ***, ***, ***; short"
    assert scrubber.body(b"no sk-12345678") == b"no ***"
    assert "sk-" not in repr(scrubber)


def test_nothing_shows_a_key() -> None:
    provider = Provider(
        name="p", apis=("openai-completions",), base_url="http://x", key="sesame-1", headers={"x-key": "sesame-2"}
    )
    descriptor = ModelDescriptor(id="m", provider="p", api="openai-completions", headers={"x-key": "sesame-3"})
    model = HTTPModel(descriptor, provider, key="sesame-4")
    agent = Agent(name="a", model=model)
    for each in (provider, descriptor, model, agent, agent.spec()):
        assert "sesame" not in repr(each)
        assert "sesame" not in str(each)
