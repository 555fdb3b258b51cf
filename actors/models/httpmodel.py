"""A language model behind HTTP: turns a request into one call, and the response into events.

`protocol/providers/` builds requests and decodes responses, `httpclient.py` sends and receives the bytes, `keys.py`
chooses the keys.
"""

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace

import msgspec
import trio

from ...protocol.errors import ProgramError
from ...protocol.events import Failed, StreamEvent
from ...protocol.messages import AssistantMessage, ModelDescriptor
from ...protocol.options import ModelOptions
from ...protocol.providers import ADAPTERS
from ...protocol.providers.adapter import Adapter, Context, HTTPRequest
from ...protocol.providers.decoding import StreamDecoder
from ...protocol.providers.faults import MAX_BODY_BYTES, Fault, fault_of
from ...protocol.providers.message_writer import MessageWriter, WireError
from ...protocol.providers.ollama import list_request, read_models
from ...protocol.providers.unsupported import unsupported
from .httpclient import CLOSE_S, Exchange, NetworkFault, keep_clients
from .keys import Refused, Scrubber, check_headers, key_headers, key_scrubber, variable_headers
from .language_model import ModelRequest
from .provider import Provider
from .providers import compat_at, find_provider, provider_of

__all__ = ["HTTPModel", "ProviderError", "RequestHook", "list_models"]

ERROR_BODY_S = 10.0  # time to receive the body of an error
MAX_PAUSES = 5  # of one message; Anthropic's guide "Handling stop reasons" wants a bound (November 2026)
MAX_LIST_BYTES = 16 * 1024 * 1024

_BETA = "anthropic-beta"  # a list of features: the caller's are added to those that the adapter needs

RequestHook = Callable[[HTTPRequest], HTTPRequest | None]


class ProviderError(ProgramError):
    """A provider can't be asked, or gave no answer. `str` is for people."""


@dataclass(frozen=True, slots=True)
class _Call:
    """Everything that one call needs."""

    provider: Provider
    base_url: str
    request: HTTPRequest
    headers: dict[str, str] = field(repr=False)  # in addition to the request's own
    scrubber: Scrubber  # removes secrets from error messages
    in_answers: Scrubber

    def exchange(self) -> Exchange:
        return Exchange(self.provider, self.base_url)


