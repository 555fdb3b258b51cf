"""What an adapter for a model API is: a function that builds a request, and a decoder that is fed the response's bytes.

No wire of any provider here, and no I/O anywhere in this package: `actors/httpmodel.py` sends and receives.
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
    """What the model is to answer. Any transcript will do, whichever provider it came from: see `handover`."""

    messages: Sequence[Message]
    instructions: str = ""  # the system prompt
    tools: Sequence[ToolSpec] = ()
    resumes: bool = False  # the last message is the model's own, which it paused: it goes on with that


@dataclass(frozen=True, slots=True)
class HTTPRequest:
    """A request, but for the provider's address and the key."""

    method: str
    path: str  # below the base URL, with a leading slash
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)  # names in lower case
    body: bytes = b""  # JSON


@dataclass(frozen=True, slots=True)
class Adapter:
    """One model API."""

    api: str  # as in `ModelDescriptor.api`
    build_request: Callable[[ModelDescriptor, Context, ModelOptions], HTTPRequest]  # of a streaming call
    decoder: Callable[[ModelDescriptor], StreamDecoder]  # for the body of a response with status 200
