"""Defines adapters for model APIs: a function that builds a request, and a decoder for the response's bytes.

No provider's format here, and no I/O in this package: `actors/models` sends and receives.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..messages import Message, ModelDescriptor
from ..options import ModelOptions
from ..record import ToolSpec
from .decoding import StreamDecoder

__all__ = ["Adapter", "Context", "HTTPRequest"]


@dataclass(frozen=True, slots=True)
class Context:
    """The input of a model call. The transcript may come from any provider: see `handover`."""

    messages: Sequence[Message]
    instructions: str = ""  # the system prompt
    tools: Sequence[ToolSpec] = ()
    resumes: bool = False  # the last message is an answer that the model paused and now continues


@dataclass(frozen=True, slots=True)
class HTTPRequest:
    """An HTTP request without the provider's address and the API key."""

    method: str
    path: str  # relative to the base URL, with a leading slash
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)  # names in lower case
    body: bytes = b""  # JSON


@dataclass(frozen=True, slots=True)
class Adapter:
    """One model API."""

    api: str  # as in `ModelDescriptor.api`
    build_request: Callable[[ModelDescriptor, Context, ModelOptions], HTTPRequest]  # builds a streaming call
    decoder: Callable[[ModelDescriptor], StreamDecoder]  # for the body of a response with status 200