class HTTPModel:
    """A `LanguageModel` that a provider serves over HTTP. Get one from `find_model`.

    A call goes to the provider and address that its run recorded (the request's descriptor). If they differ from this
    model's own, this model's key and headers are not sent.

    Args:
        descriptor: the model.
        provider: the provider that serves it.
        key: None: the key of the provider or of the environment.
        on_request: gets each request before it is sent, without keys, and may return another request to send. Its
            exceptions fail the run.
    """

    def __init__(
        self,
        descriptor: ModelDescriptor,
        provider: Provider,
        *,
        key: str | None = None,
        on_request: RequestHook | None = None,
    ) -> None:
        self.descriptor = descriptor
        self.provider = provider
        self.on_request = on_request
        self._key = key

    async def check(self) -> None:
        """Checks what can be checked without a model call: the key, and for Ollama that the server has the model.

        Raises: ProviderError.
        """
        own = self.descriptor
        try:
            self.route(own, {})
        except Refused as error:
            raise ProviderError(str(error)) from None
        if own.api != "ollama-chat":
            return
        there = [each.id for each in await list_models(self.provider, key=self._key, base_url=own.base_url)]
        if not {own.id, f"{own.id}:latest"} & set(there):
            known = f"there are: {', '.join(sorted(there))}" if there else "there are none"
            raise ProviderError(f"the server has no model {own.id!r}; {known}. `ollama pull {own.id}` would get it")

    def check_options(self, options: ModelOptions) -> None:
        """Checks that the model's API supports these options, as far as that is known without a call.

        Raises: ValueError for a `tool_choice` or a `response_schema` that the API does not support."""
        own = self.descriptor
        try:
            base_url = own.base_url or self.provider.address(own.id)
        except ValueError:  # the model call reports the error
            return
        if lacking := unsupported(_as_served(own, self.provider, base_url), options):
            raise ValueError(lacking)

    def __repr__(self) -> str:
        return f"HTTPModel({self.descriptor!r})"

    def opened(self) -> AbstractAsyncContextManager[None]:
        """Lets calls of all HTTP models in this trio run share connections. Outside the block each opens its own."""
        return keep_clients()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
        """Streams the answer, as `LanguageModel` defines. Network and provider errors become `Failed`.

        Cancellation and `aclose` close the connection at once.
        """
        writer = MessageWriter(request.model)
        try:
            adapter = _adapter(request.model)
            call = self._call(adapter, request)
        except Refused as error:
            await trio.lowlevel.checkpoint()
            writer.fail(str(error), "terminal")
            yield writer.take()
            return
        decoder = adapter.decoder(request.model)
        exchange = call.exchange()
        pauses = 0
        try:
            events = await _begin(call, exchange, decoder)
            while True:
                if events:
                    yield events
                if decoder.ended:
                    break
                if not decoder.paused:
                    events = await _more(call, exchange, decoder)
                elif pauses == MAX_PAUSES:
                    events = decoder.close()
                else:
                    pauses += 1
                    with trio.move_on_after(CLOSE_S, shield=True):
                        await exchange.aclose(drain=True)
                    call = self._call(adapter, _resumed(request, decoder.resume(), pauses), resumes=True)
                    exchange = call.exchange()
                    events = await _begin(call, exchange, decoder)
        finally:
            with trio.move_on_after(CLOSE_S, shield=True):
                await exchange.aclose(drain=decoder.ended)

    def _call(self, adapter: Adapter, request: ModelRequest, *, resumes: bool = False) -> _Call:
        """Builds the call. Raises: Refused."""
        model, options = request.model, request.options
        provider, base_url, secret = self.route(model, options.headers or {})
        options = msgspec.structs.replace(options, session_id=options.session_id or request.run_id)
        context = Context(request.messages, request.instructions, request.tools, resumes)
        told = _as_served(model, provider, base_url)
        if lacking := unsupported(told, options):
            raise Refused(lacking)
        built = adapter.build_request(told, context, options)
        built = replace(built, path=built.path + provider.query())
        if _BETA in built.headers and _BETA in secret:
            secret[_BETA] = f"{built.headers[_BETA]},{secret[_BETA]}"
        wanted = built if self.on_request is None else self.on_request(built) or built
        secret |= {name: value for name, value in _lower(wanted.headers).items() if built.headers.get(name) != value}
        with_id = {provider.call_id_header: request.call_id} if provider.call_id_header and request.call_id else {}
        check_headers(secret | with_id)
        return _Call(provider, base_url, wanted, with_id | secret, Scrubber(secret), key_scrubber(provider, secret))

    def route(self, model: ModelDescriptor, headers: Mapping[str, str]) -> tuple[Provider, str, dict[str, str]]:
        """Returns where a call of `model` goes: the provider, the base URL, and the headers that may be secret.

        `headers` are included only if `model` has this object's own provider and address. Raises: Refused.
        """
        own = self.descriptor
        is_own = (model.provider, model.base_url) == (own.provider, own.base_url)
        try:
            provider = self.provider if model.provider == own.provider else provider_of(model)
            home = provider.address(model.id)  # the only address that gets the environment's keys
        except ValueError as error:
            raise Refused(str(error)) from None
        base_url = model.base_url.strip().rstrip("/") or home
        if not base_url:
            raise Refused(f"there is no address for provider {provider.name!r}: set {provider.base_url_variable}")
        at_home = base_url == home
        given = _lower({**(own.headers or {}), **headers} if is_own else {}) | _lower(model.headers or {})
        return provider, base_url, _secrets(provider, self._key if is_own else None, given, at_home=at_home)


async def list_models(
    provider: Provider | str = "ollama", *, key: str | None = None, base_url: str = ""
) -> list[ModelDescriptor]:
    """Returns the models that an Ollama server has. `key` and `base_url`: as in `find_model`.

    Raises: ProviderError if the server can't be asked; ValueError for an unknown provider or one without Ollama's API.
    """
    found = find_provider(provider) if isinstance(provider, str) else provider
    if found is None or "ollama-chat" not in found.apis:
        name = provider if found is None else found.name
        raise ValueError(f"provider {name!r} is not known, or has no list of models that can be read here")
    own = ModelDescriptor(id="", provider=found.name, base_url=base_url)
    try:
        _, base_url, secret = HTTPModel(own, found, key=key).route(own, {})
        check_headers(secret)
    except Refused as error:
        raise ProviderError(str(error)) from None
    call = _Call(found, base_url, list_request(), secret, Scrubber(secret), key_scrubber(found, secret))
    exchange = call.exchange()
    try:
        status, headers = await exchange.send(call.request, call.headers)
        if status != 200:
            raise ProviderError((await _fault(call, exchange, status, headers)).message)
        return read_models(await exchange.read(MAX_LIST_BYTES, found.idle_timeout_s))
    except NetworkFault as error:
        raise ProviderError(call.scrubber.text(str(error))) from None
    except WireError as error:
        raise ProviderError(call.scrubber.text(f"{error} (asked: {base_url})")) from None
    finally:
        with trio.move_on_after(CLOSE_S, shield=True):
            await exchange.aclose(drain=True)


