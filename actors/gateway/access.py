"""Who may connect to the gateway, and what they may do: types and plain checks; no sockets.

The operator answers two questions with functions: the *authenticator* says who a client is, the *authorizer* what it
may do (`guard.py` asks it).
"""

import hmac
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ...protocol.errors import InvalidParams
from ...protocol.messages import Message
from ...protocol.record import Head
from ...protocol.rpc import AUTH_SUBPROTOCOL

__all__ = [
    "Action",
    "Authenticator",
    "Authorizer",
    "Credentials",
    "Principal",
    "token_authenticator",
    "token_of",
]


@dataclass(frozen=True)
class Principal:
    """An authenticated client. Its name goes into the records of what it starts, decides and aborts."""

    name: str


@dataclass(frozen=True)
class Credentials:
    """What a client presents in its handshake. The repr leaves out secrets."""

    token: str | None = field(repr=False)  # of `Authorization: Bearer`, or of the subprotocol adjourn.token.<base64url>
    headers: Mapping[str, str] = field(repr=False)  # of the handshake, names in lower case
    peer: str  # its network address


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a client wants to do: one request, or showing one run in a list. Everything in it is a copy.

    Fields that a method has nothing for are None.
    """

    method: str
    """As on the wire: `run.resume`, `run.list`, …"""
    run_id: str | None = None
    """The run that the request is about. For `run.start`: the id that the client chose, if it did."""
    agent: str | None = None
    """Name of the run's agent."""
    owner: str | None = None
    """Name of the principal who started the run; None: unknown, or an anonymous client."""
    tool_call_id: str | None = None
    """The call that is decided, declined, claimed or answered, also where the client left out which. A request that
    means no call of the run fails, even if it is allowed; then this is what the client gave."""
    tool_name: str | None = None
    """Name of that call's tool; None if the run has no such call."""
    arguments: dict[str, Any] | None = None
    """That call's arguments, as the model gave them."""
    decision: Any = None
    """Of `run.resume`: the decision, not validated yet."""
    edited: dict[str, Any] | None = None
    """Of `run.resume`: the arguments that are to replace the model's, not validated yet. None: the model's own."""
    reason: str | None = None
    """The client's reason for declining a call or aborting a run."""
    input: str | tuple[Message, ...] | None = None
    """Of `run.start`: what the run begins with. Text stands for one user message."""
    metadata: dict[str, Any] | None = None
    """The metadata of the run, or those that it is to be started with."""
    head: Head | None = None
    """Where the run stands; None for methods about no run, and for `run.start`."""


# Says who a client is; None: the client is refused.
Authenticator: TypeAlias = Callable[[Credentials], Awaitable[Principal | None]]
# Says whether a principal (None: an anonymous client) may do this. An error, or anything but a bool, forbids.
#
# Whoever may `run.get` a run may know of it. Lists show only such runs: the authorizer is asked about `run.list` and
# `runs.watch` once as a whole, without a run, and then about `run.get` for each run. Of any other run each method says
# `runNotFound`, as if there were none; `forbidden` is for what may not be done with a run that may be seen.
#
# A `run.start` with the id of a run that may not be seen is forbidden like one that the authorizer forbids. Where ids
# must not be guessed at all, let principals start runs only under ids that no other may have (`action.run_id` begins
# with the principal's name, say): then that is the answer for another's id, whether it is taken or not.
Authorizer: TypeAlias = Callable[[Principal | None, Action], Awaitable[bool]]


def token_authenticator(token: str, *, name: str = "token") -> Authenticator:
    """An authenticator that knows each client with this token as `name`. Compares in constant time.

    Raises: InvalidParams if the token is empty.
    """
    if not token:
        raise InvalidParams("token: expected a secret, got nothing")
    expected = token.encode()

    async def authenticate(credentials: Credentials) -> Principal | None:
        given = (credentials.token or "").encode("utf-8", "surrogateescape")
        return Principal(name) if hmac.compare_digest(given, expected) else None

    return authenticate


def token_of(headers: Mapping[str, str], subprotocols: Sequence[str]) -> str | None:
    """The token that a handshake carries, if any. The header comes first: a browser can't set it."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given.strip():
        return given.strip().encode("latin-1").decode("utf-8", "surrogateescape")  # headers are read as Latin-1
    for offered in subprotocols:
        if offered.startswith(AUTH_SUBPROTOCOL):
            encoded = offered.removeprefix(AUTH_SUBPROTOCOL)
            try:
                return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
            except ValueError:
                return None
    return None