def _resumed(request: ModelRequest, said: AssistantMessage, pauses: int) -> ModelRequest:
    """Returns the request that lets the model continue a paused message."""
    call_id = f"{request.call_id}-{pauses}" if request.call_id else ""
    return msgspec.structs.replace(request, messages=(*request.messages, said), call_id=call_id)


def _as_served(model: ModelDescriptor, provider: Provider, base_url: str) -> ModelDescriptor:
    """Returns the model with its address and all known differences of that server's chat completions."""
    compat = model.compat
    if model.api == "openai-completions":
        compat = compat_at(provider, model, base_url)
    return msgspec.structs.replace(model, base_url=base_url, compat=compat)


def _adapter(model: ModelDescriptor) -> Adapter:
    adapter = ADAPTERS.get(model.api)
    if adapter is None:
        raise Refused(f"model {model.id!r}: API {model.api!r} is not known ({', '.join(sorted(ADAPTERS))})")
    return adapter


def _secrets(provider: Provider, key: str | None, given: dict[str, str], *, at_home: bool) -> dict[str, str]:
    """Returns all headers that may hold secrets. Headers in `given` take precedence. Raises: Refused."""
    headers = _lower(provider.headers) | variable_headers(provider) if at_home else {}
    headers |= given
    if key is None and ("authorization" in headers or provider.key_header in headers):
        return headers
    return key_headers(provider, key, at_home=at_home) | headers


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


async def _begin(call: _Call, exchange: Exchange, decoder: StreamDecoder) -> list[StreamEvent]:
    """Sends the request. Returns the events of a failure, or none if the answer begins."""
    try:
        status, headers = await exchange.send(call.request, call.headers)
    except NetworkFault as error:
        return decoder.fail(call.scrubber.text(str(error)), error.kind)
    if status == 200 and not _is_foreign(headers.get("content-type", "")):
        return []
    fault = await _fault(call, exchange, status, headers)
    return decoder.fail(fault.message, fault.kind, status=fault.status, retry_after_s=fault.retry_after_s)


async def _more(call: _Call, exchange: Exchange, decoder: StreamDecoder) -> list[StreamEvent]:
    """Returns the events of the body's next chunk or of its end."""
    try:
        chunk = await exchange.chunk()
    except NetworkFault as error:
        return decoder.fail(call.scrubber.text(str(error)), error.kind)
    events = decoder.close() if chunk is None else decoder.feed(call.in_answers.body(chunk))
    if decoder.ended and isinstance(failed := events[-1], Failed) and failed.error.error_message:
        text = call.scrubber.text(failed.error.error_message)
        scrubbed = msgspec.structs.replace(failed.error, error_message=text)
        events[-1] = msgspec.structs.replace(failed, error=scrubbed)
    return events


def _is_foreign(content_type: str) -> bool:
    """Whether the content type shows that a proxy answered with a page of its own.

    Other wrong types, also `application/json`, go to the decoder: many servers send streams with a wrong type.
    """
    return content_type.partition(";")[0].strip().lower() == "text/html"


async def _fault(call: _Call, exchange: Exchange, status: int, headers: dict[str, str]) -> Fault:
    body = call.scrubber.body(await exchange.read(MAX_BODY_BYTES, ERROR_BODY_S))
    shown = {name: call.scrubber.text(value) for name, value in headers.items()}
    fault = fault_of(status, shown, body, time.time())
    fault = replace(fault, message=call.scrubber.text(fault.message))  # again: decoding may have unescaped a secret
    if status == 200:
        text = f"{call.base_url} sent no stream but {shown.get('content-type')}: {fault.message}"
        return replace(fault, message=text)
    if status in (401, 403) and not {"authorization", call.provider.key_header} & set(call.headers):
        return replace(fault, message=f"{fault.message} (no key was sent: none is known for {call.base_url})")
    if status == 404:  # an unknown model, or a wrong address
        return replace(fault, message=f"{fault.message} (asked: {call.base_url}{call.request.path})")
    return fault
